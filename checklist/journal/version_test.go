package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// What another version wrote is no damage, and says which version to use.
func TestOtherVersions(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	for _, e := range []checklist.Event{opening("rot"), note("hello")} {
		_, err := m.Append(t.Context(), e)
		require.NoError(t, err)
	}
	now, err := m.Bytes()
	require.NoError(t, err)
	text := string(now)
	// chained is the text with its first line changed, and the second after it.
	chained := func(old, new string) string {
		first, rest, _ := strings.Cut(text, "\n")
		changed := strings.Replace(first, old, new, 1) + "\n"
		require.NotEqual(t, first+"\n", changed)
		return changed + strings.Replace(rest, checklist.LineDigest([]byte(first+"\n")), checklist.LineDigest([]byte(changed)), 1)
	}
	for name, tc := range map[string]struct {
		text string
		old  bool
		want string
	}{
		"older":                               {chained(`"format":"keyturn.journal/v2",`, ""), true, "made by a pre-release version of Keyturn"},
		"newer":                               {chained("keyturn.journal/v2", "keyturn.journal/v3"), false, `was made by a newer Keyturn: line 1: its format is "keyturn.journal/v3"`},
		"a field of a later":                  {chained(`"kind":"opened"`, `"kind":"opened","mood":"calm"`), false, `was made by a newer Keyturn: line 1: unknown field "mood"`},
		"a field of a later in the last line": {strings.Replace(text, `"kind":"noted"`, `"kind":"noted","mood":"calm"`, 1), false, `was made by a newer Keyturn: line 2: unknown field "mood"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEqual(t, text, tc.text)
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "rot"), 0o700))
			path := filepath.Join(dir, "rot", fileName)
			require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o600))
			_, err := Open(dir, "rot", options())
			require.ErrorContains(t, err, tc.want)
			assert.NotEmpty(t, checklist.Hint(err))
			var newer *checklist.NewerError
			var damaged *DamagedError
			if tc.old {
				require.ErrorIs(t, err, checklist.ErrPreRelease)
			} else {
				require.ErrorAs(t, err, &newer)
			}
			assert.NotErrorAs(t, err, &damaged)
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, tc.text, string(left), "it is left as it was")
		})
	}
}
