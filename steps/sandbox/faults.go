package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// Fault is the name of something that goes wrong in a world until it is lifted
// or has struck often enough. One is in force at a time.
type Fault string

// The faults. Faults says what each does.
const (
	None              Fault = "none"
	API429            Fault = "api-429"
	API500            Fault = "api-500"
	TimeoutAfterWrite Fault = "timeout-after-write"
	TrailingNewline   Fault = "trailing-newline"
	EmptyValue        Fault = "empty-value"
	DeploymentStuck   Fault = "deployment-stuck"
	DeploymentFailed  Fault = "deployment-failed"
	AliasLag          Fault = "alias-lag"
	Straggler         Fault = "straggler"
	AcceptEverything  Fault = "accept-everything"
)

const (
	every429       = 3  // each third API call
	strikes429     = 4  // and no more than this many
	burst500       = 2  // calls in a row that fail
	every500       = 5  // one burst in so many calls
	strikes500     = 6  // three bursts
	strikesTimeout = 3  // lost answers, the first and then each second write
	strikesLag     = 2  // deployments
	aliasLagBuilds = 20 // how many build times an address is late
)

// FaultInfo describes a fault to people.
type FaultInfo struct {
	Name  Fault
	What  string // what goes wrong, one line
	Lifts string // when it ends, and what stays behind; one line
}

// Faults returns every fault but None, in the order in which to show them.
func Faults() []FaultInfo {
	const untilLifted = "when it is lifted"
	return []FaultInfo{
		{API429, "every third call of the Vercel API is refused with 429, Retry-After 1",
			fmt.Sprintf("by itself after %d refusals", strikes429)},
		{API500, "calls of the Vercel API fail with 500 before they have an effect, two in a row",
			fmt.Sprintf("by itself after %d failures", strikes500)},
		{TimeoutAfterWrite, "a write to the Vercel API takes effect, but the connection is cut instead of an answer: the first write, then every other",
			fmt.Sprintf("by itself after %d lost answers", strikesTimeout)},
		{TrailingNewline, "values are stored with a newline at the end, as echo would give them",
			untilLifted + "; a value stored meanwhile keeps its newline until it is replaced and redeployed"},
		{EmptyValue, "values are stored empty, although the write succeeds",
			untilLifted + "; a value stored meanwhile stays empty until it is replaced and redeployed"},
		{DeploymentStuck, "deployments stay BUILDING and are never READY",
			untilLifted + "; then those that are stuck become READY at once"},
		{DeploymentFailed, "deployments end in ERROR; the older one goes on serving",
			untilLifted + "; a failed deployment stays failed"},
		{AliasLag, fmt.Sprintf("deployments are READY, but their address leads to the older one for %d more build times", aliasLagBuilds),
			fmt.Sprintf("by itself after %d deployments; lifting it assigns the addresses at once", strikesLag)},
		{Straggler, fmt.Sprintf("the client %s never leaves the old key", stragglerName),
			untilLifted + "; the client then moves within the hour"},
		{AcceptEverything, "the company's service accepts every request, signed or not",
			untilLifted},
	}
}

// ParseFault accepts the name of a fault, none and the empty name.
func ParseFault(name string) (Fault, error) {
	if name == "" || Fault(name) == None {
		return None, nil
	}
	names := []string{string(None)}
	for _, info := range Faults() {
		if string(info.Name) == name {
			return info.Name, nil
		}
		names = append(names, string(info.Name))
	}
	return "", fmt.Errorf("fault %q: want one of %s", name, strings.Join(names, ", "))
}

// faultState is the fault in force and how often it has had its chance.
type faultState struct {
	Name    Fault `json:"name"`
	Chances int   `json:"chances"`
	Strikes int   `json:"strikes"`
}

func (f faultState) name() Fault {
	if f.Name == "" {
		return None
	}
	return f.Name
}

// strike gives the named fault its chance, if it is the one in force, and
// reports whether it struck.
func (f *faultState) strike(fault Fault) bool {
	if f.Name != fault {
		return false
	}
	f.Chances++
	if !f.due() {
		return false
	}
	f.Strikes++
	return true
}

func (f *faultState) due() bool {
	switch f.Name {
	case API429:
		return f.Chances%every429 == 0 && f.Strikes < strikes429
	case API500:
		return f.Chances%every500 >= every500-burst500 && f.Strikes < strikes500
	case TimeoutAfterWrite:
		return f.Chances%2 == 1 && f.Strikes < strikesTimeout
	case AliasLag:
		return f.Strikes < strikesLag
	}
	return true
}

// setFault replaces the fault in force and ends what the former one held up.
func (s *state) setFault(fault Fault, now time.Time) error {
	fault, err := ParseFault(string(fault))
	if err != nil {
		return err
	}
	former := s.Fault.name()
	s.Fault = faultState{Name: fault}
	if former != fault {
		switch former {
		case DeploymentStuck, AliasLag:
			s.finishHeldUp(now)
		case Straggler:
			s.Straggling[len(s.Straggling)-1].To = now
		}
		if fault == Straggler {
			s.Straggling = append(s.Straggling, period{From: now})
		}
	}
	return nil
}

// mangle returns what is stored of a value.
func (f *faultState) mangle(value string) string {
	switch {
	case f.strike(TrailingNewline):
		return value + "\n"
	case f.strike(EmptyValue):
		return ""
	}
	return value
}
