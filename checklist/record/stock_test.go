package record_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

// stock runs testdata/verify-trail.sh, which needs nothing of ours.
type stock struct{ script string }

func stockCheck(t *testing.T) stock {
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
	return stock{script}
}

// run has the script verify a trail, and audit files, by the roster of all tests.
func (s stock) run(t *testing.T, trail string, files ...string) (string, error) {
	t.Helper()
	signers := filepath.Join(t.TempDir(), "allowed_signers")
	write(t, rosterText(t), signers)
	if len(files) == 0 {
		return s.with(t, trail, signers)
	}
	return s.with(t, trail, signers, append([]string{"1"}, files...)...)
}

func (s stock) with(t *testing.T, trail, signers string, more ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", append([]string{s.script, trail, signers}, more...)...).CombinedOutput()
	return string(out), err
}

func TestStockToolsAcceptHonestTrails(t *testing.T) {
	t.Parallel()
	script := stockCheck(t)
	accept := func(t *testing.T, trail *record.Trail, says string) {
		t.Helper()
		out, err := script.run(t, trail.Dir())
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
	for _, from := range []string{"rollback", "given up", "overrides", "two people", "narrowed", "configured", "added item", "passed over", "refused"} {
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
		out, err := script.run(t, trail.Dir())
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 5, exit.ExitCode())
		assert.Contains(t, out, "000001-rot-1: the approval by a second person is missing (0 of 1)\nOK 1 records\n")
		require.NoError(t, s.item("approve-afterwards"))
		accept(t, trail, "OK 1 records\n")
		approveLate(t, s, lateRequest(t, s), alice)
		out, err = script.run(t, trail.Dir())
		require.Error(t, err)
		assert.Contains(t, out, "BAD approval: "+alice+" approved their own record")
	})
}

// An ssh-keygen that knows no times in Z is told as what it is.
func TestStockToolsOfAnOlderOpenSSH(t *testing.T) {
	trail := mustRecords(t, 1)
	script, bin := stockCheck(t), t.TempDir()
	real, err := exec.LookPath("ssh-keygen")
	require.NoError(t, err)
	write(t, `#!/bin/sh
for a; do case $a in -Overify-time=*Z) echo "Invalid \"verify-time\" option" >&2; exit 255;; esac; done
exec `+real+` "$@"
`, bin, "ssh-keygen")
	require.NoError(t, os.Chmod(filepath.Join(bin, "ssh-keygen"), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := script.run(t, trail.Dir())
	require.Error(t, err)
	assert.Contains(t, out, "needs ssh-keygen of OpenSSH 9.1 or later")
}
