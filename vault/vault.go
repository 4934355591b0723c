package vault

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"keyturn/keygen"
)

// Vault stores secrets under names. All methods may be called at the same
// time, from several processes. Errors are *Error where a person can act on
// them; compare them with the sentinels of this package.
type Vault interface {
	// Put stores secret as a new version of name. It returns ErrExists when an
	// active version holds another secret and o.Replace is false. Putting the
	// secret that is already there changes nothing, except that an archived
	// version becomes active again. A sealed name takes a new version only if
	// o.Replace is true, and never the secret that was sealed; otherwise it
	// returns ErrSealed. ErrTimeout means that the outcome is
	// unknown; a later Get or Put finds out.
	Put(ctx context.Context, name Name, secret keygen.Secret, o PutOptions) (Entry, error)

	// Get returns the newest version of name, active or archived. It returns
	// ErrNotFound when the index knows none, ErrSealed when the newest is
	// sealed, and ErrLost when the index knows
	// one that the store no longer holds.
	Get(ctx context.Context, name Name) (keygen.Secret, Entry, error)

	// Delete removes every version of name, or returns ErrNotFound. After an
	// error the item is gone from List and Get; call Delete again to finish.
	Delete(ctx context.Context, name Name) error

	// List returns what the index knows, by name and version. It reads no
	// secret and never prompts.
	List(ctx context.Context) ([]Entry, error)

	// Archive marks name as no longer in use; Get still returns it. The note says
	// why and may be empty; the first one stays, as archiving twice changes
	// nothing. It returns ErrNotFound for an unknown name, and
	// ErrSealed for a sealed one.
	Archive(ctx context.Context, name Name, note string) (Entry, error)

	// Seal takes every version of name out of use for good: the store keeps
	// the secrets as evidence, but Get refuses them and no Put or Archive
	// brings them back. The note says why; the first one stays, as sealing
	// twice changes nothing. It returns the newest version, or ErrNotFound for
	// an unknown name.
	Seal(ctx context.Context, name Name, note string) (Entry, error)

	// Describe says in plain words where the secrets are.
	Describe() string
}

// PutOptions are the details of a Put.
type PutOptions struct {
	// Fingerprint is recorded in the index; a credential has none. With it a file vault tells whether
	// the secret is already there without asking for the passphrase.
	Fingerprint keygen.Fingerprint

	Made    time.Time // when the secret was made; zero for now
	Note    string    // who or what made the secret; no secret itself
	Replace bool      // another secret gets a new version, and so does the same one made at another time; the old version is archived

	// Adopt takes over items which the store holds but the index does not
	// know, as after a lost index: they enter the index as archived versions.
	// Without it, Put refuses with ErrExists and ErrForeign rather than guess
	// whose they are.
	Adopt bool
}

// Entry is what the index knows of one version of a name. It holds no secret.
type Entry struct {
	Name        Name
	Version     int // from 1
	Status      Status
	Created     time.Time // UTC: when the secret was made, by the injected clock
	Archived    time.Time // UTC; zero unless archived, or sealed after that
	Sealed      time.Time // UTC; zero unless sealed
	Fingerprint keygen.Fingerprint
	Kind        keygen.Kind // of the secret
	Note        string
	ArchiveNote string // why it is archived; empty where nobody said
	SealNote    string // why it was sealed
}

// Status is the state of one version.
type Status string

// The states that Entry shows.
const (
	Active   Status = "active"
	Archived Status = "archived" // kept, but no longer in use
	Sealed   Status = "sealed"   // kept as evidence; never to be used again
	Pending  Status = "pending"  // being written, or cut off while it was; Get and Put find out
)

// The states that never leave the index.
const (
	void     Status = "void"     // a pending write that did not arrive; its number stays used
	deleting Status = "deleting" // to be removed from the store, then from the index
)

// Name is a path-like name such as staging/v2 or signing/operator. A value
// obtained from ParseName is always valid.
type Name string

// maxName is in bytes. The macOS keychain takes service, name and secret in
// one command line of at most 4096 bytes.
const maxName = 128

// namePattern keeps names harmless in D-Bus strings, in command lines and in
// the line-based input of the macOS security program.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9._/-]+$`)

// ParseName accepts letters, digits, dots, underscores, hyphens and slashes,
// at most 128 bytes, with no empty, "." or ".." part between slashes.
func ParseName(s string) (Name, error) {
	switch {
	case s == "":
		return "", fmt.Errorf("vault name is empty")
	case len(s) > maxName:
		return "", fmt.Errorf("vault name has %d bytes, at most %d are allowed", len(s), maxName)
	case !namePattern.MatchString(s):
		return "", fmt.Errorf("vault name %q: only A-Z, a-z, 0-9 and . _ / - are allowed", s)
	case strings.HasPrefix(s, "-"):
		return "", fmt.Errorf("vault name %q: must not begin with a hyphen", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("vault name %q: empty, . and .. are not allowed between slashes", s)
		}
	}
	return Name(s), nil
}
