package steps_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
)

const (
	grace = "grace@example.com"
	linus = "linus@example.com"
)

// people are the operator and two others, with a roster that has all three, and
// somebody who is not in it.
type people struct{ ada, grace, linus, mallory sshsig.Key }

func newPeople(t *testing.T) people {
	t.Helper()
	key := func() sshsig.Key {
		seed, err := keygen.Generate(rand.Reader)
		require.NoError(t, err)
		k, err := sshsig.NewKey(seed)
		require.NoError(t, err)
		return k
	}
	return people{key(), key(), key(), key()}
}

func (p people) roster() (sshsig.Roster, error) {
	var text strings.Builder
	for principal, key := range map[string]sshsig.Key{checklisttest.Operator: p.ada, grace: p.grace, linus: p.linus} {
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

// signing answers each request with the next key's signature.
func signing(keys ...sshsig.Key) secondFunc {
	return func(text string) (string, error) {
		if len(keys) == 0 {
			return "", errors.New("nobody was to be asked")
		}
		key := keys[0]
		keys = keys[1:]
		return approval.Sign(key, text)
	}
}

// approver has second people answer for the operator of a stage's session.
func (s *stage) approver(t *testing.T, p people, second consent.Second) {
	t.Helper()
	a := &consent.Approver{
		Second: second, Roster: p.roster, Requester: checklisttest.Operator, Clock: s.sandbox.Clock().Now, Random: rand.Reader,
		Key: func(context.Context) (sshsig.Key, error) { return p.ada, nil },
	}
	if s.outside.Trail != nil {
		a.Exported = s.outside.Trail.Exported
	}
	s.config.Approver = a
	s.reopen(t)
}

// beginRequiring opens a session of a checklist to which several people must
// agree.
func (s *stage) beginRequiring(t *testing.T, c checklist.Checklist, required int) {
	t.Helper()
	s.begin(t, c)
	o := s.engine.Session().Opening
	o.Setup.Approval.Required = required
	s.config.Journal, s.config.Setup = journal.NewMemory(), o.Setup
	require.NoError(t, checklist.Open(t.Context(), s.config.Journal, o, "run-1", s.sandbox.Clock().Now()))
	s.reopen(t)
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
		}, "check the answer: nobody approves their own request: " + checklisttest.Operator},
		"by nobody of the roster": {func(t *testing.T, p people, text string) (string, error) {
			return sign(t, p.mallory, text), nil
		}, "check the answer: the signer may not approve: the key SHA256:"},
		"of another text": {func(t *testing.T, p people, text string) (string, error) {
			return sign(t, p.grace, strings.Replace(text, "Action: items", "Action: passed-over", 1)), nil
		}, "check the answer: the signature does not fit the request: " + grace + " signed another text"},
		"for another purpose": {func(t *testing.T, p people, text string) (string, error) {
			return sshsig.Sign(p.grace, sshsig.NamespaceRecord, []byte(text))
		}, "check the answer: the signature was made for another purpose"},
		"that is none": {func(*testing.T, people, string) (string, error) {
			return "LGTM", nil
		}, "check the answer: the answer is no signature"},
		"that is empty": {func(*testing.T, people, string) (string, error) {
			return "", nil
		}, "check the answer: the answer is no signature"},
		"that was refused": {func(*testing.T, people, string) (string, error) {
			return "", errors.New("grace said no")
		}, "grace said no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newStage(t, "approve-production"), newPeople(t)
			s.begin(t, approved(t))
			s.approver(t, p, secondFunc(func(text string) (string, error) { return tc.second(t, p, text) }))
			err := s.engine.Run(t.Context(), "approve-production", checklisttest.NewScript(t))
			session := s.engine.Session()
			require.Len(t, session.Requests, 1, "it is in the journal before anybody is asked")
			if tc.want == "" {
				require.NoError(t, err)
				require.Len(t, session.Approvals, 1)
				got, asked := session.Approvals[0], session.Requests[0]
				assert.Equal(t, []string{grace, asked.ID, "approve-production"}, []string{got.By, got.Request, got.Item})
				assert.Equal(t, session.Mandate(checklist.Consent{Item: "approve-production"}).Digest(), got.Mandate)
				assert.Regexp(t, `^approved by grace@example.com at \d{4}-\d\d-\d\d \d\d:\d\d UTC \(required: 1\)$`,
					session.State("approve-production").Evidence.Summary)
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
	s.begin(t, approved(t))
	s.approver(t, p, secondFunc(func(text string) (string, error) { return approval.Sign(p.grace, text) }))
	s.look(t, "approve-production")
	return s
}

// The text says all that the signature stands for.
func TestRequestOfAnApproval(t *testing.T) {
	t.Parallel()
	s, p := newStage(t, "approve-production", "generate", "add-production"), newPeople(t)
	s.begin(t, approved(t))
	s.approver(t, p, signing(p.grace, p.grace))
	s.look(t, "approve-production") // what it stands for changes with the key
	s.pass(t, "generate")
	s.look(t, "approve-production")
	session := s.engine.Session()
	asked := session.Requests[1]
	fields, err := approval.Fields(asked.Text)
	require.NoError(t, err)
	fingerprint := func(e checklist.Environment) string { return string(session.Fingerprint(e, checklist.NewKey)) }
	for name, want := range map[string]string{
		"Request": asked.ID, "Trail": trailID, "Rotation": session.ID(), "Service": "orders", "Team": "none",
		"Environments": "staging production", "Action": "items", "Items": "add-production=add-new-key",
		"Items-Sum": approval.Sum([]string{"add-production=add-new-key"}), "Gate": "none", "Target": "none",
		"Old-Key": "v1", "Old-Stg-Fp": "none", "New-Key": "v2",
		"New-Stg-Fp": fingerprint(checklist.Staging), "New-Prd-Fp": fingerprint(checklist.Production),
		"Targets": "2 orders-api payments-api", "Plan": asked.Mandate, "Requester": checklisttest.Operator,
		"Requester-Key": p.ada.Fingerprint(), "Reason": "scheduled",
	} {
		assert.Equal(t, want, fields[name], name)
	}
	events := s.config.Journal.Events()
	at := slices.IndexFunc(events, func(e checklist.Event) bool { return e.Request != nil && e.Request.ID == asked.ID })
	assert.Equal(t, strconv.Itoa(at-1), fields["Events"], "what the journal had before the request, less the last event")
	assert.Equal(t, events[at-1].Prev, fields["Journal"])
}

// A deviation's request names what is deviated from, and why.
func TestRequestOfADeviation(t *testing.T) {
	t.Parallel()
	s, p := newStage(t, "approve-production", "generate", "add-production"), newPeople(t)
	s.begin(t, approved(t))
	s.approver(t, p, signing(p.grace, p.grace))
	s.look(t, "approve-production")
	s.pass(t, "generate")
	require.NoError(t, s.engine.Override(t.Context(), "add-production", "approval:approve-production", "grace is away\ntoday", checklisttest.NewScript(t)))
	session := s.engine.Session()
	fields, err := approval.Fields(session.Requests[1].Text)
	require.NoError(t, err)
	assert.Equal(t, []string{"overridden", "approval:approve-production", "add-production=add-new-key", "grace is away today"},
		[]string{fields["Action"], fields["Gate"], fields["Items"], fields["Reason"]})
	assert.Equal(t, []string{grace}, session.Deviations[0].Approved)
}

func TestSeveralPeopleMustAgree(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, second func(people) consent.Second) *stage {
		t.Helper()
		s, p := newStage(t, "approve-production"), newPeople(t)
		s.beginRequiring(t, approved(t), 2)
		s.approver(t, p, second(p))
		return s
	}

	t.Run("and do", func(t *testing.T) {
		t.Parallel()
		s := open(t, func(p people) consent.Second { return signing(p.grace, p.linus) })
		s.look(t, "approve-production")
		session := s.engine.Session()
		require.Len(t, session.Requests, 1, "all are sent the same text")
		assert.Contains(t, session.State("approve-production").Evidence.Summary, "approved by "+grace+" at ")
		assert.Contains(t, session.State("approve-production").Evidence.Summary, " and "+linus+" at ")
		assert.Equal(t, "Ask 2 people other than you", session.State("approve-production").Plan.Summary)
		s.look(t, "approve-production")
		assert.Len(t, s.engine.Session().Requests, 1, "nobody is asked again")
	})

	t.Run("and one person twice is one", func(t *testing.T) {
		t.Parallel()
		s := open(t, func(p people) consent.Second { return signing(p.grace, p.grace, p.linus) })
		err := s.engine.Run(t.Context(), "approve-production", checklisttest.NewScript(t))
		require.ErrorContains(t, err, grace+" has approved this already")
		assert.Equal(t, "2 people must agree; ask somebody else", checklist.Hint(err))
		s.look(t, "approve-production")
		st := s.engine.Session().State("approve-production")
		require.Len(t, st.Plan.Warnings, 1)
		assert.Equal(t, "1 of the 2 people who must agree have: "+grace+". The next signature must be somebody else's, over the same text.", st.Plan.Warnings[0])
	})

	t.Run("and whoever is asked second learns who was first", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s, p := newStage(t, "approve-production"), newPeople(t)
		s.beginRequiring(t, approved(t), 2)
		s.approver(t, p, consent.FileSecond{Dir: dir})
		script := checklisttest.NewScript(t)
		script.Expect(checklisttest.Reply{Kind: checklist.Write, Contains: "Where is the second person's signature?", Err: checklist.ErrCancelled})
		require.ErrorIs(t, s.engine.Run(t.Context(), "approve-production", script), checklist.ErrCancelled)
		text := s.engine.Session().Requests[0].Text
		armor, err := approval.Sign(p.grace, text)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "grace.sig")
		require.NoError(t, os.WriteFile(path, []byte(armor), 0o600))

		// The signature came while the operator was away.
		script = checklisttest.NewScript(t, say(path, "ssh-keygen -Y sign"),
			checklisttest.Reply{Contains: "1 of the 2 people who must agree have: " + grace, Err: checklist.ErrCancelled})
		require.ErrorIs(t, s.engine.Run(t.Context(), "approve-production", script), checklist.ErrCancelled)
		session := s.engine.Session()
		require.Len(t, session.Approvals, 1)
		for _, r := range session.Requests {
			assert.Equal(t, text, r.Text)
		}
	})
}

// A request that ran out is not asked again: a new one is made.
func TestARequestThatRanOutIsMadeAnew(t *testing.T) {
	t.Parallel()
	s, p := newStage(t, "approve-production"), newPeople(t)
	s.begin(t, approved(t))
	s.approver(t, p, signing(p.ada, p.ada, p.grace)) // ada's do not count
	for range 2 {
		require.ErrorContains(t, s.engine.Run(t.Context(), "approve-production", checklisttest.NewScript(t)), "nobody approves their own request")
	}
	s.after(t, approval.DefaultValidity)
	s.look(t, "approve-production")
	requests := s.engine.Session().Requests
	require.Len(t, requests, 2)
	assert.NotEqual(t, requests[0].ID, requests[1].ID)
	assert.Equal(t, requests[1].ID, s.engine.Session().Approvals[0].Request)
}

// What was asked for before an item was opened again is asked for anew.
func TestAReopenedItemIsAskedForAnew(t *testing.T) {
	t.Parallel()
	s := newApprovedStage(t)
	require.NoError(t, s.engine.Reopen(t.Context(), "approve-production", "again", checklisttest.NewScript(t)))
	s.look(t, "approve-production")
	requests := s.engine.Session().Requests
	require.Len(t, requests, 2)
	assert.Equal(t, requests[0].Mandate, requests[1].Mandate)
	assert.NotEqual(t, requests[0].ID, requests[1].ID)
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
