package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/ui/cli"
)

func run(args ...string) (code int, out, errOut string) {
	var stdout, stderr screen
	code = cli.Run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestVerifyWithAWitness(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, _, errOut := run("rehearse", "drill", "--state", state, "--vault", "file")
	require.Zero(t, code, errOut)
	realms, err := filepath.Glob(filepath.Join(state, "rehearsals", "*", "sandbox"))
	require.NoError(t, err)
	require.Len(t, realms, 1)
	trail, roster := filepath.Join(realms[0], "trail"), filepath.Join(realms[0], "allowed_signers")
	head, err := os.ReadFile(filepath.Join(trail, "HEAD"))
	require.NoError(t, err)
	line := strings.TrimSpace(string(head))
	verify := func(more ...string) (int, string, string) {
		return run(append([]string{"verify", "--roster", roster, trail}, more...)...)
	}

	code, out, errOut := verify("--witness", line)
	assert.Zero(t, code, errOut)
	assert.Contains(t, out, "head was seen outside")
	code, _, _ = verify("--witness", line, "--witness", string(head))
	assert.Zero(t, code, "several, with line feeds or without")
	code, out, _ = verify()
	assert.Zero(t, code)
	assert.NotContains(t, out, "head was seen outside")

	fields := strings.Fields(line)
	require.Len(t, fields, 5)
	later := strings.Join([]string{fields[0], fields[1], fields[2], "9", fields[4]}, " ")
	code, _, errOut = verify("--witness", later)
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "records were removed from the end")
	code, _, errOut = verify("--witness", strings.Replace(line, fields[4], "sha256:"+strings.Repeat("0", 64), 1))
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "rewritten")
	code, _, errOut = verify("--witness", strings.Replace(line, fields[2], "8b1f6a52-0d5e-4c1e-9a58-2f4f7f7a9d11", 1))
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "error: 1 thing was not checked\nhint: put it right, or accept it with --allow witness")
	code, out, _ = verify("--allow", "witness", "--witness", strings.Replace(line, fields[2], "8b1f6a52-0d5e-4c1e-9a58-2f4f7f7a9d11", 1))
	assert.Zero(t, code)
	assert.Contains(t, out, "not checked:\n  ? witness: the head ")
	code, _, errOut = verify("--witness", "HEAD")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "hint: a witness is the line")

	records, err := filepath.Glob(filepath.Join(trail, "0*"))
	require.NoError(t, err)
	require.Len(t, records, 1)
	code, out, errOut = run("verify", "--roster", roster, records[0], "--witness", line, "--report")
	assert.Zero(t, code, errOut)
	assert.Contains(t, out, "Witnessed: record 1 is the one")
	assert.Contains(t, out, "# Staging drill drill-")

	require.NoError(t, os.WriteFile(filepath.Join(trail, "notes.txt"), nil, 0o600))
	require.NoError(t, os.Remove(filepath.Join(trail, "HEAD")))
	code, _, errOut = verify()
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "error: 2 things were not checked\nhint: put it right, or accept it with --allow head --allow foreign\n")
	code, _, _ = verify("--allow", "head", "--allow", "foreign")
	assert.Zero(t, code)
	code, _, errOut = verify("--allow", "everything")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, `flag --allow: "everything" is no class`)
	code, out, _ = run("verify", "--help")
	assert.Zero(t, code)
	assert.Contains(t, out, "foreign      a file among the records that no signature covers")
}

func TestVerifyAnEmergencyWithoutApproval(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, _, errOut := run("rehearse", "emergency", "--state", state, "--vault", "file")
	require.Zero(t, code, errOut)
	records, err := filepath.Glob(filepath.Join(state, "rehearsals", "*", "sandbox", "trail", "0*"))
	require.NoError(t, err)
	require.Len(t, records, 1)
	code, _, errOut = run("verify", records[0])
	assert.Zero(t, code, errOut)
	late, err := filepath.Glob(filepath.Join(records[0], "approval-late*"))
	require.NoError(t, err)
	require.NotEmpty(t, late)
	code, out, _ := run("verify", "--approvals", "2", records[0])
	assert.Equal(t, 5, code)
	assert.Contains(t, out, "2 must approve, and only approver@sandbox did.")
	for _, file := range late {
		require.NoError(t, os.Remove(file))
	}
	code, out, errOut = run("verify", records[0])
	assert.Equal(t, 5, code)
	assert.Contains(t, out, "still missing:\n  ! ")
	assert.Contains(t, errOut, "error: 1 emergency lacks the approval of a second person\nhint: go on with the session")
}

func TestVerifyWithAnAudit(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, _, errOut := run("rehearse", "emergency", "--state", state, "--vault", "file")
	require.Zero(t, code, errOut)
	exports, err := filepath.Glob(filepath.Join(state, "rehearsals", "*", "sandbox", "sessions", "*", "audit.*"))
	require.NoError(t, err)
	require.Len(t, exports, 2)
	trail := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(exports[0]))), "trail")
	session := "000001-" + filepath.Base(filepath.Dir(exports[0]))

	code, out, errOut := run("verify", trail, "--audit", exports[0], "--audit", exports[1])
	require.Zero(t, code, errOut)
	assert.Contains(t, out, "+ Audit file: "+exports[0]+" is the CSV that "+session+" states the digest of")
	assert.Contains(t, out, "+ Audit file: "+exports[1]+" is the JSONL that "+session+" states the digest of")
	assert.NotContains(t, errOut, "Verifying", "stderr is no terminal")

	table, err := os.ReadFile(exports[0])
	require.NoError(t, err)
	changed := filepath.Join(t.TempDir(), "audit.csv")
	for text, want := range map[string]string{
		strings.ReplaceAll(string(table), "\r\n", "\n"): ": its lines no longer end in CRLF: with CRLF it is the CSV of " + session,
		string(table) + "\r\n":                          "it was compared with the CSV of " + session + ", JSONL of " + session + "\nhint: it was changed since the export",
	} {
		require.NoError(t, os.WriteFile(changed, []byte(text), 0o600))
		code, out, errOut = run("verify", trail, "--audit", changed)
		assert.Equal(t, 1, code)
		assert.Empty(t, out)
		assert.Contains(t, errOut, "error: verify audit file "+changed+": ")
		assert.Contains(t, errOut, want)
	}
	code, _, errOut = run("verify", trail, "--audit", t.TempDir())
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "it is no regular file of at most 268435456 bytes\nhint: name the file itself")
}

func TestVerifyThatIsInterrupted(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, _, errOut := run("rehearse", "drill", "--state", state, "--vault", "file")
	require.Zero(t, code, errOut)
	trails, err := filepath.Glob(filepath.Join(state, "rehearsals", "*", "sandbox", "trail"))
	require.NoError(t, err)
	require.Len(t, trails, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr screen
	code = cli.Run(ctx, []string{"verify", trails[0]}, strings.NewReader(""), &stdout, &stderr)
	assert.Equal(t, 130, code)
	assert.Empty(t, stdout.String())
	assert.Contains(t, stderr.String(), "error: verification was interrupted; nothing was concluded\nhint: run the same command again")
}

func TestThemeIsDarkOrLight(t *testing.T) {
	t.Parallel()
	code, _, errOut := run("status", "--theme", "blue", "--sandbox", "--state", t.TempDir())
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, `flag --theme: "blue": want dark or light`)
	code, _, errOut = run("status", "--theme", "light", "--ascii", "--no-motion", "--sandbox", "--vault", "file", "--state", t.TempDir())
	assert.Zero(t, code, errOut)
}

func TestTrailSucceed(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, _, errOut := run("trail", "succeed", "--sandbox", "--state", state, "--vault", "file")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "error: the reason is missing\nhint: say with --reason")
	code, _, errOut = run("trail", "succeed", "--reason", "the clock was ahead", "--sandbox", "--state", state, "--vault", "file")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "has no record that another could go on after")
}
