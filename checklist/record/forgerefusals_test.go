package record_test

import (
	"bytes"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/approval"
)

// Refusals that were not given as the record has them, or that something was done
// in spite of. The honest session has one for a reason, one without, and then an
// approval.
func forgedRefusals() []forgery {
	no := func(n int, change func(f *forger, no *checklist.Refusal)) func(*forger) {
		return func(f *forger) { change(f, f.of(checklist.Refused, "approve-production", n).Refusal) }
	}
	set := func(change func(no *checklist.Refusal)) func(*forger) {
		return no(0, func(_ *forger, no *checklist.Refusal) { change(no) })
	}
	all := []forgery{
		{name: "a refusal that nobody signed", after: set(func(no *checklist.Refusal) { no.Signature = "" }),
			want: "signature): ", script: "BAD refusal: its key is not among the signers"},
		{name: "a refusal that is said to be another's", after: set(func(no *checklist.Refusal) { no.By = carol }),
			want: `it says "carol@example.com", and the key is of bob@example.com`, script: "BAD refusal: it is by bob@example.com, and the record says carol@example.com"},
		{name: "a refusal by the operator", events: set(func(no *checklist.Refusal) { no.By = alice }),
			want: "alice@example.com refused their own request", script: "BAD refusal: alice@example.com refused their own record"},
		{name: "a refusal by a stranger", events: set(func(no *checklist.Refusal) { no.By = "mallory@example.com" }),
			want: "key is not in the roster", script: "BAD refusal: its key is not among the signers"},
		{name: "a refusal by a key that was valid no more", events: set(func(no *checklist.Refusal) { no.By = dave }),
			want: "is valid until", script: "BAD refusal: its key is not among the signers"},
		{name: "a refusal of another request", after: no(0, func(f *forger, no *checklist.Refusal) {
			no.Signature = f.of(checklist.Refused, "approve-production", 1).Refusal.Signature
		}), want: "signature): ", script: "BAD refusal signature"},
		{name: "a refusal whose reason was altered", after: set(func(no *checklist.Refusal) { no.Reason = "not on a Monday" }),
			want: "signature): ", script: "BAD refusal signature"},
		{name: "a refusal whose reason was left out", after: set(func(no *checklist.Refusal) { no.Reason = "" }),
			want: "signature): ", script: "BAD refusal signature"},
		{name: "a refusal that was given a reason", after: no(1, func(_ *forger, no *checklist.Refusal) { no.Reason = "not on a Friday" }),
			want: "signature): ", script: "BAD refusal signature"},
		{name: "a refusal whose reason is set out otherwise", after: set(func(no *checklist.Refusal) { no.Reason = "not  on a Friday " }),
			want: "is no reason of a refusal", script: "BAD refusal signature"},
		{name: "a refusal whose reason smuggles in a line", after: set(func(no *checklist.Refusal) { no.Reason = "no\nReason: none" }),
			want: "is no reason of a refusal", script: "BAD refusal signature"},
		{name: "a refusal that is said to be for another item", after: set(func(no *checklist.Refusal) { no.Item = "approve-removal" }),
			want: `it is a refusal for item "approve-removal"`, weaker: "derived"},
		{name: "a refusal after its time", after: set(func(no *checklist.Refusal) { no.At = no.At.Add(25 * time.Hour) }),
			want: "outside the request's window", script: "BAD refusal: it was accepted outside its time"},
		{name: "a refusal before it was asked for", after: set(func(no *checklist.Refusal) { no.At = no.At.Add(-time.Minute) }),
			want: "outside the request's window", script: "BAD refusal: it was accepted outside its time"},
		{name: "a refusal of a request that was not journalled", after: set(func(no *checklist.Refusal) { no.Request = "0123456789abcdef" }),
			want: "was made before it was refused", script: "BAD refusal signature"},
		{name: "a refusal that is used twice", after: func(f *forger) {
			at := f.find(checklist.Refused, "approve-production", 0)
			f.insert(at+1, f.events[at])
		}, want: "was refused before it was refused"},
		{name: "a refusal that is made an approval", after: func(f *forger) {
			e := f.of(checklist.Refused, "approve-production", 0)
			no, r := *e.Refusal, f.of(checklist.Requested, "approve-production", 0).Request
			e.Kind, e.Refusal = checklist.Approved, nil
			e.Approval = &checklist.Approval{Request: no.Request, Item: no.Item, By: no.By, Mandate: r.Mandate, Signature: no.Signature, At: no.At}
		}, want: "signature): ", script: "BAD approval signature"},
		{name: "a refusal that is made an approval as well", after: func(f *forger) {
			e := f.of(checklist.Refused, "approve-production", 0)
			no, r := *e.Refusal, f.of(checklist.Requested, "approve-production", 0).Request
			e.Kind = checklist.Approved
			e.Approval = &checklist.Approval{Request: no.Request, Item: no.Item, By: no.By, Mandate: r.Mandate, Signature: no.Signature, At: no.At}
		}, want: "it both approves and refuses", script: "BAD approval signature"},
		{name: "an approval that is made a refusal", after: func(f *forger) {
			e := f.of(checklist.Approved, "approve-production", 0)
			a := *e.Approval
			e.Kind, e.Approval = checklist.Refused, nil
			e.Refusal = &checklist.Refusal{Request: a.Request, Item: a.Item, By: a.By, Signature: a.Signature, At: a.At}
		}, want: "signature): ", script: "BAD refusal signature"},
		{name: "an approval of a request that was refused", after: func(f *forger) {
			at := f.find(checklist.Refused, "approve-production", 1)
			r := *f.of(checklist.Requested, "approve-production", 0).Request
			armor, err := approval.Sign(mustKey(f.t, carol), r.Text)
			require.NoError(f.t, err)
			when := f.events[at].At
			f.insert(at+1, checklist.Event{Kind: checklist.Approved, Item: "approve-production", Approval: &checklist.Approval{
				Request: r.ID, Item: "approve-production", By: carol, Mandate: r.Mandate, Signature: armor, At: when,
			}})
		}, want: "was refused before it was approved", script: "BAD approval: its request was refused before"},
		{name: "an approval that was refused before production was changed", events: func(f *forger) {
			at := f.find(checklist.Approved, "approve-production", 0)
			f.insert(at+1, checklist.Event{Kind: checklist.Refused, Item: "approve-production", Refusal: &checklist.Refusal{
				Request: f.events[at].Approval.Request, Item: "approve-production", By: carol,
			}})
		}, want: "its gate approval:approve-production was closed", weaker: "moment"},
		{name: "a refusal of a request that was void", after: func(f *forger) {
			at := f.find(checklist.Refused, "approve-production", 0)
			f.insert(at, checklist.Event{Kind: checklist.Narrowed, Target: f.opening().Setup.Targets[1].Name, Text: "it is gone"})
		}, want: "could not be answered any more: changed", weaker: "moment"},
		{name: "a refusal that is left out of the journal", lines: func(text []byte) []byte {
			lines := bytes.SplitAfter(text, []byte("\n"))
			return bytes.Join(slices.DeleteFunc(lines, func(l []byte) bool { return bytes.Contains(l, []byte(`"kind":"refused"`)) }), nil)
		}, want: "line "},
		{name: "a refusal that is left out, and all after it chained anew", after: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Refusal != nil })
		}, want: "Events): it names"},
	}
	for i := range all {
		all[i].from = "refused"
	}
	return all
}
