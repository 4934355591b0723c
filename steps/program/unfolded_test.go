package program

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
)

func TestKeysNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]keygen.KeyID{
		``:                                     nil,
		`{"old":"v1","new":"v4"`:               {"v1", "v4"},
		`"old":"default","new":"emergency"`:    {"default", "emergency"},
		`add HMAC_SECRET_V12 to staging`:       {"v12"},
		`HMAC_SECRET_V1_OLD HMAC_SECRET_`:      {"v1"},
		"\x00\xffstaging/v3 production/v3\x00": {"v3"},
		`"older":"v7","renew":"v8"`:            nil,
		`"old":"v0","new":"v01","old":"x"`:     nil,
		`tests/v9 backstaging/v9`:              nil,
	} {
		assert.Equal(t, want, keysNamed([]byte(text)), "%q", text)
	}
}

func TestMayRevoke(t *testing.T) {
	t.Parallel()
	read := func(session string) []byte {
		text, err := os.ReadFile(filepath.Join("testdata", "old-state", "live", "sessions", session, journalFile))
		require.NoError(t, err)
		return text
	}
	emergency, rotation := read(oldEmergency), read(oldRotation)
	lines := bytes.SplitAfter(emergency, []byte("\n"))
	begun := bytes.Join(lines[:8], nil) // of it nothing is removed yet
	require.NotContains(t, string(begun), removalItem())
	spoil := func(text []byte, old, with string) []byte {
		spoilt := bytes.Replace(text, []byte(old), []byte(with), 1)
		require.NotEqual(t, string(text), string(spoilt))
		return spoilt
	}
	both := []checklist.Environment{checklist.Staging, checklist.Production}
	for name, tc := range map[string]struct {
		session string
		text    []byte
		v1      []checklist.Environment // where it may be revoked
		v2      []checklist.Environment
	}{
		"an emergency of staging":              {oldEmergency, emergency, both[:1], nil},
		"whose end is torn":                    {oldEmergency, emergency[:len(emergency)-9], both[:1], nil},
		"that has removed nothing":             {oldEmergency, begun, nil, nil},
		"that has lost a line":                 {oldEmergency, spoil(begun, `{"seq":4`, `{seq:4`), both[:1], nil},
		"whose opening cannot be read":         {oldEmergency, spoil(emergency, `{"seq":1`, `{seq:1`), both, both},
		"whose opening was changed":            {oldEmergency, spoil(emergency, `"old":"v1"`, `"old":"v3"`), both, both},
		"whose opening names another place":    {oldEmergency, spoil(emergency, `["staging"]`, `["xxxxxxx"]`), both, both},
		"under another name, without its head": {"x", bytes.Join(lines[1:], nil), both, nil}, // which does not name v2
		"of which nothing is left":             {oldEmergency, bytes.Repeat([]byte{0}, 900), nil, nil},
		"that cannot be read at all":           {oldEmergency, nil, nil, nil},
		"a rotation":                           {oldRotation, rotation, nil, nil},
		"a rotation whose opening is lost":     {oldRotation, spoil(rotation, `{"seq":1`, `{seq:1`), nil, nil},
		"a rotation called emergency": {oldRotation, spoil(spoil(rotation, `{"seq":1`, `{seq:1`), `"checklist":"quarterly"`, `"checklist":"emergency"`),
			both, both},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := unfold(tc.session, tc.text)
			for id, want := range map[keygen.KeyID][]checklist.Environment{"v1": tc.v1, "v2": tc.v2, "v9": nil} {
				var where []checklist.Environment
				for _, e := range both {
					if u.mayRevoke(id, e) {
						where = append(where, e)
					}
				}
				assert.Equal(t, want, where, id)
			}
			assert.NotEmpty(t, u.state())
		})
	}
}
