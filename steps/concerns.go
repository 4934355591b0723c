package steps

import (
	"strings"

	"keyturn/checklist"
)

// Concerns reports whether an effect of any session is about a subject of
// Observe: a row of the same target and the same variable.
func Concerns(e checklist.Effect, subject string) bool {
	row, _, _ := strings.Cut(subject, " row ")
	variable, ok := strings.CutPrefix(row, e.Target+" ")
	return ok && e.Target != "" && strings.HasPrefix(e.Name, "vercel.env.") && strings.Contains(e.Words+" ", variable+" ")
}
