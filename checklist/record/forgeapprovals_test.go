package record_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/steps/approval"
)

// Approvals that were not given for what was done.
func forgedApprovals() []forgery {
	// asking has a second person asked by a session that differs from this one.
	asking := func(change func(*checklist.Opening)) func(*forger) {
		return func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 0)
			other := slices.Clone(f.events[:at])
			opening := *other[0].Opening
			opening.Setup.Targets = slices.Clone(opening.Setup.Targets)
			change(&opening)
			other[0].Opening = &opening
			r := f.ask(other, f.events[at])
			f.sign(at, r)
		}
	}
	text := func(old, new string) func(*forger) {
		return func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 0)
			r := *f.events[at].Request
			r.Text = replacing(f.t, old, new)(r.Text)
			f.sign(at, r)
		}
	}
	by := func(who string, change func(*checklist.Approval)) func(*forger) {
		return func(f *forger) {
			a := f.of(checklist.Approved, "approve-production", 0).Approval
			if who != "" {
				a.By = who
			}
			if change != nil {
				change(a)
			}
		}
	}
	late := func(between ...checklist.Event) func(*forger) {
		return func(f *forger) { f.answeredAfter(f.find(checklist.Approved, "approve-production", 0), between...) }
	}
	return []forgery{
		{name: "no approval before production is changed", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool {
				return (e.Request != nil || e.Approval != nil) && e.Item == "approve-production"
			})
		}, want: `item "add-production" was begun although its gate approval:approve-production was closed`, script: "BAD approval: production was changed without enough people for approve-production"},
		{name: "no approval before the removal", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool {
				return (e.Request != nil || e.Approval != nil) && e.Item == "approve-removal"
			})
		}, want: `item "remove-old" was begun although its gate approval:approve-removal was closed`, script: "BAD approval: production was changed without enough people for approve-removal"},
		{name: "an approval that came after the change", from: "quarterly", events: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 0)
			late := slices.Clone(f.events[at : at+2])
			f.events = slices.Delete(f.events, at, at+2)
			f.insert(f.find(checklist.Passed, "redeploy-production", 0), late...)
		}, want: `item "add-production" was begun although its gate approval:approve-production was closed`},
		{name: "an approval that ran out before the change", from: "quarterly", events: func(f *forger) {
			for i := range f.events {
				if i >= f.find(checklist.Planned, "add-production", 0) {
					f.events[i].At = f.events[i].At.AddDate(0, 0, 2)
				}
			}
		}, record: func(r *record.Record) { r.CreatedAt = "2026-02-01T00:00:00Z" },
			want: "its gate approval:approve-production was closed: the approval by bob@example.com ran out"},
		{name: "an approval of a request that was made before items were opened again", from: "quarterly",
			after: late(checklist.Event{Kind: checklist.Reopened, Item: "test-staging", Text: "once more"}),
			want:  "could not be answered any more: reopened", weaker: "moment"},
		{name: "an approval of a request that a rollback made void", from: "quarterly",
			after: late(checklist.Event{Kind: checklist.RolledBack, Session: "rollback-1", Text: "it was rolled back"}),
			want:  "could not be answered any more: reopened", weaker: "moment"},
		{name: "an approval of a request from before the configuration changed", from: "quarterly", after: func(f *forger) {
			late(f.reconfigured())(f)
		}, want: "could not be answered any more: changed", weaker: "moment"},
		{name: "the approval of another session", from: "quarterly", after: asking(func(o *checklist.Opening) { o.Session = "rot-9" }), want: `Rotation): it is "rot-9"`, script: "BAD approval: it is for another rotation"},
		{name: "the approval of another trail", from: "quarterly", after: asking(func(o *checklist.Opening) { o.Trail = "00000000-0000-4000-8000-000000000000" }), want: "Trail): it is", script: "BAD approval: it is for another rotation"},
		{name: "an approval that saw another trail", from: "quarterly", after: asking(func(o *checklist.Opening) { o.TrailHead = digest("x") }), want: "Head): it is", script: "BAD approval: it saw another trail"},
		{name: "an approval of other targets", from: "quarterly", after: asking(func(o *checklist.Opening) { o.Setup.Targets = o.Setup.Targets[:1] }), want: "Targets): it is"},
		{name: "an approval of another project of the same name", from: "quarterly", after: asking(func(o *checklist.Opening) { o.Setup.Targets[0].Project = "prj_other" }), want: "Plan): it is"},
		{name: "an approval of another key", from: "quarterly", after: asking(func(o *checklist.Opening) { o.New = "v3" }), want: `New-Key): it is "v3"`, script: "BAD approval: it is for other environments or keys"},
		{name: "an approval of another service", from: "quarterly", after: asking(func(o *checklist.Opening) { o.Setup.Service = "billing" }), want: `Service): it is "billing"`},
		{name: "an approval of staging only", from: "quarterly", after: asking(func(o *checklist.Opening) {
			o.Environments = []checklist.Environment{checklist.Staging}
		}), want: "Environments): it is", script: "BAD approval: it is for other environments or keys"},
		{name: "an approval for another reason", from: "quarterly", after: asking(func(o *checklist.Opening) { o.Reason = "a harmless test" }), want: `Reason): it is "a harmless test"`},
		{name: "an approval of another secret", from: "quarterly", after: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 0)
			before := slices.Clone(f.events[:at])
			evidence := *before[f.find(checklist.Passed, "generate", 0)].Evidence
			evidence.Facts = map[string]string{"fingerprint/production/new": digest("other"), "fingerprint/staging/new": digest("stagingnew")}
			before[f.find(checklist.Passed, "generate", 0)].Evidence = &evidence
			f.sign(at, f.ask(before, f.events[at]))
		}, want: "New-Prd-Fp): it is"},
		{name: "an approval of other items", from: "quarterly", after: text("Items: add-production=add-new-key redeploy-production=redeploy\nItems-Sum: "+sum("add-production=add-new-key", "redeploy-production=redeploy"),
			"Items: remove-old=remove-old-key\nItems-Sum: "+sum("remove-old=remove-old-key")), want: "Items): it is"},
		{name: "an approval of another action", from: "quarterly", after: text("Action: items", "Action: passed-over"), want: "Action): it is", script: "BAD approval: it is for something else than the record says"},
		{name: "an approval at another point of the journal", from: "quarterly", after: text("\nEvents: 4", "\nEvents: 3"), want: "Journal): it is"},
		{name: "a request that somebody else made", from: "quarterly", after: text("Requester: alice", "Requester: carol"), want: `Requester): it is "carol@example.com"`},
		{name: "a request with a line smuggled in", from: "quarterly", after: func(f *forger) {
			r := f.of(checklist.Requested, "approve-production", 0).Request
			r.Text = replacing(f.t, "Reason: ", "Action: items\nReason: ")(r.Text)
		}, want: "malformed approval request", script: "BAD approval signature"},
		{name: "a request of another version", from: "quarterly", after: func(f *forger) {
			r := f.of(checklist.Requested, "approve-production", 0).Request
			r.Text = replacing(f.t, "request v2", "request v1")(r.Text)
		}, want: "made by a pre-release version of Keyturn", script: "BAD approval signature"},
		{name: "a request that was not journalled", from: "quarterly", after: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 0)
			f.events = slices.Delete(f.events, at, at+1)
		}, want: "was made before it was approved", script: "BAD approval signature"},
		{name: "a request that was journalled once it was approved", from: "quarterly", after: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 0)
			f.events[at], f.events[at+1] = f.events[at+1], f.events[at]
		}, want: "was made before it was approved"},
		{name: "a request that was changed once it was signed", from: "quarterly", after: func(f *forger) {
			r := f.of(checklist.Requested, "approve-production", 0).Request
			r.Text = replacing(f.t, "Reason: scheduled rotation", "Reason: scheduled...")(r.Text)
		}, want: "Reason): it is", script: "BAD approval signature"},
		{name: "two requests of one id", from: "quarterly", after: func(f *forger) {
			f.of(checklist.Requested, "approve-removal", 0).Request.ID = f.of(checklist.Requested, "approve-production", 0).Request.ID
		}, want: "was made before, and was another", script: "BAD approval signature"},
		{name: "an approval by the operator", from: "quarterly", events: by(alice, nil), want: "alice@example.com approved their own request", script: "BAD approval: alice@example.com approved their own record"},
		{name: "an approval by the operator under another's name", from: "quarterly", after: by("", func(a *checklist.Approval) { a.By = carol }),
			want: `it says "carol@example.com", and the key is of bob@example.com`, script: "BAD approval: it is by bob@example.com, and the record says carol@example.com"},
		{name: "an approval by a stranger", from: "quarterly", events: by("mallory@example.com", nil), want: "key is not in the roster", script: "BAD approval: its key is not among the signers"},
		{name: "an approval by a key that was valid no more", from: "quarterly", events: by(dave, nil), want: "is valid until", script: "BAD approval: its key is not among the signers"},
		{name: "an approval after its time", from: "quarterly", after: by("", func(a *checklist.Approval) { a.At = a.At.Add(25 * time.Hour) }), want: "outside the request's window", script: "BAD approval: it was accepted outside its time"},
		{name: "an approval before it was asked for", from: "quarterly", after: by("", func(a *checklist.Approval) { a.At = a.At.Add(-time.Minute) }), want: "outside the request's window", script: "BAD approval: it was accepted outside its time"},
		{name: "an approval of another mandate", from: "quarterly", after: by("", func(a *checklist.Approval) { a.Mandate = digest("x") }), want: "mandate): it is not the request's", script: "BAD approval: it is for something else than the record says"},
		{name: "an approval that is said to be for another item", from: "quarterly", after: by("", func(a *checklist.Approval) { a.Item = "approve-removal" }), want: `it is an approval for item "approve-removal"`, script: "BAD approval: production was changed without enough people for approve-production"},
		{name: "an approval that is used twice", from: "quarterly", after: func(f *forger) {
			at := f.find(checklist.Approved, "approve-production", 0)
			f.insert(at+1, f.events[at])
		}, want: "bob@example.com has answered request"},
		{name: "one of two people", from: "two people", events: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 1)
			f.events = slices.Delete(f.events, at, at+2)
		}, want: "its gate approval:approve-production was closed: 1 of 2 people have approved it"},
		{name: "one person for two", from: "two people", events: func(f *forger) {
			f.of(checklist.Approved, "approve-production", 1).Approval.By = bob
		}, want: "bob@example.com has answered request"},
		{name: "one person by two requests for two", from: "two people", after: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 1)
			f.asked = random("another")
			r := f.ask(f.events[:f.find(checklist.Requested, "approve-production", 0)], f.events[at])
			f.events[at].Request = &r
			a := f.of(checklist.Approved, "approve-production", 1).Approval
			armor, err := approval.Sign(mustKey(f.t, bob), r.Text)
			require.NoError(f.t, err)
			a.By, a.Request, a.Mandate, a.Signature = bob, r.ID, r.Mandate, armor
			f.abandonAt(f.find(checklist.Planned, "redeploy-production", 0))
		}, want: "its gate approval:approve-production was closed: 1 of 2 people have approved it"},
		{name: "a configuration that demands fewer people", from: "two people", events: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 1)
			f.events = slices.Delete(f.events, at, at+2)
			fewer := f.opening().Setup
			fewer.Approval.Required = 1
			f.insert(f.find(checklist.Planned, "approve-production", 0), checklist.Event{
				Kind: checklist.Configured, Item: "approve-production", Setup: &fewer, Drift: f.opening().Setup.Diff(fewer), Text: "agreed",
			})
		}, want: "its gate approval:approve-production was closed: 1 of 2 people have approved it"},
	}
}

// answeredAfter has something come between a request and its answer, which is
// journalled all the same, and is the last thing that is done.
func (f *forger) answeredAfter(answer int, between ...checklist.Event) {
	item := f.events[answer].Item
	f.insert(answer, append([]checklist.Event{{Kind: checklist.Left, Item: item, Text: "cancelled"}}, between...)...)
	f.abandonAt(answer + len(between) + 2)
}

// reconfigured says that the operator went on with another configuration.
func (f *forger) reconfigured() checklist.Event {
	setup := f.opening().Setup
	setup.RotationDays++
	return checklist.Event{Kind: checklist.Configured, Setup: &setup, Drift: f.opening().Setup.Diff(setup), Text: "agreed"}
}

// sign has the second persons sign another request in the place of one.
func (f *forger) sign(at int, r checklist.Request) {
	f.t.Helper()
	id := f.events[at].Request.ID
	fields, err := approval.Fields(r.Text)
	require.NoError(f.t, err)
	r.ID, r.Mandate = fields["Request"], fields["Plan"]
	f.events[at].Request = &r
	for i := range f.events {
		if a := f.events[i].Approval; a != nil && a.Request == id {
			signed := *a
			signed.Request, signed.Mandate = r.ID, r.Mandate
			signed.Signature, err = approval.Sign(mustKey(f.t, a.By), r.Text)
			require.NoError(f.t, err)
			f.events[i].Approval = &signed
		}
	}
}

func sum(names ...string) string { return approval.Sum(names) }
