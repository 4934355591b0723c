package vault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/keygen"
	"keyturn/vault/durable"
	"keyturn/vault/ownfile"
)

const (
	indexName   = "index.json"
	lockName    = "lock"
	indexFormat = "keyturn-vault-index/v1"

	// lockWait bounds the wait for another process. It may itself be waiting
	// for a person to unlock the keychain.
	lockWait  = 10 * time.Second
	lockRetry = 20 * time.Millisecond
)

// record is one version of a name in the index.
type record struct {
	Name        Name               `json:"name"`
	Version     int                `json:"version"`
	Status      Status             `json:"status"`
	Created     time.Time          `json:"created"`
	Archived    time.Time          `json:"archived,omitzero"`
	Sealed      time.Time          `json:"sealed,omitzero"`
	Fingerprint keygen.Fingerprint `json:"fingerprint,omitempty"`
	Kind        keygen.Kind        `json:"kind,omitempty"`
	Note        string             `json:"note,omitempty"`
	ArchiveNote string             `json:"archive_note,omitempty"`
	SealNote    string             `json:"seal_note,omitempty"`
	Ref         string             `json:"ref"` // where the store has it

	// Late marks a pending version whose write was given up without an answer:
	// it may still arrive, so its number must not be used again.
	Late bool `json:"late,omitempty"`
}

func (r record) entry() Entry {
	return Entry{
		Name: r.Name, Version: r.Version, Status: r.Status,
		Created: r.Created, Archived: r.Archived, Sealed: r.Sealed,
		Fingerprint: r.Fingerprint, Kind: r.Kind, Note: r.Note, ArchiveNote: r.ArchiveNote, SealNote: r.SealNote,
	}
}

// same reports whether other is the same version of the same name.
func (r record) same(other record) bool { return other.Name == r.Name && other.Version == r.Version }

func (r record) pending() bool { return r.Status == Pending }

func (r record) visible() bool { return r.stored() || r.pending() }

// stored reports whether the store has taken the secret, for use or not.
func (r record) stored() bool {
	return r.Status == Active || r.Status == Archived || r.Status == Sealed
}

// index is the content of the index file, sorted by name and version.
type index struct {
	Format  string   `json:"format"`
	Store   string   `json:"store"` // whose references these are, such as keychain:keyturn
	Records []record `json:"records"`

	held hold // what lets it be saved; nil for one that is only read
}

// of returns the positions of a name's records, oldest version first.
func (x *index) of(name Name) []int {
	var at []int
	for i, r := range x.Records {
		if r.Name == name {
			at = append(at, i)
		}
	}
	return at
}

// newest returns the record of the highest version that satisfies ok, or nil.
func (x *index) newest(name Name, ok func(record) bool) *record {
	for _, i := range slices.Backward(x.of(name)) {
		if ok(x.Records[i]) {
			return &x.Records[i]
		}
	}
	return nil
}

// nextVersion follows every version ever used, void ones too.
func (x *index) nextVersion(name Name) int {
	highest := 0
	for _, i := range x.of(name) {
		highest = max(highest, x.Records[i].Version)
	}
	return highest + 1
}

func (x *index) add(r record) {
	x.Records = append(x.Records, r)
	slices.SortFunc(x.Records, byNameAndVersion)
}

func byNameAndVersion(a, b record) int {
	if c := strings.Compare(string(a.Name), string(b.Name)); c != 0 {
		return c
	}
	return a.Version - b.Version
}

// activate flips the index to one version: it becomes active, and every other
// active version of the name is archived.
func (x *index) activate(name Name, version int, now time.Time) {
	for _, i := range x.of(name) {
		switch r := &x.Records[i]; {
		case r.Version == version:
			r.Status, r.Archived, r.ArchiveNote, r.Late = Active, time.Time{}, "", false
		case r.Status == Active:
			r.Status, r.Archived = Archived, now
		}
	}
}

// drop forgets the records that satisfy gone.
func (x *index) drop(gone func(record) bool) {
	x.Records = slices.DeleteFunc(x.Records, gone)
}

// catalog is where an index is kept.
type catalog interface {
	lock(ctx context.Context) (hold, error)
	load() (index, error)
	save(index) error
}

// indexFile keeps the index in a folder. Readers need no lock, since the file
// is replaced as a whole.
type indexFile struct {
	dir   string
	store string        // what index.Store must say
	wait  time.Duration // for another process; 0 for lockWait
}

var _ catalog = indexFile{}

func (f indexFile) path() string { return filepath.Join(f.dir, indexName) }

func (f indexFile) lock(ctx context.Context) (hold, error) {
	waiting, cancel := context.WithTimeout(ctx, cmp.Or(f.wait, lockWait))
	defer cancel()
	// A new handle for each call also keeps goroutines of one process apart.
	path := filepath.Join(f.dir, lockName)
	l, err := ownfile.TakeLock(waiting, path, lockRetry)
	switch {
	case err == nil:
		return l, nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, &Error{Op: "lock", Subject: path, Kind: ErrBusy,
			Advice: "finish or stop the other keyturn, then try again; nothing was changed"}
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

func (f indexFile) load() (index, error) {
	x, err := f.read()
	if err != nil {
		return index{}, err
	}
	if len(x.Records) > 0 && x.Store != f.store {
		return index{}, &Error{Op: "read", Subject: f.path(), Kind: ErrUnavailable,
			Cause:  fmt.Errorf("its %d items are in %s, not in %s", len(x.Records), x.Store, f.store),
			Advice: "go on with the vault that holds them, or use another --state folder"}
	}
	x.Store = f.store // an empty index may change its store
	return x, nil
}

// owner returns the store whose items the index lists, "" if it lists none.
func (f indexFile) owner() (string, error) {
	x, err := f.read()
	if err != nil || len(x.Records) == 0 {
		return "", err
	}
	return x.Store, nil
}

// read decodes the file, and makes an empty index if there is none.
func (f indexFile) read() (index, error) {
	data, err := os.ReadFile(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return index{Format: indexFormat}, nil
	}
	if err != nil {
		return index{}, fmt.Errorf("read index: %w", err)
	}
	x, err := decodeIndex(data)
	if err != nil {
		return index{}, &Error{Op: "read", Subject: f.path(), Kind: ErrDamaged, Cause: err,
			Advice: "restore the file from a backup; it was not changed, and the secrets themselves are elsewhere"}
	}
	return x, nil
}

func (f indexFile) save(x index) error {
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return fmt.Errorf("encode index: %w", err)
	}
	if err := durable.WriteFile(f.path(), append(data, '\n')); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

var fingerprintPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// decodeIndex reads an index strictly: an unknown field, a second value, an
// invalid name or a version that occurs twice is an error.
func decodeIndex(data []byte) (index, error) {
	var x index
	if err := decodeStrictly(data, &x); err != nil {
		return index{}, err
	}
	if x.Format != indexFormat {
		return index{}, fmt.Errorf("format is %q, want %q", x.Format, indexFormat)
	}
	for i, r := range x.Records {
		if err := checkRecord(r); err != nil {
			return index{}, fmt.Errorf("record %d: %w", i+1, err)
		}
		if i > 0 && byNameAndVersion(x.Records[i-1], r) >= 0 {
			return index{}, fmt.Errorf("record %d: %s version %d is out of order or there twice", i+1, r.Name, r.Version)
		}
	}
	return x, nil
}

func checkRecord(r record) error {
	if _, err := ParseName(string(r.Name)); err != nil {
		return err
	}
	switch r.Status {
	case Active, Archived, Sealed, Pending, void, deleting:
	default:
		return fmt.Errorf("%s has the unknown status %q", r.Name, r.Status)
	}
	switch {
	case r.Version < 1:
		return fmt.Errorf("%s has the version %d", r.Name, r.Version)
	case r.Ref == "":
		return fmt.Errorf("%s has no reference to the store", r.Name)
	case r.Kind != keygen.KindHMAC && r.Kind != keygen.KindCredential:
		return fmt.Errorf("%s has the unknown kind %q", r.Name, r.Kind)
	case r.Fingerprint != "" && !fingerprintPattern.MatchString(string(r.Fingerprint)):
		return fmt.Errorf("%s has a fingerprint that is not 64 hex digits", r.Name)
	}
	return nil
}

// decodeStrictly decodes exactly one JSON value without unknown fields.
func decodeStrictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end")
	}
	return nil
}
