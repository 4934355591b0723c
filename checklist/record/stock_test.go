package record_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

// TestStockTools verifies a trail with testdata/verify-trail.sh, which needs
// nothing of ours.
func TestStockTools(t *testing.T) {
	t.Parallel()
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
	run := func(t *testing.T, trail *record.Trail) (string, error) {
		t.Helper()
		signers := filepath.Join(t.TempDir(), "allowed_signers")
		require.NoError(t, os.WriteFile(signers, []byte(rosterText(t)), 0o600))
		out, err := exec.CommandContext(t.Context(), "bash", script, trail.Dir(), signers).CombinedOutput()
		return string(out), err
	}

	t.Run("a good trail", func(t *testing.T) {
		trail := mustRecords(t, 3)
		out, err := run(t, trail)
		require.NoError(t, err, out)
		assert.Equal(t, "OK 3 records\n"+trail.Head().Line()+"\n", out)
	})

	t.Run("an emergency", func(t *testing.T) {
		trail, x := mustEmergency(t)
		out, err := run(t, trail)
		require.NoError(t, err, out)
		assert.Contains(t, out, "000001-rot-1: the approval by a second person is missing\n")
		approveLate(t, trail, lateRequest(t, x), bob)
		out, err = run(t, trail)
		require.NoError(t, err, out)
		assert.Equal(t, "OK 1 records\n"+trail.Head().Line()+"\n", out)
		approveLate(t, trail, lateRequest(t, x), alice)
		out, err = run(t, trail)
		require.Error(t, err)
		assert.Contains(t, out, "BAD approval: "+alice+" approved their own record")
	})

	t.Run("an empty trail", func(t *testing.T) {
		out, err := run(t, mustTrail(t, t.TempDir()))
		require.NoError(t, err, out)
		assert.Contains(t, out, "OK 0 records\n")
	})

	for name, tc := range map[string]struct {
		attack func(*testing.T, *record.Trail)
		want   string
	}{
		"a changed record": {func(t *testing.T, trail *record.Trail) {
			path := []string{trail.Dir(), "000002-rot-2", "record.json"}
			write(t, replacing(t, "scheduled", "scheduler")(read(t, path...)), path...)
		}, "000002-rot-2: BAD record signature"},
		"a changed report": {func(t *testing.T, trail *record.Trail) {
			path := []string{trail.Dir(), "000001-rot-1", "report.md"}
			write(t, read(t, path...)+"\n", path...)
		}, "000001-rot-1: BAD digest"},
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
		"a rotation that nobody approved": {func(t *testing.T, trail *record.Trail) {
			s := newScript(t, trail, "quarterly", "rot-3")
			s.skip["approve-production"], s.skip["approve-removal"] = true, true
			s.run().export()
		}, "000003-rot-3: BAD approval: there is none"},
		"a rotation approved by its signer": {func(t *testing.T, trail *record.Trail) {
			s := newScript(t, trail, "quarterly", "rot-3")
			s.approver = alice
			s.run().export()
		}, "000003-rot-3: BAD approval: " + alice},
		"an approval by a stranger": {func(t *testing.T, trail *record.Trail) {
			s := newScript(t, trail, "quarterly", "rot-3")
			s.signer = mustKey(t, "mallory")
			s.run().export()
		}, "000003-rot-3: BAD approval: its key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 2)
			tc.attack(t, trail)
			out, err := run(t, trail)
			require.Error(t, err, out)
			assert.Contains(t, out, tc.want)
		})
	}
}
