package vault

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"keyturn/keygen"
)

// NewMemory returns a vault that forgets everything when the program ends, for
// tests. clock may be nil for the real time.
func NewMemory(clock func() time.Time) Vault {
	return &versioned{
		store:   &memoryStore{secrets: map[string]keygen.Secret{}},
		catalog: &memoryIndex{turn: make(chan struct{}, 1)},
		clock:   orRealTime(clock),
	}
}

func orRealTime(clock func() time.Time) func() time.Time {
	if clock == nil {
		return time.Now
	}
	return clock
}

// memoryStore keeps secrets in a map.
type memoryStore struct {
	mu      sync.Mutex
	secrets map[string]keygen.Secret // by reference
}

var _ store = (*memoryStore)(nil)

func (*memoryStore) newRef(name Name, version int) (string, error) {
	return itemRef(name, version), nil
}

// itemRef is the reference that stores without ids of their own use.
func itemRef(name Name, version int) string { return string(name) + "/" + strconv.Itoa(version) }

func (m *memoryStore) write(_ context.Context, r record, secret keygen.Secret) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets[r.Ref] = secret
	return nil
}

func (m *memoryStore) read(_ context.Context, r record) (keygen.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	secret, ok := m.secrets[r.Ref]
	if !ok {
		return keygen.Secret{}, errAbsent
	}
	return secret, nil
}

func (m *memoryStore) has(_ context.Context, r record) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.secrets[r.Ref]
	return ok, nil
}

func (m *memoryStore) remove(_ context.Context, r record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.secrets[r.Ref]; !ok {
		return errAbsent
	}
	delete(m.secrets, r.Ref)
	return nil
}

func (*memoryStore) asks() bool       { return false }
func (*memoryStore) describe() string { return "memory of this process, gone when it ends" }

// memoryIndex keeps the index in memory.
type memoryIndex struct {
	turn chan struct{} // full while somebody holds the lock

	mu      sync.Mutex
	current index
}

var _ catalog = (*memoryIndex)(nil)

// memoryHold is the turn of whoever has it.
type memoryHold chan struct{}

func (memoryHold) Check() error { return nil }

func (h memoryHold) Release() error {
	<-h
	return nil
}

func (m *memoryIndex) lock(ctx context.Context) (hold, error) {
	select {
	case m.turn <- struct{}{}:
		return memoryHold(m.turn), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memoryIndex) load() (index, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current.clone(), nil
}

func (m *memoryIndex) save(x index) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = x.clone()
	return nil
}

func (x index) clone() index {
	x.Records = slices.Clone(x.Records)
	return x
}
