package record_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
)

// forger changes a session's events as its operator could, who chains and signs
// them anew.
type forger struct {
	t      testing.TB
	events []checklist.Event
	asked  io.Reader // of request ids
}

func decodeEvents(t testing.TB, text []byte) []checklist.Event {
	t.Helper()
	events, err := journal.Decode(bytes.NewReader(text), "journal")
	require.NoError(t, err)
	return events
}

// seal chains the events anew and returns their lines.
func (f *forger) seal() []byte {
	f.t.Helper()
	var all []byte
	chain := checklist.NewChain()
	for i, e := range f.events {
		e, line, next, err := chain.Seal(e)
		require.NoError(f.t, err)
		chain, f.events[i] = next, e
		all = append(all, line...)
	}
	return all
}

// askAnew has the second persons sign the requests that the forged session makes
// of them, so that only what they were asked tells it from an honest one.
func (f *forger) askAnew() {
	f.t.Helper()
	chain := checklist.NewChain()
	made := map[string]checklist.Request{} // by the ids before
	for i := range f.events {
		e := f.events[i]
		if e.Request != nil {
			r := f.ask(f.events[:i], e)
			made[e.Request.ID], e.Request = r, &r
		}
		if e.Approval != nil {
			a, r := *e.Approval, made[e.Approval.Request]
			armor, err := approval.Sign(mustKey(f.t, a.By), r.Text)
			require.NoError(f.t, err)
			a.Request, a.Mandate, a.Signature, a.At = r.ID, r.Mandate, armor, e.At
			e.Approval = &a
		}
		if e.Refusal != nil {
			no, r := *e.Refusal, made[e.Refusal.Request]
			_, armor, err := approval.SignRefusal(mustKey(f.t, no.By), r.Text, no.Reason)
			require.NoError(f.t, err)
			no.Request, no.Signature, no.At = r.ID, armor, e.At
			e.Refusal = &no
		}
		if len(e.Approvals) > 0 {
			e.Approvals = slices.Clone(e.Approvals)
		}
		for n, id := range e.Approvals {
			e.Approvals[n] = made[id].ID
		}
		var err error
		f.events[i], _, chain, err = chain.Seal(e)
		require.NoError(f.t, err)
	}
}

func (f *forger) ask(before []checklist.Event, e checklist.Event) checklist.Request {
	f.t.Helper()
	s, err := checklist.Fold(before)
	require.NoError(f.t, err)
	a := &consent.Approver{
		Requester: e.By, Clock: func() time.Time { return e.At }, Random: f.asked,
		Key: func(context.Context) (sshsig.Key, error) { return mustKey(f.t, e.By), nil },
	}
	r, err := a.Request(f.t.Context(), s, e.Request.Consent)
	if err != nil { // what no session could ask for stays as it was signed
		return *e.Request
	}
	return r
}

// find returns the index of the nth event, from 0, of a kind and an item; any
// item where it is "".
func (f *forger) find(kind checklist.Kind, item string, n int) int {
	f.t.Helper()
	for i, e := range f.events {
		if e.Kind == kind && (item == "" || e.Item == item) {
			if n == 0 {
				return i
			}
			n--
		}
	}
	require.Failf(f.t, "no such event", "%s %s", kind, item)
	return -1
}

// of returns a copy of an event that may be changed, in its place.
func (f *forger) of(kind checklist.Kind, item string, n int) *checklist.Event {
	e := &f.events[f.find(kind, item, n)]
	if e.Effect != nil {
		effect := *e.Effect
		e.Effect = &effect
	}
	if e.Approval != nil {
		a := *e.Approval
		e.Approval = &a
	}
	if e.Request != nil {
		r := *e.Request
		e.Request = &r
	}
	if e.Refusal != nil {
		no := *e.Refusal
		e.Refusal = &no
	}
	return e
}

// insert puts events before one.
func (f *forger) insert(at int, events ...checklist.Event) {
	for n := range events {
		events[n].At, events[n].By = f.events[at-1].At, alice
	}
	f.events = slices.Insert(f.events, at, events...)
}

// abandonAt ends the session before an event.
func (f *forger) abandonAt(at int) {
	f.insert(at, checklist.Event{Kind: checklist.Abandoned, Text: "enough"})
	f.events = f.events[:at+1]
}

// drop takes away all events that match.
func (f *forger) drop(matches func(checklist.Event) bool) {
	f.events = slices.DeleteFunc(f.events, matches)
}

// opening returns the opening, to be changed.
func (f *forger) opening() *checklist.Opening { return f.events[0].Opening }

// eachItem changes every item of the checklist.
func (f *forger) eachItem(change func(*checklist.Item)) {
	for p := range f.opening().Checklist.Phases {
		for i := range f.opening().Checklist.Phases[p].Items {
			change(&f.opening().Checklist.Phases[p].Items[i])
		}
	}
}

func (f *forger) item(id string, change func(*checklist.Item)) {
	f.eachItem(func(i *checklist.Item) {
		if i.ID == id {
			change(i)
		}
	})
}

// effect changes each event of an item's nth effect.
func (f *forger) effect(item string, n int, change func(*checklist.Effect)) {
	for _, kind := range []checklist.Kind{checklist.Intended, checklist.Done} {
		change(f.of(kind, item, n).Effect)
	}
}
