package checklist_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// item returns a valid item.
func item(id string, gates ...checklist.Gate) checklist.Item {
	return checklist.Item{ID: id, Title: "Do " + id, Why: "because", Step: id, Gates: gates}
}

// list returns a checklist that may act in both environments, one phase a day.
func list(phases ...[]checklist.Item) checklist.Checklist {
	c := checklist.Checklist{ID: "list", Title: "List", Environments: []checklist.Environment{checklist.Staging, checklist.Production}}
	for day, items := range phases {
		c.Phases = append(c.Phases, checklist.Phase{ID: string(rune('a' + day)), Title: "Phase", Day: day, Items: items})
	}
	return c
}

func TestTheRunbooksChecklistsAreValid(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, c := range checklist.All(7) {
		assert.NoError(t, c.Validate(), c.ID)
		assert.False(t, ids[c.ID], "id %s is used twice", c.ID)
		ids[c.ID] = true
		found, err := checklist.Find(c.ID, 7, false)
		require.NoError(t, err)
		assert.Equal(t, c, found)
		items := c.Items()
		last := items[len(items)-1]
		if last.Step == "approve-afterwards" { // comes when it comes, beside the record
			last = items[len(items)-2]
		}
		assert.Equal(t, "export-record", last.Step, "%s ends with its record", c.ID)
	}
	_, err := checklist.Find("other", 7, false)
	require.ErrorContains(t, err, `"other" is not known`)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	nameless := item("nameless")
	nameless.Why = ""
	elsewhere := item("elsewhere")
	elsewhere.Environments = []checklist.Environment{checklist.Production}
	backwards := list([]checklist.Item{item("a")}, []checklist.Item{item("b")})
	backwards.Phases[0].Day = 2
	stagingOnly := list([]checklist.Item{elsewhere})
	stagingOnly.Environments = []checklist.Environment{checklist.Staging}
	for name, c := range map[string]struct {
		list checklist.Checklist
		want string
	}{
		"an item without a why":                {list([]checklist.Item{nameless}), `item "nameless": want an id, a title, a why and a step`},
		"an id twice":                          {list([]checklist.Item{item("a")}, []checklist.Item{item("a")}), "item a: id is used twice"},
		"days that go backwards":               {backwards, "phase b: day 1 comes after day 2"},
		"a gate on a later item":               {list([]checklist.Item{item("a", checklist.Gate{Kind: checklist.GateSoak, Item: "b"}), item("b")}), `item a: gate names "b", which is no earlier item`},
		"a gate on itself":                     {list([]checklist.Item{item("a", checklist.Gate{Kind: checklist.GateApproval, Item: "a"})}), `item a: gate names "a"`},
		"an environment that it may not touch": {stagingOnly, "item elsewhere: acts in production, which the checklist may not touch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, c.list.Validate(), c.want)
		})
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a"), item("b")})
	steps := checklisttest.StepsFor(c)
	assert.True(t, checklist.Complete(c, steps))
	delete(steps, "b")
	assert.False(t, checklist.Complete(c, steps))
}

func TestTheDrillHoldsNoProduction(t *testing.T) {
	t.Parallel()
	drill := checklist.Drill()
	assert.Equal(t, []checklist.Environment{checklist.Staging}, drill.Environments)
	text, err := json.Marshal(drill)
	require.NoError(t, err)
	assert.NotContains(t, strings.ToLower(string(text)), "production", "nowhere in its data")
	for _, i := range drill.Items() {
		assert.False(t, i.In(checklist.Production), i.ID)
	}
}

func TestDigestOfAPlan(t *testing.T) {
	t.Parallel()
	plan := checklist.Plan{Summary: "Remove v1", Risk: checklist.Irreversible, Confirm: "v1"}
	other := plan
	other.Actions = []checklist.Action{{Words: "remove one more"}}
	assert.NotEqual(t, plan.Digest(), other.Digest())
}

// runbook returns the text that the checklists carry out.
func runbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "runbook.md"))
	require.NoError(t, err)
	return string(text)
}

var (
	tick     = regexp.MustCompile(`^- \[ \] (.+)$`)
	numbered = regexp.MustCompile(`^[0-9]+\. (.+)$`)
)

// plain strips what a line has for looks: bold, and a colon at its end.
func plain(line string) string {
	return strings.TrimSuffix(strings.ReplaceAll(line, "**", ""), ":")
}

// procedures returns the runbook's lines to be ticked and its numbered steps.
// The metrics are numbered as well, but are watched, not carried out.
func procedures(text string) []string {
	var lines []string
	code, metrics := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			code = !code
		case strings.HasPrefix(line, "#"):
			metrics = line == "### Metrics to Track"
		case code || metrics:
		default:
			for _, pattern := range []*regexp.Regexp{tick, numbered} {
				if m := pattern.FindStringSubmatch(line); m != nil {
					lines = append(lines, plain(m[1]))
				}
			}
		}
	}
	return lines
}

func TestEveryLineOfTheRunbookIsCoveredByAnItem(t *testing.T) {
	t.Parallel()
	covered := map[string][]string{}
	for _, c := range checklist.All(7) {
		for i := range c.All() {
			for _, line := range i.Covers {
				covered[plain(line)] = append(covered[plain(line)], c.ID+"/"+i.ID)
			}
		}
	}
	lines := procedures(runbook(t))
	require.Len(t, lines, 15+6+4+4+4+3+6, "checklist, drill's ticks, phases 1 and 3, emergency, rollback, drill")
	for _, line := range lines {
		assert.NotEmpty(t, covered[line], "no item covers %q", line)
	}

	text := strings.ReplaceAll(runbook(t), "**", "")
	for line, items := range covered {
		assert.Contains(t, text, line, "%v quote what the runbook does not say", items)
	}
}
