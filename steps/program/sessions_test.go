package program

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
)

// A key is revoked from the first row that was taken out on: a removal that was
// cut off is no reason to trust it again.
func TestRevoked(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 2, 1, 0, 0, 0, time.UTC)
	effect := checklist.Effect{Code: checklist.VariableDelete, Environment: checklist.Production, Key: "v1", Object: "env_1"}
	begun := []checklist.Event{{Kind: checklist.Started}, {Kind: checklist.Intended, Effect: &effect}}
	for name, tc := range map[string]struct {
		checklist string
		old       keygen.KeyID
		in        []checklist.Environment
		events    []checklist.Event // of the removal
		want      bool
	}{
		"removed":                        {"emergency", "v1", []checklist.Environment{checklist.Staging, checklist.Production}, []checklist.Event{{Kind: checklist.Passed, Evidence: &checklist.Evidence{}}}, true},
		"begun, and nobody knows":        {"emergency", "v1", []checklist.Environment{checklist.Production}, begun, true},
		"begun, and one row is gone":     {"emergency", "v1", []checklist.Environment{checklist.Production}, append(begun[:2:2], checklist.Event{Kind: checklist.Done, Effect: &effect}), true},
		"declared, and nothing was done": {"emergency", "v1", []checklist.Environment{checklist.Production}, nil, false},
		"another key":                    {"emergency", "v2", []checklist.Environment{checklist.Production}, begun, false},
		"another environment":            {"emergency", "v1", []checklist.Environment{checklist.Staging}, begun, false},
		"no emergency":                   {"quarterly", "v1", []checklist.Environment{checklist.Production}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := checklist.Find(tc.checklist, 7, false)
			require.NoError(t, err)
			events := []checklist.Event{{Seq: 1, At: at, Kind: checklist.Opened, Opening: &checklist.Opening{
				Session: "session-1", Checklist: c, Old: tc.old, New: "v3", Environments: tc.in,
			}}}
			for _, e := range tc.events {
				e.Seq, e.At, e.Item = len(events)+1, at, "remove-compromised"
				events = append(events, e)
			}
			s, err := checklist.Fold(events)
			require.NoError(t, err)
			assert.Equal(t, tc.want, revoked(s, "v1", checklist.Production))
		})
	}
}
