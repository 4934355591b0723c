// Package steps does the items of the checklists: one file for each kind of
// step, each a checklist.Step that acts through Outside.
//
// Start with Catalog, which lists every step by the name that items use. A new
// step is one new file and one line there.
package steps
