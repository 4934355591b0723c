package sshsig_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"keyturn/keygen/sshsig"
)

const message = "Environment: production\n"

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	key := mustKey(t, "alice")
	armor := mustSign(t, key, sshsig.NamespaceRecord, message)
	assert.Equal(t, armor, mustSign(t, key, sshsig.NamespaceRecord, message), "Ed25519 is deterministic")

	named, err := sshsig.SignerFingerprint(armor)
	require.NoError(t, err)
	assert.Equal(t, key.Fingerprint(), named)

	verify := func(namespace, text string, by sshsig.Key) error {
		return sshsig.Verify(armor, namespace, []byte(text), by.Public())
	}
	require.NoError(t, verify(sshsig.NamespaceRecord, message, key))
	require.ErrorIs(t, verify(sshsig.NamespaceApproval, message, key), sshsig.ErrNamespace)
	require.ErrorIs(t, verify(sshsig.NamespaceRecord, message+"\n", key), sshsig.ErrSignature)
	require.ErrorIs(t, verify(sshsig.NamespaceRecord, message, mustKey(t, "bob")), sshsig.ErrOtherKey)
	require.Error(t, verify("", message, key))
	require.Error(t, sshsig.Verify(armor, sshsig.NamespaceRecord, []byte(message), sshsig.PublicKey{}))

	_, err = sshsig.Sign(key, "", []byte(message))
	require.Error(t, err, "an empty namespace")
}

func TestVerifyRefusesAnyFlippedBit(t *testing.T) {
	t.Parallel()
	key := mustKey(t, "alice")
	armor := mustSign(t, key, sshsig.NamespaceRecord, message)
	for i := range len(armor) {
		for bit := range 8 {
			flipped := []byte(armor)
			flipped[i] ^= 1 << bit
			require.Error(t, sshsig.Verify(string(flipped), sshsig.NamespaceRecord, []byte(message), key.Public()), "byte %d, bit %d", i, bit)
		}
	}
}

func TestVerifyRefusesOtherSpellingsOfTheArmor(t *testing.T) {
	t.Parallel()
	key := mustKey(t, "alice")
	armor := mustSign(t, key, sshsig.NamespaceRecord, message)
	lines := strings.SplitAfter(armor, "\n")
	for name, spelling := range map[string]string{
		"empty":                    "",
		"text before":              "hello\n" + armor,
		"text after":               armor + "hello\n",
		"blank line before":        "\n" + armor,
		"blank line after":         armor + "\n",
		"blank line inside":        strings.Replace(armor, "\n", "\n\n", 1),
		"CRLF":                     strings.ReplaceAll(armor, "\n", "\r\n"),
		"no final line feed":       strings.TrimSuffix(armor, "\n"),
		"quoted":                   "> " + strings.Join(lines[:len(lines)-1], "> "),
		"indented":                 "  " + strings.Join(lines[:len(lines)-1], "  "),
		"trailing blank":           strings.Replace(armor, "\n", " \n", 2),
		"PEM header":               strings.Replace(armor, "\n", "\nComment: x\n\n", 1),
		"one long line":            lines[0] + strings.ReplaceAll(strings.Join(lines[1:len(lines)-2], ""), "\n", "") + "\n" + lines[len(lines)-2],
		"signature in it twice":    armor + armor,
		"another type":             strings.ReplaceAll(armor, "SSH SIGNATURE", "PGP SIGNATURE"),
		"larger than any can be":   strings.Replace(armor, "\n", "\n"+strings.Repeat("A", 70)+"\n", 300),
		"nothing between":          lines[0] + lines[len(lines)-2],
		"base64 without a meaning": armorOf([]byte("SSHSIG")),
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, sshsig.Verify(spelling, sshsig.NamespaceRecord, []byte(message), key.Public()), sshsig.ErrArmor)
		})
	}
}

// TestVerifyRefusesHostileSignatures has every input that some verifier in use
// was seen to accept.
func TestVerifyRefusesHostileSignatures(t *testing.T) {
	t.Parallel()
	const namespace = sshsig.NamespaceRecord
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromSigner(private)
	require.NoError(t, err)
	honest := forgery{namespace: namespace, publicKey: signer.PublicKey(), sign: signWith(t, signer)}
	public := publicOf(t, signer.PublicKey())

	t.Run("the honest one passes", func(t *testing.T) {
		require.NoError(t, sshsig.Verify(honest.armor(t, message), namespace, []byte(message), public))
		short := honest
		short.hash = "sha256"
		require.NoError(t, sshsig.Verify(short.armor(t, message), namespace, []byte(message), public))
	})

	change := func(f func(*forgery)) forgery {
		forged := honest
		f(&forged)
		return forged
	}
	_, otherPrivate, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	other, err := ssh.NewSignerFromSigner(otherPrivate)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		forged forgery
		want   error
	}{
		"namespace in the blob differs from the signed one": {change(func(f *forgery) { f.signedNamespace = "file" }), sshsig.ErrSignature},
		"signed and stated for another namespace":           {change(func(f *forgery) { f.namespace = "file" }), sshsig.ErrNamespace},
		"empty namespace":                     {change(func(f *forgery) { f.namespace = "" }), sshsig.ErrNamespace},
		"public key in the blob is another's": {change(func(f *forgery) { f.publicKey = other.PublicKey() }), sshsig.ErrOtherKey},
		"made by another key, stated as ours": {change(func(f *forgery) { f.sign = signWith(t, other) }), sshsig.ErrSignature},
		"reserved field is used":              {change(func(f *forgery) { f.reserved = "x" }), sshsig.ErrArmor},
		"hash sha1":                           {change(func(f *forgery) { f.hash = "sha1" }), sshsig.ErrArmor},
		"bytes after the signature": {change(func(f *forgery) {
			f.sign = func(data []byte) *ssh.Signature {
				signature := signWith(t, signer)(data)
				signature.Rest = []byte("payload")
				return signature
			}
		}), sshsig.ErrForm},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, sshsig.Verify(tc.forged.armor(t, message), namespace, []byte(message), public), tc.want)
		})
	}
}

func TestVerifyRefusesRSAWithSHA1(t *testing.T) {
	t.Parallel()
	signer := rsaSigner(t, 3072)
	algorithms, ok := signer.(ssh.AlgorithmSigner)
	require.True(t, ok)
	sign := func(algorithm string) string {
		return forgery{namespace: "n", publicKey: signer.PublicKey(), sign: func(data []byte) *ssh.Signature {
			signature, err := algorithms.SignWithAlgorithm(rand.Reader, data, algorithm)
			require.NoError(t, err)
			return signature
		}}.armor(t, message)
	}
	public := publicOf(t, signer.PublicKey())
	require.NoError(t, sshsig.Verify(sign(ssh.KeyAlgoRSASHA512), "n", []byte(message), public))
	require.NoError(t, sshsig.Verify(sign(ssh.KeyAlgoRSASHA256), "n", []byte(message), public))
	require.Error(t, sshsig.Verify(sign(ssh.KeyAlgoRSA), "n", []byte(message), public))
}

func TestWeakKeysAreRefusedEverywhere(t *testing.T) {
	t.Parallel()

	t.Run("short RSA", func(t *testing.T) {
		signer := rsaSigner(t, 2048)
		_, err := sshsig.ParsePublicKey(lineOf(signer.PublicKey()))
		require.ErrorIs(t, err, sshsig.ErrWeakKey)
		forged := forgery{namespace: "n", publicKey: signer.PublicKey(), sign: func(data []byte) *ssh.Signature {
			algorithms, ok := signer.(ssh.AlgorithmSigner)
			require.True(t, ok)
			signature, err := algorithms.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSASHA512)
			require.NoError(t, err)
			return signature
		}}
		_, err = sshsig.SignerFingerprint(forged.armor(t, message))
		require.ErrorIs(t, err, sshsig.ErrWeakKey)
	})

	t.Run("the identity point, whose one signature fits every message", func(t *testing.T) {
		identity := append([]byte{1}, make([]byte, 31)...)
		everything := append(append([]byte{}, identity...), make([]byte, 32)...)
		require.True(t, ed25519.Verify(identity, []byte("any text"), everything), "the standard library accepts it")
		public, err := ssh.NewPublicKey(ed25519.PublicKey(identity))
		require.NoError(t, err)
		forged := forgery{namespace: "n", publicKey: public, sign: func([]byte) *ssh.Signature {
			return &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: everything}
		}}
		require.ErrorIs(t, sshsig.Verify(forged.armor(t, message), "n", []byte(message), mustKey(t, "alice").Public()), sshsig.ErrWeakKey)
		for _, sign := range []byte{0, 0x80} {
			for _, y := range []byte{0, 1} {
				point := append([]byte{y}, make([]byte, 31)...)
				point[31] |= sign
				low, err := ssh.NewPublicKey(ed25519.PublicKey(point))
				require.NoError(t, err)
				_, err = sshsig.ParsePublicKey(lineOf(low))
				require.ErrorIs(t, err, sshsig.ErrWeakKey)
			}
		}
	})
}

func TestOtherKindsOfKeysAreRefused(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromSigner(private)
	require.NoError(t, err)
	certificate := &ssh.Certificate{
		Key: signer.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"mallory"},
		ValidBefore: uint64(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()),
	}
	require.NoError(t, certificate.SignCert(rand.Reader, signer))
	_, err = sshsig.ParsePublicKey(lineOf(certificate))
	require.ErrorContains(t, err, "is not accepted")

	forged := forgery{namespace: "n", publicKey: certificate, sign: signWith(t, signer)}
	err = sshsig.Verify(forged.armor(t, message), "n", []byte(message), publicOf(t, signer.PublicKey()))
	require.ErrorIs(t, err, sshsig.ErrForm)

	for name, line := range map[string]string{
		"another type in front":   "ssh-rsa" + strings.TrimPrefix(lineOf(signer.PublicKey()), "ssh-ed25519"),
		"no base64":               "ssh-ed25519 !!!!",
		"type alone":              "ssh-ed25519",
		"bytes after the key":     "ssh-ed25519 " + strings.Fields(lineOf(signer.PublicKey()))[1][:64] + "AAAAAAAA",
		"nothing":                 "",
		"no padding where needed": strings.TrimRight(lineOf(ecdsaSigner(t).PublicKey()), "="),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sshsig.ParsePublicKey(line)
			require.ErrorContains(t, err, "parse public key: ")
		})
	}
}

func TestSecurityKeysMustBeTouched(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	const application = "ssh:"
	key, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type        string
		Point       []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, application}))
	require.NoError(t, err)

	sign := func(rest []byte) string {
		return forgery{namespace: "n", publicKey: key, sign: func(data []byte) *ssh.Signature {
			app, text := sha256.Sum256([]byte(application)), sha256.Sum256(data)
			signed := append(append(app[:], rest[:min(5, len(rest))]...), text[:]...)
			return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(private, signed), Rest: rest}
		}}.armor(t, message)
	}
	verify := func(rest []byte) error {
		return sshsig.Verify(sign(rest), "n", []byte(message), publicOf(t, key))
	}
	require.NoError(t, verify([]byte{1, 0, 0, 0, 7}))
	require.NoError(t, verify([]byte{5, 0, 0, 0, 7}), "user verified as well as present")
	require.ErrorContains(t, verify([]byte{0, 0, 0, 0, 7}), "nobody touched the security key")
	require.ErrorIs(t, verify([]byte{1, 0, 0, 0, 7, 9}), sshsig.ErrForm)
	require.ErrorIs(t, verify(nil), sshsig.ErrForm)
}

func signWith(t *testing.T, signer ssh.Signer) func([]byte) *ssh.Signature {
	return func(data []byte) *ssh.Signature {
		signature, err := signer.Sign(rand.Reader, data)
		require.NoError(t, err)
		return signature
	}
}

func rsaSigner(t *testing.T, bits int) ssh.Signer {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromSigner(private)
	require.NoError(t, err)
	return signer
}

func ecdsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromSigner(private)
	require.NoError(t, err)
	return signer
}

func FuzzVerify(f *testing.F) {
	key := mustKey(f, "alice")
	armor := mustSign(f, key, sshsig.NamespaceRecord, message)
	f.Add(armor, message)
	f.Add(strings.ReplaceAll(armor, "\n", "\r\n"), message)
	f.Add("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n", "")
	f.Fuzz(func(t *testing.T, text, signed string) {
		err := sshsig.Verify(text, sshsig.NamespaceRecord, []byte(signed), key.Public())
		if err == nil && (text != armor || signed != message) {
			t.Fatalf("accepted %q for %q", text, signed)
		}
		named, err := sshsig.SignerFingerprint(text)
		if err == nil && !strings.HasPrefix(named, "SHA256:") {
			t.Fatalf("names the signer %q", named)
		}
	})
}
