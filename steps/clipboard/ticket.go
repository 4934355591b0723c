package clipboard

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"keyturn/keygen"
)

const (
	ticketKey = 32   // bytes
	maxTicket = 1024 // bytes of its text, which has about 200
)

// ticket is what a watcher is told. It tells a secret from other texts, and
// nothing of the secret.
type ticket struct {
	// Way is where the secret went.
	Way kind `json:"way"`
	// Wait is in milliseconds: when the secret must be gone.
	Wait int64 `json:"wait"`
	// Key and MAC are a random key and the HMAC-SHA256 of the secret under it.
	Key []byte `json:"key"`
	MAC []byte `json:"mac"`
}

func newTicket(random io.Reader, k kind, secret keygen.Secret, d time.Duration) (ticket, error) {
	if secret.IsZero() {
		return ticket{}, errors.New("there is no value")
	}
	t := ticket{Way: k, Wait: d.Milliseconds(), Key: make([]byte, ticketKey)}
	if _, err := io.ReadFull(random, t.Key); err != nil {
		return ticket{}, fmt.Errorf("read %d random bytes: %w", ticketKey, err)
	}
	mac := t.hash()
	_, _ = io.WriteString(mac, secret.Reveal()) // a hash takes all
	t.MAC = mac.Sum(nil)
	return t, t.check()
}

func (t ticket) check() error {
	known := []kind{byTmux, byTerminal, byWayland, byXclip, byXsel, byPasteboard, byWindows}
	switch {
	case !slices.Contains(known, t.Way):
		return fmt.Errorf("the way %q to a clipboard is unknown", string(t.Way))
	case t.Wait < 1 || t.Wait > maxHold.Milliseconds():
		return fmt.Errorf("the time of %d ms is not from 1 ms to %s", t.Wait, maxHold)
	case len(t.Key) != ticketKey || len(t.MAC) != sha256.Size:
		return fmt.Errorf("the keyed hash has %d and %d bytes, want %d and %d", len(t.Key), len(t.MAC), ticketKey, sha256.Size)
	}
	return nil
}

// hash takes a text that may be the secret.
func (t ticket) hash() hash.Hash { return hmac.New(sha256.New, t.Key) }

// isOf reports whether a hash took the secret, and nothing else.
func (t ticket) isOf(taken hash.Hash) bool { return hmac.Equal(taken.Sum(nil), t.MAC) }

func (t ticket) wait() time.Duration { return time.Duration(t.Wait) * time.Millisecond }

// readTicket reads one ticket, strictly, up to the end.
func readTicket(in io.Reader) (ticket, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxTicket+1))
	switch {
	case err != nil:
		return ticket{}, err
	case len(text) > maxTicket:
		return ticket{}, fmt.Errorf("they have more than %d bytes", maxTicket)
	}
	var t ticket
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return ticket{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ticket{}, errors.New("more follows them")
	}
	return t, t.check()
}
