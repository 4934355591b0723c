package record_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

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
		{name: "a drill that changes production's own environment under staging's name", from: "drill", events: func(f *forger) {
			f.effect("add-test", 0, func(e *checklist.Effect) { e.Place = "custom:live" })
		}, want: "it is said to change staging, and changes custom:live"},
		{name: "production's variables taken for staging's", from: "drill", events: func(f *forger) {
			for i := range f.opening().Setup.Targets {
				f.opening().Setup.Targets[i].Slots = map[checklist.Environment][]string{checklist.Staging: {"production=sensitive"}}
			}
			f.effect("add-test", 0, func(e *checklist.Effect) { e.Place = "production" })
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
