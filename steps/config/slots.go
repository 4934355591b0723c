package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a target does with the keys.
const (
	RoleVerifier = "verifier" // verifies signatures, and is probed
	RoleSigner   = "signer"   // signs, and cannot be asked about a key
	RoleBoth     = "both"
)

// The types that a variable can be given.
const (
	TypeSensitive = "sensitive" // can never be read back
	TypeEncrypted = "encrypted"
)

const (
	preview     = "preview"
	development = "development"
	production  = "production"
)

// Slot is one place for a variable at Vercel: a target, narrowed to a git branch
// where it is preview, or else a custom environment.
type Slot struct {
	Target            string // preview, development or production; "" with CustomEnvironment
	Branch            string // of preview only; "" for all branches
	CustomEnvironment string // slug
}

var (
	slugPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)
	// What git-check-ref-format(1) allows and people use.
	branchPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/+#@-]{0,249}$`)
)

// ParseSlot reads preview, development, production, preview:BRANCH or
// custom:SLUG.
func ParseSlot(text string) (Slot, bool) {
	target, rest, narrowed := strings.Cut(text, ":")
	switch {
	case !narrowed && slices.Contains([]string{preview, development, production}, target):
		return Slot{Target: target}, true
	case target == preview && branchPattern.MatchString(rest) && !strings.Contains(rest, ".."):
		return Slot{Target: preview, Branch: rest}, true
	case target == "custom" && slugPattern.MatchString(rest):
		return Slot{CustomEnvironment: rest}, true
	}
	return Slot{}, false
}

// String writes the slot as ParseSlot reads it.
func (s Slot) String() string {
	switch {
	case s.CustomEnvironment != "":
		return "custom:" + s.CustomEnvironment
	case s.Branch != "":
		return s.Target + ":" + s.Branch
	}
	return s.Target
}

// deployed reports whether deployments are made for the slot.
func (s Slot) deployed() bool { return s.Target != development }

// defaultSlots are the slots of an environment that the file does not name.
func defaultSlots(environment string) []string {
	if environment == production {
		return []string{production}
	}
	return []string{preview, development}
}

// fill gives the target the defaults of what the file leaves out.
func (t *Target) fill() {
	if t.Role == "" {
		t.Role = RoleVerifier
	}
	if t.Staging == nil {
		t.Staging = defaultSlots("staging")
	}
	if t.Production == nil {
		t.Production = defaultSlots(production)
	}
}

// Slots returns the slots of an environment, the ones that are deployed first.
func (t Target) Slots(environment string) []Slot {
	names := t.Staging
	if environment == production {
		names = t.Production
	}
	var first, last []Slot
	for _, name := range names {
		s, _ := ParseSlot(name) // checked when the file was read
		if s.deployed() {
			first = append(first, s)
		} else {
			last = append(last, s)
		}
	}
	return append(first, last...)
}

// TypeFor returns the type of the variable in a slot. Development cannot hold
// sensitive ones.
func (t Target) TypeFor(s Slot) string {
	switch {
	case t.Type != "":
		return t.Type
	case s.Target == development:
		return TypeEncrypted
	}
	return TypeSensitive
}

// theSlots judges the slots of an environment, each by itself and within its
// list.
func theSlots(environment string) func([]string) string {
	want := `want "preview", "development", "preview:BRANCH" or "custom:SLUG"`
	example := `want a list such as ["preview", "development"]`
	if environment == production {
		want, example = `want "production" or "custom:SLUG"`, `want a list such as ["production"]`
	}
	return func(names []string) string {
		if len(names) == 0 {
			return example + ", or leave it out for that"
		}
		deployed := false
		for i, name := range names {
			s, ok := ParseSlot(name)
			switch {
			case !ok:
				return want + " instead of " + quoted(name)
			case s.Target != "" && (s.Target == production) != (environment == production):
				return want + ": " + quoted(name) + " belongs to the other environment"
			case slices.Contains(names[:i], name):
				return "name " + quoted(name) + " once"
			}
			deployed = deployed || s.deployed()
		}
		if !deployed {
			return `add a slot that is deployed, such as "preview": development is not, and nothing could be proved there`
		}
		return ""
	}
}

// compareSlots reports slots of one target that are right alone and wrong
// together.
func (x *examination) compareSlots(target string) {
	staging, given := x.right[target+".staging"]
	names := staging.items
	if !given {
		names = defaultSlots("staging")
	}
	if both, ok := x.right[target+".production"]; ok {
		for _, name := range both.items {
			if slices.Contains(names, name) {
				x.add(both.line, both.path, quoted(name)+", which staging has too",
					"leave it in one of the two: each environment has a secret of its own")
			}
		}
	}
	kind, ok := x.right[target+".type"]
	_, wrong := x.strange[target+".staging"]
	if ok && !wrong && kind.text == TypeSensitive && slices.Contains(names, development) {
		x.add(kind.line, kind.path, kind.kindName()+", and staging has development, which Vercel refuses it",
			`leave type out, so that development alone gets "encrypted", or leave development out: staging = ["preview"]`)
	}
}

// compareRoles reports a service of which nothing could be proved.
func (x *examination) compareRoles() {
	for i := range x.targets {
		if x.right[fmt.Sprintf("targets[%d].role", i)].text != RoleSigner {
			return
		}
	}
	if len(x.targets) > 0 {
		x.add(x.targets[0], "targets", "signers only", "add the project that verifies: without a verifier nothing proves a key")
	}
}

// needsProbe reports whether the target must have a probe. One whose role is
// wrong may be meant to be a signer.
func (x *examination) needsProbe(target string) bool {
	role, right := x.right[target+".role"]
	_, given := x.given[target+".role"]
	return !given || right && role.text != RoleSigner
}
