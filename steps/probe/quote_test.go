package probe

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":            "''",
		"plain-1.2/x": "plain-1.2/x",
		"a b":         "'a b'",
		"it's":        `'it'\''s'`,
		"$HOME `id`":  "'$HOME `id`'",
		"~":           "'~'",
		"a\nb":        "'a\nb'",
	} {
		assert.Equal(t, want, quote(in))
	}
}

func FuzzQuoteRoundTripsThroughTheShell(f *testing.F) {
	sh, err := exec.LookPath("sh")
	switch {
	case err == nil:
	case os.Getenv("KEYTURN_TEST_REQUIRE") == "all":
		f.Fatal("sh is required and not installed")
	default:
		f.Skip("sh is not installed")
	}
	for _, seed := range []string{"", "'", "''", `\`, `\'`, "$(id)", "`id`", "!!", "a\nb\n", "\xff\xfe", "é", "-n", "~/x", "*", "%s", "\x1b[31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			t.Skip("no argument can hold a NUL")
		}
		out, err := exec.CommandContext(t.Context(), sh, "-c", "printf %s "+quote(s)).Output()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if string(out) != s {
			t.Fatalf("%q became %q", s, out)
		}
	})
}
