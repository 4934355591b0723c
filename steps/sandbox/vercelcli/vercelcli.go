// Package vercelcli runs Vercel's own command line client in tests, with
// another address in place of Vercel's: what the client makes of a stand-in is
// the proof that the stand-in holds the contract.
//
// Start with New. The program is installed by
// steps/sandbox/testdata/install-vercel-cli.sh.
package vercelcli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// CLI is the client of one test, with a home of its own.
type CLI struct {
	API   string // base URL, on loopback
	Token string // letters, digits and underscores; it is visible in the process list
	Scope string // team's slug; "" is the token's own account

	program string
	env     []string
}

// Result is how one run ended.
type Result struct {
	Stdout, Stderr string
	Exit           int
}

// Find returns the path of the client: of the folders that the install script
// uses, or on PATH. Without one the test is skipped, and fails where
// KEYTURN_TEST_REQUIRE=all asks for every test.
func Find(t testing.TB) string {
	t.Helper()
	name := "vercel"
	if runtime.GOOS == "windows" {
		name = "vercel.cmd"
	}
	for _, folder := range folders() {
		program := filepath.Join(folder, "node_modules", ".bin", name)
		if _, err := os.Stat(program); err == nil {
			return program
		}
	}
	if program, err := exec.LookPath(name); err == nil {
		return program
	}
	const reason = "the Vercel CLI is not installed; steps/sandbox/testdata/install-vercel-cli.sh installs it"
	if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

// folders are where the install script installs to.
func folders() []string {
	var list []string
	if folder := os.Getenv("KEYTURN_VERCEL_CLI"); folder != "" {
		list = append(list, folder)
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if home, err := os.UserHomeDir(); err == nil && cache == "" {
		cache = filepath.Join(home, ".cache")
	}
	if cache != "" {
		list = append(list, filepath.Join(cache, "keyturn", "vercel-cli"))
	}
	return list
}

// New returns a client for the API at an address on loopback.
func New(t testing.TB, api, token, scope string) *CLI {
	t.Helper()
	program, home := Find(t), t.TempDir()
	return &CLI{
		API: api, Token: token, Scope: scope, program: program,
		env: []string{
			"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
			"HOME=" + home, "USERPROFILE=" + home, "APPDATA=" + home, "LOCALAPPDATA=" + home,
			"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_DATA_HOME=" + filepath.Join(home, "data"),
			"XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "XDG_STATE_HOME=" + filepath.Join(home, "state"),
			// Neither may call anybody but the API.
			"VERCEL_TELEMETRY_DISABLED=1", "NO_UPDATE_NOTIFIER=1", "NO_COLOR=1",
		},
	}
}

// Run runs the client with a text on its standard input. It never asks: where it
// would, it ends with exit code 1.
func (c *CLI) Run(t testing.TB, stdin string, args ...string) Result {
	t.Helper()
	args = append(args, "--api", c.API, "--token", c.Token, "--non-interactive")
	if c.Scope != "" {
		args = append(args, "--scope", c.Scope)
	}
	command := exec.CommandContext(t.Context(), c.program, args...)
	var stdout, stderr bytes.Buffer
	command.Env, command.Dir = c.env, t.TempDir()
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	command.WaitDelay = 10 * time.Second
	err := command.Run()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		require.NoError(t, err, "run the Vercel CLI")
	}
	return Result{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// MustRun runs the client and wants exit code 0.
func (c *CLI) MustRun(t testing.TB, stdin string, args ...string) Result {
	t.Helper()
	r := c.Run(t, stdin, args...)
	require.Zero(t, r.Exit, "vercel %s\n%s%s", strings.Join(args, " "), r.Stdout, r.Stderr)
	return r
}

// Decode reads the JSON of the standard output.
func (r Result) Decode(t testing.TB, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), into), "stdout: %s\nstderr: %s", r.Stdout, r.Stderr)
}
