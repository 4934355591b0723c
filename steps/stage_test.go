package steps_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/steps"
	"keyturn/steps/httpclient"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/sandbox"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// buildTime is how long a deployment takes on a stage.
const buildTime = 5 * time.Millisecond

// stage is a session on a sandbox of its own: a few items of a checklist, done
// by the real steps through the real clients.
type stage struct {
	sandbox *sandbox.World
	config  checklist.Config
	outside *steps.Outside
	wire    *wire
	engine  *checklist.Engine
}

// newStage opens a session of some items of one checklist, without their gates.
func newStage(t testing.TB, items ...string) *stage {
	t.Helper()
	return newStageIn(t, sandbox.Account{}, items...)
}

// newStageIn is newStage with another account than that of the rehearsals.
func newStageIn(t testing.TB, account sandbox.Account, items ...string) *stage {
	t.Helper()
	start := time.Now()
	world, err := sandbox.Open(t.Context(), sandbox.Options{
		BuildTime: buildTime, Account: account,
		RealNow: func() time.Time { return checklisttest.Morning().Add(time.Since(start)) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Close()) })
	s := &stage{sandbox: world, wire: &wire{}}
	s.outside = s.reach(t)
	s.stock(t)
	s.begin(t, part(t, items))
	return s
}

// stock puts the keys that are in service into the vault.
func (s *stage) stock(t testing.TB) {
	t.Helper()
	for environment, secret := range s.sandbox.Seeded() {
		_, err := s.outside.Vault.Put(t.Context(), vault.Name(environment+"/v1"), secret, vault.PutOptions{})
		require.NoError(t, err)
	}
}

// begin opens a session of a checklist. What was there before is forgotten.
func (s *stage) begin(t testing.TB, c checklist.Checklist) {
	t.Helper()
	o := checklisttest.Opening(c)
	o.Setup.Targets = nil
	for _, t := range s.outside.Targets {
		o.Setup.Targets = append(o.Setup.Targets, checklist.Target{
			Name: t.Name, Platform: checklist.PlatformVercel, Project: t.Project, Role: target.RoleVerifier,
		})
	}
	o.Trail, o.TrailHead = trailID, strings.Repeat("0", 64)
	j := journal.NewMemory()
	require.NoError(t, checklist.Open(t.Context(), j, o, "run-1", s.sandbox.Clock().Now()))
	s.config = checklist.Config{
		Journal: j, Steps: steps.NewCatalog(s.outside), Setup: o.Setup, Meter: s.outside, Observer: s.outside,
		Clock: s.sandbox.Clock().Now, Operator: checklisttest.Operator, Run: "run-2",
		Skeletons: []checklist.Skeleton{checklist.SkeletonOf(c)},
	}
	s.reopen(t)
}

// trailID is the trail that the sessions of stages belong to.
const trailID = "8b1f6a52-0d5e-4c1e-9a58-2f4f7f7a9d11"

// reopen comes back to the session with a new engine, as after a restart.
func (s *stage) reopen(t testing.TB) {
	t.Helper()
	var err error
	s.engine, err = checklist.NewEngine(s.config)
	require.NoError(t, err)
}

// reach returns clients of the sandbox, and an empty vault.
func (s *stage) reach(t testing.TB) *steps.Outside {
	t.Helper()
	token, err := httpclient.ParseToken(s.sandbox.VercelToken())
	require.NoError(t, err)
	never := func(context.Context, time.Duration) error { return nil }
	api, err := vercel.New(vercel.Options{
		API: s.sandbox.VercelURL(), Token: token, Team: s.team(),
		HTTP: httpclient.Options{Transport: s.wire, Sleep: never, Backoff: func() backoff.BackOff { return &backoff.ZeroBackOff{} }},
	})
	require.NoError(t, err)
	logToken, err := httpclient.ParseToken(s.sandbox.LogToken())
	require.NoError(t, err)
	log, err := requestlog.NewHTTP(requestlog.HTTPOptions{URL: s.sandbox.LogURL(), Token: logToken})
	require.NoError(t, err)
	o := &steps.Outside{
		Vault: vault.NewMemory(s.sandbox.Clock().Now), Vercel: api, Log: log, Documents: t.TempDir(), Random: rand.Reader,
		Prober: &probe.Prober{Profile: probe.HMACV1(), Now: s.sandbox.Clock().Now, Random: rand.Reader},
		Poll:   vercel.Poll{Deadline: 200 * buildTime, Interval: vercel.Every(buildTime)},
		Pause:  never,
	}
	for _, p := range s.sandbox.Projects() {
		o.Targets = append(o.Targets, target.Target{Project: p.ID, Name: p.Name, Path: "/api/test", URLs: map[checklist.Environment]string{
			checklist.Staging:    s.sandbox.ServiceURL(p.Name, sandbox.Staging) + "/api/test",
			checklist.Production: s.sandbox.ServiceURL(p.Name, sandbox.Production) + "/api/test",
		}})
	}
	return o
}

// team is the team that owns the projects; "" for a personal account.
func (s *stage) team() string {
	for _, team := range s.sandbox.Teams() {
		return team.Slug
	}
	return ""
}

// part returns a checklist of the named items alone, on day 0 and without gates.
func part(t testing.TB, items []string) checklist.Checklist {
	t.Helper()
	for _, whole := range append(checklist.All(7), checklist.Emergency(true)) {
		c := whole
		c.Phases = []checklist.Phase{{ID: "part", Title: "Part"}}
		for _, id := range items {
			if i, _, ok := whole.Item(id); ok {
				i.Gates, i.Patience, i.PatienceFrom = nil, 0, ""
				c.Phases[0].Items = append(c.Phases[0].Items, i)
			}
		}
		if len(c.Phases[0].Items) == len(items) {
			return c
		}
	}
	t.Fatalf("no checklist has all of %v", items)
	return checklist.Checklist{}
}

// agree is an operator that agrees to each item's plan and answers nothing else.
func agree(t *testing.T, items ...string) *checklisttest.Script {
	replies := make([]checklisttest.Reply, len(items))
	for i, item := range items {
		replies[i] = checklisttest.Agree(item)
	}
	return checklisttest.NewScript(t, replies...)
}

// pass runs items that only need a plan agreed to, and must pass.
func (s *stage) pass(t *testing.T, items ...string) {
	t.Helper()
	for _, item := range items {
		require.NoError(t, s.engine.Run(t.Context(), item, agree(t, item)), item)
	}
}

// look runs an item that asks nothing, and must pass.
func (s *stage) look(t *testing.T, item string) {
	t.Helper()
	require.NoError(t, s.engine.Run(t.Context(), item, checklisttest.NewScript(t)), item)
}

// rows returns the rows of a key in the first project, by Vercel target.
func (s *stage) rows(t *testing.T, key string) map[string]vercel.Variable {
	t.Helper()
	variables, err := s.outside.Vercel.Variables(t.Context(), s.sandbox.Projects()[0].ID)
	require.NoError(t, err)
	found := map[string]vercel.Variable{}
	for _, v := range variables {
		if v.Key == key {
			found[strings.Join(v.Target, "+")] = v
		}
	}
	return found
}

// add adds a row to the first project as somebody does who is not Keyturn.
func (s *stage) add(t *testing.T, key string, targets ...string) {
	t.Helper()
	secret, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	body, err := json.Marshal(map[string]any{"key": key, "value": secret.Reveal(), "type": "encrypted", "target": targets})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.sandbox.VercelURL()+"/v10/projects/"+s.sandbox.Projects()[0].ID+"/env", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.sandbox.VercelToken())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, resp.StatusCode, "%s", answer)
}

// effects returns how an item's effects of a code stand in the journal, in order:
// the kinds of their events.
func (s *stage) effects(item string, code checklist.EffectCode) []checklist.Kind {
	var kinds []checklist.Kind
	for _, e := range s.config.Journal.Events() {
		if e.Item == item && e.Effect != nil && e.Effect.Code == code {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// made returns how it is known that each of an item's effects was made.
func (s *stage) made(item string) []checklist.How {
	var hows []checklist.How
	for _, e := range s.engine.Session().State(item).Effects {
		hows = append(hows, e.How)
	}
	return hows
}

// planOf runs an item up to its plan, and no further.
func (s *stage) planOf(t *testing.T, item string) *checklist.Plan {
	t.Helper()
	require.ErrorIs(t, s.engine.Run(t.Context(), item, unwilling{}), checklist.ErrCancelled)
	plan := s.engine.Session().State(item).Plan
	require.NotNil(t, plan)
	return plan
}

// unwilling is an operator that leaves at the first question.
type unwilling struct{}

func (unwilling) Show(checklist.Event)        {}
func (unwilling) Progress(checklist.Progress) {}
func (unwilling) Ask(context.Context, checklist.Question) (checklist.Answer, error) {
	return checklist.Answer{}, checklist.ErrCancelled
}

// wire is what requests to Vercel go over. It can lose the answer to a write,
// or the write itself: a gateway then says that it waited in vain.
type wire struct {
	mu    sync.Mutex
	lose  string // the method of the next request to lose; "" for none
	taken bool   // the server takes it, and only the answer is lost
	deaf  bool   // after that nothing is heard any more
	twice string // the method of the next request that somebody else makes first
}

// cut loses the next request of a method.
func (w *wire) cut(method string, taken, deaf bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose, w.taken, w.deaf = method, taken, deaf
}

// mend lets everything through again.
func (w *wire) mend() { w.cut("", false, false) }

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	lost, taken, silent, twice := w.lose == r.Method, w.taken, w.deaf && w.lose == "", w.twice == r.Method
	if lost {
		w.lose = ""
	}
	if twice {
		w.twice = ""
	}
	w.mu.Unlock()
	if twice {
		resp, err := http.DefaultTransport.RoundTrip(r.Clone(r.Context()))
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
	}
	if lost && !taken || silent {
		return gatewayTimeout(r), nil
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !lost {
		return resp, err
	}
	return gatewayTimeout(r), resp.Body.Close()
}

func gatewayTimeout(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusGatewayTimeout, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}
}
