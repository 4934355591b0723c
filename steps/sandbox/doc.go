// Package sandbox is a whole small company on the loopback interface: a stand-in
// for the Vercel API, a service in staging and in production that verifies
// request signatures against the environment of the deployment it runs, a
// request log, clients that move from an old key to a new one over days, and a
// clock that can be turned. The clients that Keyturn uses for the real systems
// reach it over HTTP and cannot tell the difference, except by the address.
//
// Start with Open. A World survives a restart: its state is one file, written
// before any answer that a change was made, with every secret in it sealed.
//
// For tests and measurements a World without a folder lives in memory; its
// Account may hold any number of projects, teams and members, Knobs make the
// Vercel API slow, limited or unreliable, Calls tells what was called, and
// Unexpected what was called outside of the plan that Expect declares. The
// official command line client, run by the package vercelcli, holds the API to
// the real contract.
package sandbox
