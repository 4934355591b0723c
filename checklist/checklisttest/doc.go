// Package checklisttest helps to test what drives a checklist and what a
// checklist drives: a scripted operator that fails the test on a question it
// does not expect, steps that do what a test says, and a clock that only the
// test moves.
//
// Start with Open, which returns an engine for a new session.
package checklisttest
