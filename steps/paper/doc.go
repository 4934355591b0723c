// Package paper writes what a session leaves for people to file: the entry of
// docs/decisions.md, the entry of the incident log, the draft of a post-mortem,
// and a calendar. It knows no checklist: it is given a Document.
//
// Start with Templates, which turn a Document into Markdown, and with
// PlanAppend and PlanCreate, whose Draft is shown before it is written.
package paper
