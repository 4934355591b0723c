package hosting

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/target"
)

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
		says string
	}{
		"nothing":            {text: " \n"},
		"as the list has it": {text: "orders-api-abc.vercel.app", want: []string{"https://orders-api-abc.vercel.app"}},
		"with the path that is probed, twice": {
			text: "https://a.vercel.app/api/test, a.vercel.app/\nb.vercel.app", want: []string{"https://a.vercel.app", "https://b.vercel.app"},
		},
		"another scheme":    {text: "ftp://a.vercel.app", says: `"ftp://a.vercel.app" is no address`},
		"a user":            {text: "https://user:word@a.vercel.app", says: "is no address"},
		"what is no host":   {text: "https:///api", says: "is no address"},
		"an unfinished one": {text: "https://[::1", says: "is no address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseAddresses(c.text, "/api/test")
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func FuzzParseAddresses(f *testing.F) {
	for _, text := range []string{"", "a.vercel.app b.vercel.app", "http://127.0.0.1:1/d/x", "https://a\x00", "://", "https://a?x=y#z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAddresses(text, "/api/test")
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, address := range got {
			u, err := url.Parse(address + "/api/test")
			require.NoError(t, err, "%q", address)
			assert.NotEmpty(t, u.Host)
			assert.False(t, strings.HasSuffix(address, "/"))
			assert.False(t, seen[address], "%q twice", address)
			seen[address] = true
		}
	})
}

func TestReachWords(t *testing.T) {
	t.Parallel()
	plain := target.Target{}
	assert.Equal(t, "Production", reachWords(plain, checklist.Production))
	assert.Equal(t, "Preview, Development, a branch or a custom environment", reachWords(plain, checklist.Staging))
	eu := target.Target{Slots: map[checklist.Environment][]target.Slot{checklist.Production: {{Target: "production"}, {CustomEnvironment: "eu"}}}}
	assert.Equal(t, "Production or eu", reachWords(eu, checklist.Production))
	assert.Equal(t, "Preview, Development, a branch or a custom environment other than eu", reachWords(eu, checklist.Staging))
}

func TestTrusts(t *testing.T) {
	t.Parallel()
	target := target.Target{URLs: map[checklist.Environment]string{checklist.Staging: "https://staging.example.com/api/test"}}
	for address, want := range map[string]bool{
		"https://orders-api-abc.vercel.app": true, "https://staging.example.com": true,
		"http://orders-api-abc.vercel.app": false, "https://vercel.app.example.org": false, "https://example.com": false, "http://staging.example.com": false, "://": false,
	} {
		assert.Equal(t, want, trusts(target, address), address)
	}
}
