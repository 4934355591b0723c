package checklisttest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// Folded returns the session of a journal that begins with an opening, and the
// journal.
func Folded(t testing.TB, o checklist.Opening, events ...checklist.Event) (*checklist.Session, []checklist.Event) {
	t.Helper()
	all := append([]checklist.Event{{At: Morning(), By: o.Operator, Kind: checklist.Opened, Opening: &o}}, events...)
	for i := range all {
		all[i].Seq = i + 1
		if all[i].At.IsZero() {
			all[i].At = Morning().Add(time.Duration(i) * time.Minute)
		}
	}
	s, err := checklist.Fold(all)
	require.NoError(t, err)
	return s, all
}
