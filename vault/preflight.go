package vault

import (
	"context"
	"fmt"
	"time"
)

// KeychainState is what a look at the keychain found, without a prompt and
// without starting a session bus.
type KeychainState string

// The states. Only the Secret Service (Linux, BSD) knows others than ready.
const (
	KeychainReady        KeychainState = "ready"
	KeychainLocked       KeychainState = "locked"        // a prompt would be needed
	KeychainNoBus        KeychainState = "no-bus"        // no D-Bus session
	KeychainNoProvider   KeychainState = "no-provider"   // no Secret Service on the bus
	KeychainNoCollection KeychainState = "no-collection" // the Secret Service has nowhere to store
	KeychainSilent       KeychainState = "silent"        // the Secret Service did not answer in time
	KeychainUnsupported  KeychainState = "unsupported"   // this build has no keychain
)

// Readiness is the result of Preflight.
type Readiness struct {
	State KeychainState
	Where string // in plain words, such as "Secret Service, collection login"
	Note  string // what a person may want to know; may be empty
	Cause error  // what exactly was missing; nil when ready or locked
}

// preflightLimit bounds one look at the keychain. A healthy one answers
// within 10 ms even when the Secret Service has to be activated first.
const preflightLimit = 2 * time.Second

// Preflight looks whether the keychain can be used. It never prompts, and
// never starts a bus as the keychain library itself would.
func Preflight(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, preflightLimit)
	defer cancel()
	return lookAtKeychain(ctx)
}

// Err is the failure that a state stands for, nil when the keychain is ready.
func (r Readiness) Err() error {
	e := &Error{Op: "open", Subject: "OS keychain", Kind: ErrUnavailable, Cause: r.Cause}
	switch r.State {
	case KeychainReady:
		return nil
	case KeychainLocked:
		e.Kind = ErrLocked
		e.Advice = "unlock the keychain in your desktop session, then try again; nothing was changed"
	case KeychainNoBus:
		e.Advice = "log in to a desktop session (over SSH there is often no D-Bus session)"
	case KeychainNoProvider:
		e.Advice = "start a Secret Service such as gnome-keyring or KeePassXC"
	case KeychainNoCollection:
		e.Advice = "make a default keyring, for example in the program Passwords and Keys"
	case KeychainSilent:
		e.Kind = ErrTimeout
		e.Advice = "see whether the Secret Service hangs or waits behind a dialog, then try again"
	case KeychainUnsupported: // nothing helps but another vault
	default:
		e.Cause = fmt.Errorf("unknown state %q", r.State)
	}
	return e
}
