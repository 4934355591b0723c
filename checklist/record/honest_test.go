package record_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
)

func mustRecord(t testing.TB, x record.Exported) record.Record {
	t.Helper()
	var r record.Record
	require.NoError(t, json.Unmarshal([]byte(read(t, x.Dir, "record.json")), &r))
	return r
}

// manual adds an item that people do to a checklist, after another one.
func manual(c checklist.Checklist, after, id string) checklist.Checklist {
	for p := range c.Phases {
		var items []checklist.Item
		for _, i := range c.Phases[p].Items {
			items = append(items, i)
			if i.ID == after {
				items = append(items, checklist.Item{ID: id, Title: "Tell the data center", Why: "They asked for it.", Step: checklist.StepManual})
			}
		}
		c.Phases[p].Items = items
	}
	return c
}

// rollBack rolls a rotation back, with a record of its own, and goes on as
// decided.
func rollBack(t testing.TB, parent *stage, decision string) *stage {
	back := newStage(t, parent.trail, "rollback", parent.opening.Session+"-back")
	back.now, back.decision = parent.now, decision
	back.opening.Parent = parent.opening.Session
	back.until("decide")
	tell := func() {
		require.NoError(t, parent.engine.RollBack(t.Context(), "approve-removal", back.opening.Session, nil, parent))
	}
	if decision == "abandon" {
		tell = func() {
			require.NoError(t, parent.engine.AbandonUndone(t.Context(), "rolled back", parent))
			require.NoError(t, parent.export(t.Context()))
		}
	}
	parent.now = back.now
	tell()
	back.now = parent.now.Add(time.Hour)
	back.run()
	parent.now = back.now.Add(time.Hour)
	return back
}

// TestHonestSessionsVerify walks the ways that the engine lets a session go. Each
// record is verified before it is written, and again with its trail.
func TestHonestSessionsVerify(t *testing.T) {
	t.Parallel()
	run := func(kind string, prepare func(*stage)) func(*testing.T, *record.Trail) {
		return func(t *testing.T, trail *record.Trail) {
			s := newStage(t, trail, kind, "rot-1")
			prepare(s)
			s.run()
		}
	}
	plain := func(*stage) {}
	for name, walk := range map[string]func(*testing.T, *record.Trail){
		"a quarterly rotation":                   run("quarterly", plain),
		"a drill":                                run("drill", plain),
		"an emergency":                           run("emergency", plain),
		"an emergency with the new key first":    run("grace", plain),
		"a rollback alone":                       run("rollback", plain),
		"a rollback alone that gives the key up": run("rollback", func(s *stage) { s.decision = "abandon" }),
		"proofs and readings that are repeated": run("quarterly", func(s *stage) {
			s.before["approve-production"] = func() { require.NoError(s.t, s.item("test-staging")) }
			s.before["approve-removal"] = func() { require.NoError(s.t, s.item("monitor")) }
			s.before["remove-old"] = func() { require.NoError(s.t, s.item("approve-removal")) }
		}),
		"an item that failed, and was done again": run("quarterly", func(s *stage) {
			s.fails["add-production"] = errBroken
			s.before["add-production"] = func() { require.ErrorIs(s.t, s.item("add-production"), errBroken) }
		}),
		"a change whose answer was lost": run("quarterly", func(s *stage) {
			s.loses["redeploy-production"] = true
			s.before["redeploy-production"] = func() { require.ErrorIs(s.t, s.item("redeploy-production"), checklist.ErrUnknown) }
		}),
		"a session that is resumed every day": run("quarterly", func(s *stage) {
			for _, id := range []string{"notify", "add-production", "monitor", "remove-old", "export-record"} {
				s.before[id] = func() { s.resume() }
			}
		}),
		"an item that is done again with all that follow": run("quarterly", func(s *stage) {
			s.before["test-staging"] = func() { require.NoError(s.t, s.engine.Reopen(s.t.Context(), "add-staging", "corrupted", s)) }
			s.before["verify-production"] = func() { require.NoError(s.t, s.engine.Reopen(s.t.Context(), "add-production", "corrupted", s)) }
		}),
		"items that are passed over": run("quarterly", func(s *stage) {
			for _, id := range []string{"notify", "update-clients", "review-meeting"} {
				s.before[id] = func() { require.NoError(s.t, s.engine.PassOver(s.t.Context(), id, "nobody is here", s)) }
			}
		}),
		"gates that are overridden": run("quarterly", func(s *stage) {
			override := func(id, gate string) {
				require.NoError(s.t, s.engine.Override(s.t.Context(), id, gate, "the window closes <b>now</b>", s))
			}
			s.before["redeploy-staging"] = func() { s.now = s.now.Add(time.Hour) }
			s.before["approve-removal"] = func() { override("approve-removal", "day") }
			s.before["remove-old"] = func() {
				override("remove-old", "day")
				override("remove-old", "soak:verify-production")
				s.reading = 5
				require.Error(s.t, s.engine.Run(s.t.Context(), "remove-old", s))
				override("remove-old", "metric:old-key-requests")
			}
			s.before["redeploy-removal"] = func() { override("redeploy-removal", "day") }
		}),
		"an approval gate that is overridden": run("quarterly", func(s *stage) {
			s.before["add-production"] = func() {
				s.now = s.now.AddDate(0, 0, 2)
				require.NoError(s.t, s.engine.Override(s.t.Context(), "add-production", "approval:approve-production", "asked on the phone", s))
			}
			s.before["redeploy-production"] = func() { require.NoError(s.t, s.item("approve-production")) }
			s.before["approve-removal"] = func() { s.now = s.now.AddDate(0, 0, 9) }
		}),
		"an approval that ran out, and was asked for again": run("quarterly", func(s *stage) {
			s.before["remove-old"] = func() {
				s.now = s.now.AddDate(0, 0, 2)
				require.ErrorContains(s.t, s.item("remove-old"), "ran out")
				require.NoError(s.t, s.item("approve-removal"))
			}
		}),
		"a request that is answered in the end": run("quarterly", func(s *stage) {
			s.away = 2
			s.before["approve-production"] = func() {
				require.ErrorContains(s.t, s.item("approve-production"), "did not answer")
				require.ErrorContains(s.t, s.item("approve-production"), "did not answer")
			}
		}),
		"a request that is refused, with a reason and without": run("quarterly", refusedTwice),
		"two people who must agree": run("quarterly", func(s *stage) {
			s.people = []string{bob, carol}
			s.setup.Approval.Required = 2
			s.opening.Setup = s.setup
			s.before["notify"] = plainPassOver(s, "notify")
			s.before["update-clients"] = plainPassOver(s, "update-clients")
		}),
		"a target that is added, and approved": run("quarterly", func(s *stage) {
			s.before["add-production"] = func() {
				more := s.setup.Targets[0]
				more.Name = "billing-api"
				s.setup.Targets = append(s.setup.Targets, more)
				s.resume()
				require.ErrorContains(s.t, s.item("add-production"), "has changed since")
				require.NoError(s.t, s.item("approve-production"))
			}
		}),
		"a target that is taken out": run("quarterly", func(s *stage) {
			s.before["approve-removal"] = func() {
				s.setup = s.setup.Without("payments-api")
				s.resume()
			}
		}),
		"a target that is taken out of an emergency": run("emergency", func(s *stage) {
			s.before["redeploy"] = func() {
				s.setup = s.setup.Without("payments-api")
				s.resume()
			}
		}),
		"an emergency that waits for no new key": run("emergency", func(s *stage) {
			s.takes["generate"], s.fails["generate"] = 3*time.Minute, errBroken
			s.before["backup-key"] = plainPassOver(s, "backup-key")
			s.before["add"] = plainPassOver(s, "add")
			s.before["generate"] = func() {
				var putOff *checklist.PutOff
				require.ErrorAs(s.t, s.item("generate"), &putOff)
			}
		}),
		"an operator who thinks for long": run("quarterly", func(s *stage) {
			s.slow = map[string]time.Duration{"remove-old": 40 * time.Minute}
		}),
		"an item that people added": run("quarterly", func(s *stage) {
			s.opening.Checklist = manual(s.opening.Checklist, "notify", "tell-them")
		}),
		"a session that is given up": func(t *testing.T, trail *record.Trail) {
			s := newStage(t, trail, "quarterly", "rot-1").until("monitor")
			require.NoError(t, s.engine.Abandon(t.Context(), "the window was cancelled", s))
			require.NoError(t, s.export(t.Context()))
		},
		"a rotation that is rolled back, and goes on": func(t *testing.T, trail *record.Trail) {
			s := newStage(t, trail, "quarterly", "rot-1").until("verify-removal")
			rollBack(t, s, "resume")
			s.run()
		},
		"a rotation that is rolled back and given up": func(t *testing.T, trail *record.Trail) {
			s := newStage(t, trail, "quarterly", "rot-1").until("monitor")
			rollBack(t, s, "abandon")
		},
		"a record that another member signs": run("quarterly", func(s *stage) { s.signer = carol }),
		"notes at any time": run("quarterly", func(s *stage) {
			s.before["add-production"] = func() { require.NoError(s.t, s.engine.Note(s.t.Context(), "generate", "cold", s)) }
			s.notes = true
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := emptyTrail(t)
			walk(t, trail)
			mustVerify(t, trail.Dir())
			for _, r := range recordsIn(t, trail.Dir()) {
				mustVerify(t, trail.Dir()+"/"+r)
			}
		})
	}
}

func plainPassOver(s *stage, id string) func() {
	return func() { require.NoError(s.t, s.engine.PassOver(s.t.Context(), id, "no time", s)) }
}

func TestWhatARecordSays(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	s := newStage(t, trail, "quarterly", "rot-1")
	s.opening.Checklist = manual(s.opening.Checklist, "notify", "tell-them")
	s.before["notify"] = plainPassOver(s, "notify")
	s.before["approve-removal"] = func() {
		s.setup = s.setup.Without("payments-api")
		s.resume()
	}
	r := mustRecord(t, s.run().exported)
	assert.Equal(t, record.Rotation{
		ID: "rot-1", Kind: "quarterly", World: record.WorldReal, Environments: []string{"staging", "production"},
		Service: "orders", Team: "acme", Hosting: "api", Operator: alice, Reason: "scheduled rotation",
		StartedAt: "2026-01-05T09:00:00Z", FinishedAt: r.Rotation.FinishedAt, Outcome: record.Completed, DualKeyDays: 7,
	}, r.Rotation)
	assert.Equal(t, record.Keys{
		Environment: "production", OldID: "v1", OldFp: digest("productionold"), NewID: "v2", NewFp: digest("productionnew"),
	}, r.Keys[1])
	require.Len(t, r.Deviations, 2)
	assert.Equal(t, checklist.PassedOver, r.Deviations[0].Kind)
	assert.Equal(t, "no time", r.Deviations[0].Reason)
	assert.Empty(t, r.Deviations[0].ApprovedBy)
	assert.Equal(t, record.Deviation{
		At: r.Deviations[1].At, By: alice, Kind: checklist.Narrowed, Item: "approve-removal", Target: "payments-api",
		Reason: "it is so | <b>really</b>", ApprovedBy: []string{bob},
	}, r.Deviations[1])
	assert.Equal(t, []record.Target{
		{Name: "payments-api", Platform: "vercel", Project: "prj_payments-api", Role: "verifier", NotChangedSince: r.Deviations[1].At},
		{Name: "orders-api", Platform: "vercel", Project: "prj_orders-api", Role: "verifier"},
	}, r.Targets)
	assert.Equal(t, []string{"tell-them"}, r.Checklist.Added)
	require.Len(t, r.Approvals, 3)
	assert.Equal(t, "approve-production", r.Approvals[0].Item)
	assert.Equal(t, checklist.Narrowed, r.Approvals[1].Deviation)
	assert.Equal(t, "payments-api", r.Approvals[1].Target)
	assert.Contains(t, r.Approvals[1].Request, "Action: narrowed\n")
	assert.Equal(t, []record.Issue{{Item: "update-docs", Text: "one client was late"}}, r.Issues)
	last := r.Items[len(r.Items)-1]
	assert.Equal(t, record.Item{ID: "export-record", Step: "export-record", Status: record.Recording, At: last.At, By: alice, Changes: []checklist.Effect{}}, last)
	assert.Equal(t, checklist.Effect{
		Code: checklist.VariableCreate, Target: "payments-api", Environment: checklist.Staging, Key: "v2", Place: "preview", How: checklist.Made, Result: "made_payments-api",
	}, r.Items[5].Changes[0])
	assert.Contains(t, r.Summary(), "with 2 deviations")
	assert.NotContains(t, read(t, s.exported.Dir, "record.json"), "Add new key", "no sentence of the program's")

	v := mustVerify(t, trail.Dir())
	assert.Equal(t, []record.Added{{Record: "000001-rot-1", Item: "tell-them", Title: "Tell the data center"}}, v.Added)
}

func TestClockThatRanBackwards(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	s := newStage(t, trail, "drill", "rot-1")
	s.before["alerts"] = func() { s.now = s.now.Add(-time.Minute) }
	s.run()
	report, err := verify(t, trail.Dir())
	require.NoError(t, err)
	assert.Empty(t, report.Findings())
	assert.Contains(t, report.String(), "000001-rot-1: which times of its journal are true: they run backwards at event ")
}
