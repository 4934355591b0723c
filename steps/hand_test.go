package steps_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps"
)

// clip is a clipboard that remembers what lay on it.
type clip struct {
	value         keygen.Secret
	refuses       error
	stuck         error  // what clearing says
	during        func() // called while Put runs
	puts, cleared int
}

func (*clip) Describe() string { return "a clipboard" }

func (*clip) Notice(d time.Duration) string {
	return "The value is on a clipboard for " + d.String() + "."
}

func (c *clip) Put(_ context.Context, secret keygen.Secret, _ time.Duration) (func(context.Context) error, error) {
	if c.refuses != nil {
		return nil, c.refuses
	}
	c.puts++
	c.value = secret
	if c.during != nil {
		c.during()
	}
	return func(ctx context.Context) error {
		c.cleared++
		if c.stuck != nil {
			return c.stuck
		}
		c.value = keygen.Secret{}
		return ctx.Err()
	}, nil
}

// newHandStage is a stage whose operator has no access to the API.
func newHandStage(t *testing.T, items ...string) (*stage, *clip) {
	t.Helper()
	s := newStage(t, items...)
	c := &clip{}
	s.outside.Hand = &steps.Hand{Dashboard: "https://vercel.com/acme", Clipboard: c}
	s.outside.Vercel = nil // who calls it fails loudly
	s.config.Steps, s.config.Observer = steps.NewCatalog(s.outside), nil
	s.reopen(t)
	return s, c
}

func TestAddByHandSpellsOutEachRow(t *testing.T) {
	t.Parallel()
	s, c := newHandStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	script := checklisttest.NewScript(t,
		checklisttest.Agree("add-staging"),
		say("copy", "At Vercel: add HMAC_SECRET_V2 to orders-api preview"),
		say("done", "Handed to a clipboard. Paste it into Value alone."),
		say("copy", "At Vercel: add HMAC_SECRET_V2 to orders-api development"),
		say("copy", "Handed to a clipboard. Paste it into Value alone."), // once more: 45 s were too short
		say("done", "Handed to a clipboard. Paste it into Value alone."),
	)
	var rest []checklisttest.Reply
	for range 2 * (len(s.outside.Targets) - 1) {
		rest = append(rest, say("copy", "At Vercel: add"), say("done", "Handed to a clipboard. Paste it into Value alone."))
	}
	script.Expect(rest...)
	require.NoError(t, s.engine.Run(t.Context(), "add-staging", script))

	secret, _, err := s.outside.Vault.Get(t.Context(), "staging/v2")
	require.NoError(t, err)
	var body string
	for _, q := range script.Asked() {
		assert.NotContains(t, q.Title+q.Body+q.Copy, secret.Reveal())
		if q.Title == "At Vercel: add HMAC_SECRET_V2 to orders-api preview" && body == "" {
			body = q.Body
		}
	}
	assert.Equal(t, strings.Join([]string{
		"1. Open https://vercel.com/acme/" + s.outside.Targets[0].Project + "/settings/environment-variables",
		"2. If HMAC_SECRET_V2 is there for Preview: stop (esc), it is not ours.",
		`3. Press Add Environment Variable. Type: Secret (once "Sensitive").`,
		"4. Key: HMAC_SECRET_V2",
		"5. Value: copy it here, the secret of staging, and paste it there.",
		"6. Environments: Preview alone, all its branches. Then press Save.",
	}, "\n"), body)
	assert.Equal(t, c.puts-1, c.cleared, "each value is taken off again, but for the one that was copied over")
	assert.True(t, c.value.IsZero())
	evidence := s.engine.Session().State("add-staging").Evidence
	assert.Contains(t, evidence.Summary, "only the probes behind the next deployment can prove it")
}

// A clipboard that does not work is told, and nothing is taken for done.
func TestACopyThatFailsIsTold(t *testing.T) {
	t.Parallel()
	s, c := newHandStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	c.refuses = checklist.WithHint(errors.New("no clipboard"), "install one")
	script := checklisttest.NewScript(t,
		checklisttest.Agree("add-staging"),
		say("copy", "At Vercel: add HMAC_SECRET_V2 to orders-api preview"),
		checklisttest.Reply{Contains: "The value could not be put on the clipboard: no clipboard. install one", Err: checklist.ErrCancelled},
	)
	require.ErrorIs(t, s.engine.Run(t.Context(), "add-staging", script), checklist.ErrCancelled)
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Unknown}, s.effects("add-staging", checklist.VariableCreate),
		"whoever leaves may have pressed Save before")
}

// What is saved is saved, also when the clipboard cannot be cleared.
func TestAClipboardThatCannotBeClearedIsTold(t *testing.T) {
	t.Parallel()
	s, c := newHandStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	c.stuck = errors.New("no display")
	op := &copier{}
	require.NoError(t, s.engine.Run(t.Context(), "add-staging", op))
	made := s.engine.Session().State("add-staging").Effects[0]
	assert.Equal(t, checklist.Said, made.How)
	assert.Equal(t, "the clipboard could not be cleared at once, and is within 45s: no display", made.Note)
}

// A value does not stay on the clipboard of somebody who left while it was put
// there.
func TestLeavingWhileTheValueIsCopied(t *testing.T) {
	t.Parallel()
	s, c := newHandStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	ctx, cancel := context.WithCancel(t.Context())
	c.during = cancel
	require.ErrorIs(t, s.engine.Run(ctx, "add-staging", &copier{}), context.Canceled)
	assert.Equal(t, 1, c.cleared)
	assert.True(t, c.value.IsZero())
}

// copier copies each value and says that it is saved.
type copier struct {
	willing
	copied string
}

func (o *copier) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	switch {
	case q.Kind != checklist.Choose:
		return o.willing.Ask(ctx, q)
	case o.copied != q.Title:
		o.copied = q.Title
		return checklist.Answer{Text: "copy"}, ctx.Err()
	}
	return checklist.Answer{Text: "done"}, ctx.Err()
}

// A deployment that is left as it is was not deleted, whatever was begun before.
func TestOlderDeploymentsThatAreLeftByHand(t *testing.T) {
	t.Parallel()
	s, _ := newHandStage(t, "older-deployments")
	api := s.reach(t).Vercel
	all, err := api.Deployments(t.Context(), s.sandbox.Projects()[0].ID, "production")
	require.NoError(t, err)
	first := "http://" + all[len(all)-1].URL
	run := func(production string, replies ...checklisttest.Reply) error {
		script := checklisttest.NewScript(t, append([]checklisttest.Reply{
			say("", "staging (empty for none)"), say(production, "production (empty for none)"),
		}, replies...)...)
		return s.engine.Run(t.Context(), "older-deployments", script)
	}
	s.outside.Targets = s.outside.Targets[:1]
	const question = "older deployments still accept v1, or may. Delete them?"
	err = run(first, say("all", question), checklisttest.Reply{Contains: "Find " + first, Err: checklist.ErrCancelled})
	require.ErrorIs(t, err, checklist.ErrCancelled)
	// Not to name it again makes it no more deleted.
	require.NoError(t, run("", say("none", question)))
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Unknown, checklist.Intended, checklist.Unmade}, s.effects("older-deployments", checklist.DeploymentDelete))
	assert.Empty(t, s.engine.Session().State("older-deployments").Effects, "nothing was deleted")
	require.NoError(t, run(first, say("none", question)))
	assert.Contains(t, s.engine.Session().State("older-deployments").Evidence.Summary, "1 of the 1 older deployments")
}

// Without the deployment, the services never change their minds: the item fails
// and says where to look.
func TestARedeployThatWasNotMadeIsFound(t *testing.T) {
	t.Parallel()
	s, _ := newHandStage(t, "generate", "add-staging", "redeploy-staging")
	s.pass(t, "generate")
	s.handed(t, "add-staging")
	op := &handed{}
	err := s.engine.Run(t.Context(), "redeploy-staging", op)
	require.ErrorContains(t, err, "orders-api staging: v2 is refused, want accepted")
	assert.ErrorContains(t, err, "10m0s after you said that it is redeployed")
	assert.Contains(t, checklist.Hint(err), "https://vercel.com/acme/"+s.outside.Targets[0].Project+"/deployments")
	assert.Empty(t, s.engine.Session().Facts[checklist.Fact(checklist.FactAccepted, checklist.Staging, checklist.NewKey)])
	deadline := false
	for _, p := range op.progress {
		deadline = deadline || !p.Until.IsZero() && strings.Contains(p.Words, "waiting for")
	}
	assert.True(t, deadline, "a long wait says how long")
}

// handed says that everything is done, and does nothing.
type handed struct{ willing }

func (h *handed) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	if q.Kind == checklist.Choose {
		return checklist.Answer{Text: "done"}, ctx.Err()
	}
	return h.willing.Ask(ctx, q)
}

func (s *stage) handed(t *testing.T, item string) {
	t.Helper()
	require.NoError(t, s.engine.Run(t.Context(), item, &handed{}), item)
}
