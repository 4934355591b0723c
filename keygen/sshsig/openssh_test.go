package sshsig_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen/sshsig"
)

func TestOpenSSHVerifiesOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := sshKeygen(t, dir)
	key := mustKey(t, "alice")
	line, err := sshsig.Member{Principal: "alice@example.com", Namespaces: []string{sshsig.NamespaceRecord}, Key: key.Public()}.RosterLine()
	require.NoError(t, err)
	write(t, dir, "signers", line+"\n")
	write(t, dir, "sig", mustSign(t, key, sshsig.NamespaceRecord, message))
	write(t, dir, "key.pub", key.PublicLine("x")+"\n")

	out, err := run("", "-l", "-f", "key.pub")
	require.NoError(t, err, out)
	assert.Contains(t, out, key.Fingerprint())
	out, err = run("", "-Y", "find-principals", "-f", "signers", "-s", "sig")
	require.NoError(t, err, out)
	assert.Equal(t, "alice@example.com\n", out)
	verify := []string{"-Y", "verify", "-f", "signers", "-I", "alice@example.com", "-s", "sig", "-n"}
	out, err = run(message, append(verify, sshsig.NamespaceRecord)...)
	require.NoError(t, err, out)
	_, err = run(message, append(verify, sshsig.NamespaceApproval)...)
	require.Error(t, err)
	_, err = run("other", append(verify, sshsig.NamespaceRecord)...)
	require.Error(t, err)
}

func TestWeVerifyOpenSSH(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"Ed25519": {"-t", "ed25519"}, "P-256": {"-t", "ecdsa", "-b", "256"}, "P-384": {"-t", "ecdsa", "-b", "384"},
		"P-521": {"-t", "ecdsa", "-b", "521"}, "RSA-3072": {"-t", "rsa", "-b", "3072"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run := sshKeygen(t, dir)
			out, err := run("", append(args, "-q", "-N", "", "-C", "someone", "-f", "key")...)
			require.NoError(t, err, out)
			roster := mustRoster(t, `someone namespaces="n" `+read(t, dir, "key.pub")[:len(read(t, dir, "key.pub"))-1])
			for _, hash := range []string{"sha512", "sha256"} {
				write(t, dir, "text", message)
				out, err = run("", "-Y", "sign", "-q", "-f", "key", "-n", "n", "-O", "hashalg="+hash, "text")
				require.NoError(t, err, out)
				armor := read(t, dir, "text.sig")
				member, err := roster.Verify(armor, "n", []byte(message), time.Now())
				require.NoError(t, err)
				assert.Equal(t, "someone", member.Principal)
				_, err = roster.Verify(armor, "n", []byte(message+"x"), time.Now())
				require.ErrorIs(t, err, sshsig.ErrSignature)
				require.NoError(t, removeAll(dir, "text.sig"))
			}
		})
	}
}

// Our reading of validity must be ssh-keygen's, or an auditor with stock tools
// comes to another verdict.
func TestValidityAgreesWithOpenSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := sshKeygen(t, dir)
	key := mustKey(t, "alice")
	write(t, dir, "sig", mustSign(t, key, "n", message))
	for _, options := range []string{
		`namespaces="n"`, `namespaces="other,n"`, `namespaces="other"`,
		`namespaces="n",valid-after="20260105Z"`, `namespaces="n",valid-after="202601051621Z"`,
		`namespaces="n",valid-before="20260105162100Z"`, `namespaces="n",valid-before="20260105162059Z"`,
		`namespaces="n",valid-after="20260105162101Z"`, `namespaces="n",valid-after="20260105162100Z",valid-before="20260105162100Z"`,
		`namespaces="n",valid-after="20260105162100Z",valid-before="20260105162101Z"`, `namespaces="n",valid-before="20260106Z"`,
	} {
		line := "alice " + options + " " + key.PublicLine("comment")
		write(t, dir, "signers", "# comment\n"+line+"\n")
		_, theirs := run(message, "-Y", "verify", "-f", "signers", "-I", "alice", "-n", "n", "-s", "sig", "-Overify-time=20260105162100Z")
		roster, ours := sshsig.ParseRoster("signers", []byte(line+"\n"))
		if ours == nil {
			_, ours = roster.Verify(read(t, dir, "sig"), "n", []byte(message), time.Date(2026, 1, 5, 16, 21, 0, 0, time.UTC))
		}
		assert.Equal(t, theirs == nil, ours == nil, "%s: ssh-keygen says %v, we say %v", options, theirs, ours)
	}
}
