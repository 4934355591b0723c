package steps_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps"
	"keyturn/steps/approval"
)

const grace = "grace@example.com"

// people are the operator and the second person, with a roster that has both.
type people struct{ ada, grace, mallory sshsig.Key }

func newPeople(t *testing.T) people {
	t.Helper()
	key := func() sshsig.Key {
		seed, err := keygen.Generate(rand.Reader)
		require.NoError(t, err)
		k, err := sshsig.NewKey(seed)
		require.NoError(t, err)
		return k
	}
	return people{key(), key(), key()}
}

func (p people) roster() (sshsig.Roster, error) {
	var text strings.Builder
	for principal, key := range map[string]sshsig.Key{checklisttest.Operator: p.ada, grace: p.grace} {
		line, err := sshsig.Member{
			Principal: principal, Key: key.Public(), Namespaces: []string{sshsig.NamespaceRecord, sshsig.NamespaceApproval},
		}.RosterLine()
		if err != nil {
			return sshsig.Roster{}, err
		}
		text.WriteString(line + "\n")
	}
	return sshsig.ParseRoster("allowed_signers", []byte(text.String()))
}

// secondFunc is a second person as a function.
type secondFunc func(text string) (string, error)

func (f secondFunc) Sign(_ context.Context, text string, _ checklist.Asker) (string, error) {
	return f(text)
}

// approver lets a second person answer for the operator of a stage.
func (s *stage) approver(p people, second steps.Second) {
	a := &steps.Approver{
		Second: second, Roster: p.roster, Requester: checklisttest.Operator, Clock: s.sandbox.Clock().Now, Random: rand.Reader,
		Key: func(context.Context) (sshsig.Key, error) { return p.ada, nil },
	}
	s.outside.Approver = a
}

func TestApproval(t *testing.T) {
	t.Parallel()
	sign := func(t *testing.T, key sshsig.Key, text string) string {
		t.Helper()
		armor, err := approval.Sign(key, text)
		require.NoError(t, err)
		return armor
	}
	for name, tc := range map[string]struct {
		second func(*testing.T, people, string) (string, error)
		want   string // in the error; "" when it is an approval
	}{
		"by the second person": {func(t *testing.T, p people, text string) (string, error) {
			return sign(t, p.grace, text), nil
		}, ""},
		"pasted with a mail's indent and line ends": {func(t *testing.T, p people, text string) (string, error) {
			return "> " + strings.ReplaceAll(strings.TrimSpace(sign(t, p.grace, text)), "\n", "\r\n> ") + "\r\n", nil
		}, ""},
		"by the operator": {func(t *testing.T, p people, text string) (string, error) {
			return sign(t, p.ada, text), nil
		}, "check the approval"},
		"by nobody of the roster": {func(t *testing.T, p people, text string) (string, error) {
			return sign(t, p.mallory, text), nil
		}, "check the approval"},
		"of another text": {func(t *testing.T, p people, text string) (string, error) {
			return sign(t, p.grace, strings.Replace(text, "production", "staging", 1)), nil
		}, "check the approval"},
		"for another purpose": {func(t *testing.T, p people, text string) (string, error) {
			return sshsig.Sign(p.grace, sshsig.NamespaceRecord, []byte(text))
		}, "check the approval"},
		"that is none": {func(*testing.T, people, string) (string, error) {
			return "LGTM", nil
		}, "check the approval"},
		"that is empty": {func(*testing.T, people, string) (string, error) {
			return "", nil
		}, "check the approval"},
		"that was refused": {func(*testing.T, people, string) (string, error) {
			return "", errors.New("grace said no")
		}, "grace said no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newStage(t, "approve-production"), newPeople(t)
			s.approver(p, secondFunc(func(text string) (string, error) { return tc.second(t, p, text) }))
			s.begin(t, approved(t))
			err := s.engine.Run(t.Context(), "approve-production", checklisttest.NewScript(t))
			session := s.engine.Session()
			if tc.want == "" {
				require.NoError(t, err)
				got := session.Approvals["approve-production"]
				assert.Equal(t, grace, got.By)
				item, _, _ := session.Checklist.Item("approve-production")
				assert.Equal(t, session.ActionDigest(item), got.Action)
				assert.Contains(t, got.Request, session.ID(), "what was signed names the session")
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.Equal(t, checklist.StatusFailed, session.State("approve-production").Status)
			assert.Empty(t, session.Approvals)
		})
	}
}

// approved is a checklist whose last item waits for an approval.
func approved(t *testing.T) checklist.Checklist {
	t.Helper()
	c := part(t, []string{"approve-production", "generate", "add-production"})
	c.Phases[0].Items[2].Gates = []checklist.Gate{{Kind: checklist.GateApproval, Item: "approve-production"}}
	return c
}

func newApprovedStage(t *testing.T) *stage {
	t.Helper()
	s, p := newStage(t, "approve-production", "generate", "add-production"), newPeople(t)
	s.approver(p, secondFunc(func(text string) (string, error) { return approval.Sign(p.grace, text) }))
	s.begin(t, approved(t))
	s.look(t, "approve-production")
	return s
}

func TestAnApprovalOfSomethingElseDoesNotCount(t *testing.T) {
	t.Parallel()
	s := newApprovedStage(t)
	s.pass(t, "generate") // the key that is to be added is another now
	err := s.engine.Run(t.Context(), "add-production", checklisttest.NewScript(t))
	var gate *checklist.GateError
	require.ErrorAs(t, err, &gate)
	assert.ErrorContains(t, err, "what "+grace+" approved has changed since; ask again")
	s.look(t, "approve-production")
	s.pass(t, "add-production")
}

func TestAnApprovalRunsOut(t *testing.T) {
	t.Parallel()
	s := newApprovedStage(t)
	s.pass(t, "generate")
	s.look(t, "approve-production")
	require.NoError(t, s.sandbox.Clock().AdvanceTo(s.sandbox.Clock().Now().Add(25*time.Hour)))
	err := s.engine.Run(t.Context(), "add-production", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "the approval by "+grace+" ran out at")
	s.look(t, "approve-production")
	s.pass(t, "add-production")
}

func TestFileSecond(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	second := steps.FileSecond{Dir: filepath.Join(t.TempDir(), "requests")}
	var question checklist.Question
	answering := func(text string) checklist.Asker {
		return func(_ context.Context, q checklist.Question) (checklist.Answer, error) {
			question = q
			return checklist.Answer{Text: text}, nil
		}
	}
	t.Run("the request is a file, and what is asked is where its signature is", func(t *testing.T) {
		_, err := second.Sign(t.Context(), "the request\n", answering("/nowhere"))
		require.ErrorContains(t, err, "read the signature")
		assert.Contains(t, checklist.Hint(err), "run the item again once the file is there")
		assert.Contains(t, question.Body, "ssh-keygen -Y sign -f KEY -n "+sshsig.NamespaceApproval)
		assert.Contains(t, question.Body, "the request\n")
		files, err := filepath.Glob(filepath.Join(second.Dir, "request-*.txt"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		text, err := os.ReadFile(files[0])
		require.NoError(t, err)
		assert.Equal(t, "the request\n", string(text), "exactly what is to be signed")
		assert.Equal(t, files[0]+".sig", question.Default)
	})
	t.Run("the signature is read from the file", func(t *testing.T) {
		armor, err := sshsig.Sign(p.grace, sshsig.NamespaceApproval, []byte("the request\n"))
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "from-grace.sig")
		require.NoError(t, os.WriteFile(path, []byte(armor), 0o600))
		got, err := second.Sign(t.Context(), "the request\n", answering(" "+path+"\n"))
		require.NoError(t, err)
		assert.Equal(t, armor, got)
	})
	t.Run("an endless file is not read to its end", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "long.sig")
		require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
		got, err := second.Sign(t.Context(), "the request\n", answering(path))
		require.NoError(t, err)
		assert.LessOrEqual(t, len(got), 64<<10)
	})
}
