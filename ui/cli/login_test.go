package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/ui/cli"
)

const (
	goodToken = "vcp_tokenThatOnlyTestsUse0123456789"
	webhook   = "https://hooks.slack.com/services/T000/B000/wordsThatOnlyTestsUse"
)

// screen is a stream that several goroutines write and read.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// fakeVercel knows one token, its user alice, and the project orders. The
// projects of others are not found.
func fakeVercel(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{version}/user", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"user":{"id":"u_1","username":"alice","email":"alice@example.com"}}`)
	})
	mux.HandleFunc("GET /{version}/projects/{project}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("project") != "orders" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":"not_found","message":"Project not found"}}`)
			return
		}
		fmt.Fprint(w, `{"id":"prj_1","name":"orders","accountId":"u_1"}`)
	})
	mux.HandleFunc("GET /{version}/projects/{project}/env", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"envs":[]}`)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+goodToken {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"forbidden","message":"Not authorized","invalidToken":true}}`)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// realm is a state folder with a configuration and a file vault.
type realm struct {
	t     *testing.T
	state string
	flags []string
}

// live makes a realm whose targets are the given projects.
func live(t *testing.T, projects ...string) *realm {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	fmt.Fprintf(&b, "service = \"orders\"\noperator = \"alice@example.com\"\nvault = \"file\"\n[vercel]\napi = %q\n", fakeVercel(t))
	for _, p := range projects {
		fmt.Fprintf(&b, "[[targets]]\nproject = %q\nprobe = { staging = \"https://staging.example.com/api/test\", production = \"https://example.com/api/test\" }\n", p)
	}
	config, passphrase := filepath.Join(dir, "keyturn.toml"), filepath.Join(dir, "passphrase")
	require.NoError(t, os.WriteFile(config, []byte(b.String()), 0o600))
	require.NoError(t, os.WriteFile(passphrase, []byte("correct horse battery"), 0o600))
	t.Setenv("KEYTURN_VAULT_PASSPHRASE_FILE", passphrase)
	t.Setenv("VERCEL_TOKEN", "")
	state := filepath.Join(dir, "state")
	return &realm{t: t, state: state, flags: []string{"--config", config, "--state", state}}
}

// run is one command. Whatever it is given must not be seen again.
func (r *realm) run(in string, args ...string) (code int, out, errOut string) {
	r.t.Helper()
	var stdout, stderr screen
	code = cli.Run(r.t.Context(), append(r.flags, args...), strings.NewReader(in), &stdout, &stderr)
	requireHidden(r.t, in, stdout.String()+stderr.String(), "the output")
	return code, stdout.String(), stderr.String()
}

func (r *realm) requireNotOnDisk(secret string) {
	r.t.Helper()
	files := 0
	require.NoError(r.t, filepath.WalkDir(r.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		requireHidden(r.t, secret, string(data), path)
		return err
	}))
	assert.NotZero(r.t, files)
}

func requireHidden(t *testing.T, secret, text, where string) {
	t.Helper()
	secret = strings.TrimSpace(secret)
	if len(secret) < 6 {
		return
	}
	quoted, err := json.Marshal(secret)
	require.NoError(t, err)
	for _, form := range []string{
		secret, strings.ToUpper(secret), secret[len(secret)/2:], strings.Trim(string(quoted), `"`), url.QueryEscape(secret),
		hex.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)),
	} {
		require.False(t, strings.Contains(text, form), "%s shows a secret", where)
	}
}

func TestLoginToVercel(t *testing.T) {
	r := live(t, "orders")

	code, _, errOut := r.run("", "status")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "error: no vercel token is known")
	assert.Contains(t, errOut, "login vercel")
	assert.Contains(t, errOut, "VERCEL_TOKEN")

	code, _, errOut = r.run("vcp_aTokenThatIsNotTheRightOne\n", "login", "vercel")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "403")
	code, _, _ = r.run("", "status")
	assert.Equal(t, 1, code, "a token that is refused is not stored")

	code, out, errOut := r.run(goodToken+"\n", "login", "vercel")
	require.Zero(t, code, errOut)
	assert.Equal(t, "The token belongs to alice.\nIt reaches the project orders (prj_1).\n"+
		"It is stored as vercel/token in the age file vault in "+filepath.Join(r.state, "live", "orders", "vault")+".\n", out)
	r.requireNotOnDisk(goodToken)

	code, out, errOut = r.run("", "status")
	require.Zero(t, code, errOut)
	assert.Equal(t, 1, strings.Count(out, "problem:"), out)
	assert.Contains(t, out, "approval.required: found 1; the roster", "which is not there yet")
	requireHidden(t, goodToken, out+errOut, "status")

	t.Run("the environment comes first", func(t *testing.T) {
		t.Setenv("VERCEL_TOKEN", "vcp_aTokenThatIsNotTheRightOne")
		_, out, _ := r.run("", "status")
		assert.Contains(t, out, "403")
		requireHidden(t, "vcp_aTokenThatIsNotTheRightOne", out, "status")
		code, out, _ := r.run(goodToken, "login", "vercel")
		assert.Zero(t, code)
		assert.Contains(t, out, "VERCEL_TOKEN is set in the environment and comes first.")
	})

	code, out, _ = r.run("", "logout", "vercel")
	assert.Zero(t, code)
	assert.Contains(t, out, "vercel/token is deleted from the age file vault")
	code, _, _ = r.run("", "status")
	assert.Equal(t, 1, code)
	code, out, _ = r.run("", "logout", "vercel")
	assert.Zero(t, code)
	assert.Contains(t, out, "There is no vercel/token")
}

func TestLoginWithATokenThatDoesNotReachATarget(t *testing.T) {
	r := live(t, "orders", "payments")
	code, out, errOut := r.run(goodToken, "login", "vercel")
	assert.Equal(t, 1, code)
	assert.Empty(t, out)
	assert.Contains(t, errOut, "the token does not reach the target payments")
	assert.Contains(t, errOut, "hint: its scope must be the team")
	code, _, _ = r.run("", "status")
	assert.Equal(t, 1, code, "it is not stored")
}

func TestLoginToSlack(t *testing.T) {
	r := live(t, "orders")
	for what, c := range map[string]struct{ in, says string }{
		"no address":           {"hunter2-hunter2\n", "is not an https address"},
		"in clear":             {"http://hooks.slack.com/services/hunter2\n", "is not an https address"},
		"another protocol":     {"ftp://hooks.slack.com/services/hunter2\n", "is not an https address"},
		"nothing":              {"\n", "nothing was entered"},
		"the end of the input": {"", "nothing was entered"},
		"two lines":            {webhook + "\n" + webhook + "\n", "more than one line"},
		"much too long":        {"https://hooks.slack.com/" + strings.Repeat("x", 3000) + "\n", "at most 2048"},
	} {
		code, out, errOut := r.run(c.in, "login", "slack")
		assert.Equal(t, 1, code, what)
		assert.Empty(t, out, what)
		assert.Contains(t, errOut, c.says, what)
	}
	for _, in := range []string{webhook + "\n", "  " + webhook + "\r\n", "http://127.0.0.1:8080/hookOfATest"} {
		code, out, errOut := r.run(in, "login", "slack")
		require.Zero(t, code, errOut)
		assert.Equal(t, "It is stored as slack/webhook in the age file vault in "+filepath.Join(r.state, "live", "orders", "vault")+".\n", out)
		r.requireNotOnDisk(strings.TrimSpace(in))
	}
	items, err := filepath.Glob(filepath.Join(r.state, "live", "orders", "vault", "*.age"))
	require.NoError(t, err)
	assert.Len(t, items, 2, "the identity and the newest address; none that was replaced")
	code, out, _ := r.run("", "logout", "slack")
	assert.Zero(t, code)
	assert.Contains(t, out, "slack/webhook is deleted")
}

// A roster that names another key of the operator keeps one from being made by
// the way; asking for it makes it, once.
func TestLoginSigningKey(t *testing.T) {
	r := live(t, "orders")
	code, out, errOut := r.run("", "login", "signing-key")
	require.Zero(t, code, errOut)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 3)
	assert.Contains(t, lines[0], "A signing key of alice@example.com was made; it is stored as signing/operator")
	roster := filepath.Join(r.state, "live", "orders", "allowed_signers")
	assert.Equal(t, "Let the roster's owner add this line to "+roster+":", lines[1])
	require.NoError(t, os.WriteFile(roster, []byte(lines[2]+"\n"), 0o600))

	require.NoError(t, os.RemoveAll(filepath.Join(r.state, "live", "orders", "vault")))
	_, out, _ = r.run("", "doctor")
	assert.Contains(t, out, "make the signing key of alice@example.com: line 1 of "+roster+" names another one, and the vault has none")
	assert.Contains(t, out, " login signing-key and add its line to the roster")
	code, out, errOut = r.run("", "login", "signing-key")
	require.Zero(t, code, errOut)
	assert.NotContains(t, out, lines[2], "it is another key")
	code, out, errOut = r.run("", "login", "signing-key")
	require.Zero(t, code, errOut)
	assert.Contains(t, out, "already")
}

func TestLoginOnTheSandbox(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	state := t.TempDir()
	r := &realm{t: t, state: state, flags: []string{"--sandbox", "--state", state, "--vault", "file"}}
	code, _, errOut := r.run(goodToken, "login", "vercel")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "the sandbox has a Vercel of its own")
	code, _, errOut = r.run(webhook, "login", "slack")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "must not post to people")
	code, _, errOut = r.run("http://localhost:8080/hookOfATest", "login", "slack")
	assert.Zero(t, code, errOut)
	r.requireNotOnDisk("http://localhost:8080/hookOfATest")
}

func TestLoginUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"login"}, {"login", "github"}, {"login", "slack", "vercel"}, {"logout"}, {"logout", "github"}} {
		var out, errOut screen
		assert.Equal(t, 2, cli.Run(context.Background(), args, strings.NewReader(""), &out, &errOut), args)
		assert.Contains(t, errOut.String(), "hint: keyturn "+args[0]+" --help", args)
	}
}
