package program_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// leftAt walks a rotation until an item is settled, and leaves it there.
func leftAt(t *testing.T, p *program.Program, behind string) *checklist.Session {
	t.Helper()
	enough := errors.New("far enough")
	op := &programtest.Operator{Answer: noDrift}
	r := program.Rehearsal{Program: p, Checklist: "quarterly", Operator: op, Say: op.Say, BetweenItems: func(item string) error {
		if item == behind {
			return enough
		}
		return nil
	}}
	s, err := r.Run(t.Context())
	require.ErrorIs(t, err, enough)
	return s
}

// driftQuestion is the question about other people's changes that an operator
// was asked.
func driftQuestion(t *testing.T, op *programtest.Operator) checklist.Question {
	t.Helper()
	for _, q := range op.Asked() {
		if q.Title == driftTitle {
			return q
		}
	}
	require.Fail(t, "nobody was asked about a drift")
	return checklist.Question{}
}

// A rotation whose new key is revoked meanwhile says so when it is resumed, and
// that it has no way on.
func TestARotationKnowsThatItsNewKeyWasRevoked(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	s := leftAt(t, p, "verify-production")
	emergency := rehearse(t, p, "emergency", answering(map[string]string{"Which key is compromised?": "v2"}))

	e, err := p.Open(t.Context(), s.ID())
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	stops := &programtest.Operator{Answer: noDrift}
	err = e.Resume(t.Context(), stops)
	require.ErrorContains(t, err, "changed outside this session")
	wayOut := "v2, the new key here, was revoked by " + emergency.ID() + ": abandon this session, and begin a new one."
	assert.Equal(t, wayOut, checklist.Hint(err))
	lines := strings.Split(driftQuestion(t, stops).Body, "\n")
	assert.Regexp(t, `^`+emergency.ID()+`, emergency revocation of v2, made (\d+) of these (\d+) changes\.$`, lines[0])
	assert.Equal(t, wayOut, lines[1])
	assert.Contains(t, lines[2], "HMAC_SECRET_")

	goesOn := &programtest.Operator{}
	require.NoError(t, e.Resume(t.Context(), goesOn))
	err = e.Run(t.Context(), "verify-production", goesOn)
	require.Error(t, err)
	assert.Equal(t, wayOut, checklist.Hint(err), "%v", err)
	assert.Equal(t, wayOut, e.Session().State("verify-production").Hint)
	require.NoError(t, e.Abandon(t.Context(), "v2 was revoked", goesOn))
}

// A change that nobody here made is nobody's.
func TestADriftOfNoSession(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	s := leftAt(t, p, "add-staging")
	rehearse(t, p, "drill", &programtest.Operator{Answer: noDrift}) // it puts everything back
	project := p.World().Projects()[0]
	variables, err := api(t, p).Variables(t.Context(), project.ID)
	require.NoError(t, err)
	require.NoError(t, api(t, p).DeleteVariable(context.WithoutCancel(t.Context()), project.ID, variables[0].ID))

	e, err := p.Open(t.Context(), s.ID())
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	op := &programtest.Operator{Answer: noDrift}
	err = e.Resume(t.Context(), op)
	require.ErrorContains(t, err, "is gone")
	assert.Contains(t, checklist.Hint(err), "put them back")
	assert.NotContains(t, driftQuestion(t, op).Body, "made")
}
