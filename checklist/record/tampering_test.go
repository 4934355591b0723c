package record_test

import (
	"cmp"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
)

// tampering is one way to change a trail, and what both verifiers say of it.
type tampering struct {
	name   string
	attack func(*testing.T, *record.Trail) // on a trail of three records
	make   func(*testing.T) *record.Trail  // a trail of its own, in place of that
	audit  string                          // what is in a file that is said to be an audit's export

	// What VerifyTrail refuses, and why.
	record, file, field, want string
	// What VerifyTrail does not refuse, and tells as not checked.
	class record.Class

	// What testdata/verify-trail.sh says, or else the line of its header by which it
	// is too weak to see it. Where both are empty, no verifier can see it: it takes
	// a head that was kept outside.
	script, weaker string
}

const first, second, third = "000001-rot-1", "000002-rot-2", "000003-rot-3"

var long = flag.Bool("long", false, "run the stock script on every row of the table")

// TestTamperings runs one table against both verifiers. The script takes long, so
// that it is run on a part of the table: one row in twelve, and one in three where
// everything is required. With -long it is run on each row.
func TestTamperings(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the rows are many, and share nothing")
	}
	t.Parallel()
	part := 12
	switch {
	case *long:
		part = 1
	case os.Getenv("KEYTURN_TEST_REQUIRE") == "all":
		part = 3
	}
	script, header := stockCheck(t), stockWeaknesses(t)
	all := tamperings()
	require.GreaterOrEqual(t, len(all), 80)
	names := map[string]bool{}
	for i, tc := range all {
		require.False(t, names[tc.name], "two rows are called %q", tc.name)
		names[tc.name] = true
		if tc.weaker != "" {
			require.Contains(t, header, tc.weaker, "the script's header does not say so: %s", tc.name)
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			trail := tc.trail(t)
			var files []string
			if tc.audit != "" {
				files = []string{auditFile(t, tc.audit)}
			}
			tc.requireRefused(t, trail, files)
			if i%part != 0 {
				return
			}
			out, err := script.run(t, trail.Dir(), files...)
			if tc.script != "" {
				require.Error(t, err, out)
				assert.Contains(t, out, tc.script)
				assert.NotContains(t, out, ": line ", "bash itself said something")
				return
			}
			var exit *exec.ExitError
			if err != nil { // an emergency lacks its approval
				require.ErrorAs(t, err, &exit, out)
				require.Equal(t, 5, exit.ExitCode(), out)
			}
			assert.Contains(t, out, "OK ")
		})
	}
}

func (tc tampering) trail(t *testing.T) *record.Trail {
	t.Helper()
	if tc.make != nil {
		return tc.make(t)
	}
	trail := threeRecords(t)
	tc.attack(t, trail)
	return trail
}

func (tc tampering) requireRefused(t *testing.T, trail *record.Trail, files []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a pipe must not be waited for
	defer cancel()
	report, err := record.VerifyTrail(ctx, []string{trail.Dir()}, withAudit(t, files...))
	if tc.want == "" {
		require.NoError(t, err)
		var classes []record.Class
		for _, f := range report.Findings() {
			classes = append(classes, f.Class)
		}
		if tc.class == "" {
			assert.Empty(t, classes)
		} else {
			assert.Equal(t, []record.Class{tc.class}, classes)
		}
		return
	}
	var failure *record.Failure
	require.ErrorAs(t, err, &failure)
	assert.Contains(t, failure.Error(), tc.want)
	if tc.file != "" {
		assert.Equal(t, []string{tc.record, tc.file, tc.field}, []string{failure.Record, failure.File, failure.Field}, failure)
	}
}

// threeRecords is the same trail each time: a drill and two quarterly rotations.
func threeRecords(t *testing.T) *record.Trail {
	t.Helper()
	once, _ := honestSessions.LoadOrStore("three records", sync.OnceValue(func() walked {
		return walked{files: filesIn(t, mustRecords(t, 3).Dir())}
	}))
	return trailOf(t, once.(func() walked)().files)
}

// stockWeaknesses reads from the script's header by what it is weaker.
func stockWeaknesses(t *testing.T) []string {
	t.Helper()
	_, list, ok := strings.Cut(read(t, "..", "..", "testdata", "verify-trail.sh"), "# It is weaker than")
	require.True(t, ok)
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#   ([a-z]+) `).FindAllStringSubmatch(list, -1) {
		all = append(all, m[1])
	}
	require.NotEmpty(t, all)
	return all
}

func tamperings() []tampering {
	all := slices.Concat(tamperedRecords(), tamperedFiles(), tamperedAudits(), forgedRecords())
	for _, group := range []struct {
		weaker string
		all    []forgery
	}{
		{"course", forgedChecklists()}, {"effects", forgedChanges()}, {"mandate", forgedApprovals()}, {"journal", forgedRefusals()},
		{"deviation", forgedDeviations()}, {"course", forgedCourses()},
	} {
		for _, f := range group.all {
			row := tampering{name: f.name, make: func(t *testing.T) *record.Trail { return f.make(t) }, want: f.want, script: f.script}
			if f.script == "" {
				row.weaker = cmp.Or(f.weaker, group.weaker)
			}
			all = append(all, row)
		}
	}
	return all
}

// What somebody does who can write the trail's folder, or sign for the operator.
func tamperedRecords() []tampering {
	rename := func(t *testing.T, trail *record.Trail, from, to string) {
		require.NoError(t, os.Rename(filepath.Join(trail.Dir(), from), filepath.Join(trail.Dir(), to)))
	}
	change := func(name, old, new string) func(*testing.T, *record.Trail) {
		return func(t *testing.T, trail *record.Trail) {
			write(t, replacing(t, old, new)(read(t, trail.Dir(), name)), trail.Dir(), name)
		}
	}
	return []tampering{
		{name: "outsider signs a changed record", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, second, mustKey(t, "mallory"), replacing(t, "scheduled rotation", "nothing to see"))
		}, record: second, file: "record.json.sig", field: "", want: "key is not in the roster", script: "BAD record signature"},
		{name: "signer signs a changed middle record", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, second, mustKey(t, alice), replacing(t, `"tool": "keyturn test"`, `"tool": "other"`))
		}, record: third, file: "record.json", field: "trail.prev_sha256", want: "changed, removed or replaced", script: "BAD chain"},
		{name: "signer signs what the journal does not say", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome": "completed"`, `"outcome": "abandoned"`))
		}, record: third, file: "record.json", field: "rotation", want: "not what the journal says", weaker: "derived"},
		{name: "report written anew", attack: func(t *testing.T, trail *record.Trail) {
			write(t, replacing(t, "scheduled", "urgent")(read(t, trail.Dir(), second, "report.md")), trail.Dir(), second, "report.md")
		}, record: second, file: "report.md", field: "", want: "its digest is not the one in the record", script: "BAD digest of the report or the journal"},
		{name: "signer loosens the policy of a middle record", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, second, mustKey(t, alice), replacing(t, `"approvals_required": 1`, `"approvals_required": 0`))
		}, record: third, file: "record.json", field: "trail.prev_sha256", want: "changed, removed or replaced", script: "BAD chain"},
		{name: "another member signs it instead", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, bob), func(text string) string { return text })
		}, record: third, file: "record.json", field: "signer.principal", want: "the key is of " + bob, script: "BAD record signature"},
		{name: "signature made for another purpose", attack: func(t *testing.T, trail *record.Trail) {
			armor, err := sshsig.Sign(mustKey(t, alice), sshsig.NamespaceHead, []byte(read(t, trail.Dir(), second, "record.json")))
			require.NoError(t, err)
			write(t, armor, trail.Dir(), second, "record.json.sig")
		}, record: second, file: "record.json.sig", field: "", want: "another purpose", script: "BAD record signature"},
		{name: "member given twice", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome":`, `"outcome": "abandoned",`+"\n    "+`"outcome":`))
		}, record: third, file: "record.json", field: "", want: "not written as Keyturn writes it", script: "has a member twice"},
		{name: "member in capitals", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome":`, `"Outcome":`))
		}, record: third, file: "record.json", field: "", want: "not written as Keyturn writes it", script: "BAD outcome"},
		{name: "member unknown", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome":`, `"extra": "x", "outcome":`))
		}, record: third, file: "record.json", field: "", want: `was made by a newer Keyturn: it has a member "extra"`, weaker: "form"},
		{name: "white space moved", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, "  \"tool\"", "    \"tool\""))
		}, record: third, file: "record.json", field: "", want: "not written as Keyturn writes it", weaker: "form"},
		{name: "something behind it", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), func(text string) string { return text + "{}" })
		}, record: third, file: "record.json", field: "", want: "after top-level value", script: "it cannot be read"},
		{name: "another schema", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, "keyturn.record/v2", "keyturn.note/v2"))
		}, record: third, file: "record.json", field: "", want: `its schema is "keyturn.note/v2"`, script: "BAD schema keyturn.note/v2"},
		{name: "time without a zone", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `Z",`+"\n"+`  "tool"`, `",`+"\n"+`  "tool"`))
		}, record: third, file: "record.json", field: "created_at", want: "is no time like", script: "a time or a number is none"},
		{name: "first record removed", attack: func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), first)))
		}, record: "", file: "", field: "", want: "want record 1 and found", script: "BAD folder name"},
		{name: "records renumbered", attack: func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), first)))
			rename(t, trail, second, "000001-rot-2")
			rename(t, trail, third, "000002-rot-3")
		}, record: "000001-rot-2", file: "record.json", field: "trail.seq", want: "stands at place 1", script: "BAD chain"},
		{name: "records swapped", attack: func(t *testing.T, trail *record.Trail) {
			rename(t, trail, second, "000009-x")
			rename(t, trail, third, "000002-rot-3")
			rename(t, trail, "000009-x", "000003-rot-2")
		}, record: "000002-rot-3", file: "record.json", field: "trail.seq", want: "stands at place 2", script: "BAD chain"},
		{name: "folder given another name", attack: func(t *testing.T, trail *record.Trail) {
			rename(t, trail, second, "000002-other")
		}, record: "000002-other", file: "record.json", field: "rotation.id", want: "belongs in folder " + second, script: "BAD folder name"},
		{name: "newest record removed", attack: func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), third)))
		}, record: "", file: "HEAD", field: "", want: "records were removed", script: "BAD head"},
		{name: "HEAD set back too far", attack: func(t *testing.T, trail *record.Trail) {
			writeHead(t, trail, 1, digest(read(t, trail.Dir(), first, "record.json")))
		}, record: "", file: "HEAD", field: "", want: "names record 1, and the last one is 3", script: "BAD head"},
		{name: "HEAD with another digest", attack: func(t *testing.T, trail *record.Trail) {
			writeHead(t, trail, 3, digest("x"))
		}, record: "", file: "HEAD", field: "", want: "does not hold the digest of record 3", script: "BAD head"},
		{name: "HEAD with blanks", attack: func(t *testing.T, trail *record.Trail) {
			write(t, read(t, trail.Dir(), "HEAD")+"\n", trail.Dir(), "HEAD")
		}, record: "", file: "HEAD", field: "", want: "no head line", script: "BAD head"},
		{name: "a record changed", attack: change(second+"/record.json", "scheduled", "scheduler"), record: second, file: "record.json", want: "one of the two was changed", script: "BAD record signature"},
		{name: "a journal changed", attack: change(second+"/journal.jsonl", "scheduled", "scheduler"), record: second, file: "journal.jsonl", want: "its digest", script: "BAD digest"},
		{name: "a record of a pre-release version", attack: func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, record.Schema, "keyturn.record/v1"))
		}, record: third, file: "record.json", want: "made by a pre-release version", script: "made by a pre-release version of Keyturn; verify it with that version"},
		{name: "a record from before the one before", attack: func(t *testing.T, trail *record.Trail) {
			forgeRecord(t, trail, third, nil, func(r *record.Record) { r.CreatedAt = "2026-01-05T09:00:00Z" })
		}, record: third, file: "record.json", field: "created_at", want: "it is before the session's end", script: "BAD time"},
		{name: "old approvals in a history that was rewritten", make: func(t *testing.T) *record.Trail {
			trail := mustRecords(t, 2)
			sum, err := record.Forge(filepath.Join(trail.Dir(), first), mustKey(t, alice), nil, func(r *record.Record) { r.Tool = "another" })
			require.NoError(t, err)
			forgeRecord(t, trail, second, nil, func(r *record.Record) { r.Trail.PrevSHA256 = sum })
			return trail
		}, record: second, file: "record.json", field: "journal", want: "not this trail's", script: "BAD approval: it saw another trail"},
		{name: "a request that was used before", make: func(t *testing.T) *record.Trail {
			trail := emptyTrail(t)
			for _, id := range []string{"rot-1", "rot-2"} {
				s := newStage(t, trail, "quarterly", id)
				s.random, s.stops = random("the same"), true
				s.run()
				require.NoError(t, record.AppendUnverified(trail, s.draft(), mustKey(t, alice)))
			}
			return trail
		}, want: "was used in record " + first + " already", script: "BAD approval: its request was used in"},
		{name: "the newest record removed, and HEAD written anew", attack: func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), third)))
			writeHead(t, trail, 2, digest(read(t, trail.Dir(), second, "record.json")))
		}},
		{name: "the newest record signed anew by its signer", attack: func(t *testing.T, trail *record.Trail) {
			forgeRecord(t, trail, third, nil, func(r *record.Record) { r.Tool = "another" })
		}},
		{name: "HEAD missing", attack: func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.Remove(filepath.Join(trail.Dir(), "HEAD")))
		}, class: record.ClassHead, script: "not checked (head)"},
		{name: "HEAD one behind", attack: func(t *testing.T, trail *record.Trail) {
			writeHead(t, trail, 2, digest(read(t, trail.Dir(), second, "record.json")))
		}, class: record.ClassHead, script: "not checked (head)"},
	}
}

// Files that are none, have no end, or were written by something else.
func tamperedFiles() []tampering {
	const small, large = "it is no regular file of at most 65536 bytes", "it is no regular file of at most 33554432 bytes"
	at := func(name string, change func(t *testing.T, path, text string)) func(*testing.T, *record.Trail) {
		return func(t *testing.T, trail *record.Trail) {
			change(t, filepath.Join(trail.Dir(), name), read(t, trail.Dir(), name))
		}
	}
	instead := func(make func(t *testing.T, path, text string)) func(t *testing.T, path, text string) {
		return func(t *testing.T, path, text string) {
			require.NoError(t, os.RemoveAll(path))
			make(t, path, text)
		}
	}
	pipe := instead(func(t *testing.T, path, _ string) {
		require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", path).Run())
	})
	endless := instead(func(t *testing.T, path, _ string) { require.NoError(t, os.Symlink("/dev/zero", path)) })
	link := instead(func(t *testing.T, path, text string) {
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		write(t, text, elsewhere)
		require.NoError(t, os.Symlink(elsewhere, path))
	})
	huge := func(t *testing.T, path, _ string) { require.NoError(t, os.Truncate(path, 4<<30)) }
	none := instead(func(*testing.T, string, string) {})
	folder := instead(func(t *testing.T, path, _ string) { require.NoError(t, os.Mkdir(path, 0o700)) })
	with := func(change func(string) string) func(t *testing.T, path, text string) {
		return func(t *testing.T, path, text string) { write(t, change(text), path) }
	}
	crlf := with(func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") })
	behind := func(more string) func(t *testing.T, path, text string) {
		return with(func(text string) string { return text + more })
	}
	before := with(func(text string) string { return "signed by bob\n" + text })

	var all []tampering
	for _, f := range []struct{ record, file, limit string }{
		{"", "HEAD", small}, {"", "id", small}, {second, "record.json", large}, {second, "record.json.sig", small},
		{second, "journal.jsonl", large}, {second, "report.md", large},
	} {
		add := func(what string, change func(t *testing.T, path, text string), want, script string) {
			all = append(all, tampering{name: what + " for " + f.file, attack: at(filepath.Join(f.record, f.file), change), record: f.record, file: f.file, want: want, script: script})
		}
		add("a pipe", pipe, f.limit, "BAD file: it is no regular file")
		add("an endless device", endless, f.limit, "BAD file: it is no regular file")
		add("a link", link, f.limit, "BAD file: it is no regular file")
		add("a folder", folder, f.limit, "BAD file: it is no regular file")
		add("a file of gigabytes", huge, f.limit, "BAD file: it has more than")
		add("other line ends", crlf, "its lines end in CRLF, as git makes them", "its lines end in CRLF, as git makes them")
		if f.record != "" {
			add("nothing", none, "the file is missing", "BAD file: it is missing")
		}
	}
	return append(all,
		tampering{name: "a NUL in HEAD", attack: at("HEAD", behind("\x00")), file: "HEAD", want: "no head line", script: "BAD head"},
		tampering{name: "a NUL in id", attack: at("id", behind("\x00")), file: "id", want: "no UUID", script: "BAD id"},
		tampering{name: "bytes behind an armor", attack: at(second+"/record.json.sig", behind("approved\n")), record: second, file: "record.json.sig", want: "signature", script: "BAD record signature"},
		tampering{name: "a NUL behind an armor", attack: at(second+"/record.json.sig", behind("\x00")), record: second, file: "record.json.sig", want: "signature", script: "BAD record signature"},
		tampering{name: "bytes before an armor", attack: at(second+"/record.json.sig", before), record: second, file: "record.json.sig", want: "signature", script: "BAD record signature"},
		tampering{name: "a link for a record's folder", attack: func(t *testing.T, trail *record.Trail) {
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			require.NoError(t, os.Rename(filepath.Join(trail.Dir(), second), elsewhere))
			require.NoError(t, os.Symlink(elsewhere, filepath.Join(trail.Dir(), second)))
		}, want: "is a link, and no record's folder", script: "BAD folder: it is a link"},
		tampering{name: "a file beside the records", attack: func(t *testing.T, trail *record.Trail) { write(t, "x", trail.Dir(), "notes.txt") },
			class: record.ClassForeign, script: "not checked (foreign)"},
		tampering{name: "a file in a record", attack: func(t *testing.T, trail *record.Trail) { write(t, "x", trail.Dir(), second, ".notes") },
			class: record.ClassForeign, script: "not checked (foreign)"},
		tampering{name: "attributes for git that are not the trail's own", attack: at(".gitattributes", behind("* text\n")),
			class: record.ClassForeign, script: "not checked (foreign)"},
		tampering{name: "an approval beside a record that needs none", attack: func(t *testing.T, trail *record.Trail) {
			write(t, "x", trail.Dir(), second, "approval-late.txt")
		}, class: record.ClassForeign, script: "not checked (foreign)"},
	)
}

// Records that say what their journals do not, signed by the operator.
func forgedRecords() []tampering {
	called := func(id string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			require.NoError(t, os.Rename(dir, filepath.Join(filepath.Dir(dir), "000001-"+id)))
		}
	}
	var all []tampering
	for _, f := range []forgery{
		{name: "a rotation id that is a pattern", record: func(r *record.Record) { r.Rotation.ID = "r.*" }, files: called("r.*"),
			want: "it is not what the journal says", script: "BAD folder name"},
		{name: "a rotation id with dots for what was approved", record: func(r *record.Record) { r.Rotation.ID = "r.t-1" }, files: called("r.t-1"),
			want: "it is not what the journal says", script: "BAD approval: it is for another rotation"},
		{name: "a digest that is none, of any journal", record: func(r *record.Record) { r.Journal.FileSHA256 = "later" },
			files: func(t testing.TB, dir string) { write(t, "anything\n", dir, "journal.jsonl") }, want: "its digest is not the one in the record", script: "BAD digest"},
		{name: "no environments, so that what follows moves up", record: func(r *record.Record) {
			r.Rotation.Environments, r.Rotation.Kind, r.Rotation.Outcome, r.Approvals = []string{}, "abandoned", "staging", []record.Approval{}
		}, want: "it is not what the journal says", script: "BAD kind abandoned"},
		{name: "production that is lied away", record: func(r *record.Record) {
			r.Rotation.Environments, r.Approvals = []string{"staging"}, []record.Approval{}
		}, want: "it is not what the journal says", script: "BAD approval: production was changed without enough people"},
		{name: "approvals for staging that count for production", record: func(r *record.Record) { r.Rotation.Environments = []string{"staging"} },
			want: "it is not what the journal says", script: "BAD approval: it is for other environments or keys"},
		{name: "approvals of another key", record: func(r *record.Record) { r.Keys[0].NewID = "v3" },
			want: "it is not what the journal says", script: "BAD approval: it is for other environments or keys"},
		{name: "another key than the signer's", record: func(r *record.Record) { r.Signer.Key = "SHA256:another" },
			want: "and SHA256:", script: "BAD signer: the record names another key than signed it"},
		{name: "another name than the signer's", record: func(r *record.Record) { r.Signer.Principal = carol },
			want: "and the key is of alice@example.com", script: "BAD record signature"},
		{name: "an approval that a record gives itself", record: func(r *record.Record) { r.Approvals[0].Signature = "" },
			want: "it is not what the journal says", script: "BAD approval: its key is not among the signers"},
		{name: "a control character that moves a field", record: func(r *record.Record) { r.Rotation.Outcome = "completed\x1fstaging" },
			want: "it is not what the journal says", script: "BAD record: it cannot be read"},
		{name: "a policy that is no number of people", record: func(r *record.Record) { r.Policy.ApprovalsRequired = 1000000 }, script: "BAD record: a time or a number is none"},
		{name: "an outcome that there is not", record: func(r *record.Record) { r.Rotation.Outcome = "perfect" }, want: "it is not what the journal says", script: "BAD outcome perfect"},
		{name: "overrides that nobody approved, in place of approvals", record: func(r *record.Record) {
			r.Approvals = []record.Approval{}
			for _, gate := range []string{"approval:approve-production", "approval:approve-removal"} {
				r.Deviations = append(r.Deviations, record.Deviation{Kind: checklist.Overridden, Gate: gate, ApprovedBy: []string{bob}})
			}
		}, want: "it is not what the journal says", weaker: "derived"},
		{name: "a status that the journal does not give", record: func(r *record.Record) { r.Items[3].Status = "passed-over" }, want: "it is not what the journal says", weaker: "derived"},
		{name: "a change that is left out", record: func(r *record.Record) { r.Items[5].Changes = []checklist.Effect{} }, want: "it is not what the journal says", weaker: "derived"},
	} {
		f.from = "quarterly"
		all = append(all, tampering{name: f.name, make: func(t *testing.T) *record.Trail { return f.make(t) }, want: f.want, script: f.script, weaker: f.weaker})
	}
	return all
}
