package sshsig_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"keyturn/keygen"
	"keyturn/keygen/sshsig"
)

// mustKey makes a signing key that depends on name only.
func mustKey(t testing.TB, name string) sshsig.Key {
	t.Helper()
	seed := sha256.Sum256([]byte("test seed " + name))
	secret, err := keygen.ParseSecret(hex.EncodeToString(seed[:]))
	require.NoError(t, err)
	key, err := sshsig.NewKey(secret)
	require.NoError(t, err)
	return key
}

func mustSign(t testing.TB, key sshsig.Key, namespace, message string) string {
	t.Helper()
	armor, err := sshsig.Sign(key, namespace, []byte(message))
	require.NoError(t, err)
	return armor
}

func mustRoster(t testing.TB, lines ...string) sshsig.Roster {
	t.Helper()
	roster, err := sshsig.ParseRoster("allowed_signers", []byte(strings.Join(lines, "\n")+"\n"))
	require.NoError(t, err)
	return roster
}

// sshKeygen returns a function that runs ssh-keygen in dir with stdin, and
// fails the test when the program is required but missing.
func sshKeygen(t *testing.T, dir string) func(stdin string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
			t.Fatal("ssh-keygen is required and not installed")
		}
		t.Skip("ssh-keygen is not installed")
	}
	return func(stdin string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader(stdin)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		return out.String() + errs.String(), err
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func removeAll(dir, name string) error { return os.Remove(filepath.Join(dir, name)) }

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(data)
}

// blob is the wire form of PROTOCOL.sshsig, for signatures that no honest
// program would make.
type blob struct {
	Magic         [6]byte
	Version       uint32
	PublicKey     []byte
	Namespace     string
	Reserved      string
	HashAlgorithm string
	Signature     []byte
}

// forgery describes a signature; its zero fields take the honest value.
type forgery struct {
	signedNamespace string // what is signed, when it differs from the blob's
	namespace       string
	reserved        string
	hash            string
	publicKey       ssh.PublicKey
	sign            func(data []byte) *ssh.Signature
}

func (f forgery) armor(t *testing.T, message string) string {
	t.Helper()
	if f.hash == "" {
		f.hash = "sha512"
	}
	digest := sha512.Sum512([]byte(message))
	sum := digest[:]
	if f.hash == "sha256" {
		short := sha256.Sum256([]byte(message))
		sum = short[:]
	}
	signedNamespace := f.namespace
	if f.signedNamespace != "" {
		signedNamespace = f.signedNamespace
	}
	magic := [6]byte{'S', 'S', 'H', 'S', 'I', 'G'}
	data := append(magic[:], ssh.Marshal(struct {
		Namespace, Reserved, HashAlgorithm string
		Hash                               []byte
	}{signedNamespace, f.reserved, f.hash, sum})...)
	return armorOf(ssh.Marshal(blob{
		Magic: magic, Version: 1, PublicKey: f.publicKey.Marshal(), Namespace: f.namespace,
		Reserved: f.reserved, HashAlgorithm: f.hash, Signature: ssh.Marshal(f.sign(data)),
	}))
}

func armorOf(raw []byte) string {
	var b strings.Builder
	b.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	for body := base64.StdEncoding.EncodeToString(raw); body != ""; {
		n := min(70, len(body))
		b.WriteString(body[:n] + "\n")
		body = body[n:]
	}
	b.WriteString("-----END SSH SIGNATURE-----\n")
	return b.String()
}

func publicOf(t *testing.T, key ssh.PublicKey) sshsig.PublicKey {
	t.Helper()
	public, err := sshsig.ParsePublicKey(lineOf(key))
	require.NoError(t, err)
	return public
}

func lineOf(key ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}
