package record_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

const (
	alice = "alice@example.com" // operates and signs
	bob   = "bob@example.com"   // approves
	carol = "carol@example.com" // approves too
	dave  = "dave@example.com"  // was in the roster for the first hour only
)

var day0 = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func mustKey(t testing.TB, name string) sshsig.Key {
	t.Helper()
	seed, err := keygen.ParseSecret(digest("test seed " + name))
	require.NoError(t, err)
	key, err := sshsig.NewKey(seed)
	require.NoError(t, err)
	return key
}

// rosterText has members who may sign and approve.
func rosterText(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, who := range []string{alice, bob, carol, dave} {
		m := sshsig.Member{
			Principal: who, Key: mustKey(t, who).Public(),
			Namespaces: []string{sshsig.NamespaceRecord, sshsig.NamespaceApproval, sshsig.NamespaceHead},
		}
		if who == dave {
			m.ValidBefore = day0.Add(time.Hour)
		}
		line, err := m.RosterLine()
		require.NoError(t, err)
		b.WriteString(line + "\n")
	}
	return b.String()
}

func roster(t testing.TB) sshsig.Roster {
	t.Helper()
	r, err := sshsig.ParseRoster("allowed_signers", []byte(rosterText(t)))
	require.NoError(t, err)
	return r
}

func options(t testing.TB) record.Options {
	t.Helper()
	return record.Options{Roster: roster(t), Requests: approval.Texts{}}
}

func mustTrail(t testing.TB, dir string) *record.Trail {
	t.Helper()
	trail, err := record.OpenTrail(dir)
	require.NoError(t, err)
	return trail
}

// emptyTrail makes a trail in a folder of the test's own.
func emptyTrail(t testing.TB) *record.Trail {
	t.Helper()
	return mustTrail(t, filepath.Join(t.TempDir(), "trail"))
}

// mustRecords makes a trail with a drill and n-1 quarterly rotations.
func mustRecords(t testing.TB, n int) *record.Trail {
	t.Helper()
	trail := emptyTrail(t)
	for i := range n {
		kind := "quarterly"
		if i == 0 {
			kind = "drill"
		}
		newStage(t, trail, kind, fmt.Sprintf("rot-%d", i+1)).run()
	}
	return trail
}

func verify(t testing.TB, path string) (record.Report, error) {
	t.Helper()
	return record.VerifyTrail(t.Context(), []string{path}, options(t))
}

func mustVerify(t testing.TB, path string) record.Verified {
	t.Helper()
	report, err := verify(t, path)
	require.NoError(t, err)
	require.Len(t, report.Verified, 1)
	require.Empty(t, report.Findings())
	return report.Verified[0]
}

func mustFail(t testing.TB, path string) *record.Failure {
	t.Helper()
	_, err := verify(t, path)
	var failure *record.Failure
	require.ErrorAs(t, err, &failure)
	return failure
}

func read(t testing.TB, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	require.NoError(t, err)
	return string(text)
}

func write(t testing.TB, text string, elements ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(elements...), []byte(text), 0o600))
}

// resign lets key sign record.json after a change, and makes HEAD fit when the
// record is the last.
func resign(t testing.TB, trail *record.Trail, name string, key sshsig.Key, change func(string) string) {
	t.Helper()
	text := change(read(t, trail.Dir(), name, "record.json"))
	armor, err := sshsig.Sign(key, sshsig.NamespaceRecord, []byte(text))
	require.NoError(t, err)
	write(t, text, trail.Dir(), name, "record.json")
	write(t, armor, trail.Dir(), name, "record.json.sig")
	fitHead(t, trail, name, digest(text))
}

// fitHead writes HEAD anew when a record that was changed is the last.
func fitHead(t testing.TB, trail *record.Trail, name, sum string) {
	t.Helper()
	if folders := recordsIn(t, trail.Dir()); folders[len(folders)-1] == name {
		writeHead(t, trail, len(folders), sum)
	}
}

func writeHead(t testing.TB, trail *record.Trail, seq int, sum string) {
	t.Helper()
	write(t, record.Head{Trail: trail.ID(), Seq: seq, Digest: sum}.Line()+"\n", trail.Dir(), "HEAD")
}

func recordsIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func replacing(t testing.TB, old, new string) func(string) string {
	return func(text string) string {
		t.Helper()
		require.Contains(t, text, old)
		return strings.Replace(text, old, new, 1)
	}
}

func contextThatEnded(t testing.TB) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// filesIn reads a folder with all that is in it.
func filesIn(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = read(t, path)
		return err
	}))
	return files
}

// trailOf writes files that make a trail.
func trailOf(t testing.TB, files map[string]string) *record.Trail {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trail")
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700))
		write(t, text, dir, name)
	}
	return mustTrail(t, dir)
}
