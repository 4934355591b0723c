package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"keyturn/keygen"
	"keyturn/vault/durable"
)

const (
	worldFile   = "world.json"
	worldFormat = "keyturn-sandbox-world/1"
	checkBytes  = 8 // of a value that tells a wrong seal from a damaged file
)

// What loading a world's file can find wrong.
var (
	ErrDamaged   = errors.New("the sandbox file is damaged; move it away to begin a new sandbox")
	ErrWrongSeal = errors.New("the sandbox file was written under another seal; bring back the vault it belongs to, or move it away to begin a new sandbox")
)

// file is the layout of world.json. Everything but the secrets is in clear, so
// that it can be looked at; the seal covers it too, so that a change to it is
// noticed.
type file struct {
	Format  string          `json:"format"`
	Seal    string          `json:"seal"` // sealer.check
	World   json.RawMessage `json:"world"`
	Secrets string          `json:"secrets"` // base64 of a sealed JSON object, reference → text
}

// sealer encrypts the secrets of a world: AES-256-GCM with a random nonce for
// each writing, under a key derived by HKDF (RFC 5869) from the seal.
type sealer struct {
	aead  cipher.AEAD
	check string // tells whether a file was written under this seal
	shown []byte // the key of opaque
}

func newSealer(seal keygen.Secret) (sealer, error) {
	key, err := hkdf.Key(sha256.New, []byte(seal.Reveal()), nil, worldFormat+" key", 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key: %w", err)
	}
	defer clear(key)
	check, err := hkdf.Key(sha256.New, []byte(seal.Reveal()), nil, worldFormat+" check", checkBytes)
	if err != nil {
		return sealer{}, fmt.Errorf("derive check: %w", err)
	}
	shown, err := hkdf.Key(sha256.New, []byte(seal.Reveal()), nil, worldFormat+" shown", 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key of shown values: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, err
	}
	return sealer{aead: aead, check: hex.EncodeToString(check), shown: shown}, nil
}

func (s sealer) seal(plain, covered []byte) string {
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, covered))
}

func (s sealer) open(sealed string, covered []byte) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errors.New("sealed text is not base64")
	}
	return s.aead.Open(nil, nil, raw, covered)
}

// opaque returns what stands for the ciphertext of a text where the API lists
// it: the same for as long as the text is, and of no use to anybody.
func (s sealer) opaque(text, id string) string {
	mac := hmac.New(sha256.New, s.shown)
	_, _ = mac.Write([]byte(id + "|" + text)) // a hash never returns an error
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// loadState reads a world's file. The error names the file, and wraps
// os.ErrNotExist, ErrWrongSeal or ErrDamaged.
func loadState(path string, seal sealer) (*state, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read sandbox file: %w", err)
	}
	s, err := decodeState(data, seal)
	if err != nil {
		return nil, fmt.Errorf("read sandbox file %s: %w", path, err)
	}
	return s, nil
}

func decodeState(data []byte, seal sealer) (*state, error) {
	var f file
	if err := decodeStrict(data, &f); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	switch {
	case f.Format != worldFormat:
		return nil, fmt.Errorf("%w (format %q, want %q)", ErrDamaged, f.Format, worldFormat)
	case f.Seal != seal.check:
		return nil, ErrWrongSeal
	}
	plain, err := seal.open(f.Secrets, f.World)
	if err != nil {
		return nil, fmt.Errorf("%w (its seal is broken)", ErrDamaged)
	}
	defer clear(plain)
	s := &state{}
	if err := decodeStrict(f.World, s); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	if err := json.Unmarshal(plain, &s.secrets); err != nil {
		// Not the decoder's own words, which could quote a secret.
		return nil, fmt.Errorf("%w (its secrets cannot be read)", ErrDamaged)
	}
	return s, nil
}

// decodeStrict decodes one JSON value and refuses unknown fields and anything
// that follows.
func decodeStrict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func encodeState(s *state, seal sealer) ([]byte, error) {
	world, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode world: %w", err)
	}
	secrets, err := json.Marshal(s.secrets)
	if err != nil {
		return nil, errors.New("encode secrets")
	}
	defer clear(secrets)
	// Put together by hand, since Marshal would go through world once more.
	// The other members need no escaping.
	var data bytes.Buffer
	fmt.Fprintf(&data, `{"format":"%s","seal":"%s","world":`, worldFormat, seal.check)
	data.Write(world)
	fmt.Fprintf(&data, `,"secrets":"%s"}`+"\n", seal.seal(secrets, world))
	return data.Bytes(), nil
}

// saveState replaces the world's file as a whole, on disk when it returns: a
// reader, or a machine that loses power, finds the old file or the new one.
func saveState(path string, seal sealer, s *state) error {
	data, err := encodeState(s, seal)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, data)
}
