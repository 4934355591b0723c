// Package steps is the wiring of the steps that do the items of the checklists:
// NewCatalog lists every step by the name that items use, and Outside is all that
// they reach. The steps themselves are in the packages below, by concern, and each
// sees no more of the outside than it uses. A new step is one new file there and
// one line in the catalog.
package steps
