package keygen

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// KeyID names a secret as a request names it: default, v1, v2, …, test or
// emergency. A value obtained from ParseKeyID is always valid.
type KeyID string

// The key ids that are words. All others are versions: v1, v2, ….
const (
	Default   KeyID = "default"   // the current primary key
	Test      KeyID = "test"      // the staging drill's key
	Emergency KeyID = "emergency" // the backup key that is held offline
)

// variablePrefix is what the verifier puts before the upper-case key id.
const variablePrefix = "HMAC_SECRET_"

var versionPattern = regexp.MustCompile(`^v[1-9][0-9]{0,5}$`)

// ParseKeyID accepts exactly the grammar of the runbook: lower-case default,
// test, emergency, or v followed by a number without leading zeros.
func ParseKeyID(s string) (KeyID, error) {
	switch id := KeyID(s); {
	case id == Default, id == Test, id == Emergency, versionPattern.MatchString(s):
		return id, nil
	}
	return "", fmt.Errorf("key id %q: want default, test, emergency or a version such as v2", s)
}

// ParseVariable returns the key id held by an environment variable, and
// whether the variable is one of ours at all.
func ParseVariable(name string) (KeyID, bool) {
	suffix, ok := strings.CutPrefix(name, variablePrefix)
	if !ok || suffix != strings.ToUpper(suffix) {
		return "", false
	}
	id, err := ParseKeyID(strings.ToLower(suffix))
	return id, err == nil
}

// Variable returns the environment variable that holds the key's secret, such
// as HMAC_SECRET_V2.
func (id KeyID) Variable() string { return variablePrefix + strings.ToUpper(string(id)) }

// Version returns n for the key id vn, and 0 for the ids that are words.
func (id KeyID) Version() int {
	if !versionPattern.MatchString(string(id)) {
		return 0
	}
	n, _ := strconv.Atoi(string(id[1:])) // the pattern admits digits only
	return n
}

// Next returns the version that follows every version in existing: v1 when
// there is none, v3 when v2 is the highest. A gap is never filled, since a
// retired id must not come back with another secret.
func Next(existing []KeyID) KeyID {
	highest := 0
	for _, id := range existing {
		highest = max(highest, id.Version())
	}
	return KeyID("v" + strconv.Itoa(highest+1))
}
