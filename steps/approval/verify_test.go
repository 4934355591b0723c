package approval_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// team is a roster: alice with two keys, bob who may approve for a while, carol
// who may only sign records, and mallory who is not in it.
type team struct {
	alice, spare, bob, carol, mallory sshsig.Key
	roster                            sshsig.Roster
}

func newTeam(t *testing.T) team {
	t.Helper()
	m := team{alice: mustKey(t, "alice"), spare: mustKey(t, "alice's spare"), bob: mustKey(t, "bob"), carol: mustKey(t, "carol"), mallory: mustKey(t, "mallory")}
	line := func(principal string, key sshsig.Key, options string) string {
		return principal + " " + options + " " + key.PublicLine("") + "\n"
	}
	const both = `namespaces="keyturn-record,keyturn-approval"`
	var err error
	m.roster, err = sshsig.ParseRoster("allowed_signers", []byte(
		line("alice@example.com", m.alice, both)+line("alice@example.com", m.spare, both)+
			line("bob@example.com", m.bob, `namespaces="keyturn-approval",valid-before="20260105133000Z"`)+
			line("carol@example.com", m.carol, `namespaces="keyturn-record"`)))
	require.NoError(t, err)
	return m
}

// verify finds and checks an answer, as whoever asked does.
func (m team) verify(sent string, now time.Time, signer string, texts ...string) (approval.Found, error) {
	found, err := approval.Find(approval.ParseAnswer(sent), texts, m.roster)
	if err != nil {
		return found, err
	}
	return found, found.Check(m.roster, now, signer)
}

func mustSign(t *testing.T, key sshsig.Key, text string) string {
	t.Helper()
	armor, err := approval.Sign(key, text)
	require.NoError(t, err)
	return armor
}

// another is a request of the same session for something else.
func another(t *testing.T) string {
	t.Helper()
	r := mustRequest(t)
	r.ID, r.Action, r.Gate = "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aa", approval.Overridden, "day"
	return mustText(t, r)
}

func TestFind(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	text, other := mustText(t, mustRequest(t)), another(t)
	later := noon.Add(time.Hour)

	t.Run("the request that was answered, among several", func(t *testing.T) {
		t.Parallel()
		for i, signed := range []string{text, other} {
			found, err := m.verify(mustSign(t, m.bob, signed), later, "alice@example.com", text, other)
			require.NoError(t, err)
			assert.Equal(t, i, found.Index)
			assert.Equal(t, "bob@example.com", found.Signer.Principal)
			assert.False(t, found.Refuses)
			assert.Equal(t, mustSign(t, m.bob, signed), found.Armor)
			assert.Equal(t, signed, mustText(t, found.Request))
		}
	})

	inRecord, err := sshsig.Sign(m.bob, sshsig.NamespaceRecord, []byte(text))
	require.NoError(t, err)
	crlf, err := sshsig.Sign(m.bob, sshsig.NamespaceApproval, []byte(strings.ReplaceAll(text, "\n", "\r\n")))
	require.NoError(t, err)
	refusal, refusing, err := approval.SignRefusal(m.bob, text, "not on a Friday")
	require.NoError(t, err)
	byAlice, refusingAlice, err := approval.SignRefusal(m.alice, text, "")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		sent   string
		now    time.Time
		signer string
		err    error
		detail string
	}{
		"self approval":                       {mustSign(t, m.alice, text), later, "alice@example.com", approval.ErrSelfApproval, "alice@example.com"},
		"self approval with a spare key":      {mustSign(t, m.spare, text), later, "alice@example.com", approval.ErrSelfApproval, ""},
		"self refusal":                        {byAlice + refusingAlice, later, "alice@example.com", approval.ErrSelfApproval, ""},
		"by the record's signer":              {mustSign(t, m.bob, text), later, "bob@example.com", approval.ErrSelfApproval, ""},
		"by a stranger":                       {mustSign(t, m.mallory, text), later, "alice@example.com", approval.ErrUnknownSigner, m.mallory.Fingerprint()},
		"by somebody who may only sign":       {mustSign(t, m.carol, text), later, "alice@example.com", approval.ErrUnknownSigner, "not for \"keyturn-approval\""},
		"by a key that is not valid any more": {mustSign(t, m.bob, text), noon.Add(100 * time.Minute), "alice@example.com", approval.ErrUnknownSigner, "valid until"},
		"in another namespace":                {inRecord, later, "alice@example.com", approval.ErrPurpose, `"keyturn-record", want "keyturn-approval"`},
		"before the request was made":         {mustSign(t, m.bob, text), noon.Add(-time.Second), "alice@example.com", approval.ErrTooEarly, ""},
		"no signature":                        {"yes", later, "alice@example.com", approval.ErrNoSignature, "BEGIN SSH SIGNATURE"},
		"a signature that was cut off":        {strings.Replace(mustSign(t, m.bob, text), sshsig.EndLine, "", 1), later, "alice@example.com", approval.ErrNoSignature, "no END line"},
		"a signature with a letter changed":   {strings.Replace(mustSign(t, m.bob, text), "U1NI", "V1NI", 1), later, "alice@example.com", approval.ErrNoSignature, ""},
		"over a text with other line ends":    {crlf, later, "alice@example.com", approval.ErrBadSignature, "bob@example.com signed the text with the line ends of Windows"},
		"over a text that was changed":        {mustSign(t, m.bob, strings.Replace(text, "New-Key: v2", "New-Key: v3", 1)), later, "alice@example.com", approval.ErrBadSignature, "bob@example.com signed another text"},
		"a refusal whose reason is missing":   {refusing, later, "alice@example.com", approval.ErrBadSignature, "signed another text"},
		"a refusal whose reason was changed":  {strings.Replace(refusal, "Friday", "Monday", 1) + refusing, later, "alice@example.com", approval.ErrBadSignature, ""},
		"a refusal of another request":        {strings.Replace(refusal, "New-Key: v2", "New-Key: v3", 1) + refusing, later, "alice@example.com", approval.ErrBadSignature, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := m.verify(tc.sent, tc.now, tc.signer, text)
			require.ErrorIs(t, err, tc.err)
			var rejection *approval.Rejection
			require.ErrorAs(t, err, &rejection)
			assert.Contains(t, rejection.Detail, tc.detail)
			assert.NotEmpty(t, rejection.Hint())
		})
	}

	t.Run("after the window", func(t *testing.T) {
		t.Parallel()
		m := newTeam(t)
		lasting, err := sshsig.ParseRoster("allowed_signers", []byte("bob@example.com namespaces=\"keyturn-approval\" "+m.bob.PublicLine("")+"\n"))
		require.NoError(t, err)
		m.roster = lasting
		_, err = m.verify(mustSign(t, m.bob, text), noon.Add(24*time.Hour), "alice@example.com", text)
		require.NoError(t, err, "the last moment")
		_, err = m.verify(mustSign(t, m.bob, text), noon.Add(24*time.Hour+time.Second), "alice@example.com", text)
		require.ErrorIs(t, err, approval.ErrClosed)
		assert.ErrorContains(t, err, "ran out at 2026-01-06T12:00:00Z")
	})

	t.Run("the requester under another name", func(t *testing.T) {
		t.Parallel()
		alias := mustRequest(t)
		alias.Requester, alias.RequesterKey = "operator", m.spare.Fingerprint()
		_, err := m.verify(mustSign(t, m.alice, mustText(t, alias)), later, "operator", mustText(t, alias))
		require.ErrorIs(t, err, approval.ErrSelfApproval)
	})

	t.Run("a text that is no request", func(t *testing.T) {
		t.Parallel()
		_, err := m.verify(mustSign(t, m.bob, text), later, "alice@example.com", "yes\n")
		require.ErrorIs(t, err, approval.ErrMalformed)
		_, err = approval.Sign(m.bob, "yes\n")
		require.ErrorIs(t, err, approval.ErrMalformed)
		_, _, err = approval.SignRefusal(m.bob, "yes\n", "")
		require.ErrorIs(t, err, approval.ErrMalformed)
	})
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	text := mustText(t, mustRequest(t))
	body := strings.TrimSuffix(text, "Signing this text approves exactly the action above\n")
	for why, want := range map[string]string{
		"":                         "",
		" \n":                      "",
		"not on a Friday":          "Why: not on a Friday\n",
		"nicht  freitags\n(für 3)": "Why: nicht freitags (f?r 3)\n",
		strings.Repeat("x", 100):   "Why: " + strings.Repeat("x", 68) + "...\n",
	} {
		refusal, armor, err := approval.SignRefusal(m.bob, text, why)
		require.NoError(t, err)
		assert.Equal(t, body+want+"Signing this text refuses the action above\n", refusal)
		assert.Equal(t, refusal, sshsig.NormalizePasted(refusal), "it survives mail")
		request, reason, err := approval.ParseRefusal(refusal)
		require.NoError(t, err)
		assert.Equal(t, text, request)
		assert.Equal(t, strings.TrimSuffix(strings.TrimPrefix(want, "Why: "), "\n"), reason)

		found, err := m.verify(refusal+armor, noon, "alice@example.com", another(t), text)
		require.NoError(t, err)
		assert.Equal(t, 1, found.Index)
		assert.True(t, found.Refuses)
		assert.Equal(t, reason, found.Why)
		_, err = approval.Parse(refusal)
		require.ErrorIs(t, err, approval.ErrMalformed, "a refusal is no request")
		_, _, err = approval.ParseRefusal(text)
		require.ErrorIs(t, err, approval.ErrMalformed, "a request is no refusal")
	}

	t.Run("without a reason needs no text beside it", func(t *testing.T) {
		t.Parallel()
		_, armor, err := approval.SignRefusal(m.bob, text, "")
		require.NoError(t, err)
		found, err := m.verify(armor, noon, "alice@example.com", text)
		require.NoError(t, err)
		assert.True(t, found.Refuses)
	})

	refusal, err := approval.RefusalText(text, "no")
	require.NoError(t, err)
	for name, spoiled := range map[string]string{
		"nothing":             "",
		"two reasons":         strings.Replace(refusal, "Why: no\n", "Why: no\nWhy: not\n", 1),
		"an empty reason":     strings.Replace(refusal, "Why: no\n", "Why: \n", 1),
		"two spaces":          strings.Replace(refusal, "Why: no\n", "Why: not  so\n", 1),
		"a line too wide":     strings.Replace(refusal, "Why: no\n", "Why: "+strings.Repeat("x", 72)+"\n", 1),
		"another last line":   strings.Replace(refusal, "refuses", "denies", 1),
		"text after":          refusal + "x\n",
		"a changed request":   strings.Replace(refusal, "Records: 4", "Records: 04", 1),
		"a reason in between": strings.Replace(refusal, "Plan: ", "Why: x\nPlan: ", 1),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, _, err := approval.ParseRefusal(spoiled)
			require.ErrorIs(t, err, approval.ErrMalformed)
		})
	}
}

// What people send back has more around it than a signature.
func TestParseAnswer(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	text := mustText(t, mustRequest(t))
	armor := mustSign(t, m.bob, text)
	refusal, refusing, err := approval.SignRefusal(m.bob, text, "not on a Friday")
	require.NoError(t, err)
	quoted := func(s string) string { return "> " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\r\n> ") }
	for name, tc := range map[string]struct {
		sent string
		want approval.Answer
	}{
		"a signature":                      {armor, approval.Answer{Armor: armor}},
		"quoted with CRLF":                 {quoted(armor), approval.Answer{Armor: armor}},
		"indented":                         {"    " + strings.ReplaceAll(armor, "\n", "\n    "), approval.Answer{Armor: armor}},
		"in a code block, with words":      {"Here it is:\n```\n" + armor + "```\nCheers, Bob", approval.Answer{Armor: armor}},
		"wrapped at another width":         {strings.Replace(armor, "U1NI", "U1\nNI", 1), approval.Answer{Armor: armor}},
		"a request and its signature":      {text + armor, approval.Answer{Text: text, Armor: armor}},
		"a refusal and its signature":      {refusal + refusing, approval.Answer{Text: refusal, Armor: refusing}},
		"a refusal, quoted, with words":    {"> Bob wrote:\n" + quoted(refusal+"\nRegards\n\n"+refusing), approval.Answer{Text: refusal, Armor: refusing}},
		"a signature without its end":      {strings.Replace(armor, sshsig.EndLine, "", 1), approval.Answer{}},
		"words":                            {"LGTM", approval.Answer{}},
		"nothing":                          {"", approval.Answer{}},
		"a request that nobody has signed": {text, approval.Answer{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, approval.ParseAnswer(tc.sent))
		})
	}
	assert.True(t, approval.IsPasted(quoted(armor)))
	assert.False(t, approval.IsPasted("/home/alice/request.txt.sig"))
}

// A second person needs nothing of ours, neither to approve nor to refuse.
func TestAnswerWithOpenSSH(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
			t.Fatal("ssh-keygen is required and not installed")
		}
		t.Skip("ssh-keygen is not installed")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	run("-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", "key")
	roster, err := sshsig.ParseRoster("signers", []byte(`bob namespaces="keyturn-approval" `+read("key.pub")))
	require.NoError(t, err)
	text := mustText(t, mustRequest(t))
	bare, err := approval.RefusalText(text, "")
	require.NoError(t, err)
	reasoned, err := approval.RefusalText(text, "not on a Friday")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		signed  string
		refuses bool
		why     string
	}{
		"approves":              {text, false, ""},
		"refuses":               {bare, true, ""},
		"refuses with a reason": {reasoned, true, "not on a Friday"},
	} {
		t.Run(name, func(t *testing.T) {
			file := strings.ReplaceAll(name, " ", "-") + ".txt"
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(tc.signed), 0o600))
			run("-q", "-Y", "sign", "-f", "key", "-n", sshsig.NamespaceApproval, file)
			found, err := approval.Find(approval.ParseAnswer(read(file)+read(file+".sig")), []string{text}, roster)
			require.NoError(t, err)
			require.NoError(t, found.Check(roster, noon, "alice@example.com"))
			assert.Equal(t, []any{"bob", tc.refuses, tc.why}, []any{found.Signer.Principal, found.Refuses, found.Why})
		})
	}
}

func FuzzParseRefusal(f *testing.F) {
	text, err := mustRequest(f).Text()
	require.NoError(f, err)
	for _, why := range []string{"", "not on a Friday"} {
		refusal, err := approval.RefusalText(text, why)
		require.NoError(f, err)
		f.Add(refusal)
	}
	f.Fuzz(func(t *testing.T, refusal string) {
		request, why, err := approval.ParseRefusal(refusal)
		if err != nil {
			return
		}
		if again, err := approval.RefusalText(request, why); err != nil || again != refusal {
			t.Fatalf("parsed %q, wrote %q: %v", refusal, again, err)
		}
	})
}
