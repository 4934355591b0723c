package vault

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"staging/v2", "signing/operator", "sandbox/world", "a", "A.b_c-9", "..a", strings.Repeat("a", 128),
	} {
		name, err := ParseName(good)
		require.NoError(t, err, good)
		assert.Equal(t, Name(good), name)
	}
	for what, bad := range map[string]string{
		"empty":             "",
		"too long":          strings.Repeat("a", 129),
		"a space":           "staging v2",
		"a line break":      "staging\nadd-generic-password",
		"a quote":           `staging"v2`,
		"not ASCII":         "stäging",
		"not UTF-8":         "\xff",
		"a NUL":             "a\x00b",
		"a leading slash":   "/staging",
		"a trailing slash":  "staging/",
		"an empty part":     "staging//v2",
		"a dot":             "staging/./v2",
		"a parent":          "staging/../v2",
		"a leading hyphen":  "-staging",
		"a backslash":       `staging\v2`,
		"only two dots":     "..",
		"a percent sign":    "a%2fb",
		"a Windows device:": "c:",
	} {
		_, err := ParseName(bad)
		assert.Error(t, err, what)
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"staging/v2", "", "..", "a/../b", "a\nb", "-a", "a//b", strings.Repeat("x", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseName(s)
		if err != nil {
			return
		}
		assert.Equal(t, s, string(name))
		assert.LessOrEqual(t, len(s), 128)
		assert.Regexp(t, `^[A-Za-z0-9._/-]+$`, s)
		assert.NotContains(t, "/"+s+"/", "/../")
		assert.NotContains(t, "/"+s+"/", "//")
	})
}

func TestErrorSaysWhatWhereAndWhy(t *testing.T) {
	t.Parallel()
	cause := errors.New("the dialog was closed")
	err := error(&Error{Op: "get", Subject: "staging/v2", Kind: ErrLocked, Cause: cause, Advice: "unlock it"})
	require.EqualError(t, err, "get staging/v2: vault is locked: the dialog was closed")
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, ErrTimeout)
	requireHint(t, err, "unlock it")
}
