package checklist

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Setup is what a session binds of the configuration: what it acts on, how, and
// who must agree. The opening carries it. A configuration that says something
// else later is drift, and nothing is done before the operator has agreed to
// it. No address is ever dialled from a Setup: steps dial the configuration's,
// and only while the two are equal.
type Setup struct {
	Service string   `json:"service"`
	Team    string   `json:"team,omitempty"` // "" is a personal account
	API     string   `json:"api,omitempty"`  // base URL of the platform's API
	Hosting string   `json:"hosting"`        // HostingAPI or HostingDashboard
	Targets []Target `json:"targets"`
	// Profile says how requests are signed, and Log where the request log is and
	// what of it is read; both field by field.
	Profile map[string]string `json:"profile,omitempty"`
	Log     map[string]string `json:"log,omitempty"`
	// Limits are what the gates and alerts compare with, by name.
	Limits       map[string]int `json:"limits,omitempty"`
	RotationDays int            `json:"rotation_days"`
	DualKeyDays  int            `json:"dual_key_days"`
	Approval     ApprovalRule   `json:"approval"`
}

// How changes are made where keys are deployed.
const (
	HostingAPI       = "api"
	HostingDashboard = "dashboard" // by the operator, whom Keyturn tells what to press
)

// PlatformVercel is the platform of a target that is a Vercel project.
const PlatformVercel = "vercel"

// Target is a place that holds the secrets, as a session binds it.
type Target struct {
	Name     string `json:"name"`
	Platform string `json:"platform"`
	Project  string `json:"project"` // id or name at the platform
	Role     string `json:"role"`    // verifier, signer or both
	// Slots are where the variable of an environment lives, and Probes the
	// addresses at which its service is asked.
	Slots     map[Environment][]string `json:"slots,omitempty"`
	Probes    map[Environment]string   `json:"probes,omitempty"`
	Protected bool                     `json:"protected,omitempty"` // a bypass secret passes its protection
}

// ApprovalRule says how many people other than the operator must agree to a
// change of production, and who may.
type ApprovalRule struct {
	Required  int      `json:"required"`
	Approvers []string `json:"approvers,omitempty"` // principals, as the roster had them
}

// TargetNames returns the names of the targets, in order.
func (s Setup) TargetNames() []string {
	names := make([]string, len(s.Targets))
	for i, t := range s.Targets {
		names[i] = t.Name
	}
	return names
}

// Without returns the setup without targets.
func (s Setup) Without(names ...string) Setup {
	s.Targets = slices.DeleteFunc(slices.Clone(s.Targets), func(t Target) bool { return slices.Contains(names, t.Name) })
	return s
}

// WithoutPorts returns the setup with addresses whose ports are left out: those
// of the sandbox change with every start.
func (s Setup) WithoutPorts() Setup {
	s.API, s.Log = withoutPort(s.API), maps.Clone(s.Log)
	for name, value := range s.Log {
		s.Log[name] = withoutPort(value)
	}
	s.Targets = slices.Clone(s.Targets)
	for i, t := range s.Targets {
		probes := maps.Clone(t.Probes)
		for e, address := range probes {
			probes[e] = withoutPort(address)
		}
		s.Targets[i].Probes = probes
	}
	return s
}

func withoutPort(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		return address
	}
	u.Host = u.Hostname()
	return u.String()
}

// fields returns what is bound, by the name of its field. A target's fields
// begin with "targets/NAME/".
func (s Setup) fields() map[string]string {
	all := map[string]string{
		"service": s.Service, "team": s.Team, "api": s.API, "hosting": s.Hosting,
		"rotation_days": fmt.Sprint(s.RotationDays), "dual_key_days": fmt.Sprint(s.DualKeyDays),
		"approval.required": fmt.Sprint(s.Approval.Required), "approval.approvers": strings.Join(s.Approval.Approvers, " "),
	}
	for prefix, some := range map[string]map[string]string{"profile.": s.Profile, "log.": s.Log} {
		for name, value := range some {
			all[prefix+name] = value
		}
	}
	for name, limit := range s.Limits {
		all["limits."+name] = fmt.Sprint(limit)
	}
	for _, t := range s.Targets {
		at := targetField(t.Name)
		all[at+"platform"], all[at+"project"], all[at+"role"] = t.Platform, t.Project, t.Role
		all[at+"protected"] = fmt.Sprint(t.Protected)
		for e, slots := range t.Slots {
			all[at+"slots."+string(e)] = strings.Join(slots, " ")
		}
		for e, address := range t.Probes {
			all[at+"probes."+string(e)] = address
		}
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

func targetField(name string) string { return "targets/" + name + "/" }

// Diff returns what is different in another setup, field by field. A target
// that only one of the two has is one difference.
func (s Setup) Diff(other Setup) []Drift {
	var whole []Drift
	ours, theirs := s.TargetNames(), other.TargetNames()
	for _, name := range ours {
		if !slices.Contains(theirs, name) {
			whole = append(whole, Drift{Subject: "targets/" + name, Believed: name})
			s = s.Without(name)
		}
	}
	for _, name := range theirs {
		if !slices.Contains(ours, name) {
			whole = append(whole, Drift{Subject: "targets/" + name, Found: name})
			other = other.Without(name)
		}
	}
	return append(whole, compare(s.fields(), other.fields())...)
}

// Missing returns the names of the targets that the other setup does not have.
func (s Setup) Missing(other Setup) []string {
	names := other.TargetNames()
	return slices.DeleteFunc(s.TargetNames(), func(name string) bool { return slices.Contains(names, name) })
}

// Digest returns the SHA-256 of what an approval binds of the setup, in hex: all
// of it but who may approve, since whoever joins the roster changes nothing of
// what was approved.
func (s Setup) Digest() string {
	s.Approval.Approvers = nil
	s.Targets = slices.SortedFunc(slices.Values(s.Targets), func(a, b Target) int { return cmp.Compare(a.Name, b.Name) })
	return digest(s)
}

// digest returns the SHA-256 of a value's JSON in hex. The value holds strings,
// numbers, slices and maps, which always encode, and in one way.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
