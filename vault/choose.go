package vault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keyturn/vault/durable"
)

// The backends that Options.Backend names.
const (
	BackendAuto     = "auto"
	BackendKeychain = "keychain"
	BackendFile     = "file"
)

const (
	choiceName   = "store.json"
	choiceFormat = "keyturn-vault-choice/v1"
)

// Options say which vault to open and how.
type Options struct {
	Backend string // auto (also when empty), keychain or file
	Dir     string // the vault's own folder; made with mode 0700

	// Service separates the keychain items of vaults that do not belong
	// together; DefaultService when empty. A vault that was made with
	// DefaultService goes on using it, whatever is named here: that is where its
	// items are.
	Service string

	// Passphrase asks for the file vault's passphrase; nil if nobody can.
	Passphrase PassphraseFunc

	// SelfIdentity lets a new file vault keep its identity in clear (mode
	// 0600), so that a sandbox needs nobody. Never set it for real keys.
	SelfIdentity bool

	// Interactive says that a person is at the terminal, who can answer a
	// keychain dialog or type a passphrase again.
	Interactive bool

	// Explain is told in whole sentences what was chosen and why, and when a
	// call waits for a person. It may be called from several goroutines, and
	// may be nil.
	Explain func(string)

	Clock      func() time.Time // for Entry.Created; nil for the real time
	Random     io.Reader        // for test items and file names; nil for crypto/rand
	WorkFactor int              // log2 of scrypt's N for a new file vault, 1 to 22; 0 for 18

	ring      ring                            // nil for the keychain of the system
	preflight func(context.Context) Readiness // nil for Preflight
	limit     time.Duration                   // of a keychain call; 0 for readyLimit and promptLimit
	held      hold                            // while the vault is chosen
}

// choice remembers which backend a folder uses.
type choice struct {
	Format string    `json:"format"`
	Store  string    `json:"store"` // as in index.Store
	Chosen time.Time `json:"chosen"`
	Why    string    `json:"why"`
}

// Open opens the vault of a folder. The first time it chooses: a named
// backend is tested with an item that it writes, reads and deletes; auto takes
// the keychain if that works. Otherwise auto takes the file vault on a sandbox
// or when a person can type a passphrase, and is an error elsewhere.
//
// The choice is remembered, and later another backend is never taken instead:
// a keychain that cannot be used now is an error.
func Open(ctx context.Context, o Options) (Vault, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if err := makePrivateDir(o.Dir); err != nil {
		return nil, err
	}
	// Two first openings at once must not choose differently.
	o.held, err = indexFile{dir: o.Dir}.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release(o.held)
	if err := durable.RemoveRemains(o.Dir); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	remembered, err := remembered(o.Dir)
	if err != nil {
		return nil, err
	}
	if remembered == BackendKeychain+":"+DefaultService && !o.SelfIdentity {
		o.Service = DefaultService
	}
	switch {
	case remembered != "" && (o.Backend == BackendAuto || o.storeID(o.Backend) == remembered):
		return o.reopen(ctx, remembered)
	case o.Backend == BackendKeychain:
		return o.chooseKeychain(ctx)
	case o.Backend == BackendFile:
		return o.chooseFile(ctx, "it was asked for")
	}
	return o.chooseAny(ctx)
}

func (o Options) complete() (Options, error) {
	switch o.Backend {
	case "":
		o.Backend = BackendAuto
	case BackendAuto, BackendKeychain, BackendFile:
	default:
		return o, fmt.Errorf("backend %q: want auto, keychain or file", o.Backend)
	}
	if o.Dir == "" {
		return o, errors.New("no folder is given")
	}
	if o.Service == "" {
		o.Service = DefaultService
	}
	if o.Explain == nil {
		o.Explain = func(string) {}
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.WorkFactor == 0 {
		o.WorkFactor = defaultWorkFactor
	}
	if o.WorkFactor < 1 || o.WorkFactor > maxWorkFactor {
		return o, fmt.Errorf("work factor %d: want 1 to %d", o.WorkFactor, maxWorkFactor)
	}
	if o.ring == nil {
		o.ring = osRing{}
	}
	if o.preflight == nil {
		o.preflight = Preflight
	}
	o.Clock = orRealTime(o.Clock)
	return o, nil
}

// storeID names a backend in the index and in the choice.
func (o Options) storeID(backend string) string {
	if backend == BackendKeychain {
		return BackendKeychain + ":" + o.Service
	}
	return backend
}

// vault joins a store with the folder's index, which must belong to it.
func (o Options) vault(s store, backend string) (Vault, error) {
	v := &versioned{store: s, catalog: indexFile{dir: o.Dir, store: o.storeID(backend)}, clock: o.Clock}
	if _, err := v.catalog.load(); err != nil {
		return nil, err
	}
	return v, nil
}

func (o Options) keychain(where string) *keychain {
	k := &keychain{
		service: o.Service, ring: o.ring, preflight: o.preflight,
		interactive: o.Interactive, explain: o.Explain,
		readyLimit: readyLimit, promptLimit: promptLimit, where: where,
	}
	if o.limit > 0 {
		k.readyLimit, k.promptLimit = o.limit, o.limit
	}
	return k
}

func (o Options) file(ctx context.Context) (*fileStore, error) {
	attempts := 1
	if o.Interactive {
		attempts = maxAttempts
	}
	id, err := openIdentity(ctx, identityOptions{
		dir: o.Dir, ask: o.Passphrase, attempts: attempts, inClear: o.SelfIdentity, workFactor: o.WorkFactor, held: o.held,
	})
	if err != nil {
		return nil, err
	}
	return &fileStore{dir: o.Dir, identity: id, random: o.Random}, nil
}

// usable reports whether the keychain can be called in this state.
func (o Options) usable(r Readiness) bool {
	return r.State == KeychainReady || r.State == KeychainLocked && o.Interactive
}

// reopen opens the remembered store and no other.
func (o Options) reopen(ctx context.Context, remembered string) (Vault, error) {
	switch remembered {
	case BackendFile:
		s, err := o.file(ctx)
		if err != nil {
			return nil, err
		}
		return o.vault(s, BackendFile)
	case o.storeID(BackendKeychain):
		ready := o.preflight(ctx)
		if !o.usable(ready) {
			return nil, ready.Err()
		}
		return o.vault(o.keychain(ready.Where), BackendKeychain)
	}
	return nil, &Error{Op: "open", Subject: o.Dir, Kind: ErrUnavailable,
		Cause: fmt.Errorf("its secrets are in %s, not in %s", remembered, o.storeID(BackendKeychain))}
}

func (o Options) chooseKeychain(ctx context.Context) (Vault, error) {
	v, ready, err := o.testedKeychain(ctx)
	if err != nil {
		return nil, err
	}
	return o.remember(v, BackendKeychain, "it was asked for", ready)
}

// testedKeychain opens the keychain and proves that it keeps what it is given.
func (o Options) testedKeychain(ctx context.Context) (Vault, Readiness, error) {
	ready := o.preflight(ctx)
	if !o.usable(ready) {
		return nil, ready, ready.Err()
	}
	k := o.keychain(ready.Where)
	v, err := o.vault(k, BackendKeychain)
	if err != nil {
		return nil, ready, err
	}
	return v, ready, canary(ctx, k, o.Random)
}

func (o Options) chooseFile(ctx context.Context, why string) (Vault, error) {
	// The index first: a folder whose secrets are in the keychain must not get
	// an identity.
	if _, err := (indexFile{dir: o.Dir, store: BackendFile}).load(); err != nil {
		return nil, err
	}
	s, err := o.file(ctx)
	if err != nil {
		return nil, err
	}
	if err := canary(ctx, s, o.Random); err != nil {
		return nil, err
	}
	v, err := o.vault(s, BackendFile)
	if err != nil {
		return nil, err
	}
	return o.remember(v, BackendFile, why, Readiness{})
}

func (o Options) chooseAny(ctx context.Context) (Vault, error) {
	v, ready, err := o.testedKeychain(ctx)
	if err == nil {
		return o.remember(v, BackendKeychain, "it is there and works", ready)
	}
	if ctx.Err() != nil {
		return nil, err
	}
	if o.SelfIdentity || o.Interactive && o.Passphrase != nil {
		return o.chooseFile(ctx, fmt.Sprintf("the OS keychain cannot be used (%v)", reason(err)))
	}
	return nil, withAdvice(err, "choose an encrypted file with --vault file")
}

// reason is an error without the words for what was tried.
func reason(err error) error {
	rich := (*Error)(nil)
	switch {
	case !errors.As(err, &rich):
		return err
	case rich.Cause == nil:
		return rich.Kind
	case rich.Kind == ErrUnavailable: // which the sentence says already
		return rich.Cause
	}
	return fmt.Errorf("%w: %w", rich.Kind, rich.Cause)
}

// withAdvice adds another way out to an error's hint.
func withAdvice(err error, more string) error {
	rich := (*Error)(nil)
	if !errors.As(err, &rich) {
		return &Error{Op: "open", Subject: "OS keychain", Kind: ErrUnavailable, Cause: err, Advice: more}
	}
	changed := *rich
	if changed.Advice != "" {
		more = changed.Advice + "; or " + more
	}
	changed.Advice = more
	return &changed
}

// remember writes the choice of v down and says it.
func (o Options) remember(v Vault, backend, why string, ready Readiness) (Vault, error) {
	data, err := json.MarshalIndent(choice{
		Format: choiceFormat, Store: o.storeID(backend), Chosen: o.Clock().UTC().Round(0), Why: why,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("remember vault: %w", err)
	}
	if err := checkHeld(o.held); err != nil { // a person may have been asked since
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(o.Dir, choiceName), append(data, '\n')); err != nil {
		return nil, fmt.Errorf("remember vault: %w", err)
	}
	o.Explain(o.sentence(backend, why, ready))
	return v, nil
}

func (o Options) sentence(backend, why string, ready Readiness) string {
	const proof = " A test item was written, read back and deleted."
	switch {
	case backend == BackendKeychain && ready.Note != "":
		return fmt.Sprintf("Secrets are kept in the OS keychain (%s), since %s.%s Note: %s.", ready.Where, why, proof, ready.Note)
	case backend == BackendKeychain:
		return fmt.Sprintf("Secrets are kept in the OS keychain (%s), since %s.%s", ready.Where, why, proof)
	case o.SelfIdentity:
		return fmt.Sprintf("Secrets are kept in age files in %s, since %s. This is a sandbox: the identity lies beside them without a passphrase.%s", o.Dir, why, proof)
	}
	return fmt.Sprintf("Secrets are kept in age files in %s under your passphrase, since %s.%s", o.Dir, why, proof)
}

// remembered returns the store that a folder uses, or "" when none is chosen
// yet. Where the choice was lost, the index tells whose items it lists.
func remembered(dir string) (string, error) {
	path := filepath.Join(dir, choiceName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return indexFile{dir: dir}.owner()
	}
	if err != nil {
		return "", fmt.Errorf("read vault choice: %w", err)
	}
	var c choice
	err = decodeStrictly(data, &c)
	if err == nil && c.Format != choiceFormat {
		err = fmt.Errorf("format is %q, want %q", c.Format, choiceFormat)
	}
	if err == nil && c.Store == "" {
		err = errors.New("it names no store")
	}
	if err != nil {
		return "", &Error{Op: "read", Subject: path, Kind: ErrDamaged, Cause: err,
			Advice: "restore the file, or remove it to choose again; no secret is in it"}
	}
	return c.Store, nil
}
