package probe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/probe"
)

// morning is when the tests' clock stands still, on both sides.
var morning = time.Date(2026, 11, 24, 8, 2, 11, 123e6, time.UTC)

func clock() time.Time { return morning }

// mustSecret makes a secret that is the same for the same seed.
func mustSecret(t *testing.T, seed string) keygen.Secret {
	t.Helper()
	s, err := keygen.Generate(randomOf(seed))
	require.NoError(t, err)
	return s
}

func randomOf(seed string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(seed))) }

// newProber signs by the tests' clock, with the same nonces for a test's name.
func newProber(t *testing.T) *probe.Prober {
	return &probe.Prober{Profile: probe.HMACV1(), Now: clock, Random: randomOf(t.Name())}
}

// service verifies signatures as the deployed verifier does, written without
// the code under test. Its fields are set before the first request.
type service struct {
	*httptest.Server
	keys       map[string]string // key id → text of the environment variable
	now        func() time.Time
	unixms     bool // timestamps are Unix milliseconds
	base64     bool // signatures are base64
	signQuery  bool
	deployment string

	decodes bool                                            // decodes the keys from hex
	missing string                                          // what a variable that is not set reads as; "" refuses the key id
	refuse  func(w http.ResponseWriter, why string)         // instead of the usual refusal
	instead func(w http.ResponseWriter, r *http.Request)    // answers everything
	skip    func(check string, r *http.Request) (dont bool) // leaves a check out

	mu       sync.Mutex
	nonces   map[string]time.Time
	requests []*http.Request
	bodies   []string
}

// newService starts a verifier that holds the given keys.
func newService(t *testing.T, keys map[string]string) *service {
	t.Helper()
	s := &service{keys: maps.Clone(keys), now: clock, nonces: map[string]time.Time{}, deployment: "dpl_one"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	s.bodies = append(s.bodies, string(body))
	if s.deployment != "" {
		w.Header().Set("X-Deployment-Id", s.deployment)
	}
	if s.instead != nil {
		s.instead(w, r)
		return
	}
	if why := s.verify(r, string(body)); why != "" {
		if s.refuse != nil {
			s.refuse(w, why)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": why})
		return
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// verify returns why a request is refused, in the verifier's order.
func (s *service) verify(r *http.Request, body string) string {
	does := func(check string) bool { return s.skip == nil || !s.skip(check, r) }
	id, ts := r.Header.Get("X-HMAC-KeyId"), r.Header.Get("X-HMAC-Ts")
	nonce, signature := r.Header.Get("X-HMAC-Nonce"), r.Header.Get("X-HMAC-Signature")
	if does("headers") && (id == "" || ts == "" || nonce == "" || signature == "") {
		return "missing signature header"
	}
	at, err := s.parseTime(ts)
	if does("time") && (err != nil || s.now().Sub(at).Abs() > 5*time.Minute) {
		return "timestamp outside the window"
	}
	if seen, ok := s.nonces[nonce]; does("nonce") && ok && s.now().Sub(seen) < 10*time.Minute {
		return "nonce seen before"
	}
	s.nonces[nonce] = s.now()
	key, ok := s.keys[id]
	if !ok {
		if s.missing == "" {
			return "unknown key id " + id
		}
		key = strings.TrimPrefix(s.missing, "=")
	}
	if does("signature") && !hmac.Equal([]byte(s.sign(key, r, ts, nonce, body)), []byte(signature)) {
		return "signature does not match"
	}
	return ""
}

func (s *service) parseTime(ts string) (time.Time, error) {
	if s.unixms {
		ms, err := strconv.ParseInt(ts, 10, 64)
		return time.UnixMilli(ms), err
	}
	return time.Parse("2006-01-02T15:04:05.999Z", ts)
}

func (s *service) sign(key string, r *http.Request, ts, nonce, body string) string {
	raw := []byte(key)
	if s.decodes {
		raw, _ = hex.DecodeString(key)
	}
	path := strings.SplitN(r.RequestURI, "?", 2)[0]
	if s.signQuery {
		path = r.RequestURI
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(r.Method + "|" + path + "|" + ts + "|" + nonce + "|" + body))
	if s.base64 {
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// rowOf returns the row of that name.
func rowOf(t *testing.T, report probe.Report, name string) probe.Row {
	t.Helper()
	for _, row := range report.Rows {
		if row.Name == name {
			return row
		}
	}
	require.Failf(t, "row not found", "%q in\n%s", name, report.Table(120))
	return probe.Row{}
}
