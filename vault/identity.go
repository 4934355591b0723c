package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"filippo.io/age"

	"keyturn/vault/durable"
)

const (
	sealedIdentityName = "identity.age"
	clearIdentityName  = "identity.txt"
	recipientName      = "recipient.txt"

	// defaultWorkFactor is log2 of scrypt's N: about half a second and 256 MiB
	// for each guess.
	defaultWorkFactor = 18
	maxWorkFactor     = 22 // what age accepts when reading

	// maxIdentity is in bytes.
	maxIdentity = 16 << 10

	// maxAttempts at the passphrase, when a person is there to type it again.
	maxAttempts = 3
)

// identity is the key pair of a file vault. Once unlocked it stays so for the
// life of the vault, so that a person types the passphrase once; the
// passphrase itself is wiped at once.
type identity struct {
	dir       string
	recipient *age.X25519Recipient
	ask       PassphraseFunc // nil when nobody can be asked
	attempts  int

	turn chan struct{} // full while somebody asks, so that one question is open at a time
	key  atomic.Pointer[age.X25519Identity]
}

// identityOptions are the parts of Options that an identity needs.
type identityOptions struct {
	dir        string
	ask        PassphraseFunc
	attempts   int
	inClear    bool // a new identity is made without a passphrase
	workFactor int
	held       hold // keeps others from making an identity
}

// openIdentity opens the identity of a folder, and makes it if there is none.
// The caller keeps other processes out.
func openIdentity(ctx context.Context, o identityOptions) (*identity, error) {
	d := &identity{dir: o.dir, ask: o.ask, attempts: o.attempts, turn: make(chan struct{}, 1)}
	inClear, err := exists(filepath.Join(o.dir, clearIdentityName))
	if err != nil {
		return nil, err
	}
	sealed, err := exists(filepath.Join(o.dir, sealedIdentityName))
	if err != nil {
		return nil, err
	}
	switch {
	case inClear && sealed:
		return nil, &Error{Op: "open", Subject: o.dir, Kind: ErrDamaged,
			Cause: fmt.Errorf("it has both %s and %s", sealedIdentityName, clearIdentityName)}
	case inClear && !o.inClear:
		return nil, &Error{Op: "open", Subject: o.dir, Kind: ErrUnavailable,
			Cause:  fmt.Errorf("its identity (%s) has no passphrase, which is for a sandbox only", clearIdentityName),
			Advice: "use another --state folder for real keys"}
	case inClear:
		err = d.readClear()
	case sealed:
		err = d.readRecipient(ctx)
	default:
		err = d.create(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func exists(path string) (bool, error) {
	if _, err := os.Stat(path); err != nil {
		return false, ignoreNotExist(err)
	}
	return true, nil
}

func (d *identity) path(name string) string { return filepath.Join(d.dir, name) }

// create makes a new key pair. The identity is written first: a recipient
// without it would take secrets that nobody can read.
func (d *identity) create(ctx context.Context, o identityOptions) error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make age identity: %w", err)
	}
	text := []byte("# public key: " + key.Recipient().String() + "\n" + key.String() + "\n")
	defer clear(text)
	name, data := clearIdentityName, text
	if !o.inClear {
		if o.ask == nil {
			return &Error{Op: "make", Subject: d.dir, Kind: ErrLocked,
				Cause:  errors.New("a file vault needs a passphrase, and nobody can be asked for it"),
				Advice: "run Keyturn in a terminal, or give it a passphrase file with mode 0600"}
		}
		name = sealedIdentityName
		if data, err = sealIdentity(ctx, text, o); err != nil {
			return err
		}
	}
	// A person has typed a passphrase meanwhile. Another process that could make an
	// identity too would lose what is stored with it to this one.
	if err := checkHeld(o.held); err != nil {
		return err
	}
	if err := durable.WriteFile(d.path(name), data); err != nil {
		return fmt.Errorf("write age identity: %w", err)
	}
	d.key.Store(key)
	return d.writeRecipient(key.Recipient())
}

func sealIdentity(ctx context.Context, text []byte, o identityOptions) ([]byte, error) {
	passphrase, err := newPassphrase(ctx, o.ask, o.dir)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("seal age identity: %w", err)
	}
	to.SetWorkFactor(o.workFactor)
	data, err := encrypt(text, to)
	if err != nil {
		return nil, fmt.Errorf("seal age identity: %w", err)
	}
	return data, nil
}

func (d *identity) writeRecipient(r *age.X25519Recipient) error {
	d.recipient = r
	if err := durable.WriteFile(d.path(recipientName), []byte(r.String()+"\n")); err != nil {
		return fmt.Errorf("write age recipient: %w", err)
	}
	return nil
}

// readClear opens a sandbox's identity, which needs nobody.
func (d *identity) readClear() error {
	text, err := readPrivateFile(d.path(clearIdentityName), maxIdentity)
	if err != nil {
		return err
	}
	defer clear(text)
	key, err := parseIdentity(text)
	if err != nil {
		return d.damaged(clearIdentityName, err)
	}
	d.key.Store(key)
	d.recipient = key.Recipient()
	return nil
}

// readRecipient opens the public half. If a crash lost it, or before it was
// written, it comes back from the identity.
func (d *identity) readRecipient(ctx context.Context) error {
	text, err := os.ReadFile(d.path(recipientName))
	if errors.Is(err, fs.ErrNotExist) {
		key, err := d.unlock(ctx)
		if err != nil {
			return err
		}
		return d.writeRecipient(key.Recipient())
	}
	if err != nil {
		return fmt.Errorf("read age recipient: %w", err)
	}
	d.recipient, err = age.ParseX25519Recipient(strings.TrimSpace(string(text)))
	if err != nil {
		return d.damaged(recipientName, err)
	}
	return nil
}

// locked reports whether unlock would have to ask.
func (d *identity) locked() bool { return d.key.Load() == nil }

// unlock returns the identity, asking for the passphrase the first time.
func (d *identity) unlock(ctx context.Context) (*age.X25519Identity, error) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if key := d.key.Load(); key != nil {
		return key, nil
	}
	if d.ask == nil {
		return nil, &Error{Op: "unlock", Subject: d.dir, Kind: ErrLocked,
			Cause:  errors.New("reading needs the passphrase, and nobody can be asked for it"),
			Advice: "run Keyturn in a terminal, or give it a passphrase file with mode 0600"}
	}
	data, err := readPrivateFile(d.path(sealedIdentityName), maxIdentity)
	if err != nil {
		return nil, err
	}
	prompt := "Passphrase of the vault in " + d.dir
	for try := 1; ; try++ {
		key, err := d.tryPassphrase(ctx, data, prompt)
		if errors.Is(err, ErrWrongPassphrase) && try < d.attempts {
			prompt = "That was not it. Passphrase of the vault in " + d.dir
			continue
		}
		if err != nil {
			return nil, err
		}
		d.key.Store(key)
		return key, nil
	}
}

func (d *identity) tryPassphrase(ctx context.Context, data []byte, prompt string) (*age.X25519Identity, error) {
	passphrase, err := d.ask(ctx, prompt)
	if err != nil {
		return nil, fmt.Errorf("ask for the passphrase: %w", err)
	}
	defer clear(passphrase)
	wrong := &Error{Op: "unlock", Subject: d.dir, Kind: ErrWrongPassphrase,
		Advice: "the passphrase is the one typed when this vault was made; nobody can recover it"}
	if len(passphrase) == 0 {
		return nil, wrong
	}
	with, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("unlock %s: %w", d.dir, err)
	}
	text, err := decrypt(data, with)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, wrong
	}
	if err != nil {
		return nil, d.damaged(sealedIdentityName, err)
	}
	defer clear(text)
	key, err := parseIdentity(text)
	if err != nil {
		return nil, d.damaged(sealedIdentityName, err)
	}
	// Somebody who can write here but not read could have put a recipient of
	// their own, to read what is added.
	if d.recipient != nil && key.Recipient().String() != d.recipient.String() {
		return nil, d.damaged(recipientName, errors.New("it does not belong to the identity"))
	}
	return key, nil
}

func (d *identity) damaged(name string, cause error) error {
	return &Error{Op: "read", Subject: d.path(name), Kind: ErrDamaged, Cause: cause,
		Advice: "restore the file from a backup; it was not changed"}
}

// parseIdentity reads an age identity file with one X25519 key. It does not
// wrap the parser's errors, which may quote the line.
func parseIdentity(text []byte) (*age.X25519Identity, error) {
	found, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil || len(found) != 1 {
		return nil, errors.New("it does not hold one age identity")
	}
	key, ok := found[0].(*age.X25519Identity)
	if !ok {
		return nil, errors.New("its age identity is of another kind than X25519")
	}
	return key, nil
}
