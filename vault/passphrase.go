package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// PassphraseFunc asks for a passphrase with the given words, such as
// "Passphrase of the vault in DIR". The vault wipes what it returns after use.
type PassphraseFunc func(ctx context.Context, prompt string) ([]byte, error)

const (
	// minPassphrase is for a new vault, in bytes. The work factor of scrypt
	// makes guessing slow, not impossible.
	minPassphrase = 8

	// maxPassphraseFile is in bytes.
	maxPassphraseFile = 4096
)

// PassphraseFromFile returns a PassphraseFunc for machines: it reads the file
// at every question. The file must have mode 0600, and one line ending at its
// end does not belong to the passphrase.
func PassphraseFromFile(path string) PassphraseFunc {
	return func(context.Context, string) ([]byte, error) {
		data, err := readPrivateFile(path, maxPassphraseFile)
		if err != nil {
			return nil, fmt.Errorf("read passphrase file: %w", err)
		}
		passphrase := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
		if len(passphrase) == 0 {
			return nil, fmt.Errorf("read passphrase file: %s is empty", path)
		}
		return passphrase, nil
	}
}

// newPassphrase asks twice. The caller wipes the result.
func newPassphrase(ctx context.Context, ask PassphraseFunc, dir string) ([]byte, error) {
	first, err := ask(ctx, fmt.Sprintf("New passphrase for the vault in %s (at least %d characters)", dir, minPassphrase))
	if err != nil {
		return nil, fmt.Errorf("ask for a new passphrase: %w", err)
	}
	if len(first) < minPassphrase {
		clear(first)
		return nil, unfit(dir, fmt.Errorf("it is shorter than %d characters", minPassphrase))
	}
	again, err := ask(ctx, "Repeat the passphrase")
	if err != nil {
		clear(first)
		return nil, fmt.Errorf("ask for the passphrase again: %w", err)
	}
	defer clear(again)
	if !bytes.Equal(first, again) {
		clear(first)
		return nil, unfit(dir, errors.New("the two you typed differ"))
	}
	return first, nil
}

func unfit(dir string, cause error) error {
	return &Error{Op: "make", Subject: dir, Kind: ErrWrongPassphrase, Cause: cause,
		Advice: "no vault was made; run the same command again"}
}
