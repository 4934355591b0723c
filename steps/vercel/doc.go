// Package vercel is a small client for the part of Vercel's REST API that a key
// rotation needs: who am I, one project, its environment variables, its
// deployments.
//
// Start with New, then read variables.go and deployments.go for
// the operations, and wait.go for WaitReady.
//
// Three habits of the API shape this package:
//
//   - A change of a variable reaches new deployments only, and READY is not yet
//     serving: WaitReady also waits for the aliases.
//   - An answer may echo the value that was sent, so no answer is ever kept or
//     printed; what an error quotes of one is cleaned first.
//   - A write whose answer was lost may have taken place. It is never sent again
//     blindly: it ends in an UnknownOutcomeError and the caller reads.
package vercel
