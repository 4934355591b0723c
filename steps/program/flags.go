package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/term"

	"keyturn/checklist"
	"keyturn/steps/config"
	"keyturn/vault"
)

// Flags are what a person says on the command line about where to work.
type Flags struct {
	Config  string // configuration file; "" for the one that is found
	State   string // state folder; "" for the platform's
	Vault   string // auto, keychain, file, or "" for what the configuration says
	Sandbox bool   // the sandbox, whatever is configured
}

// passphraseFile names a file (mode 0600) that holds the file vault's
// passphrase, for machines at which nobody sits.
const passphraseFile = "KEYTURN_VAULT_PASSPHRASE_FILE"

// Options resolves the flags. Without a configuration file everything runs on
// the sandbox. An error of the configuration is config.Problems or wraps
// config.ErrNotFound.
func (f Flags) Options() (Options, error) {
	o := Options{State: f.State, Vault: f.Vault, Return: f.command(), Interactive: term.IsTerminal(int(os.Stdin.Fd())), Passphrase: passphrase()}
	var err error
	if o.State == "" {
		if o.State, err = defaultState(); err != nil {
			return o, err
		}
	}
	switch f.Vault {
	case "", vault.BackendAuto, vault.BackendKeychain, vault.BackendFile:
	default:
		return o, &UsageError{fmt.Errorf("flag --vault: %q: want auto, keychain or file", f.Vault)}
	}
	if f.Sandbox && f.Config != "" {
		return o, &UsageError{errors.New("flags --sandbox and --config exclude each other")}
	}
	if f.Sandbox {
		return o, nil
	}
	file := f.Config
	if file == "" {
		userDir, _ := os.UserConfigDir() // none: only the working folder is searched
		if file, err = config.Find(".", userDir); errors.Is(err, config.ErrNotFound) {
			return o, nil
		}
	}
	if err != nil {
		return o, &UsageError{err}
	}
	c, err := config.Load(file)
	if err != nil {
		return o, &UsageError{err}
	}
	if !filepath.IsAbs(file) { // found in this folder, and in no other
		f.Config = file
		o.Return = f.command()
	}
	o.Config = &c
	return o, nil
}

// UsageError is a mistake in the command line or the configuration.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// command is how this program is called again with the same flags, from any
// folder.
func (f Flags) command() string {
	words := "keyturn"
	absolute := func(path string) string {
		if abs, err := filepath.Abs(path); path != "" && err == nil {
			return abs
		}
		return path // the working folder is gone: as it was given
	}
	for _, flag := range []struct{ name, value string }{
		{"config", absolute(f.Config)}, {"state", absolute(f.State)}, {"vault", f.Vault},
	} {
		if flag.value != "" {
			words += " --" + flag.name + " " + checklist.ShellWord(flag.value)
		}
	}
	if f.Sandbox {
		words += " --sandbox"
	}
	return words
}

// defaultState returns the platform's folder for state, as the XDG Base
// Directory Specification, macOS and Windows have it.
func defaultState() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "keyturn"), nil
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", checklist.WithHint(fmt.Errorf("find the state folder: %w", err), "name one with --state DIR")
		}
		return filepath.Join(dir, "keyturn"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", checklist.WithHint(fmt.Errorf("find the state folder: %w", err), "name one with --state DIR")
	}
	return filepath.Join(home, ".local", "state", "keyturn"), nil
}

// passphrase asks for the file vault's passphrase: of a file if one is named,
// else of the person at the terminal; nil where there is neither.
func passphrase() vault.PassphraseFunc {
	if path := os.Getenv(passphraseFile); path != "" {
		return vault.PassphraseFromFile(path)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return func(ctx context.Context, prompt string) ([]byte, error) {
		return AskHidden(ctx, os.Stdin, os.Stderr, prompt)
	}
}
