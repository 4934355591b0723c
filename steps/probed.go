package steps

import (
	"slices"

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

// verifies reports whether the target's service can be asked about a key.
func (t Target) verifies() bool { return t.Role != RoleSigner }

// verifiers are the targets that can be probed.
func (o *Outside) verifiers() []Target {
	return slices.DeleteFunc(slices.Clone(o.Targets), func(t Target) bool { return !t.verifies() })
}

// probed are the cells that can be probed.
func (o *Outside) probed(environments []checklist.Environment) []cell {
	return slices.DeleteFunc(o.cells(environments), func(c cell) bool { return !c.target.verifies() })
}

// probeTarget is where the target's service is asked in an environment.
func (t Target) probeTarget(e checklist.Environment) probe.Target {
	return probe.Target{URL: t.URLs[e], Bypass: t.Bypass}
}
