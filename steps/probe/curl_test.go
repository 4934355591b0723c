package probe_test

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/probe"
)

// runShell runs a command line in a POSIX shell and returns its output.
func runShell(t *testing.T, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), mustHave(t, "sh"), "-c", command)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", command, stderr.String())
	return string(out)
}

func TestEveryCurlCommandGetsTheStatusOfItsRow(t *testing.T) {
	t.Parallel()
	mustHave(t, "curl")
	tests := []struct {
		name   string
		change func(*service, *probe.Suite)
	}{
		{"both keys accepted", func(*service, *probe.Suite) {}},
		{"old key removed", func(s *service, suite *probe.Suite) {
			delete(s.keys, "v1")
			suite.Old.Expect = probe.Refused
		}},
		{"new key stored wrongly", func(s *service, suite *probe.Suite) { s.keys["v2"] += "\n" }},
		{"hard to quote", func(s *service, suite *probe.Suite) {
			s.signQuery, suite.Prober.Profile.SignQuery = true, true
			suite.URL = s.URL + "/a%20b/it's/.hidden/../[x]{y}?q=$HOME&r=`id`;%s&s={a,b}[1-2]"
			suite.Body = []byte("@/etc/passwd 'it''s' \"$HOME\" `id` \\ %s\n\té\n")
		}},
		{"GET without a body", func(_ *service, suite *probe.Suite) { suite.Method = "get" }},
		{"PUT", func(_ *service, suite *probe.Suite) { suite.Method = "PUT" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, suite := world(t)
			tt.change(s, &suite)
			report := mustRun(t, suite)
			require.Len(t, report.Deployments(), 1)
			for _, row := range report.Rows {
				require.NotEmpty(t, row.Curl, row.Name)
				assert.NotContains(t, row.Name, "\n")
				assert.Equal(t, strconv.Itoa(row.Status)+"\n", runShell(t, row.Curl), "%s: %s", row.Name, row.Curl)
			}
			if d := report.Diagnosis; d != nil {
				assert.Equal(t, "200\n", runShell(t, d.Curl))
			} else {
				assert.False(t, report.Failed(), report.Table(120))
			}
			// A service hears the same from both: compare each request with
			// the command's, the nonces and signatures aside.
			half := len(report.Rows)
			if report.Diagnosis == nil {
				for i := range half {
					ours, theirs := s.requests[i], s.requests[half+i]
					assert.Equal(t, s.bodies[i], s.bodies[half+i])
					assert.Equal(t, ours.Method+" "+ours.RequestURI, theirs.Method+" "+theirs.RequestURI)
					for _, h := range []string{"Content-Type", "User-Agent", "X-Hmac-Keyid", "X-Hmac-Ts"} {
						assert.Equal(t, ours.Header[h], theirs.Header[h], h)
					}
				}
			}
		})
	}
}

func TestCurlCommandIsFreshExceptForTheReplay(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	report := mustRun(t, suite)
	used := map[string]bool{}
	for _, r := range s.requests {
		used[r.Header.Get("X-HMAC-Nonce")] = true
	}
	seen := map[string]bool{}
	for _, row := range report.Rows {
		_, after, found := strings.Cut(row.Curl, "X-HMAC-Nonce: ")
		require.True(t, found, row.Curl)
		nonce := after[:36]
		assert.Equal(t, row.Name == "replayed nonce", used[nonce], row.Name)
		assert.False(t, seen[nonce], row.Name)
		seen[nonce] = true
		assert.True(t, strings.HasPrefix(row.Curl, `curl -sS -o /dev/null -w '%{http_code}\n' `))
	}
}

func TestProbeCurlNamesNoFileFromTheBody(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	row, err := suite.Prober.Probe(t.Context(), probe.Target{URL: s.URL, Body: []byte("@/etc/passwd")}, *suite.New)
	require.NoError(t, err)
	assert.Equal(t, probe.OK, row.Verdict)
	assert.Contains(t, row.Curl, "--data-raw @/etc/passwd")
}
