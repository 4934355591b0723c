package journal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"keyturn/checklist"
)

var _ checklist.Journal = (*Memory)(nil)

// Memory is a journal for tests. It writes the same lines as File, so that
// what it returns is what a later reader of a file would see.
type Memory struct {
	holder string

	mu     sync.Mutex
	events []checklist.Event
	chain  checklist.Chain
	text   bytes.Buffer
}

// NewMemory returns an empty journal.
func NewMemory() *Memory { return &Memory{chain: checklist.NewChain()} }

// ReadOnly returns a copy of the journal, as somebody sees it who finds it
// held by holder.
func (m *Memory) ReadOnly(holder string) *Memory {
	c := m.Copy()
	c.holder = holder
	return c
}

// Copy returns a journal of its own with the same events, as a process finds
// it that comes after a crash.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Memory{events: slices.Clone(m.events), chain: m.chain}
	_, _ = c.text.Write(m.text.Bytes()) // a buffer never returns an error
	return c
}

// Append implements checklist.Journal.
func (m *Memory) Append(_ context.Context, e checklist.Event) (checklist.Event, error) {
	if m.holder != "" {
		return checklist.Event{}, fmt.Errorf("append to the journal: %w: it is driven by %s", checklist.ErrReadOnly, m.holder)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, line, next, err := m.chain.Seal(e)
	if err != nil {
		return checklist.Event{}, fmt.Errorf("append to the journal: %w", err)
	}
	m.events = append(m.events, e)
	m.chain = next
	_, _ = m.text.Write(line) // a buffer never returns an error
	return e, nil
}

// Events implements checklist.Journal.
func (m *Memory) Events() []checklist.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// Bytes returns the lines.
func (m *Memory) Bytes() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.text.Bytes()), nil
}

// Check implements checklist.Journal. Nobody else can get at the memory.
func (m *Memory) Check() error { return nil }

// Holder implements checklist.Journal.
func (m *Memory) Holder() string { return m.holder }

// Close implements checklist.Journal. It does nothing.
func (m *Memory) Close() error { return nil }
