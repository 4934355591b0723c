// Package drill holds the steps that only a drill has: the test agent, the alerts,
// the test checklist and the end of the test key.
package drill
