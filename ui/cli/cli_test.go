package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// outcome is what a run of the command left.
type outcome struct {
	code        int
	out, errOut string
}

// keyturn runs the command on a state folder with a file vault. The input is
// no terminal, so that it works line by line.
func keyturn(ctx context.Context, state, input string, args ...string) outcome {
	var out, errOut bytes.Buffer
	args = append([]string{"--sandbox", "--state", state, "--vault", "file"}, args...)
	code := Run(ctx, args, strings.NewReader(input), &out, &errOut)
	return outcome{code, out.String(), errOut.String()}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	tests := map[string]struct {
		args           []string
		state, input   string
		code           int
		out, err, hint string
	}{
		"an unknown command":   {args: []string{"frobnicate"}, code: 2, err: `unknown command "frobnicate"`, hint: "keyturn --help says"},
		"an unknown flag":      {args: []string{"status", "--frob"}, code: 2, err: "unknown flag: --frob", hint: "keyturn status --help says"},
		"a flag without value": {args: []string{"status", "--config"}, code: 2, err: "flag needs an argument", hint: "keyturn status --help says"},
		"too many arguments":   {args: []string{"drill", "now"}, code: 2, err: `"now"`, hint: "keyturn drill --help says"},
		"nothing to verify":    {args: []string{"verify"}, code: 2, err: "requires at least 1", hint: "keyturn verify --help says"},
		"an unknown checklist": {args: []string{"rehearse", "yearly"}, code: 2, err: `invalid argument "yearly"`, hint: "keyturn rehearse --help says"},
		"an unknown fault":     {args: []string{"rehearse", "--fault", "gremlins"}, code: 2, err: `fault "gremlins": want one of none, api-429`},
		"an unknown vault":     {args: []string{"status", "--vault", "envelope"}, code: 2, err: `flag --vault: "envelope"`},
		"a roster that is not": {args: []string{"verify", "--roster", file + ".missing", "."}, code: 2, err: "read the roster"},
		"a trail that is not":  {args: []string{"verify", file + ".missing"}, code: 1, err: ".missing: there is no such file or folder", hint: "name the folder of a trail"},
		"no folder for state":  {args: []string{"status"}, state: file, code: 1, err: "make the state folder", hint: "--state DIR"},
		"none for a rehearsal": {args: []string{"rehearse"}, state: file, code: 1, err: "make the state folder", hint: "--state DIR"},
		"the end of the input": {args: []string{"drill"}, code: 0, out: "Nothing was started.\n"},
		"left in the middle":   {args: []string{"drill"}, input: "\n", code: 3, out: "Nothing is lost. Return with: keyturn --state "},
		"left at home":         {input: "q\n", code: 0, out: "1. Quarterly rotation (start)"},
		"help":                 {args: []string{"--help"}, code: 0, out: "Usage:"},
		"status":               {args: []string{"status"}, code: 0, out: "SANDBOX: nothing real is changed\n"},
		"the doctor":           {args: []string{"doctor"}, code: 0, out: "ok     vault: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := tt.state
			if state == "" {
				state = filepath.Join(t.TempDir(), "state")
			}
			got := keyturn(t.Context(), state, tt.input, tt.args...)
			assert.Equal(t, tt.code, got.code, "%s%s", got.out, got.errOut)
			assert.Contains(t, got.out, tt.out)
			if tt.err == "" {
				assert.NotContains(t, got.errOut, "error:")
				return
			}
			assert.Contains(t, line(got.errOut, "error: "), tt.err)
			assert.Contains(t, line(got.errOut, "hint: "), tt.hint)
			assert.Empty(t, got.out, "what went wrong goes to stderr")
			if tt.code == 2 {
				assert.NoDirExists(t, state, "wrong usage changes nothing")
			}
		})
	}
}

// line returns the only line that begins with a label; "" if there is none.
func line(text, label string) string {
	found := ""
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, label) {
			found += l
		}
	}
	return found
}

func TestInterruptIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := keyturn(ctx, t.TempDir(), "", "drill")
	assert.Equal(t, 130, got.code)
	assert.NotContains(t, got.errOut, "error:")
}

func TestStatusForPrograms(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	got := keyturn(t.Context(), state, "\n\n", "drill")
	require.Equal(t, 3, got.code, got.errOut)
	got = keyturn(t.Context(), state, "", "status", "--json")
	require.Zero(t, got.code, got.errOut)
	var o checklist.Overview
	require.NoError(t, json.Unmarshal([]byte(got.out), &o))
	assert.True(t, o.Sandbox)
	require.Len(t, o.Sessions, 1)
	assert.Equal(t, "drill", o.Sessions[0].Checklist)
	assert.Empty(t, o.Sessions[0].Holder, "nobody drives it now")
	assert.NotContains(t, got.out, "0001-01-01", "no time that is none")
	assert.NotContains(t, got.out, "null")
	assert.Contains(t, got.out, `"Problems": []`)
}

func TestEveryCommandSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	for _, cmd := range (&app{}).commands().Commands() {
		assert.NotEmpty(t, cmd.Short, cmd.Name())
		assert.False(t, strings.HasSuffix(cmd.Short, "."), "%s: as a list has it", cmd.Name())
	}
}

// What net/http logs of a server that speaks unasked, such as the token that it was
// sent, would be drawn over the screen.
func TestNoLibraryWritesToTheTerminal(t *testing.T) {
	t.Parallel()
	require.Zero(t, keyturn(t.Context(), t.TempDir(), "", "--version").code)
	assert.Equal(t, io.Discard, log.Writer())
}
