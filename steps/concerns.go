package steps

import "keyturn/checklist"

// Concerns reports whether an effect of any session is about a subject of
// Observe: a row of the same target and the same key.
func Concerns(e checklist.Effect, subject string) bool {
	target, variable, _, ok := checklist.ParseVariable(subject)
	if !ok || e.Target != target || e.Key == "" || e.Key.Variable() != variable {
		return false
	}
	switch e.Code {
	case checklist.VariableCreate, checklist.VariableDelete, checklist.VariableNarrow:
		return true
	}
	return false
}
