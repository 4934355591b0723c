package record_test

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// mustEmergency makes a trail with the record of an emergency alone, that
// nobody has approved yet.
func mustEmergency(t *testing.T) (*record.Trail, record.Exported) {
	t.Helper()
	trail := mustTrail(t, filepath.Join(t.TempDir(), "trail"))
	return trail, newScript(t, trail, "emergency", "rot-1").run().export()
}

func mustRecord(t *testing.T, x record.Exported) record.Record {
	t.Helper()
	var r record.Record
	require.NoError(t, json.Unmarshal([]byte(read(t, x.Dir, "record.json")), &r))
	return r
}

// lateRequest is what a second person signs of the record.
func lateRequest(t *testing.T, x record.Exported) approval.Request {
	t.Helper()
	r := mustRecord(t, x)
	made, err := time.Parse(time.RFC3339, r.CreatedAt)
	require.NoError(t, err)
	seed := sha256.Sum256([]byte(r.Rotation.ID))
	request, err := approval.Issue(strings.NewReader(string(seed[:])), made.Add(time.Minute), approval.Request{
		Trail: r.Trail.ID, Records: x.Seq, Head: x.Digest, Rotation: r.Rotation.ID,
		Events: r.Journal.Events, Journal: r.Journal.HeadSHA256,
		Environment: "production", Action: "afterwards", OldKey: "v1", NewKey: "v2",
		OldFp: keygen.Fingerprint(r.Keys[1].OldFp), NewFp: keygen.Fingerprint(r.Keys[1].NewFp),
		Targets: r.Targets, Plan: x.Digest,
		Requester: alice, RequesterKey: mustKey(t, alice).Fingerprint(), Reason: "leaked",
	})
	require.NoError(t, err)
	return request
}

// approveLate puts a request that somebody signed beside the record.
func approveLate(t *testing.T, trail *record.Trail, request approval.Request, signer string) {
	t.Helper()
	text, err := request.Text()
	require.NoError(t, err)
	armor, err := sshsig.Sign(mustKey(t, signer), sshsig.NamespaceApproval, []byte(text))
	require.NoError(t, err)
	require.NoError(t, trail.ApproveLate(t.Context(), "rot-1", text, armor))
}

func TestApproveLate(t *testing.T) {
	t.Parallel()
	trail, x := mustEmergency(t)
	_, ok, err := trail.ApprovedLate("rot-1")
	require.NoError(t, err)
	assert.False(t, ok)
	for _, path := range []string{trail.Dir(), x.Dir} {
		report, err := verify(t, path)
		require.NoError(t, err)
		assert.Equal(t, 1, report.Verified[0].Unapproved)
		assert.Contains(t, report.String(), "the approval by a second person is missing")
		assert.NotContains(t, report.String(), "no journal shows a change of production.")
	}

	approveLate(t, trail, lateRequest(t, x), bob)
	late, ok, err := trail.ApprovedLate("rot-1")
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Contains(t, late.Request, "Rotation: rot-1\n")
	for _, path := range []string{trail.Dir(), x.Dir} {
		report, err := verify(t, path)
		require.NoError(t, err)
		assert.Zero(t, report.Verified[0].Unapproved)
		assert.Equal(t, 1, report.Verified[0].Approvals)
		assert.Contains(t, report.String(), bob+" approved the record afterwards")
		assert.NotContains(t, report.String(), "missing")
		assert.NotContains(t, report.String(), "no part of the record")
	}
	again := mustTrail(t, trail.Dir())
	assert.Equal(t, trail.Head(), again.Head(), "the record and the trail are as they were")
}

func TestApproveLateNeedsARecord(t *testing.T) {
	t.Parallel()
	trail, _ := mustEmergency(t)
	require.ErrorContains(t, trail.ApproveLate(t.Context(), "rot-2", "text", "armor"), "has no record of rot-2")
}

// More second persons than one are wanted by some auditors.
func TestLateApprovalIsOnePersons(t *testing.T) {
	t.Parallel()
	trail, x := mustEmergency(t)
	approveLate(t, trail, lateRequest(t, x), bob)
	o := options(t)
	o.ApprovalsRequired = 2
	report, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
	require.NoError(t, err)
	assert.Contains(t, report.String(), "the approval by a second person is missing: 2 are wanted, and "+bob+" alone approved")
}

func TestVerifyRefusesLateApprovals(t *testing.T) {
	t.Parallel()
	const text, signature = "approval-late.txt", "approval-late.txt.sig"
	for name, tc := range map[string]struct {
		change      func(*approval.Request)
		signer      string
		damage      func(t *testing.T, dir string)
		file, field string
		reason      string
	}{
		"by the operator": {signer: alice, file: signature, reason: "approved their own request or record"},
		"by a stranger":   {signer: "mallory@example.com", file: signature},
		"by an expired key": {signer: "carol@example.com", change: func(r *approval.Request) {
			r.Requested, r.Expires = r.Requested.AddDate(0, 0, 1), r.Expires.AddDate(0, 0, 1)
		}, file: text, field: "Requested"},
		"of another session":      {change: func(r *approval.Request) { r.Rotation = "rot-2" }, file: text, field: "Rotation", reason: `the record says "rot-1"`},
		"of another trail":        {change: func(r *approval.Request) { r.Trail = "other" }, file: text, field: "Trail"},
		"of another record":       {change: func(r *approval.Request) { r.Head = digest("other") }, file: text, field: "Head"},
		"of another place":        {change: func(r *approval.Request) { r.Records = 7 }, file: text, field: "Records"},
		"of another journal":      {change: func(r *approval.Request) { r.Journal = digest("other") }, file: text, field: "Journal"},
		"of staging":              {change: func(r *approval.Request) { r.Environment = "staging" }, file: text, field: "Environment"},
		"of another key":          {change: func(r *approval.Request) { r.NewKey = "v3" }, file: text, field: "New-Key"},
		"of another secret":       {change: func(r *approval.Request) { r.OldFp = keygen.Fingerprint(digest("other")) }, file: text, field: "Old-Key-Fp"},
		"of another plan":         {change: func(r *approval.Request) { r.Plan = digest("other") }, file: text, field: "Plan"},
		"from before the record":  {change: func(r *approval.Request) { r.Requested = r.Requested.Add(-2 * time.Hour) }, file: text, field: "Requested", reason: "before the record was made"},
		"that is no request":      {damage: func(t *testing.T, dir string) { write(t, "yes\n", dir, text) }, file: text, reason: "malformed"},
		"without its signature":   {damage: func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, signature))) }, file: signature, reason: "missing"},
		"whose text was changed":  {damage: edit("Reason: leaked", "Reason: beaked", text), file: text, reason: "one of the two was changed"},
		"whose signature is none": {damage: func(t *testing.T, dir string) { write(t, "yes\n", dir, signature) }, file: signature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail, x := mustEmergency(t)
			request := lateRequest(t, x)
			if tc.change != nil {
				tc.change(&request)
			}
			if tc.signer == "" {
				tc.signer = bob
			}
			approveLate(t, trail, request, tc.signer)
			if tc.damage != nil {
				tc.damage(t, x.Dir)
			}
			for _, path := range []string{trail.Dir(), x.Dir} {
				failure := mustFail(t, path)
				assert.Equal(t, "000001-rot-1", failure.Record)
				assert.Equal(t, tc.file, failure.File, "%v", failure)
				assert.Equal(t, tc.field, failure.Field, "%v", failure)
				assert.Contains(t, failure.Reason, tc.reason)
				assert.True(t, failure.OfLateApproval())
			}
		})
	}
}

func edit(old, new, file string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { write(t, replacing(t, old, new)(read(t, dir, file)), dir, file) }
}

// Beside a record of another kind, the files prove nothing.
func TestLateApprovalIsForEmergencies(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 2)
	write(t, "text", trail.Dir(), "000002-rot-2", "approval-late.txt")
	report, err := verify(t, trail.Dir())
	require.NoError(t, err)
	assert.Contains(t, report.String(), "approval-late.txt is no part of the record, and no signature covers it")
}

// What an emergency puts off or passes over by breaking the glass needs no
// second person; every other deviation in production does.
func TestEmergencyDeviations(t *testing.T) {
	t.Parallel()
	trail := mustTrail(t, filepath.Join(t.TempDir(), "trail"))
	s := newScript(t, trail, "emergency", "rot-1")
	s.skip = map[string]bool{"backup-key": true, "generate": true, "add": true}
	s.run().export()
	_, err := verify(t, trail.Dir())
	require.NoError(t, err)

	trail = mustTrail(t, filepath.Join(t.TempDir(), "trail"))
	s = newScript(t, trail, "emergency", "rot-1")
	s.skip = map[string]bool{"audit": true}
	s.run().export()
	assert.Contains(t, mustFail(t, trail.Dir()).Reason, "deviates in production without a second person")
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestMilestones holds the part of the report that says when what was reached.
func TestMilestones(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, tc := range []struct {
		name  string
		takes map[string]time.Duration
		skip  map[string]bool
	}{
		{name: "met", takes: map[string]time.Duration{"redeploy": 4 * time.Minute}},
		{name: "missed", takes: map[string]time.Duration{"redeploy": 4 * time.Minute, "new-key-in-service": 75 * time.Minute}},
		{name: "not reached", takes: map[string]time.Duration{"redeploy": time.Hour}, skip: map[string]bool{"new-key-in-service": true}},
	} {
		trail := mustTrail(t, filepath.Join(t.TempDir(), "trail"))
		s := newScript(t, trail, "emergency", "rot-1")
		s.takes = tc.takes
		for id := range tc.skip {
			s.skip[id] = true
		}
		x := s.run().export()
		_, rest, found := strings.Cut(read(t, x.Dir, "report.md"), "## Milestones\n")
		require.True(t, found)
		section, _, _ := strings.Cut(rest, "## ")
		got.WriteString("# " + tc.name + "\n" + section)
		assert.Len(t, mustRecord(t, x).Milestones, 2)
	}
	golden := filepath.Join("testdata", "milestones.md")
	if *update {
		write(t, got.String(), golden)
	}
	assert.Equal(t, read(t, golden), got.String(), "run go test ./checklist/record -update")

	// A changed milestone is not what the journal says.
	trail, _ := mustEmergency(t)
	resign(t, trail, "000001-rot-1", mustKey(t, alice), replacing(t, `"after_seconds": `, `"after_seconds": 1`))
	assert.Equal(t, "report.md", mustFail(t, trail.Dir()).File)
}
