// Package checklist is the domain: a Checklist is a list of Items, each done
// by a Step; the Engine runs them and writes each Event to the Journal before
// anyone sees it; a Session is the fold of its events; an Operator is whoever
// is shown events and answers questions.
//
// The package touches neither files, network, processes nor screens. Start
// with Engine.Run, which is the life of one step, and Session.Next, which says
// what may be done now and why anything else may not.
package checklist
