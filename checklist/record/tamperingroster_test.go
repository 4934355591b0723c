package record_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen/sshsig"
)

// A roster that ssh-keygen would take otherwise than it reads is refused by both.
func TestRostersThatAreRefused(t *testing.T) {
	t.Parallel()
	script := stockCheck(t)
	trail := threeRecords(t)
	honest := rosterText(t)
	for name, text := range map[string]string{
		"a pattern for a person":    strings.Replace(honest, bob, "*@example.com", 1),
		"several people in a line":  strings.Replace(honest, bob, bob+","+carol, 1),
		"a key in two lines":        honest + strings.Replace(strings.SplitAfter(honest, "\n")[0], alice, bob, 1),
		"an authority":              strings.Replace(honest, bob+" ", bob+" cert-authority,", 1),
		"a purpose without quotes":  strings.Replace(honest, bob+` namespaces="keyturn-record,keyturn-approval,keyturn-head"`, bob+` namespaces=keyturn-approval`, 1),
		"no purpose":                strings.Replace(honest, bob+` namespaces="keyturn-record,keyturn-approval,keyturn-head"`, bob+` valid-after="20260101Z"`, 1),
		"a time without a zone":     strings.Replace(honest, bob+` `, bob+` valid-after="20260101",`, 1),
		"a line that is not a line": honest + "who knows\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, honest, text)
			_, err := sshsig.ParseRoster("allowed_signers", []byte(text))
			var refused *sshsig.RosterError
			require.ErrorAs(t, err, &refused)
			signers := filepath.Join(t.TempDir(), "allowed_signers")
			write(t, text, signers)
			out, err := script.with(t, trail.Dir(), signers)
			require.Error(t, err, out)
			assert.Contains(t, out, "BAD roster")
		})
	}
}
