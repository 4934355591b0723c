package traffic

import (
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/requestlog"
)

// OrRollBack adds to a hint, in a rotation, that there is a way back.
func OrRollBack(sc *checklist.Scope, hint string) string {
	if sc.Session.Checklist.ID != checklist.KindQuarterly {
		return hint
	}
	return hint + "; keyturn rollback puts the old key back"
}

// AlertError says that more signatures were refused in an hour than the
// runbook's alert allows.
type AlertError struct {
	Hour requestlog.Hour
	hint string
}

func (e *AlertError) Error() string {
	return fmt.Sprintf("%d signatures were refused in the hour of %s, over the alert at %d",
		e.Hour.Count, e.Hour.Start.UTC().Format("2 Jan 15:04"), requestlog.FailureThreshold)
}

// Hint says what to do next.
func (e *AlertError) Hint() string { return e.hint }
