package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"filippo.io/age"

	"keyturn/keygen"
	"keyturn/vault/durable"
)

const (
	itemFormat = "keyturn-vault-item/v1"
	itemSuffix = ".age"

	// maxItem is in bytes; a file holds one secret and a few words.
	maxItem = 64 << 10
)

// fileStore keeps each secret in a file of its own, encrypted to the
// identity of the folder. Adding needs only the public recipient.
type fileStore struct {
	dir      string
	identity *identity
	random   io.Reader
}

var _ store = (*fileStore)(nil)

// item is what is inside a file. age does not say who wrote a file or under
// which name, so the name is repeated here, and files that were swapped are
// noticed.
type item struct {
	Format      string             `json:"format"`
	Name        Name               `json:"name"`
	Version     int                `json:"version"`
	Created     time.Time          `json:"created"`
	Fingerprint keygen.Fingerprint `json:"fingerprint"`
	Note        string             `json:"note"`
	Kind        keygen.Kind        `json:"kind,omitempty"`
	Secret      string             `json:"secret"`
}

func (s item) belongsTo(r record) bool {
	return s.Name == r.Name && s.Version == r.Version && s.Created.Equal(r.Created) &&
		s.Fingerprint == r.Fingerprint && s.Note == r.Note && s.Kind == r.Kind
}

// refPattern also keeps a changed index from pointing out of the folder.
var refPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (f *fileStore) newRef(Name, int) (string, error) {
	id := make([]byte, 16)
	if _, err := io.ReadFull(f.random, id); err != nil {
		return "", fmt.Errorf("read random file name: %w", err)
	}
	return hex.EncodeToString(id), nil
}

func (f *fileStore) path(r record) (string, error) {
	if !refPattern.MatchString(r.Ref) {
		return "", &Error{Op: "find", Subject: string(r.Name), Kind: ErrDamaged,
			Cause: errors.New("its reference in the index is not a file of the vault")}
	}
	return filepath.Join(f.dir, r.Ref+itemSuffix), nil
}

func (f *fileStore) asks() bool { return f.identity.locked() }

func (f *fileStore) describe() string { return "age file vault in " + f.dir }

func (f *fileStore) write(ctx context.Context, r record, secret keygen.Secret) error {
	path, err := f.path(r)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(item{
		Format: itemFormat, Name: r.Name, Version: r.Version, Created: r.Created,
		Fingerprint: r.Fingerprint, Note: r.Note, Kind: r.Kind, Secret: secret.Reveal(),
	})
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.Name, err)
	}
	defer clear(plain)
	data, err := encrypt(plain, f.identity.recipient)
	if err != nil {
		return fmt.Errorf("encrypt %s: %w", r.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := durable.WriteFile(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.readBack(ctx, r, path, data, secret)
}

// readBack proves that the file is what was meant: by its secret if the
// identity is at hand, else byte by byte.
func (f *fileStore) readBack(ctx context.Context, r record, path string, want []byte, secret keygen.Secret) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read back %s: %w", path, err)
	}
	same := bytes.Equal(got, want)
	if same && !f.identity.locked() {
		found, err := f.read(ctx, r)
		if err != nil {
			return err
		}
		same = found.Equal(secret)
	}
	if !same {
		return &Error{Op: "read back", Subject: path, Kind: ErrDamaged, Cause: errors.New("the file is not what was written")}
	}
	return nil
}

func (f *fileStore) read(ctx context.Context, r record) (keygen.Secret, error) {
	path, err := f.path(r)
	if err != nil {
		return keygen.Secret{}, err
	}
	data, err := readPrivateFile(path, maxItem)
	if errors.Is(err, fs.ErrNotExist) {
		return keygen.Secret{}, errAbsent
	}
	if err != nil {
		return keygen.Secret{}, err
	}
	id, err := f.identity.unlock(ctx)
	if err != nil {
		return keygen.Secret{}, err
	}
	secret, err := open(data, id, r)
	if err != nil {
		return keygen.Secret{}, &Error{Op: "read", Subject: path, Kind: ErrDamaged, Cause: err,
			Advice: "restore the file from a backup; it was not changed"}
	}
	return secret, nil
}

// open decrypts the file of r. No error quotes what was decrypted.
func open(data []byte, id age.Identity, r record) (keygen.Secret, error) {
	plain, err := decrypt(data, id)
	if err != nil {
		return keygen.Secret{}, err
	}
	defer clear(plain)
	return unpack(plain, r)
}

// unpack takes the secret out of a decrypted file.
func unpack(plain []byte, r record) (keygen.Secret, error) {
	var s item
	if decodeStrictly(plain, &s) != nil || s.Format != itemFormat {
		return keygen.Secret{}, errors.New("it does not hold a Keyturn item")
	}
	if !s.belongsTo(r) {
		return keygen.Secret{}, errors.New("it holds another item than the index says: files were swapped or the index was changed")
	}
	return keygen.Restore(s.Kind, s.Secret)
}

func (f *fileStore) has(_ context.Context, r record) (bool, error) {
	path, err := f.path(r)
	if err != nil {
		return false, err
	}
	// A file appears under its name only when it is complete.
	if _, err := os.Stat(path); err != nil {
		return false, ignoreNotExist(err)
	}
	return true, nil
}

func (f *fileStore) remove(_ context.Context, r record) error {
	path, err := f.path(r)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return errAbsent
		}
		return fmt.Errorf("remove secret: %w", err)
	}
	return durable.SyncDir(f.dir)
}

func encrypt(plain []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func decrypt(data []byte, id age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(data), id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxItem))
}
