package steps

import (
	"keyturn/checklist"
	"keyturn/steps/probe"
)

// What a target does with the keys. A signer holds them and is deployed like
// the others, but answers no probe.
const (
	RoleVerifier = "verifier"
	RoleSigner   = "signer"
	RoleBoth     = "both"
)

// Verifies reports whether the target's service can be asked about a key.
func (t Target) Verifies() bool { return t.Role != RoleSigner }

// probeTarget is where the target's service is asked in an environment.
func (t Target) probeTarget(e checklist.Environment) probe.Target {
	return probe.Target{URL: t.URLs[e], Bypass: t.Bypass}
}
