// Package ui is the full-screen interface. Run is its only entrance and Desk
// all that it knows of the world behind it.
//
// The root routes messages; home and session are the screens, one file each;
// a prompt or a card may lie over them. Engines run in goroutines of their
// own, and what they report comes back through one pump, so that a slow
// terminal never holds an engine up. Only this package imports Bubble Tea.
package ui
