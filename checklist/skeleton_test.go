package checklist_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

var update = flag.Bool("update", false, "add the skeletons of this version to those that were released")

// What was released once is understood for ever, and what this version opens is
// released: a change of a checklist's items adds a skeleton and takes none away.
func TestReleasedSkeletons(t *testing.T) {
	released := checklist.Released()
	require.NotEmpty(t, released)
	for _, sk := range checklist.Skeletons() {
		known := false
		for _, r := range released {
			known = known || assert.ObjectsAreEqual(mustJSON(t, sk), mustJSON(t, r))
		}
		if !known && *update {
			released = append(released, sk)
			known = true
		}
		assert.True(t, known, "the %s of this version is not in skeletons.json: run the test with -update", sk.Kind)
	}
	if *update {
		require.NoError(t, os.WriteFile("skeletons.json", append(mustJSON(t, released), '\n'), 0o600))
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	return text
}

// every returns openings of all kinds of checklist.
func every(dualKeyDays int) []checklist.Opening {
	grace := checklisttest.Opening(checklist.Emergency(true))
	grace.Grace = true
	openings := []checklist.Opening{grace}
	for _, c := range checklist.All(dualKeyDays) {
		openings = append(openings, checklisttest.Opening(c))
	}
	for i := range openings {
		openings[i].Setup.DualKeyDays = dualKeyDays
	}
	return openings
}

func TestCheckSkeleton(t *testing.T) {
	t.Parallel()
	for _, days := range []int{1, 2, 7, 30} {
		for _, o := range every(days) {
			require.NoError(t, checklist.CheckSkeleton(o, checklist.Released()), "%s, %d days", o.Checklist.ID, days)
		}
	}
	quarterly := func() checklist.Opening { return checklisttest.Opening(checklist.Quarterly(7)) }
	item := func(o checklist.Opening, id string) *checklist.Item {
		for p := range o.Checklist.Phases {
			for i := range o.Checklist.Phases[p].Items {
				if it := &o.Checklist.Phases[p].Items[i]; it.ID == id {
					return it
				}
			}
		}
		return nil
	}
	added := checklist.Item{ID: "tell-support", Title: "Tell support", Why: "they are asked", Step: checklist.StepManual}
	for name, tc := range map[string]struct {
		change func(*checklist.Opening)
		want   string // empty: it is still one
	}{
		"other words": {func(o *checklist.Opening) {
			for i := range o.Checklist.All() {
				at := item(*o, i.ID)
				at.Title, at.Why, at.Runbook, at.Covers = "Do it", "Just because", "", nil
				for g := range at.Gates {
					at.Gates[g].Words = "it is so"
				}
			}
			o.Checklist.Title, o.Checklist.Purpose = "Swap", "Swap the keys"
		}, ""},
		"an added manual item": {func(o *checklist.Opening) {
			o.Checklist.Phases[2].Items = append([]checklist.Item{added}, o.Checklist.Phases[2].Items...)
		}, ""},
		"an added item that acts": {func(o *checklist.Opening) {
			acts := added
			acts.Step = "remove-old-key"
			o.Checklist.Phases[0].Items = append(o.Checklist.Phases[0].Items, acts)
		}, `item "tell-support" is not where it should be`},
		"a missing item": {func(o *checklist.Opening) {
			p := &o.Checklist.Phases[3]
			p.Items = p.Items[1:]
		}, `item "monitor" is not where it should be`},
		"a missing last item": {func(o *checklist.Opening) {
			p := &o.Checklist.Phases[5]
			p.Items = p.Items[:len(p.Items)-1]
		}, `item "export-record" is missing`},
		"another order": {func(o *checklist.Opening) {
			items := o.Checklist.Phases[4].Items
			items[4], items[5] = items[5], items[4]
		}, "is not where it should be"},
		"no gates":            {func(o *checklist.Opening) { item(*o, "remove-old").Gates = nil }, `gates of item "remove-old"`},
		"a weaker gate":       {func(o *checklist.Opening) { item(*o, "remove-old").Gates[2].Limit = 1000 }, `gates of item "remove-old"`},
		"a shorter soak":      {func(o *checklist.Opening) { item(*o, "remove-old").Gates[0].Days = 1 }, `gates of item "remove-old"`},
		"an earlier day":      {func(o *checklist.Opening) { o.Checklist.Phases[4].Day = 2 }, `day of item "approve-removal"`},
		"other dual-key days": {func(o *checklist.Opening) { o.Setup.DualKeyDays = 1 }, `day of item "approve-removal"`},
		"another step":        {func(o *checklist.Opening) { item(*o, "approve-removal").Step = "manual-approval" }, `step of item "approve-removal"`},
		"an item made manual": {func(o *checklist.Opening) { item(*o, "approve-removal").Step = checklist.StepManual }, `item "remove-old" is not where it should be`},
		"not required":        {func(o *checklist.Opening) { item(*o, "approve-removal").Required = false }, `required of item "approve-removal"`},
		"break-glass":         {func(o *checklist.Opening) { item(*o, "monitor").BreakGlass = true }, `break_glass of item "monitor"`},
		"elsewhere": {func(o *checklist.Opening) {
			item(*o, "remove-old").Environments = []checklist.Environment{checklist.Production}
		}, `environments of item "remove-old"`},
		"another kind":                {func(o *checklist.Opening) { o.Checklist.ID = "monthly" }, `no kind is called "monthly"`},
		"a rollback by name":          {func(o *checklist.Opening) { o.Checklist.ID = "rollback" }, "is not where it should be"},
		"an emergency's time":         {func(o *checklist.Opening) { o.Checklist.Limit = 1 }, "and should in"},
		"a drill that may production": {func(o *checklist.Opening) { o.Checklist.Environments = o.Checklist.Environments[1:] }, "it acts in [production]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quarterly()
			tc.change(&o)
			err := checklist.CheckSkeleton(o, checklist.Released())
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			var skeleton *checklist.SkeletonError
			require.ErrorAs(t, err, &skeleton)
			require.ErrorContains(t, err, tc.want)
			assert.NotEmpty(t, checklist.Hint(err))
		})
	}
}

func TestASessionOfAnotherSkeletonIsOnlyLookedAt(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a")})
	w := checklisttest.NewWorld(t, c)
	w.Config.Skeletons = checklist.Released()
	e, op := w.Engine(t), checklisttest.NewScript(t)
	assert.Equal(t, checklist.StatusOpen, e.Session().State("a").Status)
	var skeleton *checklist.SkeletonError
	require.ErrorAs(t, e.Resume(t.Context(), op), &skeleton)
	require.ErrorAs(t, e.Run(t.Context(), "a", op), &skeleton)
	assert.Empty(t, op.Events())
	require.NoError(t, e.Abandon(t.Context(), "made elsewhere", op), "giving it up needs no checklist")
}
