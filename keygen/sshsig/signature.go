package sshsig

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// What is wrong with a signature. A caller may tell them apart to give advice;
// each of them means that nothing was proved.
var (
	ErrArmor     = errors.New("malformed signature armor")
	ErrNamespace = errors.New("signature is for another purpose")
	ErrOtherKey  = errors.New("signature was made by another key")
	ErrForm      = errors.New("signature has a form that is not accepted")
	ErrSignature = errors.New("signature does not match the text")
)

// The first and the last line of an armor.
const (
	BeginLine = "-----BEGIN SSH SIGNATURE-----"
	EndLine   = "-----END SSH SIGNATURE-----"
)

const (
	armorBegin = BeginLine + "\n"
	armorEnd   = EndLine + "\n"
	armorWidth = 70    // base64 columns, as ssh-keygen writes them
	maxArmor   = 16384 // bytes; the largest RSA signature with its key is below 6000
)

// Sign returns the armor of key's signature over message, in the form that
// ssh-keygen -Y verify accepts. The signature is verified before it is
// returned. Ed25519 needs no randomness: the same call gives the same armor.
func Sign(key Key, namespace string, message []byte) (string, error) {
	if key.IsZero() {
		return "", errors.New("sign: no signing key")
	}
	signature, err := sshsig.Sign(bytes.NewReader(message), key.signer(), sshsig.HashSHA512, namespace)
	if err != nil {
		return "", fmt.Errorf("sign for %q: %w", namespace, err)
	}
	armor := armorOf(signature.Marshal())
	if err := Verify(armor, namespace, message, key.Public()); err != nil {
		return "", fmt.Errorf("check our own signature: %w", err)
	}
	return armor, nil
}

// Verify checks that armor is key's signature over exactly message in exactly
// namespace. It does not say whose key it is: see Roster.Verify.
func Verify(armor, namespace string, message []byte, key PublicKey) error {
	signature, err := unarmor(armor)
	if err != nil {
		return err
	}
	return signature.verify(namespace, message, key)
}

// SignerFingerprint returns the fingerprint of the key that armor says it was
// made by. Nothing is verified: use it to look the key up, or to name it in an
// error.
func SignerFingerprint(armor string) (string, error) {
	signature, err := unarmor(armor)
	if err != nil {
		return "", err
	}
	return signature.key.Fingerprint(), nil
}

// parsed is a signature whose every byte is accounted for.
type parsed struct {
	*sshsig.Signature
	key PublicKey
}

// unarmor reads armor, which must be byte for byte what ssh-keygen writes:
// readers disagree about text around it and about CRLF, and one signature in
// two spellings would be two records.
func unarmor(armor string) (parsed, error) {
	if len(armor) > maxArmor {
		return parsed{}, fmt.Errorf("%w: longer than %d bytes", ErrArmor, maxArmor)
	}
	body, begins := strings.CutPrefix(armor, armorBegin)
	body, ends := strings.CutSuffix(body, armorEnd)
	if !begins || !ends {
		return parsed{}, fmt.Errorf("%w: want nothing before the BEGIN line, nothing after the END line, and line feeds only", ErrArmor)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return parsed{}, fmt.Errorf("%w: the body is not base64", ErrArmor)
	}
	if armorOf(raw) != armor {
		return parsed{}, fmt.Errorf("%w: the body is not wrapped at %d columns", ErrArmor, armorWidth)
	}
	signature, err := sshsig.ParseSignature(raw)
	if err != nil {
		return parsed{}, fmt.Errorf("%w: %w", ErrArmor, err)
	}
	// The parser drops the reserved field and tolerates odd encodings.
	if !bytes.Equal(signature.Marshal(), raw) {
		return parsed{}, fmt.Errorf("%w: the signature has bytes without meaning", ErrArmor)
	}
	key, err := newPublicKey(signature.PublicKey)
	if err != nil {
		return parsed{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return parsed{Signature: signature, key: key}, nil
}

func (s parsed) verify(namespace string, message []byte, key PublicKey) error {
	if namespace == "" || key.IsZero() {
		return errors.New("verify signature: a namespace and a key are required")
	}
	if s.Namespace != namespace {
		return fmt.Errorf("%w: namespace %q, want %q", ErrNamespace, s.Namespace, namespace)
	}
	if s.key.Fingerprint() != key.Fingerprint() {
		return fmt.Errorf("%w: %s, want %s", ErrOtherKey, s.key.Fingerprint(), key.Fingerprint())
	}
	if err := s.checkForm(); err != nil {
		return err
	}
	err := sshsig.Verify(bytes.NewReader(message), s.Signature, key.ssh, s.HashAlgorithm, namespace)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// checkForm refuses what the libraries let pass.
func (s parsed) checkForm() error {
	if s.key.ssh.Type() == ssh.KeyAlgoRSA {
		switch s.Signature.Signature.Format {
		case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		default:
			return fmt.Errorf("%w: RSA signature %q, want rsa-sha2-256 or rsa-sha2-512", ErrForm, s.Signature.Signature.Format)
		}
	}
	rest := s.Signature.Signature.Rest
	if !s.key.onSecurityKey() {
		if len(rest) != 0 {
			return fmt.Errorf("%w: %d bytes after the signature", ErrForm, len(rest))
		}
		return nil
	}
	// A flags byte and a 32-bit counter (PROTOCOL.u2f). ssh-keygen -Y verify
	// only logs a missing touch.
	const userPresent = 0x01
	if len(rest) != 5 {
		return fmt.Errorf("%w: security key signature with %d bytes of flags and counter, want 5", ErrForm, len(rest))
	}
	if rest[0]&userPresent == 0 {
		return fmt.Errorf("%w: nobody touched the security key", ErrForm)
	}
	return nil
}

func armorOf(raw []byte) string {
	body := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.WriteString(armorBegin)
	for len(body) > 0 {
		n := min(armorWidth, len(body))
		b.WriteString(body[:n])
		b.WriteByte('\n')
		body = body[n:]
	}
	b.WriteString(armorEnd)
	return b.String()
}
