package probe

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

// TestBypass sends the secret that passes deployment protection with every
// request, and shows it in none.
func TestBypass(t *testing.T) {
	t.Parallel()
	const text = "bypassThatOnlyTestsUse0123456789"
	bypass, err := keygen.NewCredential(text)
	require.NoError(t, err)
	seen := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vercel-Protection-Bypass") == text {
			seen++
		}
		w.WriteHeader(http.StatusForbidden)
		// A careless service says what it was sent.
		_, err := w.Write([]byte(`{"error":"bad signature, bypass ` + text + `"}`))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	random := strings.NewReader(strings.Repeat("9f8e7d6c5b4a39281706f5e4d3c2b1a0", 200))
	secret, err := keygen.Generate(strings.NewReader("an0ther32byteSecretForThisTest!!"))
	require.NoError(t, err)
	p := &Prober{Profile: HMACV1(), Now: time.Now, Random: random}

	report, err := Suite{
		Prober: p, Name: "orders-api staging", URL: server.URL + "/api/test", Bypass: bypass,
		Old: &Key{ID: "v1", Secret: secret, Expect: Refused},
	}.Run(t.Context(), nil)
	require.NoError(t, err)
	row, err := p.Probe(t.Context(), Target{URL: server.URL + "/api/test", Bypass: bypass}, Key{ID: "v1", Secret: secret, Expect: Refused})
	require.NoError(t, err)
	assert.Equal(t, report.Sent+1, seen)
	for _, r := range append(report.Rows, row) {
		assert.Contains(t, r.Curl, ` -H "x-vercel-protection-bypass: $BYPASS" http`)
		assert.NotContains(t, r.Curl+r.Detail, text)
	}

	plain, err := p.Probe(t.Context(), Target{URL: server.URL + "/api/test"}, Key{ID: "v1", Secret: secret, Expect: Refused})
	require.NoError(t, err)
	assert.NotContains(t, plain.Curl, "bypass")
}
