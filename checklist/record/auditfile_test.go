package record_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

// What the audit of every emergency on the stage exports.
const (
	auditCSV   = "environment,hour,sender,count\r\nproduction,2026-01-05T08:00:00Z,checkout,12\r\nproduction,2026-01-05T09:00:00Z,\"a \"\"b\"\"\",3\r\n"
	auditJSONL = `{"environment":"production","sender":"checkout","count":12}` + "\n" + `{"environment":"production","sender":"a \"b\"","count":3}` + "\n"
)

// auditFile writes a file beside no trail.
func auditFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit file.csv")
	write(t, text, path)
	return path
}

func withAudit(t testing.TB, files ...string) record.Options {
	t.Helper()
	o := options(t)
	for _, path := range files {
		a, err := record.ReadAuditFile(t.Context(), path)
		require.NoError(t, err)
		o.AuditFiles = append(o.AuditFiles, a)
	}
	return o
}

// auditedEmergency is the same trail each time: an emergency that was approved.
func auditedEmergency(t *testing.T) *record.Trail {
	t.Helper()
	once, _ := honestSessions.LoadOrStore("an audited emergency", sync.OnceValue(func() walked {
		trail := emptyTrail(t)
		require.NoError(t, newStage(t, trail, "emergency", "rot-1").run().item("approve-afterwards"))
		return walked{files: filesIn(t, trail.Dir())}
	}))
	return trailOf(t, once.(func() walked)().files)
}

// Files that are no longer what an audit exported.
func tamperedAudits() []tampering {
	const changed = "which no record states; it was compared with the CSV of " + first + ", JSONL of " + first
	row := func(name, text, want, script string) tampering {
		return tampering{name: name, make: auditedEmergency, audit: text, want: want, script: "BAD audit file: " + script}
	}
	return []tampering{
		row("an audit with a cell changed", strings.Replace(auditCSV, ",12", ",1", 1), changed, "it was changed since the export"),
		row("an audit that a spreadsheet saved", "\ufeff"+strings.ReplaceAll(auditCSV, ",", ";"), changed, "it was changed since the export"),
		row("an audit without its last line", auditCSV[:strings.LastIndex(auditCSV, "production")], changed, "it was changed since the export"),
		row("an audit with a line more", auditJSONL+"{}\n", changed, "it was changed since the export"),
		row("an audit without its last line feed", strings.TrimSuffix(auditJSONL, "\n"), changed, "it was changed since the export"),
		row("an audit's CSV that git gave other line ends", strings.ReplaceAll(auditCSV, "\r\n", "\n"),
			"no longer end in CRLF: with CRLF it is the CSV of "+first, "its lines no longer end in CRLF; with CRLF it is the CSV of "+first),
		row("an audit's lines that git gave other line ends", strings.ReplaceAll(auditJSONL, "\n", "\r\n"),
			"made to end in CRLF: with LF it is the JSONL of "+first, "its lines were made to end in CRLF; with LF it is the JSONL of "+first),
		row("other line ends and a cell changed", strings.ReplaceAll(strings.Replace(auditCSV, ",12", ",1", 1), "\r\n", "\n"), changed, "it was changed since the export"),
		{name: "an audit of another trail", attack: func(*testing.T, *record.Trail) {}, audit: auditCSV,
			want: "no record here states the digest of an audit's export", script: "BAD audit file: no record here states the digest"},
	}
}

func TestAuditFilesThatRecordsVouchFor(t *testing.T) {
	t.Parallel()
	trail, script := auditedEmergency(t), stockCheck(t)
	table, lines := auditFile(t, auditCSV), auditFile(t, auditJSONL)
	report, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, withAudit(t, table, lines))
	require.NoError(t, err)
	require.Empty(t, report.Findings())
	assert.Equal(t, []record.Matched{{Path: table, Record: first, Format: "CSV"}, {Path: lines, Record: first, Format: "JSONL"}}, report.Verified[0].AuditFiles)
	assert.Contains(t, report.String(), "  + Audit file: "+table+" is the CSV that "+first+" states the digest of, to the byte.\n")
	out, err := script.run(t, trail.Dir(), table, lines)
	require.NoError(t, err, out)
	assert.Equal(t, table+": the CSV of "+first+"\n"+lines+": the JSONL of "+first+"\nOK 1 records\n"+trail.Head().Line()+"\n", out)

	report, err = record.VerifyTrail(t.Context(), []string{filepath.Join(trail.Dir(), first)}, withAudit(t, table))
	require.NoError(t, err)
	assert.Len(t, report.Verified[0].AuditFiles, 1, "a record without its trail")
}

func TestAuditFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	trail, script := auditedEmergency(t), stockCheck(t)
	for name, make := range map[string]func(t *testing.T, path string){
		"missing": func(*testing.T, string) {},
		"a link": func(t *testing.T, path string) {
			require.NoError(t, os.Symlink(auditFile(t, auditCSV), path))
		},
		"a folder": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"a pipe": func(t *testing.T, path string) {
			require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", path).Run())
		},
		"huge": func(t *testing.T, path string) {
			write(t, "", path)
			require.NoError(t, os.Truncate(path, 256<<20+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "audit.csv")
			make(t, path)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := record.ReadAuditFile(ctx, path)
			require.ErrorContains(t, err, "read audit file "+path+": ")
			require.NoError(t, ctx.Err())
			out, err := script.run(t, trail.Dir(), path)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, 2, exit.ExitCode(), out)
			assert.Contains(t, out, path+" is no regular file of at most 268435456 bytes that can be read")
		})
	}
	ctx, cancel := contextThatEnded(t)
	defer cancel()
	_, err := record.ReadAuditFile(ctx, auditFile(t, auditCSV))
	require.ErrorIs(t, err, context.Canceled)
}

// The file is read in pieces of 64 KiB, which may part a carriage return from its
// line feed.
func TestAuditFilesWithOtherLineEnds(t *testing.T) {
	t.Parallel()
	piece := strings.Repeat("x", 64<<10-1)
	for name, text := range map[string]string{
		"empty": "", "CRLF": "a\r\nb\r\n", "LF": "a\nb\n", "both": "a\r\nb\nc", "returns that end no line": "\ra\r\r\nb\r",
		"parted": piece + "\r\nb", "a return before another piece": piece + "\rb\n", "a return at the end": piece + "\r",
		"two returns, parted": piece + "\r\r\n", "a line feed first": piece + "x\nb",
	} {
		lf := strings.ReplaceAll(text, "\r\n", "\n")
		crlf := strings.ReplaceAll(lf, "\n", "\r\n")
		a, err := record.ReadAuditFile(t.Context(), auditFile(t, text))
		require.NoError(t, err, name)
		assert.Equal(t, [3]string{digest(text), digest(lf), digest(crlf)}, a.Digests(), name)
	}
}

func TestProgressCountsRecordsOfAllPaths(t *testing.T) {
	t.Parallel()
	trail, other := threeRecords(t), auditedEmergency(t)
	o := options(t)
	var seen [][2]int
	o.Progress = func(done, total int) { seen = append(seen, [2]int{done, total}) }
	_, err := record.VerifyTrail(t.Context(), []string{trail.Dir(), filepath.Join(other.Dir(), first)}, o)
	require.NoError(t, err)
	assert.Equal(t, [][2]int{{1, 4}, {2, 4}, {3, 4}, {4, 4}}, seen)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = func(int, int) { cancel() }
	_, err = record.VerifyTrail(ctx, []string{trail.Dir()}, o)
	require.ErrorIs(t, err, context.Canceled)
}
