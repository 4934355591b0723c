package sshsig_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"keyturn/keygen/sshsig"
)

func TestParseRoster(t *testing.T) {
	t.Parallel()
	alice, bob, spare := mustKey(t, "alice"), mustKey(t, "bob"), mustKey(t, "spare")
	roster := mustRoster(t,
		"# who may sign and approve",
		"",
		`alice@example.com namespaces="keyturn-record,keyturn-approval",valid-after="20260101Z",valid-before="20261231235959Z" `+alice.PublicLine("laptop of Alice"),
		`bob@example.com namespaces="keyturn-approval" `+bob.PublicLine(""),
		`alice@example.com namespaces="keyturn-record" `+spare.PublicLine("spare"),
	)
	assert.Equal(t, "allowed_signers", roster.Name())
	assert.Len(t, roster.Members(), 3)

	member, ok := roster.Lookup(alice.Fingerprint())
	require.True(t, ok)
	assert.Equal(t, "alice@example.com", member.Principal)
	assert.Equal(t, []string{"keyturn-record", "keyturn-approval"}, member.Namespaces)
	assert.Equal(t, "laptop of Alice", member.Comment)
	assert.Equal(t, 3, member.Line)
	assert.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), member.ValidAfter)
	assert.Equal(t, time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), member.ValidBefore)

	assert.Len(t, roster.KeysOf("alice@example.com"), 2)
	assert.Empty(t, roster.KeysOf("Alice@example.com"))
	_, ok = roster.Lookup(mustKey(t, "mallory").Fingerprint())
	assert.False(t, ok)
}

func TestParseRosterRefuses(t *testing.T) {
	t.Parallel()
	public := mustKey(t, "alice").PublicLine("")
	other := mustKey(t, "bob").PublicLine("")
	const ns = `namespaces="keyturn-record"`
	weak := rsaSigner(t, 2048)
	for name, tc := range map[string]struct{ line, want string }{
		"capital principal":        {`Alice ` + ns + ` ` + public, `principal "Alice"`},
		"pattern":                  {`*@example.com ` + ns + ` ` + public, `principal "*@example.com"`},
		"negated pattern":          {`!bob ` + ns + ` ` + public, `principal "!bob"`},
		"two principals":           {`alice,bob ` + ns + ` ` + public, `principal "alice,bob"`},
		"quoted principal":         {`"alice" ` + ns + ` ` + public, `principal`},
		"no options":               {`alice ` + public + ` comment`, `want name="value"`},
		"no namespaces":            {`alice valid-after="20260101Z" ` + public, `namespaces="…" is missing`},
		"namespace pattern":        {`alice namespaces="keyturn-*" ` + public, `namespace "keyturn-*"`},
		"empty namespace":          {`alice namespaces="" ` + public, `namespace ""`},
		"namespace twice":          {`alice namespaces="a,a" ` + public, `namespace "a": given twice`},
		"unquoted value":           {`alice namespaces=keyturn-record ` + public, `want name="value"`},
		"open quote":               {`alice namespaces="keyturn-record ` + public, `closing quote is missing`},
		"text after a quote":       {`alice namespaces="a"b ` + public, `want a comma`},
		"comma at the end":         {`alice namespaces="a", ` + public, `want a comma and another option`},
		"option twice":             {`alice ` + ns + `,` + ns + ` ` + public, `given twice`},
		"capital option":           {`alice Namespaces="a" ` + public, `not accepted`},
		"certificate authority":    {`alice cert-authority,` + ns + ` ` + public, `not accepted`},
		"unknown option":           {`alice ` + ns + `,no-touch-required="yes" ` + public, `not accepted`},
		"local time":               {`alice ` + ns + `,valid-after="20260101" ` + public, `without Z it would be local time`},
		"no such date":             {`alice ` + ns + `,valid-after="20260231Z" ` + public, `no such date`},
		"the second that is none":  {`alice ` + ns + `,valid-before="19700101Z" ` + public, `no such date`},
		"ends before it begins":    {`alice ` + ns + `,valid-after="20260102Z",valid-before="20260101Z" ` + public, `valid-before is not later`},
		"two spaces":               {`alice  ` + ns + ` ` + public, `missing`},
		"tab":                      {"alice\t" + ns + " " + public, `control character`},
		"carriage return":          {`alice ` + ns + ` ` + public + "\r", `control character`},
		"leading space":            {` alice ` + ns + ` ` + public, `principal`},
		"blank after the key":      {`alice ` + ns + ` ` + public + ` `, `blanks around the comment`},
		"no key":                   {`alice ` + ns, `want: principal`},
		"broken key":               {`alice ` + ns + ` ssh-ed25519 AAAA`, `ssh`},
		"weak key":                 {`alice ` + ns + ` ` + lineOf(weak.PublicKey()), `weak key`},
		"another key type in text": {`alice ` + ns + ` ssh-rsa ` + strings.Fields(public)[1], `the line says "ssh-rsa"`},
		"key of another line":      {`bob ` + ns + ` ` + other, `the key of line 1 again`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := `first ` + ns + ` ` + other + "\n" + tc.line + "\n"
			_, err := sshsig.ParseRoster("signers", []byte(text))
			var bad *sshsig.RosterError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, 2, bad.Line)
			assert.ErrorContains(t, err, "signers:2: ")
			assert.ErrorContains(t, err, tc.want)
		})
	}

	for name, tc := range map[string]struct{ text, want string }{
		"no final line feed": {`alice ` + ns + ` ` + public, "signers:1: the last line does not end"},
		"not UTF-8":          {"# \xff\n", "signers: roster is not UTF-8"},
		"larger than any":    {strings.Repeat("#\n", 1<<20), "signers: roster is larger"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sshsig.ParseRoster("signers", []byte(tc.text))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// A plain key and a security key over one point have different fingerprints,
// and one person could pass for two.
func TestParseRosterRefusesOnePointInTwoKinds(t *testing.T) {
	t.Parallel()
	point, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	plain, err := ssh.NewPublicKey(point)
	require.NoError(t, err)
	token, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type        string
		Point       []byte
		Application string
	}{ssh.KeyAlgoSKED25519, point, "ssh:"}))
	require.NoError(t, err)
	_, err = sshsig.ParseRoster("signers", []byte(
		`alice namespaces="a" `+lineOf(plain)+"\n"+`bob namespaces="a" `+lineOf(token)+"\n"))
	require.ErrorContains(t, err, "signers:2: the key of line 1 again")
}

func TestRosterVerify(t *testing.T) {
	t.Parallel()
	alice := mustKey(t, "alice")
	roster := mustRoster(t, `alice namespaces="keyturn-record",valid-after="20260105162100Z",valid-before="20260105162200Z" `+alice.PublicLine(""))
	at := func(clock string) time.Time {
		parsed, err := time.Parse(time.TimeOnly, clock)
		require.NoError(t, err)
		return time.Date(2026, 1, 5, parsed.Hour(), parsed.Minute(), parsed.Second(), 0, time.UTC)
	}
	armor := mustSign(t, alice, sshsig.NamespaceRecord, message)
	verify := func(armor, namespace, text string, when time.Time) error {
		member, err := roster.Verify(armor, namespace, []byte(text), when)
		if err == nil {
			assert.Equal(t, "alice", member.Principal)
		}
		return err
	}
	for _, clock := range []string{"16:21:00", "16:21:30", "16:22:00"} {
		require.NoError(t, verify(armor, sshsig.NamespaceRecord, message, at(clock)), clock)
	}
	require.NoError(t, verify(armor, sshsig.NamespaceRecord, message, at("16:22:00").Add(999*time.Millisecond)))
	require.ErrorIs(t, verify(armor, sshsig.NamespaceRecord, message, at("16:20:59")), sshsig.ErrNotValid)
	require.ErrorIs(t, verify(armor, sshsig.NamespaceRecord, message, at("16:22:01")), sshsig.ErrNotValid)
	require.ErrorIs(t, verify(armor, sshsig.NamespaceRecord, "other", at("16:21:00")), sshsig.ErrSignature)
	require.ErrorIs(t, verify(armor, sshsig.NamespaceApproval, message, at("16:21:00")), sshsig.ErrNamespace)
	approval := mustSign(t, alice, sshsig.NamespaceApproval, message)
	require.ErrorIs(t, verify(approval, sshsig.NamespaceApproval, message, at("16:21:00")), sshsig.ErrNotPermitted)
	stranger := mustSign(t, mustKey(t, "mallory"), sshsig.NamespaceRecord, message)
	require.ErrorIs(t, verify(stranger, sshsig.NamespaceRecord, message, at("16:21:00")), sshsig.ErrNotInRoster)
	require.ErrorIs(t, verify("", sshsig.NamespaceRecord, message, at("16:21:00")), sshsig.ErrArmor)
}

func TestRosterLine(t *testing.T) {
	t.Parallel()
	alice := mustKey(t, "alice")
	member := sshsig.Member{
		Principal: "alice@example.com", Namespaces: []string{sshsig.NamespaceRecord, sshsig.NamespaceApproval},
		ValidAfter: time.Date(2026, 1, 5, 18, 21, 0, 0, time.FixedZone("", 2*60*60)),
		Key:        alice.Public(), Comment: "sandbox",
	}
	line, err := member.RosterLine()
	require.NoError(t, err)
	assert.Equal(t, `alice@example.com namespaces="keyturn-record,keyturn-approval",valid-after="20260105162100Z" `+alice.PublicLine("sandbox"), line)
	again, ok := mustRoster(t, line).Lookup(alice.Fingerprint())
	require.True(t, ok)
	assert.True(t, member.ValidAfter.Equal(again.ValidAfter))

	for name, spoil := range map[string]func(*sshsig.Member){
		"newline in the comment":  func(m *sshsig.Member) { m.Comment = "x\nmallory" },
		"space in the principal":  func(m *sshsig.Member) { m.Principal = "alice b" },
		"quote in the namespace":  func(m *sshsig.Member) { m.Namespaces = []string{`a",valid-before="`} },
		"no namespaces":           func(m *sshsig.Member) { m.Namespaces = nil },
		"no key":                  func(m *sshsig.Member) { m.Key = sshsig.PublicKey{} },
		"valid before it is made": func(m *sshsig.Member) { m.ValidBefore = m.ValidAfter.Add(-time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := member
			spoil(&spoiled)
			_, err := spoiled.RosterLine()
			require.ErrorContains(t, err, "write roster line of")
		})
	}
}

func FuzzParseRoster(f *testing.F) {
	public := mustKey(f, "alice").PublicLine("")
	f.Add(`alice namespaces="keyturn-record" ` + public + "\n")
	f.Add(`alice namespaces="a,b",valid-after="20260101Z",valid-before="20270101000000Z" ` + public + " comment\n# x\n\n")
	f.Add(`* cert-authority ` + public + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		roster, err := sshsig.ParseRoster("signers", []byte(text))
		if err != nil {
			return
		}
		for _, member := range roster.Members() {
			line, err := member.RosterLine()
			if err != nil {
				t.Fatalf("parsed but not written: %v", err)
			}
			again, err := sshsig.ParseRoster("again", []byte(line+"\n"))
			if err != nil {
				t.Fatalf("written but not parsed: %v", err)
			}
			if found, ok := again.Lookup(member.Key.Fingerprint()); !ok || found.Principal != member.Principal {
				t.Fatalf("read back as %v", found)
			}
		}
	})
}
