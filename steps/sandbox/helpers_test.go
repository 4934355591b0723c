package sandbox

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/vercel"
)

const testBuildTime = time.Minute

// realClock is a real clock that stands still unless told otherwise.
type realClock struct {
	mu  sync.Mutex
	now time.Time
}

func newRealClock() *realClock {
	return &realClock{now: time.Date(2026, 11, 24, 8, 20, 0, 0, time.UTC)}
}

func (c *realClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *realClock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// MustSecret generates a secret.
func MustSecret(t testing.TB) keygen.Secret {
	t.Helper()
	s, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	return s
}

func testOptions(t testing.TB) Options {
	t.Helper()
	return Options{Dir: t.TempDir(), Seal: MustSecret(t), BuildTime: testBuildTime, RealNow: newRealClock().Now}
}

// MustOpen opens a world and closes it with the test.
func MustOpen(t testing.TB, options Options) *World {
	t.Helper()
	w, err := Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.Close()) })
	return w
}

// MustReopen closes a world and opens it again.
func MustReopen(t testing.TB, w *World) *World {
	t.Helper()
	options := w.options
	options.Fault = ""
	require.NoError(t, w.Close())
	w.vercel, w.log, w.service, w.lock = nil, nil, nil, nil // the cleanup closes nothing twice
	return MustOpen(t, options)
}

// MustAdvance turns the world's clock.
func MustAdvance(t testing.TB, w *World, d time.Duration) {
	t.Helper()
	require.NoError(t, w.Clock().AdvanceTo(w.Clock().Now().Add(d)))
}

// reply is what a server answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) decode(t testing.TB, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.body, into), "body: %s", r.body)
}

// do sends a request on a connection of its own, and returns the error of a
// connection that was cut.
func do(t testing.TB, method, address string, header map[string]string, body string) (reply, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { assert.NoError(t, response.Body.Close()) }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, data}, nil
}

// api calls the Vercel API.
func api(t testing.TB, w *World, method, path, body string) reply {
	t.Helper()
	r, err := tryAPI(t, w, method, path, body)
	require.NoError(t, err)
	return r
}

func tryAPI(t testing.TB, w *World, method, path, body string) (reply, error) {
	t.Helper()
	return do(t, method, w.VercelURL()+path, map[string]string{"Authorization": "Bearer " + w.VercelToken()}, body)
}

func targetOf(environment string) string {
	if environment == Production {
		return vercel.TargetProduction
	}
	return vercel.TargetPreview
}

// rowBody is the body of a request for a row of key id.
func rowBody(id keygen.KeyID, secret keygen.Secret, kind, target string) string {
	return fmt.Sprintf(`{"key":%q,"value":%q,"type":%q,"target":[%q]}`, id.Variable(), secret.Reveal(), kind, target)
}

// MustAdd adds a key to a project for an environment.
func MustAdd(t testing.TB, w *World, project, environment string, id keygen.KeyID, secret keygen.Secret) vercel.VariableRow {
	t.Helper()
	r := api(t, w, http.MethodPost, "/v10/projects/"+project+"/env", rowBody(id, secret, vercel.TypeSensitive, targetOf(environment)))
	require.Equal(t, http.StatusCreated, r.status, "body: %s", r.body)
	var created struct{ Created vercel.VariableRow }
	r.decode(t, &created)
	return created.Created
}

// MustRemove removes every row of a key that an environment can see.
func MustRemove(t testing.TB, w *World, project, environment string, id keygen.KeyID) {
	t.Helper()
	removed := 0
	for _, row := range MustList(t, w, project) {
		if row.Key == id.Variable() && row.Target[0] == targetOf(environment) {
			r := api(t, w, http.MethodDelete, "/v9/projects/"+project+"/env/"+row.ID, "")
			require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
			removed++
		}
	}
	require.NotZero(t, removed)
}

// MustList returns the rows of a project.
func MustList(t testing.TB, w *World, project string) []vercel.VariableRow {
	t.Helper()
	r := api(t, w, http.MethodGet, "/v10/projects/"+project+"/env", "")
	require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
	var list vercel.VariablesAnswer
	r.decode(t, &list)
	return list.Envs
}

// MustServe returns the deployment that has an environment's address.
func MustServe(t testing.TB, w *World, project, environment string) deployment {
	t.Helper()
	s, now := w.look()
	p, ok := s.project(project)
	require.True(t, ok)
	d, ok := s.serves(p.ID, environment, now)
	require.True(t, ok)
	return d
}

// MustRedeploy repeats the serving deployment of an environment.
func MustRedeploy(t testing.TB, w *World, project, environment string) vercel.DeploymentAnswer {
	t.Helper()
	body := fmt.Sprintf(`{"deploymentId":%q,"name":%q,"meta":{"action":"redeploy"}`, MustServe(t, w, project, environment).ID, project)
	if environment == Production {
		body += `,"target":"production"`
	}
	r := api(t, w, http.MethodPost, "/v13/deployments?forceNew=1", body+"}")
	require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
	var made vercel.DeploymentAnswer
	r.decode(t, &made)
	return made
}

// MustShow returns a deployment as the API shows it.
func MustShow(t testing.TB, w *World, id string) vercel.DeploymentAnswer {
	t.Helper()
	r := api(t, w, http.MethodGet, "/v13/deployments/"+url.PathEscape(id), "")
	require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
	var shown vercel.DeploymentAnswer
	r.decode(t, &shown)
	return shown
}

// probe is a signed request, which a test may spoil before it is sent.
type probe struct {
	address string
	signedRequest
	secret string
}

func newProbe(w *World, address string, id keygen.KeyID, secret keygen.Secret) probe {
	u, _ := url.Parse(address)
	return probe{address, signedRequest{
		method: http.MethodPost, path: u.EscapedPath(), body: `{"ping":true}`, keyID: string(id),
		time: w.Clock().Now().Format("2006-01-02T15:04:05.000Z"), nonce: uuid.NewString(),
	}, secret.Reveal()}
}

func (p probe) signed() probe {
	p.signature = sign(p.secret, p.signedRequest)
	return p
}

func (p probe) send(t testing.TB) reply {
	t.Helper()
	header := map[string]string{"User-Agent": "keyturn/test"}
	for name, value := range map[string]string{headerKeyID: p.keyID, headerTime: p.time, headerNonce: p.nonce, headerSignature: p.signature} {
		if value != "" {
			header[name] = value
		}
	}
	r, err := do(t, p.method, p.address, header, p.body)
	require.NoError(t, err)
	return r
}

// statusOf sends a good request under a key to an address.
func statusOf(t testing.TB, w *World, address string, id keygen.KeyID, secret keygen.Secret) int {
	t.Helper()
	return newProbe(w, address, id, secret).signed().send(t).status
}

// MustReadLog reads the log of an environment since a time.
func MustReadLog(t testing.TB, w *World, environment string, since time.Time) logAnswer {
	t.Helper()
	query := url.Values{"environment": {environment}, "since": {since.Format(time.RFC3339Nano)}}
	r, err := do(t, http.MethodGet, w.LogURL()+"/v1/request-log?"+query.Encode(), map[string]string{"Authorization": "Bearer " + w.LogToken()}, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
	var log logAnswer
	r.decode(t, &log)
	return log
}

// count adds up the rows that a test picks.
func count(log logAnswer, pick func(logRow) bool) int {
	n := 0
	for _, row := range log.Rows {
		if pick(row) {
			n += row.Count
		}
	}
	return n
}
