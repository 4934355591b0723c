// Package programtest helps to test whole sessions: an operator that nobody has
// to sit beside, and a search for secrets where none may be.
//
// Start with Operator and Secrets.
package programtest
