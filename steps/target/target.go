package target

import (
	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/vercel"
)

// Target is one Vercel project whose deployments verify signatures.
type Target struct {
	Project string // id or name
	Name    string // for people
	// URLs is where each environment's service is probed.
	URLs map[checklist.Environment]string
	// Path is the part of the URLs that a deployment's own address is followed
	// by, such as /api/test.
	Path string
	// Role is RoleVerifier, RoleSigner or RoleBoth; "" is RoleVerifier.
	Role string
	// Slots are where the variable of an environment lives, the one that is
	// deployed first; of an environment without any, as vercelTargets says.
	Slots map[checklist.Environment][]Slot
	// Protected says that Vercel's deployment protection is on, which Bypass
	// passes; zero where there is none, or the vault does not have it.
	Protected bool
	Bypass    keygen.Secret
}

// Slot is one place for a variable's row: a Vercel target, narrowed to a git
// branch of previews, or else a custom environment.
type Slot struct {
	Target            string // preview, development or production; "" with CustomEnvironment
	Branch            string // of preview only; "" for all branches
	CustomEnvironment string // slug
	Type              string // sensitive or encrypted; "" is vercel.TypeFor of the target
}

// vercelTargets returns the Vercel targets that make up an environment, the
// one that is deployed first.
func vercelTargets(e checklist.Environment) []string {
	if e == checklist.Production {
		return []string{vercel.TargetProduction}
	}
	return []string{vercel.TargetPreview, vercel.TargetDevelopment}
}

// What a target does with the keys. A signer holds them and is deployed like
// the others, but answers no probe.
const (
	RoleVerifier = "verifier"
	RoleSigner   = "signer"
	RoleBoth     = "both"
)

// Verifies reports whether the target's service can be asked about a key.
func (t Target) Verifies() bool { return t.Role != RoleSigner }

// ProbeTarget is where the target's service is asked in an environment.
func (t Target) ProbeTarget(e checklist.Environment) probe.Target {
	return probe.Target{URL: t.URLs[e], Bypass: t.Bypass}
}
