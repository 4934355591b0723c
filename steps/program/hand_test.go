package program_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/config"
	"keyturn/steps/httpclient"
	"keyturn/steps/probe"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// handCompany is a company whose operator has no access to the API of Vercel.
type handCompany struct {
	*company
	dashboard *programtest.Dashboard
}

func newHandCompany(t *testing.T) *handCompany {
	t.Helper()
	c := newCompany(t, threeProjects())
	token, err := httpclient.ParseToken(c.world.VercelToken())
	require.NoError(t, err)
	api, err := vercel.New(vercel.Options{API: c.world.VercelURL(), Token: token, Team: "acme"})
	require.NoError(t, err)
	h := &handCompany{company: c, dashboard: &programtest.Dashboard{API: api, Clipboard: &programtest.Clipboard{}}}
	c.change(fmt.Sprintf("api = %q", c.world.VercelURL()), `mode = "dashboard"`)
	c.options.Clipboard = h.dashboard.Clipboard
	c.options.Pause = func(ctx context.Context, d time.Duration) error { return ctx.Err() }
	c.options.Environ = func(name string) string {
		return map[string]string{config.EnvRequestLogToken: c.world.LogToken()}[name]
	}
	return h
}

// person agrees to everything, has bob sign, and does by hand what is spelt out.
func (h *handCompany) person() *programtest.Operator {
	signs := h.operator().Answer
	return &programtest.Operator{Answer: func(q checklist.Question) (string, bool) {
		answer, ok, err := h.dashboard.Answer(h.t.Context(), q)
		if err != nil {
			assert.NoError(h.t, err, q.Title)
			return "", false
		}
		if ok {
			return answer, true
		}
		return signs(q)
	}}
}

func (h *handCompany) open() *program.Program {
	h.t.Helper()
	p, err := program.Open(h.t.Context(), h.options)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, p.Close()) })
	return p
}

// requireRecord checks the trail and returns the report of its last record.
func (h *handCompany) requireRecord(p *program.Program, records int) string {
	h.t.Helper()
	report, _, err := program.Verify(h.t.Context(), []string{filepath.Join(p.Dir(), "trail")}, p.RosterPath())
	require.NoError(h.t, err)
	require.Len(h.t, report.Verified, 1)
	assert.Equal(h.t, records, report.Verified[0].Records)
	var last string
	require.NoError(h.t, filepath.WalkDir(filepath.Join(p.Dir(), "trail"), func(path string, _ os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			data, err := os.ReadFile(path)
			last = strings.ReplaceAll(string(data), `\`, "") // escapes of Markdown
			return err
		}
		return err
	}))
	return last
}

// Nobody but the person at the dashboard calls the API, and the record says that
// the changes were made by hand.
func TestARotationByHand(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	h.moveIn()
	h.requireHealthy()
	p := h.open()
	op := h.person()
	s := h.rotate(p, op)
	require.Equal(t, checklist.Finished, s.Outcome)

	report := h.requireRecord(p, 1)
	assert.Contains(t, report, "create HMAC_SECRET_V2 in orders-api preview, by hand (as the operator says)")
	assert.Contains(t, report, "remove HMAC_SECRET_V1 from storefront production, by hand (as the operator says)")
	assert.Equal(t, 9, h.dashboard.Clipboard.Puts, "three targets with three slots each")
	assert.Equal(t, 45*time.Second, h.dashboard.Clipboard.For)
	assert.True(t, h.dashboard.Clipboard.Value().IsZero(), "nothing is left on the clipboard")
	var secrets programtest.Secrets
	for _, e := range s.Environments() {
		for _, id := range []keygen.KeyID{"v1", "v2"} {
			secrets.Add(string(e)+"/"+string(id), h.secret(p, string(e), id).Reveal())
		}
	}
	secrets.Add("bypass", h.world.BypassSecret("payments-api"))
	assert.Empty(t, secrets.In([]byte(op.Heard())), "on the screen")
	found, files, err := secrets.InFiles(h.options.State)
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Greater(t, files, 5)
	overview, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, overview.Problems)
	for _, k := range overview.Keys {
		if k.ID == "v2" {
			assert.Equal(t, "in service", k.Words())
		}
	}
}

// A value that was pasted wrongly is found by the probes, and put right by doing
// the item again.
func TestAWrongPasteIsFound(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	h.moveIn()
	p := h.open()
	h.dashboard.Paste = func(title, value string) string {
		if title == "At Vercel: add HMAC_SECRET_V2 to orders-api preview" {
			return value + "\n"
		}
		return value
	}
	op := h.person()
	e, err := p.Begin(t.Context(), "quarterly", op)
	require.NoError(t, err)
	run := func(upTo string) error {
		for {
			item, _ := e.Session().Next()
			if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
				require.NoError(t, h.world.Clock().AdvanceTo(opens))
			}
			if err := e.Run(t.Context(), item.ID, op); err != nil || item.ID == upTo {
				return err
			}
		}
	}
	err = run("test-staging")
	require.ErrorContains(t, err, "orders-api staging: the service holds HMAC_SECRET_V2 with a newline")
	assert.Contains(t, checklist.Hint(err), `do "Add new key to staging" again`)

	h.dashboard.Paste = nil
	require.NoError(t, e.Reopen(t.Context(), "add-staging", "pasted wrongly", op))
	require.NoError(t, run("test-staging"))
	require.NoError(t, e.Close())
}

// Whoever leaves in the middle is asked only for what is left to be done.
func TestLeavingInTheMiddleOfActsByHand(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	h.moveIn()
	p := h.open()
	person := h.person()
	e, err := p.Begin(t.Context(), "quarterly", person)
	require.NoError(t, err)
	for e.Session().State("notify").Status != checklist.StatusPassed {
		item, _ := e.Session().Next()
		require.NoError(t, e.Run(t.Context(), item.ID, person))
	}
	require.NoError(t, h.world.Clock().AdvanceTo(e.Session().NextOpens(e.Now())))

	leaver := &leaver{Operator: h.person(), at: "At Vercel: add HMAC_SECRET_V2 to payments-api preview"}
	require.ErrorIs(t, e.Run(t.Context(), "add-staging", leaver), checklist.ErrCancelled)
	assert.True(t, h.dashboard.Clipboard.Value().IsZero(), "who leaves takes nothing along")
	require.NoError(t, e.Close())

	again, err := p.Open(t.Context(), e.Session().ID())
	require.NoError(t, err)
	before := len(h.dashboard.Acts)
	require.NoError(t, again.Resume(t.Context(), person))
	require.NoError(t, again.Run(t.Context(), "add-staging", person))
	assert.Equal(t, []string{
		"At Vercel: add HMAC_SECRET_V2 to payments-api preview", "At Vercel: add HMAC_SECRET_V2 to payments-api development",
		"At Vercel: add HMAC_SECRET_V2 to storefront preview", "At Vercel: add HMAC_SECRET_V2 to storefront development",
	}, h.dashboard.Acts[before:])
	require.NoError(t, again.Close())
}

// leaver leaves a question after the value was copied.
type leaver struct {
	*programtest.Operator
	at     string
	copied bool
}

func (l *leaver) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	if q.Title == l.at {
		if l.copied {
			return checklist.Answer{}, checklist.ErrCancelled
		}
		l.copied = true
		return checklist.Answer{Text: "copy"}, nil
	}
	return l.Operator.Ask(ctx, q)
}

// An emergency by hand ends with the key refused, also by the older deployments.
func TestAnEmergencyByHand(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	h.moveIn()
	p := h.open()
	old := h.world.Seeded()
	person := h.person()
	e, err := p.Begin(t.Context(), "emergency", person)
	require.NoError(t, err)
	h.finish(e, person)
	require.Equal(t, checklist.Finished, e.Session().Outcome)
	report := h.requireRecord(p, 1)
	assert.Contains(t, report, "by hand (as the operator says)")
	for environment, secret := range old {
		assert.Equal(t, probe.GotRefused, h.answer(environment, "v1", secret), environment)
		assert.Equal(t, probe.GotAccepted, h.answer(environment, "v2", h.secret(p, environment, "v2")), environment)
	}
	older := slices.ContainsFunc(h.dashboard.Acts, func(title string) bool {
		return strings.HasPrefix(title, "At Vercel: delete an older deployment of ")
	})
	assert.True(t, older, "%q", h.dashboard.Acts)
	assert.Contains(t, e.Session().State("older-deployments").Evidence.Summary, "0 of the ")
}

// answer is what the service of orders-api makes of a key.
func (h *handCompany) answer(environment string, id keygen.KeyID, secret keygen.Secret) probe.Outcome {
	h.t.Helper()
	prober := &probe.Prober{Profile: probe.HMACV1(), Now: h.world.Clock().Now, Random: rand.Reader}
	row, err := prober.Probe(h.t.Context(), probe.Target{URL: h.url("orders-api", environment)}, probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
	require.NoError(h.t, err)
	return row.Got
}

func (h *handCompany) secret(p *program.Program, environment string, id keygen.KeyID) keygen.Secret {
	h.t.Helper()
	secret, _, err := p.Vault().Get(h.t.Context(), vault.Name(environment+"/"+string(id)))
	require.NoError(h.t, err)
	return secret
}

// A rotation that is given up by hand leaves the old key alone in service.
func TestGivingUpByHand(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	h.moveIn()
	p := h.open()
	person := h.person()
	e, err := p.Begin(t.Context(), "quarterly", person)
	require.NoError(t, err)
	for e.Session().State("verify-production").Status != checklist.StatusPassed {
		item, _ := e.Session().Next()
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			require.NoError(t, h.world.Clock().AdvanceTo(opens))
		}
		require.NoError(t, e.Run(t.Context(), item.ID, person), item.ID)
	}
	require.NoError(t, e.Close())

	does := person.Answer
	person.Answer = func(q checklist.Question) (string, bool) {
		if q.Title == "How does it go on?" {
			return "abandon", true
		}
		return does(q)
	}
	back, err := p.Begin(t.Context(), "rollback", person)
	require.NoError(t, err)
	require.Equal(t, e.Session().ID(), back.Session().Opening.Parent)
	h.finish(back, person)
	for _, environment := range []string{"staging", "production"} {
		assert.Equal(t, probe.GotAccepted, h.answer(environment, "v1", h.secret(p, environment, "v1")), environment)
		assert.Equal(t, probe.GotRefused, h.answer(environment, "v2", h.secret(p, environment, "v2")), environment)
	}
	again, err := p.Open(t.Context(), e.Session().ID())
	require.NoError(t, err)
	assert.Equal(t, checklist.Abandoned, again.Session().Outcome)
	require.NoError(t, again.Close())
}

// finish walks a session to its end.
func (h *handCompany) finish(e *checklist.Engine, op checklist.Operator) {
	h.t.Helper()
	for range 200 {
		item, ok := e.Session().Next()
		if !ok {
			break
		}
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			require.NoError(h.t, h.world.Clock().AdvanceTo(opens))
		}
		err := e.Run(h.t.Context(), item.ID, op)
		require.NoError(h.t, err, "%s: %s", item.ID, checklist.Hint(err))
	}
	if e.Session().Outcome == "" {
		require.NoError(h.t, e.Finish(h.t.Context(), op))
	}
	require.NoError(h.t, e.Close())
}

// An emergency and a rollback begin although a service does not answer: that is
// what they are for.
func TestAServiceThatIsDownKeepsNoEmergencyFromBeginning(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"emergency", "rollback"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandCompany(t)
			h.moveIn()
			h.change(h.url("orders-api", "production"), "http://127.0.0.1:1/api/test")
			h.change(h.url("payments-api", "production"), "http://127.0.0.1:1/api/tests")
			p := h.open()
			person := h.person()
			e, err := p.Begin(t.Context(), name, person)
			require.NoError(t, err)
			assert.Equal(t, keygen.KeyID("v1"), e.Session().Opening.Old)
			require.NoError(t, e.Close())
			assert.Contains(t, person.Heard(), "going on with what the vault knows")
			_, err = p.Begin(t.Context(), "quarterly", person)
			require.ErrorContains(t, err, "does not say whether it accepts v1")
		})
	}
}

// A drill and a rollback by hand.
func TestADrillAndARollbackByHand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"drill", "rollback"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandCompany(t)
			h.moveIn()
			p := h.open()
			person := h.person()
			e, err := p.Begin(t.Context(), name, person)
			require.NoError(t, err)
			h.finish(e, person)
			require.Equal(t, checklist.Finished, e.Session().Outcome)
			assert.Contains(t, h.requireRecord(p, 1), "by hand (as the operator says)")
			assert.True(t, h.dashboard.Clipboard.Value().IsZero())
		})
	}
}

// The age of a key that was made elsewhere is not made up: nobody takes the day
// of its storing for it.
func TestAnAgeThatIsNotKnown(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	h.moveIn()
	secret := h.world.Seeded()["staging"]
	store := func(k program.ForeignKey) []string {
		said, err := program.StoreKey(t.Context(), h.options, "staging/v1", k, func(context.Context) (keygen.Secret, error) {
			return keygen.NewCredential(secret.Reveal())
		})
		require.NoError(t, err)
		return said
	}
	key := func() checklist.KeyStatus {
		o, err := h.open().Overview(t.Context())
		require.NoError(t, err)
		i := slices.IndexFunc(o.Keys, func(k checklist.KeyStatus) bool { return k.ID == "v1" && k.Environment == checklist.Staging })
		require.GreaterOrEqual(t, i, 0)
		return o.Keys[i]
	}
	p := h.open()
	require.NoError(t, p.Vault().Delete(t.Context(), "staging/v1"))
	assert.Contains(t, strings.Join(store(program.ForeignKey{}), " "), "When it was made is not known")
	assert.Equal(t, "in service, age not known", key().Words())
	assert.True(t, key().RotateBy.IsZero())

	op := h.person()
	e, err := p.Begin(t.Context(), "emergency", op)
	require.NoError(t, err)
	require.NoError(t, e.Close())
	assert.Contains(t, op.Heard(), "in service in staging since a day that is not known")

	made := h.world.SeededAt()
	store(program.ForeignKey{Made: made, Replace: true})
	assert.Equal(t, "in service", key().Words())
	assert.Equal(t, made.AddDate(0, 0, 90), key().RotateBy)
}

// The doctor of a company without access to the API looks at what there is to
// look at.
func TestDoctorByHand(t *testing.T) {
	t.Parallel()
	h := newHandCompany(t)
	said := map[string]string{}
	for _, f := range h.findings() {
		said[f.What] += f.Said + "\n" + f.Fix
	}
	assert.Contains(t, said["vercel"], "https://vercel.com/acme")
	assert.Contains(t, said["clipboard"], "the test's clipboard")
	assert.Contains(t, said["protection of payments-api"], "login bypass payments-api")
	h.moveIn()
	h.requireHealthy()
	for _, f := range h.findings() {
		if strings.HasPrefix(f.What, "keys of") {
			assert.Contains(t, f.Said, "HMAC_SECRET_V1")
		}
	}
}
