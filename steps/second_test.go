package steps_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
)

// requestAt is a request as it is sent, made at a time.
func requestAt(t *testing.T, p people, at time.Time) string {
	t.Helper()
	digest := strings.Repeat("ab", 32)
	r, err := approval.Issue(bytes.NewReader(bytes.Repeat([]byte{byte(at.Unix()), 7}, 8)), at, approval.Request{
		Trail: trailID, Head: digest, Rotation: "session-1", Events: 2, Journal: digest, Service: "orders",
		Environments: []string{"production"}, Action: approval.Items, Items: []string{"add-production=add-new-key"},
		Targets: []string{"orders-api"}, Plan: digest, Requester: checklisttest.Operator, RequesterKey: p.ada.Fingerprint(),
	})
	require.NoError(t, err)
	text, err := r.Text()
	require.NoError(t, err)
	return text
}

// answering is an asker that gives one answer, and keeps the question.
type answering struct {
	text     string
	question checklist.Question
}

func (a *answering) ask(_ context.Context, q checklist.Question) (checklist.Answer, error) {
	a.question = q
	return checklist.Answer{Text: a.text}, nil
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestFileSecondWritesTheRequest(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	files := consent.FileSecond{Dir: filepath.Join(t.TempDir(), "state", "requests")}
	text := requestAt(t, p, checklisttest.Morning())
	a := &answering{text: "/nowhere"}
	_, err := files.Sign(t.Context(), text, a.ask)
	require.ErrorContains(t, err, "read the signature")
	assert.Contains(t, checklist.Hint(err), "the request stays open")

	request := files.File(text)
	assert.Regexp(t, `/request-[0-9a-f]{8}\.txt$`, filepath.ToSlash(request))
	assert.Equal(t, text, read(t, request), "exactly what is to be signed")
	info, err := os.Stat(request)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	refuse := strings.TrimSuffix(request, ".txt") + ".refuse.txt"
	refused, why, err := approval.ParseRefusal(read(t, refuse))
	require.NoError(t, err)
	assert.Equal(t, []string{text, ""}, []string{refused, why})

	body := a.question.Body
	for _, said := range []string{
		"Send them " + request, "ssh-keygen -Y sign -f KEY -n keyturn-approval " + filepath.Base(request), filepath.Base(refuse),
		"The request can be answered until 3 Mar 2026 09:00 UTC", text,
	} {
		assert.Contains(t, body, said)
	}
	assert.Equal(t, request+".sig", a.question.Default)
	assert.Equal(t, text, a.question.Copy)

	t.Run("once, and what a second person wrote into the refusal stays", func(t *testing.T) {
		reasoned, err := approval.RefusalText(text, "not today")
		require.NoError(t, err)
		write(t, refuse, strings.ReplaceAll(reasoned, "\n", "\r\n"))
		before, err := os.Stat(request)
		require.NoError(t, err)
		_, err = files.Sign(t.Context(), text, a.ask)
		require.Error(t, err)
		after, err := os.Stat(request)
		require.NoError(t, err)
		assert.True(t, os.SameFile(before, after), "whoever sends it just now sends all of it")
		assert.Equal(t, strings.ReplaceAll(reasoned, "\n", "\r\n"), read(t, refuse))
	})
	t.Run("again where it was changed", func(t *testing.T) {
		write(t, request, "approve everything\n")
		write(t, refuse, "refuse everything\n")
		_, err := files.Sign(t.Context(), text, a.ask)
		require.Error(t, err)
		assert.Equal(t, text, read(t, request))
		_, _, err = approval.ParseRefusal(read(t, refuse))
		require.NoError(t, err)
	})
	t.Run("and removes those that ran out long ago, with their answers", func(t *testing.T) {
		entries, err := os.ReadDir(files.Dir)
		require.NoError(t, err)
		require.Len(t, entries, 2)
		write(t, request+".sig", "x")
		write(t, strings.TrimSuffix(refuse, ".txt")+".txt.sig", "x")
		others := []string{"notes.txt", "request-old.txt", "request-0000000g.txt", "trail-successor.txt"}
		for _, name := range others {
			write(t, filepath.Join(files.Dir, name), "somebody's own\n")
		}
		write(t, filepath.Join(files.Dir, "request-00000000.txt"), "keyturn approval request v1\n")
		names := func() (all []string) {
			entries, err := os.ReadDir(files.Dir)
			require.NoError(t, err)
			for _, e := range entries {
				all = append(all, e.Name())
			}
			return all
		}
		soon := requestAt(t, p, checklisttest.Morning().AddDate(0, 0, 30))
		_, err = files.Sign(t.Context(), soon, a.ask)
		require.Error(t, err)
		assert.Len(t, names(), 4+5+2, "30 days after it was made it has run out for 29")
		late := requestAt(t, p, checklisttest.Morning().AddDate(0, 0, 31))
		_, err = files.Sign(t.Context(), late, a.ask)
		require.Error(t, err)
		assert.ElementsMatch(t, append(others, "request-00000000.txt", filepath.Base(files.File(soon)), strings.TrimSuffix(filepath.Base(files.File(soon)), ".txt")+".refuse.txt",
			filepath.Base(files.File(late)), strings.TrimSuffix(filepath.Base(files.File(late)), ".txt")+".refuse.txt"), names())
	})
}

// An answer is the path of a file, as people and terminals write it, or pasted.
func TestFileSecondReadsTheAnswer(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	text := requestAt(t, p, checklisttest.Morning())
	armor, err := approval.Sign(p.grace, text)
	require.NoError(t, err)
	refusal, refusing, err := approval.SignRefusal(p.grace, text, "not today")
	require.NoError(t, err)
	quoted := "> " + strings.ReplaceAll(armor, "\n", "\r\n> ")
	approved, refused := approval.Answer{Armor: armor}, approval.Answer{Text: refusal, Armor: refusing}
	withText := approval.Answer{Text: text, Armor: armor}
	for name, tc := range map[string]struct {
		answer func(t *testing.T, files consent.FileSecond, dir string) string
		want   approval.Answer
		err    string
	}{
		"a path": {func(t *testing.T, _ consent.FileSecond, dir string) string {
			return write(t, filepath.Join(dir, "grace.sig"), armor)
		}, approved, ""},
		"a path with a space": {func(t *testing.T, _ consent.FileSecond, dir string) string {
			return " " + write(t, filepath.Join(dir, "from grace.sig"), armor) + "\n"
		}, approved, ""},
		"a path in quotes": {func(t *testing.T, _ consent.FileSecond, dir string) string {
			return "'" + write(t, filepath.Join(dir, "from grace.sig"), armor) + "'"
		}, approved, ""},
		"a mail in a file": {func(t *testing.T, _ consent.FileSecond, dir string) string {
			return write(t, filepath.Join(dir, "mail.txt"), "Hi\n"+quoted)
		}, approved, ""},
		"the default": {func(t *testing.T, files consent.FileSecond, _ string) string {
			return write(t, files.File(text)+".sig", armor)
		}, withText, ""},
		"the default, that is a refusal": {func(t *testing.T, files consent.FileSecond, _ string) string {
			write(t, files.File(text)+".sig", armor)
			write(t, strings.TrimSuffix(files.File(text), ".txt")+".refuse.txt", refusal)
			write(t, strings.TrimSuffix(files.File(text), ".txt")+".refuse.txt.sig", refusing)
			return files.File(text) + ".sig"
		}, refused, ""},
		"a refusal with its text beside it": {func(t *testing.T, _ consent.FileSecond, dir string) string {
			write(t, filepath.Join(dir, "no.txt"), strings.ReplaceAll(refusal, "\n", "\r\n"))
			return write(t, filepath.Join(dir, "no.txt.sig"), refusing)
		}, refused, ""},
		"pasted":                  {func(*testing.T, consent.FileSecond, string) string { return armor }, approved, ""},
		"pasted as it was quoted": {func(*testing.T, consent.FileSecond, string) string { return quoted }, approved, ""},
		"pasted with an indent": {func(*testing.T, consent.FileSecond, string) string {
			return "\t" + strings.ReplaceAll(armor, "\n", "\n\t")
		}, approved, ""},
		"a refusal that is pasted": {func(*testing.T, consent.FileSecond, string) string { return refusal + refusing }, refused, ""},
		"no file":                  {func(*testing.T, consent.FileSecond, string) string { return "/nowhere/x.sig" }, approval.Answer{}, "read the signature: "},
		"a folder":                 {func(_ *testing.T, _ consent.FileSecond, dir string) string { return dir }, approval.Answer{}, "not a regular file"},
		"an endless file": {func(t *testing.T, _ consent.FileSecond, dir string) string {
			return write(t, filepath.Join(dir, "long.sig"), strings.Repeat("x", 1<<20)+"\n"+armor)
		}, approval.Answer{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := consent.FileSecond{Dir: filepath.Join(t.TempDir(), "requests")}
			a := &answering{text: tc.answer(t, files, t.TempDir())}
			got, err := files.Sign(t.Context(), text, a.ask)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.LessOrEqual(t, len(got), 129<<10)
			assert.Equal(t, tc.want, approval.ParseAnswer(got))
		})
	}
}

// In the sandbox yes and no are both signed, and leaving is neither.
func TestSandboxSecond(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	second := consent.SandboxSecond{Principal: grace, Key: func(context.Context) (sshsig.Key, error) { return p.grace, nil }}
	text := requestAt(t, p, checklisttest.Morning())
	roster, err := p.roster()
	require.NoError(t, err)
	confirm := checklisttest.Reply{Kind: checklist.Confirm, Contains: text}
	with := func(r checklisttest.Reply, text string, err error) checklisttest.Reply {
		r.Say, r.Err = text, err
		return r
	}
	why := checklisttest.Reply{Kind: checklist.Write, Contains: "Sandbox: why does " + grace + " refuse it?"}
	for name, tc := range map[string]struct {
		replies []checklisttest.Reply
		refuses bool
		why     string
		err     error
	}{
		"yes":                     {[]checklisttest.Reply{with(confirm, checklist.Yes, nil)}, false, "", nil},
		"no":                      {[]checklisttest.Reply{with(confirm, checklist.No, nil), with(why, "", nil)}, true, "", nil},
		"no, and why":             {[]checklisttest.Reply{with(confirm, checklist.No, nil), with(why, "not today", nil)}, true, "not today", nil},
		"left":                    {[]checklisttest.Reply{with(confirm, "", checklist.ErrCancelled)}, false, "", checklist.ErrCancelled},
		"no, and left at the why": {[]checklisttest.Reply{with(confirm, checklist.No, nil), with(why, "", checklist.ErrCancelled)}, false, "", checklist.ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, err := second.Sign(t.Context(), text, checklisttest.NewScript(t, tc.replies...).Ask)
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			found, err := approval.Find(approval.ParseAnswer(sent), []string{text}, roster)
			require.NoError(t, err)
			assert.Equal(t, []any{grace, tc.refuses, tc.why}, []any{found.Signer.Principal, found.Refuses, found.Why})
		})
	}
}

// A second person with stock OpenSSH signs the files that Keyturn writes.
func TestStockOpenSSHAnswersARequest(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
			t.Fatal("ssh-keygen is required and not installed")
		}
		t.Skip("ssh-keygen is not installed")
	}
	for name, tc := range map[string]struct {
		ending, why string
	}{"approves": {".txt", ""}, "refuses": {".refuse.txt", ""}, "refuses with a reason": {".refuse.txt", "not on a Friday"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, dir := newAsking(t, 1), t.TempDir()
			run := func(args ...string) {
				cmd := exec.CommandContext(t.Context(), program, args...)
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
			}
			run("-q", "-t", "ed25519", "-N", "", "-f", "key")
			roster, err := sshsig.ParseRoster("allowed_signers", []byte(grace+` namespaces="keyturn-approval" `+read(t, filepath.Join(dir, "key.pub"))))
			require.NoError(t, err)
			a.config.Approver.(*consent.Approver).Roster = func() (sshsig.Roster, error) { return roster, nil }

			r := a.leaves(t, a.approval(t))
			file := strings.TrimSuffix(a.files.File(r.Text), ".txt") + tc.ending
			sent := read(t, file)
			if tc.why != "" { // as the question says
				at := strings.LastIndex(strings.TrimSuffix(sent, "\n"), "\n") + 1
				sent = sent[:at] + "Why: " + tc.why + "\n" + sent[at:]
			}
			write(t, filepath.Join(dir, filepath.Base(file)), sent)
			run("-q", "-Y", "sign", "-f", "key", "-n", sshsig.NamespaceApproval, filepath.Base(file))
			answer := filepath.Join(dir, filepath.Base(file)+".sig")
			if name == "approves" { // it is put where enter takes it
				answer = write(t, a.files.File(r.Text)+".sig", read(t, answer))
			}
			err = a.approval(t)(checklisttest.NewScript(t, say(answer, whereIs)))
			if tc.ending == ".txt" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, grace+" refused it")
			assert.Equal(t, tc.why, a.engine.Session().Refusals[0].Reason)
		})
	}
}
