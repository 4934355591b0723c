package record_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

// stockCheck returns a run of testdata/verify-trail.sh, which needs nothing of
// ours.
func stockCheck(t *testing.T) func(*testing.T, string) (string, error) {
	t.Helper()
	for _, program := range []string{"bash", "jq", "ssh-keygen", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is required and not installed", program)
			}
			t.Skipf("%s is not installed", program)
		}
	}
	script, err := filepath.Abs(filepath.Join("..", "..", "testdata", "verify-trail.sh"))
	require.NoError(t, err)
	return func(t *testing.T, trail string) (string, error) {
		t.Helper()
		signers := filepath.Join(t.TempDir(), "allowed_signers")
		write(t, rosterText(t), signers)
		out, err := exec.CommandContext(t.Context(), "bash", script, trail, signers).CombinedOutput()
		return string(out), err
	}
}

func TestStockToolsAcceptHonestTrails(t *testing.T) {
	t.Parallel()
	run := stockCheck(t)
	accept := func(t *testing.T, trail *record.Trail, says string) {
		t.Helper()
		out, err := run(t, trail.Dir())
		require.NoError(t, err, out)
		assert.Equal(t, says+trail.Head().Line()+"\n", out)
	}
	t.Run("several records", func(t *testing.T) {
		t.Parallel()
		accept(t, mustRecords(t, 3), "OK 3 records\n")
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		accept(t, emptyTrail(t), "OK 0 records\n")
	})
	for _, from := range []string{"rollback", "given up", "overrides", "two people", "narrowed", "configured", "added item", "passed over"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			trail := emptyTrail(t)
			s := honest(t, trail, from)
			_, err := trail.Append(t.Context(), s.draft(), mustKey(t, alice))
			require.NoError(t, err)
			accept(t, trail, "OK 1 records\n")
		})
	}
	t.Run("a rotation that is rolled back, and goes on", func(t *testing.T) {
		t.Parallel()
		trail := emptyTrail(t)
		s := newStage(t, trail, "quarterly", "rot-1").until("verify-removal")
		rollBack(t, s, "resume")
		s.run()
		accept(t, trail, "OK 2 records\n")
	})
	t.Run("a session that is given up", func(t *testing.T) {
		t.Parallel()
		trail := emptyTrail(t)
		s := newStage(t, trail, "quarterly", "rot-1").until("monitor")
		require.NoError(t, s.engine.Abandon(t.Context(), "enough", s))
		require.NoError(t, s.export(t.Context()))
		accept(t, trail, "OK 1 records\n")
	})
	t.Run("an emergency", func(t *testing.T) {
		t.Parallel()
		trail := emptyTrail(t)
		s := newStage(t, trail, "emergency", "rot-1")
		s.people, s.setup.Approval.Required = []string{bob, carol}, 2
		s.opening.Setup = s.setup
		s.run()
		out, err := run(t, trail.Dir())
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 5, exit.ExitCode())
		assert.Contains(t, out, "000001-rot-1: the approval by a second person is missing (0 of 1)\nOK 1 records\n")
		require.NoError(t, s.item("approve-afterwards"))
		accept(t, trail, "OK 1 records\n")
		approveLate(t, s, lateRequest(t, s), alice)
		out, err = run(t, trail.Dir())
		require.Error(t, err)
		assert.Contains(t, out, "BAD approval: "+alice+" approved their own record")
	})
}

// An ssh-keygen that knows no times in Z is told as what it is.
func TestStockToolsOfAnOlderOpenSSH(t *testing.T) {
	trail := mustRecords(t, 1)
	run, bin := stockCheck(t), t.TempDir()
	real, err := exec.LookPath("ssh-keygen")
	require.NoError(t, err)
	write(t, `#!/bin/sh
for a; do case $a in -Overify-time=*Z) echo "Invalid \"verify-time\" option" >&2; exit 255;; esac; done
exec `+real+` "$@"
`, bin, "ssh-keygen")
	require.NoError(t, os.Chmod(filepath.Join(bin, "ssh-keygen"), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := run(t, trail.Dir())
	require.Error(t, err)
	assert.Equal(t, "this ssh-keygen is too old: OpenSSH 9.1 or later is needed\n", out)
}

func TestStockToolsRefuse(t *testing.T) {
	t.Parallel()
	run := stockCheck(t)
	for name, tc := range map[string]struct {
		attack func(*testing.T, *record.Trail)
		want   string
	}{
		"a changed record": {func(t *testing.T, trail *record.Trail) {
			path := []string{trail.Dir(), "000002-rot-2", "record.json"}
			write(t, replacing(t, "scheduled", "scheduler")(read(t, path...)), path...)
		}, "000002-rot-2: BAD record signature"},
		"a changed journal": {func(t *testing.T, trail *record.Trail) {
			path := []string{trail.Dir(), "000002-rot-2", "journal.jsonl"}
			write(t, read(t, path...)+"\n", path...)
		}, "000002-rot-2: BAD digest"},
		"a middle record signed anew": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, "000001-rot-1", mustKey(t, alice), replacing(t, `"approvals_required": 1`, `"approvals_required": 0`))
		}, "000002-rot-2: BAD chain"},
		"the last record removed": {func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), "000002-rot-2")))
		}, "BAD head"},
		"a record of a pre-release version": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, "000002-rot-2", mustKey(t, alice), replacing(t, record.Schema, "keyturn.record/v1"))
		}, "made by a pre-release version of Keyturn; verify it with that version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 2)
			tc.attack(t, trail)
			out, err := run(t, trail.Dir())
			require.Error(t, err, out)
			assert.Contains(t, out, tc.want)
		})
	}
	for _, f := range slices.Concat(forgedChecklists(), forgedChanges(), forgedApprovals(), forgedDeviations(), forgedCourses()) {
		if f.script == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, f.make(t).Dir())
			require.Error(t, err, out)
			assert.Contains(t, out, f.script)
		})
	}
}
