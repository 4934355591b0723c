package record_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/steps/approval"
)

// honest are the sessions that forgeries begin with. All of them verify.
func honest(t testing.TB, trail *record.Trail, from string) *stage {
	t.Helper()
	kind := from
	switch from {
	case "overrides", "two people", "narrowed", "configured", "added item", "passed over":
		kind = "quarterly"
	case "given up":
		kind = "rollback"
	case "deferred":
		kind = "emergency"
	}
	s := newStage(t, trail, kind, "rot-1")
	s.stops = true
	switch from {
	case "given up":
		s.decision = "abandon"
	case "overrides":
		s.before["approve-removal"] = func() { s.override("approve-removal", "day") }
		s.before["remove-old"] = func() {
			s.override("remove-old", "day")
			s.override("remove-old", "soak:verify-production")
		}
		s.before["redeploy-removal"] = func() { s.override("redeploy-removal", "day") }
	case "two people":
		s.people, s.setup.Approval.Required = []string{bob, carol}, 2
		s.opening.Setup = s.setup
	case "narrowed":
		s.before["approve-removal"] = func() {
			s.setup = s.setup.Without("payments-api")
			s.resume()
		}
	case "configured":
		s.before["add-production"] = func() {
			more := s.setup.Targets[0]
			more.Name = "billing-api"
			s.setup.Targets = append(s.setup.Targets, more)
			s.resume()
			require.NoError(t, s.item("approve-production"))
		}
	case "added item":
		s.opening.Checklist = manual(s.opening.Checklist, "notify", "tell-them")
	case "passed over":
		s.before["update-clients"] = plainPassOver(s, "update-clients")
	case "deferred":
		s.takes["generate"], s.fails["generate"] = 3*time.Minute, errBroken
		s.before["generate"] = func() { require.Error(t, s.item("generate")) }
		s.before["add"] = plainPassOver(s, "add")
	}
	return s.run()
}

func (s *stage) override(item, gate string) {
	s.t.Helper()
	require.NoError(s.t, s.engine.Override(s.t.Context(), item, gate, "the window closes", s))
}

// forgery is what an operator might sign.
type forgery struct {
	name string
	from string // the honest session that it begins with
	// events changes what the session did, before second persons are asked; after
	// changes what is journalled once they have signed.
	events, after func(*forger)
	lines         func([]byte) []byte // changes the journal's lines
	record        func(*record.Record)
	files         func(t testing.TB, dir string)
	want          string // in the refusal
	// script is what testdata/verify-trail.sh says; "" for what it is too weak to
	// see, by design: weaker is the line of its header that says so, where it is not
	// that of the forgery's group.
	script, weaker string
}

// walked is a trail with the one record of an honest session.
type walked struct {
	files map[string]string // by their paths in the trail
	cut   []byte            // the journal as it was recorded
}

// honestSessions are walked once, however many forgeries begin with them.
var honestSessions sync.Map

// honestTrail writes a trail that has the record of an honest session, which is
// the same session each time.
func honestTrail(t testing.TB, from string) (*record.Trail, []byte) {
	t.Helper()
	once, _ := honestSessions.LoadOrStore(from, sync.OnceValue(func() walked {
		trail := emptyTrail(t)
		s := honest(t, trail, from)
		require.NoError(t, record.AppendUnverified(trail, s.draft(), mustKey(t, alice)))
		return walked{filesIn(t, trail.Dir()), s.cut}
	}))
	w := once.(func() walked)()
	require.NotEmpty(t, w.files, "the session could not be walked")
	return trailOf(t, w.files), w.cut
}

// make writes the forged trail.
func (f forgery) make(t testing.TB) *record.Trail {
	t.Helper()
	trail, cut := honestTrail(t, f.from)
	w := &forger{t: t, events: decodeEvents(t, cut), asked: random("forged")}
	var journal []byte
	if f.events != nil || f.after != nil || f.lines != nil {
		if f.events != nil {
			f.events(w)
		}
		w.askAnew()
		if f.after != nil {
			f.after(w)
		}
		journal = w.seal()
	}
	if f.lines != nil {
		journal = f.lines(journal)
	}
	forgeRecord(t, trail, "000001-rot-1", journal, f.record)
	if f.files != nil {
		f.files(t, filepath.Join(trail.Dir(), "000001-rot-1"))
	}
	return trail
}

// The sessions that forgeries begin with are not refused for themselves, nor for
// being asked for anew.
func TestForgeriesBeginWithHonestSessions(t *testing.T) {
	t.Parallel()
	for _, from := range []string{
		"quarterly", "drill", "emergency", "rollback", "given up", "overrides", "two people", "narrowed", "configured", "added item", "passed over", "deferred",
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			mustVerify(t, forgery{from: from, events: func(*forger) {}}.make(t).Dir())
		})
	}
}

// Checklists that demand less than their kind does.
func forgedChecklists() []forgery {
	noGates := func(f *forger) { f.eachItem(func(i *checklist.Item) { i.Gates = nil }) }
	return []forgery{
		{name: "a rollback with the items of a quarterly rotation and no gates", from: "quarterly", events: func(f *forger) {
			noGates(f)
			f.opening().Checklist.ID = "rollback"
		}, want: `item "review" is not where it should be`, script: "BAD change: a rollback removed the old key"},
		{name: "a quarterly rotation without gates", from: "quarterly", events: noGates, want: `gates of item "approve-production"`},
		{name: "a rollback with an item that removes the old key", from: "rollback", events: func(f *forger) {
			f.item("investigate", func(i *checklist.Item) { i.Step = "remove-old-key" })
		}, want: `step of item "investigate"`},
		{name: "a limit that is never reached", from: "quarterly", events: func(f *forger) {
			f.item("remove-old", func(i *checklist.Item) { i.Gates[2].Limit = 1e9 })
		}, want: `gates of item "remove-old"`},
		{name: "a soak of no days", from: "quarterly", events: func(f *forger) {
			f.item("remove-old", func(i *checklist.Item) { i.Gates[0].Days = 0 })
		}, want: `gates of item "remove-old"`},
		{name: "a proof that is not asked for", from: "quarterly", events: func(f *forger) {
			f.item("add-production", func(i *checklist.Item) { i.Gates = i.Gates[:1] })
		}, want: `gates of item "add-production"`},
		{name: "an item that is not required any more", from: "quarterly", events: func(f *forger) {
			f.item("verify-production", func(i *checklist.Item) { i.Required = false })
		}, want: `required of item "verify-production"`},
		{name: "an item that may be left out without a second person", from: "quarterly", events: func(f *forger) {
			f.item("update-clients", func(i *checklist.Item) { i.BreakGlass = true })
		}, want: `break_glass of item "update-clients"`},
		{name: "an item that is waited for for a minute only", from: "emergency", events: func(f *forger) {
			f.item("generate", func(i *checklist.Item) { i.Patience = time.Minute })
		}, want: `patience of item "generate"`},
		{name: "a day earlier", from: "quarterly", events: func(f *forger) { f.opening().Checklist.Phases[4].Day = 2 }, want: `day of item "approve-removal"`},
		{name: "an item less", from: "quarterly", events: func(f *forger) {
			f.opening().Checklist.Phases[2].Items = f.opening().Checklist.Phases[2].Items[:3]
			f.drop(func(e checklist.Event) bool { return e.Item == "verify-production" })
		}, want: `gate names "verify-production", which is no earlier item`},
		{name: "the proof after the removal", from: "drill", events: func(f *forger) {
			items := f.opening().Checklist.Phases[2].Items
			items[0], items[2] = items[2], items[0]
		}, want: `item "verify-removed" is not where it should be`},
		{name: "an added item that removes the old key", from: "added item", events: func(f *forger) {
			f.item("tell-them", func(i *checklist.Item) { i.Step = "remove-old-key" })
		}, want: `item "tell-them" is not where it should be`},
		{name: "a kind that nobody knows", from: "quarterly", events: func(f *forger) { f.opening().Checklist.ID = "weekly" },
			want: `the session was made by a newer Keyturn: its kind is "weekly"`, script: "BAD kind weekly: it is of a newer Keyturn"},
		{name: "an emergency in the other order", from: "emergency", events: func(f *forger) { f.opening().Grace = true }, want: "is not where it should be"},
		{name: "environments that a drill does not have", from: "drill", events: func(f *forger) {
			f.opening().Environments = []checklist.Environment{checklist.Production}
		}, want: `it acts in "production", where a drill does not`},
		{name: "both keys for no day", from: "quarterly", events: func(f *forger) {
			list, err := checklist.Find("quarterly", 0, false)
			require.NoError(f.t, err)
			f.opening().Checklist, f.opening().Setup.DualKeyDays = list, 0
		}, want: "phase deprecate: day 1 comes after day 2"},
		{name: "a drill with a key that is in service", from: "drill", events: func(f *forger) { f.opening().New = "v2" }, want: `a drill's key is "test"`},
		{name: "a key that replaces itself", from: "quarterly", events: func(f *forger) { f.opening().New = "v1" }, want: `its old and its new key are both "v1"`},
		{name: "a rotation about another session", from: "quarterly", events: func(f *forger) { f.opening().Parent = "rot-0" }, want: "is about no other session"},
		{name: "another operator than the one who opened it", from: "drill", events: func(f *forger) { f.opening().Operator = bob }, want: `its operator is "bob@example.com"`},
		{name: "one target under two names of it", from: "quarterly", events: func(f *forger) {
			f.opening().Setup.Targets = append(f.opening().Setup.Targets, f.opening().Setup.Targets[0])
		}, want: "it names a target twice"},
	}
}

// Changes that their steps do not make.
func forgedChanges() []forgery {
	also := func(item string, e checklist.Effect) func(*forger) {
		return func(f *forger) {
			done := e
			done.How = checklist.Made
			f.insert(f.find(checklist.Passed, item, 0),
				checklist.Event{Kind: checklist.Intended, Item: item, Effect: &e}, checklist.Event{Kind: checklist.Done, Item: item, Effect: &done})
		}
	}
	removal := checklist.Effect{Code: checklist.VariableDelete, Target: "orders-api", Environment: checklist.Production, Key: "v1", Place: "production", Object: "env_9"}
	staging := removal
	staging.Environment, staging.Place = checklist.Staging, "preview"
	return []forgery{
		{name: "an added item that removes the old key unseen", from: "added item", events: also("tell-them", removal), want: "step manual of a quarterly makes no effect variable.delete", script: "BAD change: another item changed production"},
		{name: "a proof that removes the old key", from: "quarterly", events: also("verify-production", removal), want: "step prove-both-keys of a quarterly makes no effect variable.delete", script: "BAD change: another item changed production"},
		{name: "an addition that removes the old key", from: "quarterly", events: also("add-production", removal), want: `about key "v1", and may be about the [new] key only`},
		{name: "a removal that removes another key", from: "quarterly", events: func(f *forger) {
			f.effect("remove-old", 0, func(e *checklist.Effect) { e.Key = "v3" })
		}, want: `about key "v3", and may be about the [old] key only`},
		{name: "a removal of no key", from: "quarterly", events: func(f *forger) {
			f.effect("remove-old", 0, func(e *checklist.Effect) { e.Key = "" })
		}, want: `about key ""`},
		{name: "the new key archived in place of the old one", from: "quarterly", events: func(f *forger) {
			f.effect("archive-old", 0, func(e *checklist.Effect) { e.Object = "staging/v2" })
		}, want: `is about "staging/v2", and may be about "staging/v1" only`},
		{name: "a drill that changes production", from: "drill", events: func(f *forger) {
			f.effect("add-test", 0, func(e *checklist.Effect) { e.Environment = checklist.Production })
		}, want: `it changes production, where item "add-test" does not act`, script: "BAD change: a drill changed production"},
		{name: "a drill that changes production under staging's name", from: "drill", events: func(f *forger) {
			f.effect("add-test", 0, func(e *checklist.Effect) { e.Place = "preview,production" })
		}, want: "it is said to change staging, and changes production"},
		{name: "a drill that removes the old key", from: "drill", events: func(f *forger) {
			f.effect("remove-test", 0, func(e *checklist.Effect) { e.Key = "v1" })
		}, want: `about key "v1", and may be about the [new] key only`},
		{name: "a drill that deletes deployments", from: "drill", events: also("verify-removed", checklist.Effect{
			Code: checklist.DeploymentDelete, Target: "orders-api", Environment: checklist.Staging, Object: "dpl_1",
		}), want: "makes no effect deployment.delete"},
		{name: "staging's addition that changes production", from: "quarterly", events: func(f *forger) {
			f.effect("add-staging", 0, func(e *checklist.Effect) { e.Environment, e.Place = checklist.Production, "production" })
		}, want: `it changes production, where item "add-staging" does not act`, script: "BAD change: another item changed production"},
		{name: "a rollback that removes the old key", from: "given up", events: func(f *forger) {
			f.effect("decide", 0, func(e *checklist.Effect) { e.Key = "v1" })
		}, want: `about key "v1", and may be about the [new] key only`, script: "BAD change: a rollback removed the old key"},
		{name: "a rollback that removes the old key before it puts it back", from: "rollback", events: func(f *forger) {
			f.insert(f.find(checklist.Intended, "re-add-old", 0), checklist.Event{Kind: checklist.Intended, Item: "re-add-old", Effect: &removal})
		}, want: "may remove only what the session made itself"},
		{name: "a rollback that removes the new key before anything is decided", from: "rollback", events: also("re-add-old", checklist.Effect{
			Code: checklist.VariableDelete, Target: "orders-api", Environment: checklist.Production, Key: "v2", Place: "production",
		}), want: `about key "v2", and may be about the [old] key only`},
		{name: "a rollback that abandons a session that it is not about", from: "rollback", events: also("decide", checklist.Effect{
			Code: checklist.SessionAbandon, Object: "rot-0",
		}), want: `it is about session "rot-0", and this one is about ""`},
		{name: "a rotation that replaces what it did not make", from: "quarterly", events: also("add-staging", func() checklist.Effect {
			e := staging
			e.Key, e.Place = "v2", "branch main"
			return e
		}()), want: "may remove only what the session made itself"},
		{name: "a target that is none", from: "quarterly", events: func(f *forger) {
			f.effect("add-production", 0, func(e *checklist.Effect) { e.Target = "billing-api" })
		}, want: `it changes "billing-api", which is no target`},
		{name: "a change of no environment", from: "quarterly", events: func(f *forger) {
			f.effect("redeploy-production", 0, func(e *checklist.Effect) { e.Environment = "" })
		}, want: "it names no environment"},
		{name: "a change that nobody knows", from: "quarterly", events: func(f *forger) {
			f.effect("add-production", 0, func(e *checklist.Effect) { e.Code = "project.delete" })
		}, want: `was made by a newer Keyturn: it makes an effect "project.delete"`},
		{name: "a change that is known in a new way", from: "quarterly", events: func(f *forger) {
			f.of(checklist.Done, "add-production", 0).Effect.How = "guessed"
		}, want: `was made by a newer Keyturn: an effect is known by "guessed"`},
		{name: "a change that was not begun", from: "quarterly", events: func(f *forger) {
			at := f.find(checklist.Intended, "remove-old", 0)
			f.events = slices.Delete(f.events, at, at+1)
		}, want: "is said to be done, and was not begun"},
		{name: "a change between items", from: "quarterly", events: func(f *forger) {
			f.insert(f.find(checklist.Passed, "add-production", 0)+1, checklist.Event{Kind: checklist.Intended, Item: "add-production", Effect: f.of(checklist.Intended, "add-production", 0).Effect})
		}, want: `was begun while item "add-production" was not`},
	}
}

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
		{name: "an approval after its time", from: "quarterly", after: by("", func(a *checklist.Approval) { a.At = a.At.Add(3 * time.Hour) }), want: "outside the request's window", script: "BAD approval: it was accepted outside its time"},
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
		}, want: "with the consent of 1 second persons to this item, these targets and these keys, want 2"},
	}
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
		}, want: `the journal was made by a newer Keyturn: line 159: unknown field "witness"`},
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

// A signer can sign anything, but not that the journal says so.
func TestRecordSaysWhatItsJournalSays(t *testing.T) {
	t.Parallel()
	const name = "000002-rot-2"
	for field, change := range map[string]func(*record.Record){
		"rotation": func(r *record.Record) { r.Rotation.Reason = "another reason" },
		"deviations": func(r *record.Record) {
			r.Deviations = []record.Deviation{{Kind: checklist.PassedOver, ApprovedBy: []string{bob}}}
		},
		"milestones":          func(r *record.Record) { r.Milestones = []record.Milestone{{Item: "declare"}} },
		"checklist":           func(r *record.Record) { r.Checklist.Added = []string{"more"} },
		"keys":                func(r *record.Record) { r.Keys[1].NewFp = digest("another") },
		"targets":             func(r *record.Record) { r.Targets[0].NotChangedSince = "2026-02-04T09:00:00Z" },
		"approvals":           func(r *record.Record) { r.Approvals[0].Principal = carol },
		"items":               func(r *record.Record) { r.Items[3].Status = "passed-over" },
		"issues":              func(r *record.Record) { r.Issues = []record.Issue{} },
		"journal":             func(r *record.Record) { r.Journal.Name = "other.jsonl" },
		"journal.events":      func(r *record.Record) { r.Journal.Events-- },
		"journal.head_sha256": func(r *record.Record) { r.Journal.HeadSHA256 = digest("another") },
		"created_at":          func(r *record.Record) { r.CreatedAt = "2026-02-04T09:00:00Z" },
		"trail.id":            func(r *record.Record) { r.Trail.ID = "00000000-0000-4000-8000-000000000000" },
		"trail.seq":           func(r *record.Record) { r.Trail.Seq = 3 },
		"trail.prev_sha256":   func(r *record.Record) { r.Trail.PrevSHA256 = digest("another") },
		"signer.key":          func(r *record.Record) { r.Signer.Key = "SHA256:another" },
		"signer.principal":    func(r *record.Record) { r.Signer.Principal = bob },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 2)
			forgeRecord(t, trail, name, nil, change)
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, record.Failure{Record: name, File: "record.json", Field: field, Reason: failure.Reason}, *failure)
		})
	}

	// Each member of each part is the journal's.
	for part, change := range map[string][]func(*record.Record){
		"rotation": {
			func(r *record.Record) { r.Rotation.Kind = "drill" },
			func(r *record.Record) { r.Rotation.Grace = true },
			func(r *record.Record) { r.Rotation.World = record.WorldSandbox },
			func(r *record.Record) { r.Rotation.Environments = []string{"staging"} },
			func(r *record.Record) { r.Rotation.Service = "billing" },
			func(r *record.Record) { r.Rotation.Team = "" },
			func(r *record.Record) { r.Rotation.Hosting = "dashboard" },
			func(r *record.Record) { r.Rotation.Operator = carol },
			func(r *record.Record) { r.Rotation.Parent = "rot-1" },
			func(r *record.Record) { r.Rotation.StartedAt = "2026-01-01T00:00:00Z" },
			func(r *record.Record) { r.Rotation.FinishedAt = "2026-01-01T00:00:00Z" },
			func(r *record.Record) { r.Rotation.Outcome = record.Abandoned },
			func(r *record.Record) { r.Rotation.DualKeyDays = 30 },
		},
		"targets":   {func(r *record.Record) { r.Targets[0].Project = "prj_x" }, func(r *record.Record) { r.Targets[0].Role = "signer" }, func(r *record.Record) { r.Targets = r.Targets[:1] }},
		"approvals": {func(r *record.Record) { r.Approvals[0].ID = "x" }, func(r *record.Record) { r.Approvals[0].Request = "x" }, func(r *record.Record) { r.Approvals = r.Approvals[:1] }},
		"items": {
			func(r *record.Record) { r.Items[5].Changes = r.Items[5].Changes[:1] },
			func(r *record.Record) { r.Items[5].Changes[0].Key = "v3" },
			func(r *record.Record) { r.Items[5].Step = "approve" },
			func(r *record.Record) { r.Items = r.Items[1:] },
		},
		"journal": {func(r *record.Record) { r.Journal.Format = "keyturn.journal/v3" }},
	} {
		for i, change := range change {
			trail := mustRecords(t, 2)
			forgeRecord(t, trail, name, nil, change)
			_, err := verify(t, trail.Dir())
			var failure *record.Failure
			if assert.ErrorAs(t, err, &failure, "%s %d", part, i) {
				assert.Equal(t, part, failure.Field, "%s %d: %v", part, i, failure)
			}
		}
	}
}

// A record of another version is no damage.
func TestRecordOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		"keyturn.record/v1": "the record was made by a pre-release version of Keyturn; verify it with that version",
		"keyturn.record/v3": "the record was made by a newer Keyturn: its schema is keyturn.record/v3",
	} {
		trail := mustRecords(t, 2)
		resign(t, trail, "000002-rot-2", mustKey(t, alice), replacing(t, record.Schema, schema))
		failure := mustFail(t, trail.Dir())
		assert.Equal(t, want, failure.Reason)
		var newer *checklist.NewerError
		_, err := verify(t, trail.Dir())
		if schema == "keyturn.record/v1" {
			require.ErrorIs(t, err, checklist.ErrPreRelease)
		} else {
			require.ErrorAs(t, err, &newer)
		}
		_, err = record.OpenTrail(trail.Dir())
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, record.ErrDamaged)
	}
}

// A rollback gives up the new key of the session that it is about, and no other.
func TestRollbackOfAnotherSessionsKeys(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"the rotation", "the rollback"} {
		trail := emptyTrail(t)
		parent := newStage(t, trail, "quarterly", "rot-1")
		back := newStage(t, trail, "rollback", "rot-2")
		back.opening.Parent, back.opening.New, back.decision = "rot-1", "v3", "abandon"
		for _, s := range []*stage{parent, back} {
			s.stops = true
			s.run()
		}
		order := []*stage{parent, back}
		if first == "the rollback" {
			order = []*stage{back, parent}
		}
		for i, s := range order {
			d := s.draft()
			d.CreatedAt = day0.AddDate(0, 1, i)
			require.NoError(t, record.AppendUnverified(trail, d, mustKey(t, alice)))
		}
		failure := mustFail(t, trail.Dir())
		assert.Equal(t, "keys", failure.Field, first)
		assert.Contains(t, failure.Reason, `may give up "v3", and rot-1, which it is about, replaced "v1" by "v2"`)
		assert.Contains(t, failure.Record, "rot-2")
	}
}

// The auditor may demand more than the session did.
func TestAuditorDemandsTwoPeople(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 2)
	o := options(t)
	o.ApprovalsRequired = 2
	_, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
	require.ErrorContains(t, err, `item "add-production" changes production with the consent of 1 second persons`)
}

// A request that was answered in one session is not answered in another.
func TestApprovalOfAnEarlierSession(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	for _, id := range []string{"rot-1", "rot-2"} {
		s := newStage(t, trail, "quarterly", id)
		s.random = random("the same") // so that the request ids are the same
		s.stops = true
		s.run()
		require.NoError(t, record.AppendUnverified(trail, s.draft(), mustKey(t, alice)))
	}
	failure := mustFail(t, trail.Dir())
	assert.Equal(t, "000002-rot-2", failure.Record)
	assert.Contains(t, failure.Reason, "was used in record 000001-rot-1 already")
}
