package program_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/approval"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// replying answers the questions for a signature in order, and then leaves them;
// to everything else it agrees.
type replying struct {
	programtest.Operator
	answers []string
	asked   []checklist.Question
}

func (o *replying) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	if q.Asked.ID != "second-signature" {
		return o.Operator.Ask(ctx, q)
	}
	o.asked = append(o.asked, q)
	if len(o.answers) == 0 {
		return checklist.Answer{}, checklist.ErrCancelled
	}
	answer := o.answers[0]
	o.answers = o.answers[1:]
	return checklist.Answer{Text: answer}, nil
}

// openCompany opens the program of a company that has moved in.
func openCompany(t *testing.T, c *company) *program.Program {
	t.Helper()
	p, err := program.Open(t.Context(), c.options)
	require.NoError(t, err)
	return p
}

// A request that was left and refused, one that another process goes on with, and
// an answer that comes at another question: the record verifies all the same.
func TestARecordOfRequestsThatWaited(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	p := openCompany(t, c)
	e, err := p.Begin(t.Context(), "quarterly", c.operator())
	require.NoError(t, err)
	c.goOn(e, c.operator(), "approve-production")

	require.ErrorIs(t, e.Run(t.Context(), "approve-production", &replying{}), checklist.ErrCancelled)
	first := e.Session().Requests[0]
	refusal, armor, err := approval.SignRefusal(c.second, first.Text, "not on a Friday")
	require.NoError(t, err)
	err = e.Run(t.Context(), "approve-production", &replying{answers: []string{refusal + armor}})
	require.ErrorContains(t, err, "bob@example.com refused it: not on a Friday")
	require.ErrorIs(t, e.Run(t.Context(), "approve-production", &replying{}), checklist.ErrCancelled)
	require.NoError(t, e.Close())
	require.NoError(t, p.Close())

	p = openCompany(t, c)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	id, err := p.InProgress("quarterly")
	require.NoError(t, err)
	e, err = p.Open(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, e.Resume(t.Context(), c.operator()))
	second := e.Session().Requests[1]
	require.NotEqual(t, first.ID, second.ID)
	armor, err = approval.Sign(c.second, second.Text)
	require.NoError(t, err)
	op := &replying{answers: []string{armor}}
	require.ErrorIs(t, e.Override(t.Context(), "remove-old", "day", "the window moved", op), checklist.ErrCancelled)
	require.Len(t, op.asked, 2)
	assert.Contains(t, op.asked[1].Body, "Recorded: bob@example.com agreed: Approval by a second person.")
	require.NoError(t, e.Run(t.Context(), "approve-production", &replying{}), "nobody is asked again")

	s := c.finish(e, c.operator())
	assert.Equal(t, checklist.Finished, s.Outcome)
	require.Len(t, s.Refusals, 1)
	_, verified := requireRecorded(t, p)
	assert.Equal(t, 2, verified.Approvals)
	requireStockTools(t, p)
}

// A request that outlives its session is told as void, for as long as somebody
// may still be about to answer it.
func TestTheRequestOfAnAbandonedSessionIsVoid(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	p := openCompany(t, c)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	e, err := p.Begin(t.Context(), "quarterly", c.operator())
	require.NoError(t, err)
	c.goOn(e, c.operator(), "approve-production")
	require.ErrorIs(t, e.Run(t.Context(), "approve-production", &replying{}), checklist.ErrCancelled)
	r := e.Session().Requests[0]
	problems := func() []string {
		o, err := p.Overview(t.Context())
		require.NoError(t, err)
		return o.Problems
	}
	require.Empty(t, problems())
	require.NoError(t, e.Abandon(t.Context(), "wrong week", &replying{}))
	require.NoError(t, e.Close())

	file := onlyRequest(t, p)
	assert.Equal(t, r.Text, readFile(t, file))
	require.Len(t, problems(), 1)
	assert.Contains(t, problems()[0], "the request "+file+" is void: its session is abandoned: Approval by a second person")
	assert.Contains(t, problems()[0], "tell the person who has it that no answer is needed")

	// Its answer is told from one that is wrong, in the session that comes next.
	e, err = p.Begin(t.Context(), "quarterly", c.operator())
	require.NoError(t, err)
	c.goOn(e, c.operator(), "approve-production")
	armor, err := approval.Sign(c.second, r.Text)
	require.NoError(t, err)
	err = e.Run(t.Context(), "approve-production", &replying{answers: []string{armor}})
	require.ErrorContains(t, err, "it answers request "+r.ID+" of ")
	require.ErrorContains(t, err, ", of the session quarterly-")
	require.NoError(t, e.Close())
	require.NoError(t, c.world.Clock().AdvanceTo(e.Now().Add(25*time.Hour)))
	require.Empty(t, problems(), "it has run out")
}

// onlyRequest returns the one file with a request to approve.
func onlyRequest(t *testing.T, p *program.Program) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Dir(), "requests", "request-*.txt"))
	require.NoError(t, err)
	var approving []string
	for _, file := range files {
		if !strings.HasSuffix(file, ".refuse.txt") {
			approving = append(approving, file)
		}
	}
	require.Len(t, approving, 1)
	return approving[0]
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
