package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// conversation is the line mode at the other end of two pipes.
type conversation struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	said    bytes.Buffer // stdout and stderr
	changed chan struct{}
	answers int // length of said when the last answer was given

	ended chan struct{}
}

func converse(t *testing.T, p person, args ...string) *conversation {
	t.Helper()
	c := &conversation{t: t, cmd: p.command(t.Context(), append([]string{"--plain"}, args...)...), changed: make(chan struct{}), ended: make(chan struct{})}
	in, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	c.in = in
	c.cmd.Stdout, c.cmd.Stderr = c, c
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait() // the exit code says it
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // mostly it has ended
		<-c.ended
	})
	return c
}

// Write takes what the program says.
func (c *conversation) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.said.Write(text)
	close(c.changed)
	c.changed = make(chan struct{})
	return n, err
}

func (c *conversation) text() (string, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String(), c.changed
}

// hears waits until the program has said something since the last answer.
func (c *conversation) hears(what string, said func(string) bool) string {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		text, changed := c.text()
		if text = text[c.answers:]; said(text) {
			return text
		}
		select {
		case <-changed:
		case <-c.ended:
			text, _ := c.text()
			if text = text[c.answers:]; said(text) {
				return text
			}
			require.FailNow(c.t, "the program ended before it said "+what, "%s", text)
		case <-deadline:
			require.FailNow(c.t, "the program never said "+what, "%s", text)
		}
	}
}

// asked waits for the next prompt and returns what was said since the last.
func (c *conversation) asked() string {
	c.t.Helper()
	return c.hears("a prompt", func(text string) bool { return strings.HasSuffix(text, " > ") })
}

func (c *conversation) answer(line string) {
	c.t.Helper()
	text, _ := c.text()
	c.answers = len(text)
	_, err := io.WriteString(c.in, line+"\n")
	require.NoError(c.t, err)
}

// ends waits for the exit code.
func (c *conversation) ends() int {
	c.t.Helper()
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		text, _ := c.text()
		require.FailNow(c.t, "the program did not end", "%s", text)
		return 0
	}
}

var (
	exactly = regexp.MustCompile(`\(type (\S+) exactly`)
	turn    = regexp.MustCompile(`f = turn the sandbox clock to `)
)

// reads finds out what the prompt asks for.
func (c *conversation) reads(text string) string {
	prompt := text[strings.LastIndexByte(text, '\n')+1:]
	switch {
	case strings.Contains(prompt, "(yes or no"):
		return "yes"
	case exactly.MatchString(prompt):
		return exactly.FindStringSubmatch(prompt)[1]
	case strings.Contains(prompt, "(1 to "):
		return "1"
	case strings.Contains(prompt, "(text, enter for"):
		return ""
	case strings.Contains(prompt, "(text"):
		return "as planned"
	case turn.MatchString(prompt):
		return "f"
	}
	require.Contains(c.t, prompt, "enter = do it")
	return ""
}

// walk answers until what was said shows what is asked for.
func (c *conversation) walk(until func(string) bool) string {
	c.t.Helper()
	for range 300 {
		text := c.asked()
		if until(text) {
			return text
		}
		require.NotContains(c.t, text, "FAILED")
		c.answer(c.reads(text))
	}
	require.FailNow(c.t, "the session does not come to its end")
	return ""
}

// nextIs says that the line mode offers an item.
func nextIs(item string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, "Next: "+item+" (") }
}

func events(t *testing.T, p person) []checklist.Event {
	t.Helper()
	dir := filepath.Join(p.sandbox(), "sessions")
	ids, err := journal.List(dir)
	require.NoError(t, err)
	require.Len(t, ids, 1)
	all, err := journal.Read(dir, ids[0])
	require.NoError(t, err)
	return all
}

// A whole rotation line by line, with the interrupt key pressed at a prompt
// and in the middle of a redeployment, and the input ending once.
func TestQuarterlyLineByLine(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt can be sent to a process there")
	}
	p := newPerson(t)
	var secrets programtest.Secrets
	var heard strings.Builder
	begin := func() *conversation {
		c := converse(t, p, "--vault", "file", "quarterly")
		t.Cleanup(func() { text, _ := c.text(); require.Empty(t, secrets.In([]byte(text)), "in what was said") })
		return c
	}
	leaves := func(c *conversation, code int) {
		t.Helper()
		require.Equal(t, code, c.ends())
		text, _ := c.text()
		heard.WriteString(text)
		assert.Contains(t, text[c.answers:], "nothing is lost. Return with: keyturn --vault file quarterly\n")
		assert.NotContains(t, text[c.answers:], "error:", "leaving is no error")
		keepSecrets(t, p.sandbox(), vault.BackendFile, &secrets)
	}

	c := begin()
	c.walk(nextIs("Add new key to staging"))
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	leaves(c, 130)

	c = begin()
	c.walk(nextIs("Redeploy staging"))
	c.answer("")
	c.hears("the question", func(text string) bool { return strings.HasSuffix(text, " > ") })
	c.answer("yes")
	c.hears("that it waits", func(text string) bool { return strings.Contains(text, ": building\n") })
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	leaves(c, 130)

	c = begin()
	c.walk(nextIs("Test in staging"))
	require.NoError(t, c.in.Close())
	require.Equal(t, 3, c.ends())
	text, _ := c.text()
	assert.Contains(t, text, "Nothing is lost. Return with: keyturn --vault file quarterly\n")

	c = begin()
	for {
		text := c.hears("a prompt, or that it is over", func(text string) bool {
			return strings.HasSuffix(text, " > ") || strings.HasSuffix(text, "\nfinished\n")
		})
		if strings.HasSuffix(text, "\nfinished\n") {
			break
		}
		c.answer(c.reads(text))
	}
	require.Zero(t, c.ends())
	keepSecrets(t, p.sandbox(), vault.BackendFile, &secrets)
	require.Subset(t, secrets.Names(), []string{"staging/v1", "staging/v2", "production/v1", "production/v2"})
	requireVerified(t, p.trail(), filepath.Join(p.sandbox(), "allowed_signers"))
	found, _, err := secrets.InFiles(p.home)
	require.NoError(t, err)
	require.Empty(t, found)

	made := map[string]int{}
	for _, e := range events(t, p) {
		if e.Kind == checklist.Passed && e.Item == "export-record" { // the command for the auditor runs as it is shown
			require.Len(t, e.Evidence.Commands, 1)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", e.Evidence.Commands[0])
			cmd.Dir, cmd.Env = p.work(), p.environ()
			r := finish(t, cmd)
			require.Zero(t, r.code, "%s: %s", e.Evidence.Commands[0], r.stderr)
		}
		if e.Kind == checklist.Done {
			made[e.Item+": "+e.Effect.Words()]++
		}
	}
	for words, times := range made {
		assert.Equal(t, 1, times, "done twice: %s", words)
	}
}

// The command that Keyturn shows for a probe is the probe: real curl gets the
// same answer while the service is there.
func TestProbeCommandsRunInCurl(t *testing.T) {
	t.Parallel()
	need(t, "curl", "sh")
	p := newPerson(t)
	c := converse(t, p, "--vault", "file", "quarterly")
	c.walk(nextIs("Approval by a second person"))
	var commands []string
	for _, e := range events(t, p) {
		if e.Kind == checklist.Passed && e.Item == "test-staging" {
			commands = e.Evidence.Commands
		}
	}
	require.Len(t, commands, 2, "one for each target")
	text, _ := c.text()
	for _, command := range commands {
		assert.Contains(t, text, "\n   by hand    "+command+"\n", "it is shown as it is run")
	}
	var secrets programtest.Secrets
	keepSecrets(t, p.sandbox(), vault.BackendFile, &secrets)
	for _, command := range commands {
		require.Empty(t, secrets.In([]byte(command)))
		out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Equal(t, "200\n", string(out), command)

		forged := strings.Replace(command, `{"ping":true}`, `{"ping":false}`, 1)
		require.NotEqual(t, command, forged)
		out, err = exec.CommandContext(t.Context(), "sh", "-c", forged).CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Equal(t, "403\n", string(out), "a forged request")
	}
	c.answer("q")
	require.Equal(t, 3, c.ends())
}

// One session, two drivers: the second one sees who holds it.
func TestSecondDriver(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	c := converse(t, p, "--vault", "file", "quarterly")
	c.walk(nextIs("Generate new key"))
	holder := fmt.Sprintf("pid %d on ", c.cmd.Process.Pid)

	r := p.keyturn(t, "--vault", "file", "status")
	require.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "driven by "+holder)
	assert.Contains(t, r.stdout, "another process has this sandbox open")

	r = p.keyturn(t, "--vault", "file", "--plain", "quarterly")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "read-only: it is driven by "+holder)

	r = p.keyturn(t, "--vault", "file", "--plain", "drill")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "another process has this sandbox open")

	c.answer("q")
	require.Equal(t, 3, c.ends(), "the first one was not disturbed")
	r = p.keyturn(t, "--vault", "file", "status")
	assert.NotContains(t, r.stdout, "driven by")
}
