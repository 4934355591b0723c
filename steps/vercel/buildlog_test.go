package vercel

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/httpclient"
)

func TestBuildLog(t *testing.T) {
	t.Parallel()

	t.Run("the last lines, oldest first, and clean", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, `[
			{"type":"deployment-state","text":"","info":{"readyState":"ERROR"}},
			{"type":"stderr","text":"Error: exited with 1\n"},
			{"type":"stderr","payload":{"text":"\u001b[31mnpm error\u001b[0m code\t2"}},
			{"type":"stdout","text":"   "},
			{"type":"exit","text":"not a line of it"},
			{"type":"stdout","text":"SECRET=`+testSecret+` `+testToken+`"},
			{"type":"command","text":"Running \"npm run build\""},
			{"type":"stdout","text":"too old"}
		]`))
		lines, err := w.client.BuildLog(t.Context(), "dpl_1", 4)
		require.NoError(t, err)
		assert.Equal(t, []string{
			`Running "npm run build"`, "SECRET=" + redacted + " " + redacted, "[31mnpm error[0m code 2", "Error: exited with 1",
		}, lines)
		got := w.requests()
		require.Len(t, got, 1)
		assert.Equal(t, "/v3/deployments/dpl_1/events", got[0].Path)
		assert.Equal(t, url.Values{"direction": {"backward"}, "follow": {"0"}, "limit": {"50"}}, got[0].Query)
	})

	t.Run("a failed build says its last ten lines", func(t *testing.T) {
		t.Parallel()
		var events []string
		for i := 15; i > 0; i-- {
			events = append(events, fmt.Sprintf(`{"type":"stdout","text":"line %02d"}`, i))
		}
		w := newWorld(t, Options{}, at(StateError), says(200, "["+strings.Join(events, ",")+"]"))
		_, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, nil)
		require.ErrorContains(t, err, "deployment dpl_1 ended as ERROR; its build ended with:\n\tline 06\n\tline 07\n")
		require.ErrorContains(t, err, "\n\tline 15")
		assert.NotContains(t, err.Error(), "line 05")
		assert.Contains(t, hintOf(err), "still serves")
	})

	t.Run("a log that cannot be read keeps the failure one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, at(StateError), refuses(403, "forbidden", "Not authorized"))
		_, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, nil)
		require.EqualError(t, err, "wait for deployment dpl_1: deployment dpl_1 ended as ERROR")
	})
}

func FuzzBuildLog(f *testing.F) {
	f.Add(`[{"type":"stdout","text":"a\u001b]0;x\u0007"}]`)
	f.Add(`[{"type":"stderr","payload":{"text":"` + testSecret + `"}}]`)
	f.Fuzz(func(t *testing.T, answer string) {
		w := newWorld(t, Options{}, says(200, answer))
		lines, err := w.client.BuildLog(t.Context(), "dpl_1", 10)
		if err != nil {
			return
		}
		assert.LessOrEqual(t, len(lines), 10)
		for _, line := range lines {
			assert.Equal(t, httpclient.Printable(line), line)
			assert.NotContains(t, line, testSecret)
			assert.LessOrEqual(t, utf8.RuneCountInString(line), maxQuoted)
		}
	})
}

func TestAddressOfADeployment(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"dpl_1": "dpl_1",
		"https://orders-x1-team.vercel.app/api/test?a=b#c":   "orders-x1-team.vercel.app",
		"orders.example.com:8443/api":                        "orders.example.com:8443",
		"http://127.0.0.1:4100/p/orders-api/production/":     "127.0.0.1:4100/p/orders-api/production",
		"127.0.0.1:4100/d/dpl_1?x":                           "127.0.0.1:4100/d/dpl_1",
		"http://localhost:1/p/a/staging":                     "localhost:1/p/a/staging",
		"http://[::1]:4100/p/orders-api/staging":             "[::1]:4100/p/orders-api/staging",
		"http://127.0.0.1:4100/":                             "127.0.0.1:4100",
		"https://127.0.0.1.example.com/p/orders-api/staging": "127.0.0.1.example.com",
	} {
		w := newWorld(t, Options{}, at(StateReady))
		_, err := w.client.Deployment(t.Context(), address)
		require.NoError(t, err, address)
		assert.Equal(t, "/v13/deployments/"+url.PathEscape(want), w.requests()[0].Path, address)
	}
}
