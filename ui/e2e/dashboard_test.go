//go:build linux

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/config"
	"keyturn/steps/httpclient"
	"keyturn/steps/program/programtest"
	"keyturn/steps/vercel"
)

// desktop starts an X server of the test's own and returns its display.
func desktop(t *testing.T) string {
	t.Helper()
	need(t, "Xvfb", "xclip")
	number, told, err := os.Pipe()
	require.NoError(t, err)
	server := exec.Command("Xvfb", "-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "64x64x8")
	server.ExtraFiles = []*os.File{told}
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it removes its lock
		_ = server.Wait()
	})
	require.NoError(t, told.Close())
	line, err := bufio.NewReader(number).ReadString('\n')
	require.NoError(t, err, "the X server did not start")
	require.NoError(t, number.Close())
	return ":" + strings.TrimSpace(line)
}

// pasted is what the desktop's clipboard holds.
func pasted(t *testing.T, display string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "xclip", "-o", "-selection", "clipboard")
	cmd.Env = append(os.Environ(), "DISPLAY="+display)
	out, _ := cmd.Output() // by its exit status it says that the clipboard is empty
	return string(out)
}

var guided = regexp.MustCompile(`At Vercel: [^\n]+`)

// A drill by hand: the real program, a real desktop's clipboard, and a person who
// does at the stand-in what the program spells out. The person's program has no
// token.
func TestDrillByHand(t *testing.T) {
	t.Parallel()
	display := desktop(t)
	c := newCompany(t, nil)
	text, err := os.ReadFile(c.file())
	require.NoError(t, err)
	api := regexp.MustCompile(`(?m)^api = .*$`)
	require.NoError(t, os.WriteFile(c.file(), api.ReplaceAll(text, []byte(`mode = "dashboard"`)), 0o600))
	c.env = []string{
		"DISPLAY=" + display, config.EnvVercelToken + "=", config.EnvRequestLogToken + "=" + c.world.LogToken(),
		"KEYTURN_VAULT_PASSPHRASE_FILE=" + c.passphraseFile(),
	}
	c.movesIn()

	token, err := httpclient.ParseToken(c.world.VercelToken())
	require.NoError(t, err)
	account, err := vercel.New(vercel.Options{API: c.world.VercelURL(), Token: token, Team: "acme"})
	require.NoError(t, err)
	person := programtest.Dashboard{API: account, Clipboard: &programtest.Clipboard{}}
	forget := func() {}
	var secrets programtest.Secrets

	program := converse(t, c.person, "--vault", "file", "drill")
	for {
		said := program.hears("a prompt, or that it is over", func(text string) bool {
			return strings.HasSuffix(text, " > ") || strings.HasSuffix(text, "\nfinished\n")
		})
		if strings.HasSuffix(said, "\nfinished\n") {
			break
		}
		titles := guided.FindAllString(said, -1)
		if len(titles) == 0 || !strings.Contains(said[strings.LastIndexByte(said, '\n')+1:], "(1 to ") {
			require.NotContains(t, said, "FAILED")
			program.answer(program.reads(said))
			continue
		}
		q := checklist.Question{Kind: checklist.Choose, Title: titles[len(titles)-1], Body: said, Choices: []checklist.Choice{{ID: "done"}}}
		done := "1"
		if strings.Contains(said, "Copy the value") {
			q.Choices, done = append(q.Choices, checklist.Choice{ID: "copy"}), "2"
		}
		answer, ok, err := person.Answer(t.Context(), q)
		require.NoError(t, err, said)
		require.True(t, ok, said)
		if answer != "copy" {
			program.answer(done)
			forget()
			continue
		}
		program.answer("1")
		program.hears("that it is copied", func(text string) bool { return strings.Contains(text, "Handed to the clipboard (xclip)") })
		secret, err := keygen.ParseSecret(pasted(t, display))
		require.NoError(t, err, "the clipboard holds no key")
		secrets.Add("the test key", secret.Reveal()) // it leaves the vault before the end
		clear, err := person.Clipboard.Put(t.Context(), secret, 0)
		require.NoError(t, err)
		forget = func() { require.NoError(t, clear(t.Context())) }
	}
	require.Zero(t, program.ends())
	assert.Equal(t, 6+3+6+3, len(person.Acts), "two rows and a deployment in each of three projects, and back again: %q", person.Acts)
	assert.Len(t, strings.TrimSpace(pasted(t, display)), 0, "nothing is left on the clipboard")

	requireVerified(t, filepath.Join(c.live(), "trail"), c.roster())
	reports, err := filepath.Glob(filepath.Join(c.live(), "trail", "000001-*", "*.md"))
	require.NoError(t, err)
	require.Len(t, reports, 1)
	report, err := os.ReadFile(reports[0])
	require.NoError(t, err)
	assert.Contains(t, string(report), "by hand")

	c.keys(&secrets)
	heard, _ := program.text()
	assert.Empty(t, secrets.In([]byte(heard)), "in what was said")
	found, _, err := secrets.InFiles(c.home)
	require.NoError(t, err)
	assert.Empty(t, found)
}
