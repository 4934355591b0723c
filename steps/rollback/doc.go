// Package rollback holds the steps that only a rollback has: what the trouble is,
// putting the old key back, proving and investigating it, and the decision how to
// go on.
package rollback
