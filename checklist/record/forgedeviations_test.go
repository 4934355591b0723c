package record_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"keyturn/checklist"
)

// Deviations without the consent that they need, or with that to another one.
func forgedDeviations() []forgery {
	consent := func(change func(*checklist.Consent)) func(*forger) {
		return func(f *forger) {
			for i := range f.events {
				if e := &f.events[i]; e.Request != nil && e.Request.Consent.Deviation == checklist.Overridden && e.Request.Consent.Gate == "soak:verify-production" {
					r := *e.Request
					change(&r.Consent)
					e.Request, e.Item = &r, r.Consent.Item
				}
			}
			id := ""
			for i := range f.events {
				e := &f.events[i]
				if e.Request != nil && e.Request.Consent.Reason == "another" {
					id = e.Request.ID
				}
				if e.Approval != nil && e.Approval.Request == id && id != "" {
					a := *e.Approval
					a.Item, e.Item = f.events[i-1].Item, f.events[i-1].Item
					e.Approval = &a
				}
			}
		}
	}
	overridden := func(f *forger) *checklist.Event { return f.of(checklist.Overridden, "remove-old", 1) }
	narrowed := func(f *forger) *checklist.Event { return f.of(checklist.Narrowed, "", 0) }
	const none = "it deviates in production with the consent of 0 second persons to exactly this, want 1"
	return []forgery{
		{name: "the approval of passing over an item, hung on an override", from: "overrides", events: consent(func(c *checklist.Consent) {
			*c = checklist.Consent{Item: "update-clients", Deviation: checklist.PassedOver, Reason: "another"}
		}), want: none},
		{name: "the approval of an override, hung on that of another item", from: "overrides", events: consent(func(c *checklist.Consent) {
			c.Item, c.Reason = "redeploy-removal", "another"
		}), want: none},
		{name: "the approval of an override, hung on that of another gate", from: "overrides", events: func(f *forger) {
			overridden(f).Gate = "metric:old-key-requests"
		}, want: none},
		{name: "an override for another reason than was approved", from: "overrides", events: func(f *forger) { overridden(f).Text = "nobody cares" }, want: none},
		{name: "an override that nobody approved", from: "overrides", events: func(f *forger) { overridden(f).Approvals = nil }, want: none},
		{name: "an override that is left out", from: "overrides", events: func(f *forger) {
			at := f.find(checklist.Overridden, "remove-old", 1)
			f.events = slices.Delete(f.events, at, at+1)
		}, want: `item "remove-old" was begun although its gate soak:verify-production was closed`},
		{name: "an override of a proof", from: "overrides", events: func(f *forger) { overridden(f).Gate = "proof:accepted/production/new" },
			want: `gate "proof:accepted/production/new" of item "remove-old" takes no override`},
		{name: "an item that was passed over by the operator alone", from: "passed over", events: func(f *forger) {
			f.of(checklist.PassedOver, "update-clients", 0).Approvals = nil
		}, want: none},
		{name: "the approval of passing over an item, hung on another item", from: "passed over", events: func(f *forger) {
			at := f.find(checklist.PassedOver, "update-clients", 0)
			over := f.events[at]
			over.Item = "confirm-no-errors"
			f.drop(func(e checklist.Event) bool { return e.Item == "confirm-no-errors" })
			f.insert(f.find(checklist.Planned, "archive-old", 0), over)
		}, want: none},
		{name: "a required item that was passed over", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Item == "verify-removal" })
			f.insert(f.find(checklist.Planned, "update-default", 0), checklist.Event{Kind: checklist.PassedOver, Item: "verify-removal", Text: "no time"})
		}, want: `item "verify-removal" was passed over, and is required`},
		{name: "an item that was passed over before its turn", from: "quarterly", events: func(f *forger) {
			f.insert(f.find(checklist.Planned, "store", 0), checklist.Event{Kind: checklist.PassedOver, Item: "review-meeting", Text: "no time"})
		}, want: `item "review-meeting" was passed over, and was not the next one`},
		{name: "a deferral in a rotation that waits", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Item == "verify-production" && e.Kind != checklist.Planned })
			f.of(checklist.Planned, "verify-production", 0).Kind = checklist.Deferred
		}, want: `item "verify-production" was deferred, and the others do not go on without it`},
		{name: "a deferral before its time", from: "deferred", events: func(f *forger) {
			e := f.of(checklist.Deferred, "generate", 0)
			e.At = e.At.Add(-2 * time.Minute)
		}, want: "the others were to wait for it until"},
		{name: "a target that was taken out by the operator alone", from: "narrowed", events: func(f *forger) { narrowed(f).Approvals = nil }, want: none},
		{name: "a target that was taken out for another one", from: "narrowed", events: func(f *forger) { narrowed(f).Target = "orders-api" }, want: none},
		{name: "a target that was taken out for another reason", from: "narrowed", events: func(f *forger) { narrowed(f).Text = "it is gone" }, want: none},
		{name: "a target that was taken out by another configuration", from: "quarterly", events: func(f *forger) {
			fewer := f.opening().Setup.Without("payments-api")
			f.insert(f.find(checklist.Planned, "remove-old", 0), checklist.Event{Kind: checklist.Configured, Item: "remove-old", Setup: &fewer, Drift: f.opening().Setup.Diff(fewer)})
		}, want: "the other configuration takes payments-api out of the session"},
		{name: "the last target taken out", from: "narrowed", events: func(f *forger) {
			one := *narrowed(f)
			one.Target, one.Approvals = "orders-api", nil
			at := f.find(checklist.Narrowed, "", 0) + 1
			f.insert(at, one)
			f.abandonAt(at + 1)
		}, want: `"orders-api" was taken out, and is no target, or the last one`},
		{name: "a change of a target that was taken out", from: "narrowed", events: func(f *forger) {
			f.effect("remove-old", 0, func(e *checklist.Effect) { e.Target = "payments-api" })
		}, want: `it changes "payments-api", which is no target of the session then`},
		{name: "another configuration without a new approval", from: "configured", events: func(f *forger) {
			at := f.find(checklist.Requested, "approve-production", 1)
			f.events = slices.Delete(f.events, at, at+2)
		}, want: "its gate approval:approve-production was closed: what bob@example.com approved has changed since"},
		{name: "another configuration that is told of in part", from: "configured", events: func(f *forger) {
			e := f.of(checklist.Configured, "", 0)
			project := *e.Setup
			project.Targets = slices.Clone(project.Targets)
			project.Targets[0].Project = "prj_other"
			e.Setup = &project
		}, want: "what it says of the other configuration is not how that differs"},
		{name: "another configuration in the middle of an item", from: "configured", events: func(f *forger) {
			at := f.find(checklist.Configured, "", 0)
			e, again := f.events[at], f.find(checklist.Requested, "approve-production", 1)
			f.events = slices.Delete(f.events, again, again+2)
			f.events = slices.Delete(f.events, at, at+1)
			f.insert(f.find(checklist.Passed, "redeploy-staging", 0), e)
		}, want: `changed while item "redeploy-staging" was under way`},
		{name: "an emergency that leaves out the audit on the operator's word", from: "emergency", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Item == "audit" })
			f.insert(f.find(checklist.Planned, "update-clients", 0), checklist.Event{Kind: checklist.PassedOver, Item: "audit", Text: "no time"})
		}, want: none},
		{name: "a rotation that is begun again after its removal", from: "quarterly", events: func(f *forger) {
			at := f.find(checklist.Planned, "archive-old", 0)
			f.insert(at, checklist.Event{Kind: checklist.Reopened, Item: "approve-production", Text: "once more"})
			f.abandonAt(at + 1)
		}, want: "was done since, and cannot be undone"},
		{name: "an approval where none is needed", from: "quarterly", events: func(f *forger) {
			f.of(checklist.Passed, "notify", 0).Approvals = []string{f.of(checklist.Approved, "approve-production", 0).Approval.Request}
		}, want: `an event of kind "passed" needs no approval`},
	}
}

// Courses that no session takes.
func forgedCourses() []forgery {
	return []forgery{
		{name: "a removal before the soak is over", from: "quarterly", events: func(f *forger) {
			from := f.find(checklist.Planned, "approve-removal", 0)
			for i := from; i < len(f.events); i++ {
				f.shift(i, -3*24*time.Hour)
			}
		}, want: "was begun although its gate day was closed"},
		{name: "a reading over the limit", from: "quarterly", events: func(f *forger) { f.reading("remove-old", 1, func(r *checklist.Reading) { r.Value = 1 }) },
			want: "its gate metric:old-key-requests was closed: old-key-requests is 1, over 0"},
		{name: "a reading of another day", from: "quarterly", events: func(f *forger) {
			f.reading("remove-old", 0, func(r *checklist.Reading) { r.At = r.At.AddDate(0, 0, -1) })
		}, want: "its gate metric:failures-per-hour was closed: the last reading"},
		{name: "no reading", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Kind == checklist.Measured })
		}, want: "its gate metric:failures-per-hour was closed: failures-per-hour has not been read"},
		{name: "a removal before the new key was accepted", from: "quarterly", events: func(f *forger) {
			f.facts("verify-production", map[string]string{})
		}, want: `its gate proof:accepted/production/new was closed`},
		{name: "a removal of a key that cannot be recovered", from: "quarterly", events: func(f *forger) {
			f.facts("store", map[string]string{"fingerprint/staging/old": digest("stagingold"), "fingerprint/production/old": digest("productionold")})
		}, want: `its gate proof:recoverable/staging/old was closed`},
		{name: "a fact that an added item proves", from: "added item", events: func(f *forger) {
			f.facts("tell-them", map[string]string{"accepted/production/new": "yes"})
		}, want: `item "tell-them" was added by people, and proves no fact`},
		{name: "a fact that a reading proves", from: "quarterly", events: func(f *forger) {
			e := f.of(checklist.Measured, "remove-old", 0)
			evidence := *e.Evidence
			evidence.Facts = map[string]string{"accepted/production/new": "yes"}
			e.Evidence = &evidence
		}, want: "a reading proves no fact"},
		{name: "an item before its turn", from: "quarterly", events: func(f *forger) {
			f.insert(f.find(checklist.Planned, "store", 0),
				checklist.Event{Kind: checklist.Planned, Item: "notify", Plan: &checklist.Plan{Summary: "x", Risk: checklist.Look}},
				checklist.Event{Kind: checklist.Started, Item: "notify"})
		}, want: `item "notify" was begun although its gate order was closed`},
		{name: "an item without a plan", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Kind == checklist.Planned && e.Item == "remove-old" })
		}, want: `item "remove-old" was begun without a plan`},
		{name: "an item that passed and was not begun", from: "quarterly", events: func(f *forger) {
			f.drop(func(e checklist.Event) bool { return e.Kind == checklist.Started && e.Item == "verify-production" })
		}, want: `item "verify-production" passed and was not begun`},
		{name: "an item that is done a second time", from: "quarterly", events: func(f *forger) {
			f.insert(f.find(checklist.Planned, "archive-old", 0),
				checklist.Event{Kind: checklist.Planned, Item: "add-production", Plan: &checklist.Plan{Summary: "x", Risk: checklist.Look}},
				checklist.Event{Kind: checklist.Started, Item: "add-production"})
			f.abandonAt(f.find(checklist.Planned, "archive-old", 0))
		}, want: `"Add new key to production" is settled already`},
		{name: "a real session whose clock was turned", from: "quarterly", events: func(f *forger) {
			until := f.events[3].At
			f.insert(3, checklist.Event{Kind: checklist.Turned, Until: &until})
		}, want: "only the sandbox's can be"},
		{name: "an event that nobody wrote", from: "quarterly", events: func(f *forger) { f.events[3].By = "" }, want: "it does not say who wrote it"},
		{name: "a kind of event that nobody knows", from: "quarterly", after: func(f *forger) { f.events[3].Kind = "approved-by-law" },
			want: `event 4 was made by a newer Keyturn: its kind is "approved-by-law"`},
		{name: "a member that nobody knows", from: "quarterly", lines: func(journal []byte) []byte {
			lines := bytes.SplitAfter(journal, []byte("\n"))
			last := len(lines) - 2
			lines[last] = bytes.Replace(lines[last], []byte(`"kind":`), []byte(`"witness":"carol","kind":`), 1)
			return bytes.Join(lines, nil)
		}, want: `: unknown field "witness"`},
		{name: "a journal of a later format", from: "quarterly", events: func(f *forger) {}, lines: func(journal []byte) []byte {
			return bytes.Replace(journal, []byte("keyturn.journal/v2"), []byte("keyturn.journal/v3"), 1)
		}, want: `the journal was made by a newer Keyturn: line 1: its format is "keyturn.journal/v3"`},
		{name: "a journal of a pre-release version", from: "quarterly", lines: func(journal []byte) []byte {
			return bytes.Replace(journal, []byte(`"format":"keyturn.journal/v2",`), nil, 1)
		}, want: "the journal was made by a pre-release version of Keyturn; verify it with that version"},
		{name: "a journal that is chained wrongly", from: "quarterly", lines: func(journal []byte) []byte {
			return bytes.Replace(journal, []byte(`"kind":"noted"`), []byte(`"kind":"noted "`), 1)[:len(journal)-1]
		}, want: "the line feed is missing"},
		{name: "a session that is under way", from: "quarterly", lines: func(journal []byte) []byte { return cutLines(journal, 100) },
			want: "has neither been abandoned nor reached the item that exports its record"},
		{name: "a session that goes on after its end", from: "quarterly", events: func(f *forger) {
			f.insert(f.find(checklist.Planned, "export-record", 0), checklist.Event{Kind: checklist.Abandoned, Text: "enough"})
		}, want: "it follows the session's end"},
		{name: "a rollback by nobody", from: "quarterly", events: func(f *forger) {
			f.insert(f.find(checklist.Planned, "archive-old", 0), checklist.Event{Kind: checklist.RolledBack})
		}, want: "it does not say which session put the old key back"},
		{name: "a report that says something else", from: "quarterly", files: func(t testing.TB, dir string) {
			write(t, replacing(t, "scheduled rotation", "urgent rotation")(read(t, dir, "report.md")), dir, "report.md")
		}, want: "report.md: its digest is not the one in the record", script: "BAD digest of the report or the journal"},
	}
}

// shift moves an event in time, with what it read and accepted.
func (f *forger) shift(i int, by time.Duration) {
	e := &f.events[i]
	e.At = e.At.Add(by)
	if e.Evidence != nil && len(e.Evidence.Readings) > 0 {
		evidence := *e.Evidence
		evidence.Readings = slices.Clone(evidence.Readings)
		for n := range evidence.Readings {
			evidence.Readings[n].At = evidence.Readings[n].At.Add(by)
		}
		e.Evidence = &evidence
	}
}

// reading changes the nth reading before an item.
func (f *forger) reading(item string, n int, change func(*checklist.Reading)) {
	e := f.of(checklist.Measured, item, n)
	evidence := *e.Evidence
	evidence.Readings = slices.Clone(evidence.Readings)
	change(&evidence.Readings[0])
	e.Evidence = &evidence
}

// facts changes what an item proved.
func (f *forger) facts(item string, facts map[string]string) {
	e := f.of(checklist.Passed, item, 0)
	evidence := *e.Evidence
	evidence.Facts = facts
	e.Evidence = &evidence
}
