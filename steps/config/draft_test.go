package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDraft compares new files with the golden ones, and reads them back.
func TestDraft(t *testing.T) {
	t.Parallel()
	smallest := Draft{Service: "orders", Operator: "alice@example.com", Targets: []Target{{
		Project: "orders-api", Probe: Probe{Staging: "https://staging.example.com/api/test", Production: "https://example.com/api/test"},
	}}}
	largest := Draft{
		Service: "orders", Operator: "alice@example.com", Team: "acme", API: "http://127.0.0.1:4000", RequestLog: "https://logs.example.com",
		Targets: []Target{
			{
				Project: "prj_Orders", Role: RoleBoth, Type: TypeEncrypted, Protected: true,
				Staging: []string{"preview:feat/signing", "custom:qa"}, Production: []string{"production", "custom:eu"},
				Probe: Probe{Staging: "https://staging.example.com/api/test?a=<b>&c='d'", Production: "https://example.com/api/test"},
			},
			{Project: "checkout", Role: RoleSigner},
		},
	}
	for name, d := range map[string]Draft{"draft-smallest.toml": smallest, "draft-largest.toml": largest} {
		got, err := d.Text(FileName)
		require.NoError(t, err)
		golden := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), string(got))

		c, err := Parse(FileName, got)
		require.NoError(t, err)
		assert.Equal(t, d.Service, c.Service)
		assert.Equal(t, d.Operator, c.Operator)
		assert.Equal(t, d.Team, c.Vercel.Team)
		assert.Equal(t, d.RequestLog, c.RequestLog.URL)
		require.Len(t, c.Targets, len(d.Targets))
		for i, target := range d.Targets {
			target.fill()
			assert.Equal(t, target, c.Targets[i])
		}
	}
}

func TestADraftWithAMistakeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Draft{Service: "the \"orders\"\n", Operator: "alice"}.Text("new.toml")
	var problems Problems
	require.ErrorAs(t, err, &problems)
	assert.Equal(t, "new.toml", problems[0].File)
}

func TestSlots(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Slot{
		"preview":             {Target: "preview"},
		"development":         {Target: "development"},
		"production":          {Target: "production"},
		"preview:feat/one.2":  {Target: "preview", Branch: "feat/one.2"},
		"custom:qa-1":         {CustomEnvironment: "qa-1"},
		"":                    {},
		"Preview":             {},
		"preview:":            {},
		"preview:-x":          {},
		"preview:a b":         {},
		"preview:a..b":        {},
		"development:feat":    {},
		"production:main":     {},
		"custom":              {},
		"custom:QA":           {},
		"custom:qa,custom:qb": {},
	} {
		got, ok := ParseSlot(text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want != Slot{}, ok, text)
		if ok {
			assert.Equal(t, text, got.String())
		}
	}
	target := Target{Staging: []string{"development", "preview", "custom:qa"}, Production: []string{"production"}}
	staging := target.Slots("staging")
	assert.Equal(t, []Slot{{Target: "preview"}, {CustomEnvironment: "qa"}, {Target: "development"}}, staging, "what is deployed comes first")
	assert.Equal(t, []string{TypeSensitive, TypeSensitive, TypeEncrypted},
		[]string{target.TypeFor(staging[0]), target.TypeFor(staging[1]), target.TypeFor(staging[2])})
	target.Type = TypeEncrypted
	assert.Equal(t, TypeEncrypted, target.TypeFor(staging[0]))
}
