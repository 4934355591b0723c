package program_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/httpclient"
	"keyturn/steps/program"
	"keyturn/steps/vercel"
)

// until runs a session's items up to one, which is left for the next.
func (c *company) until(e *checklist.Engine, stop string, op checklist.Operator) {
	c.t.Helper()
	for range 100 {
		item, ok := e.Session().Next()
		require.True(c.t, ok)
		if item.ID == stop {
			return
		}
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			require.NoError(c.t, c.world.Clock().AdvanceTo(opens))
		}
		if err := e.Run(c.t.Context(), item.ID, op); err != nil {
			require.NoError(c.t, c.world.Clock().AdvanceTo(e.Now().Add(26*time.Hour)))
		}
	}
	require.Fail(c.t, "it never came to "+stop)
}

// storefront is the third target in the configuration of a company.
const storefront = `[[targets]]
project = "storefront"
role = "signer"

`

// A target that is added during a rotation is agreed to, and what was approved
// for the others is not approved for it.
func TestATargetThatIsAddedDuringARotation(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	c.change(storefront, "")
	op := c.operator()
	e, err := c.open().Begin(t.Context(), "quarterly", op)
	require.NoError(t, err)
	c.until(e, "add-production", op)
	require.Empty(t, e.Session().Closed(next(t, e), e.Now()), "it is approved")
	require.NoError(t, e.Close())

	c.change("[request_log]", storefront+"[request_log]")
	p := c.open()
	e, err = p.Open(t.Context(), e.Session().ID())
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	require.NoError(t, e.Resume(t.Context(), op))
	s := e.Session()
	require.Len(t, s.Deviations, 1)
	assert.Equal(t, checklist.Configured, s.Deviations[0].Kind)
	assert.Equal(t, []string{"orders-api", "payments-api", "storefront"}, s.Setup().TargetNames())
	var gate *checklist.GateError
	require.ErrorAs(t, e.Run(t.Context(), "add-production", op), &gate)
	require.ErrorContains(t, gate, "what bob@example.com approved has changed since")
	require.NoError(t, e.Run(t.Context(), "approve-production", op), "it can be asked for again")
	require.NoError(t, e.Run(t.Context(), "add-production", op))
}

func next(t *testing.T, e *checklist.Engine) checklist.Item {
	t.Helper()
	item, ok := e.Session().Next()
	require.True(t, ok)
	return item
}

// A target that is taken out of the configuration before the removal is taken
// out of the session with a reason and a second person, and the record says that
// nothing was changed there from then on.
func TestATargetThatIsTakenOutDuringARotation(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	op := c.operator()
	e, err := c.open().Begin(t.Context(), "quarterly", op)
	require.NoError(t, err)
	c.until(e, "approve-removal", op)
	require.NoError(t, e.Close())

	c.change(storefront, "")
	p := c.open()
	answer := op.Answer
	op.Answer = func(q checklist.Question) (string, bool) {
		if strings.HasPrefix(q.Title, "storefront is not configured any more") {
			return "it was merged into orders-api", true
		}
		return answer(q)
	}
	e, err = p.Open(t.Context(), e.Session().ID())
	require.NoError(t, err)
	require.NoError(t, e.Resume(t.Context(), op))
	c.until(e, "export-record", op)
	require.NoError(t, e.Run(t.Context(), "export-record", op))
	require.NoError(t, e.Finish(t.Context(), op))
	require.NoError(t, e.Close())
	s := e.Session()
	require.Len(t, s.Deviations, 1, "no false ones beside it: %v", s.Deviations)
	assert.Equal(t, checklist.Narrowed, s.Deviations[0].Kind)
	assert.Equal(t, []string{"bob@example.com"}, s.Deviations[0].Approved)

	report, _, err := program.Verify(t.Context(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	assert.Empty(t, report.Findings())
	requireStockTools(t, p)
	record := lastRecord(t, p)
	require.Len(t, record.Targets, 3)
	for _, target := range record.Targets {
		assert.Equal(t, target.Name == "storefront", target.NotChangedSince != "", target.Name)
	}
	assert.Contains(t, keysOfProject(t, c, "storefront"), "HMAC_SECRET_V1", "it was left alone")
}

// keysOfProject returns the names of a project's variables.
func keysOfProject(t *testing.T, c *company, project string) []string {
	t.Helper()
	var names []string
	token, err := httpclient.ParseToken(c.world.VercelToken())
	require.NoError(t, err)
	client, err := vercel.New(vercel.Options{API: c.world.VercelURL(), Team: "acme", Token: token})
	require.NoError(t, err)
	variables, err := client.Variables(t.Context(), project)
	require.NoError(t, err)
	for _, v := range variables {
		names = append(names, v.Key)
	}
	return names
}
