package record_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// mustEmergency makes a trail with the record of an emergency alone, that
// nobody has approved yet.
func mustEmergency(t *testing.T) (*record.Trail, *stage) {
	t.Helper()
	trail := emptyTrail(t)
	return trail, newStage(t, trail, "emergency", "rot-1").run()
}

// lateRequest is what a second person signs of the record.
func lateRequest(t *testing.T, s *stage) approval.Request {
	t.Helper()
	session := s.engine.Session()
	asked, err := s.approver().Request(t.Context(), session, checklist.Consent{Item: "approve-afterwards", Record: s.exported.Digest})
	require.NoError(t, err)
	r, err := approval.Parse(asked.Text)
	require.NoError(t, err)
	return r
}

// lateBy is the request, signed by some.
func lateBy(t *testing.T, request approval.Request, signers ...string) []record.Late {
	t.Helper()
	text, err := request.Text()
	require.NoError(t, err)
	var all []record.Late
	for _, who := range signers {
		armor, err := sshsig.Sign(mustKey(t, who), sshsig.NamespaceApproval, []byte(text))
		require.NoError(t, err)
		all = append(all, record.Late{Request: text, Signature: armor})
	}
	return all
}

func approveLate(t *testing.T, s *stage, request approval.Request, signers ...string) {
	t.Helper()
	require.NoError(t, s.trail.ApproveLate(t.Context(), "rot-1", lateBy(t, request, signers...)))
}

func TestApproveLate(t *testing.T) {
	t.Parallel()
	trail, s := mustEmergency(t)
	late, err := trail.ApprovedLate("rot-1")
	require.NoError(t, err)
	assert.Empty(t, late)
	for _, path := range []string{trail.Dir(), s.exported.Dir} {
		report, err := verify(t, path)
		require.NoError(t, err)
		assert.Equal(t, []record.Missing{{Record: "000001-rot-1", Want: 1}}, report.Missing())
		assert.Contains(t, report.String(), "still missing:\n  ! 000001-rot-1: production was changed in an emergency, and the approval by a second person is missing.\n")
		assert.NotContains(t, report.String(), "no journal shows a change of production")
	}

	require.NoError(t, s.item("approve-afterwards"), "the session goes on after its record")
	late, err = trail.ApprovedLate("rot-1")
	require.NoError(t, err)
	require.Len(t, late, 1)
	assert.Contains(t, late[0].Request, "Rotation: rot-1\n")
	assert.FileExists(t, filepath.Join(s.exported.Dir, "approval-late.txt.1.sig"))
	for _, path := range []string{trail.Dir(), s.exported.Dir} {
		report, err := verify(t, path)
		require.NoError(t, err)
		assert.Empty(t, report.Missing())
		assert.Empty(t, report.Findings())
		assert.Equal(t, 1, report.Verified[0].Approvals)
		assert.Equal(t, []string{bob}, report.Verified[0].ApprovedLate)
		assert.Contains(t, report.String(), "1 session changed production in an emergency, and second persons signed the record afterwards")
		assert.NotContains(t, report.String(), "missing")
	}
	again := mustTrail(t, trail.Dir())
	assert.Equal(t, trail.Head(), again.Head(), "the record and the trail are as they were")
}

// Several people sign one text, or each their own.
func TestApproveLateBySeveral(t *testing.T) {
	t.Parallel()
	two := func(t *testing.T) (*record.Trail, *stage) {
		trail := emptyTrail(t)
		s := newStage(t, trail, "emergency", "rot-1")
		s.people, s.setup.Approval.Required = []string{bob, carol}, 2
		s.opening.Setup = s.setup
		return trail, s.run()
	}
	files := func(t *testing.T, dir string) (all []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "approval-late") {
				all = append(all, e.Name())
			}
		}
		return all
	}

	t.Run("one text", func(t *testing.T) {
		t.Parallel()
		trail, s := two(t)
		require.NoError(t, s.item("approve-afterwards"))
		assert.Equal(t, []string{"approval-late.txt", "approval-late.txt.1.sig", "approval-late.txt.2.sig"}, files(t, s.exported.Dir))
		v := mustVerify(t, trail.Dir())
		assert.Empty(t, v.Missing)
		assert.Equal(t, 2, v.Approvals)
		late, err := trail.ApprovedLate("rot-1")
		require.NoError(t, err)
		assert.Len(t, late, 2)
	})
	t.Run("a text each", func(t *testing.T) {
		t.Parallel()
		trail, s := two(t)
		require.NoError(t, trail.ApproveLate(t.Context(), "rot-1", append(lateBy(t, lateRequest(t, s), bob), lateBy(t, lateRequest(t, s), carol)...)))
		assert.Equal(t, []string{"approval-late-2.txt", "approval-late-2.txt.1.sig", "approval-late.txt", "approval-late.txt.1.sig"}, files(t, s.exported.Dir))
		assert.Empty(t, mustVerify(t, trail.Dir()).Missing)
	})
	t.Run("one person twice", func(t *testing.T) {
		t.Parallel()
		trail, s := two(t)
		approveLate(t, s, lateRequest(t, s), bob, bob)
		report, err := verify(t, trail.Dir())
		require.NoError(t, err)
		assert.Equal(t, []record.Missing{{Record: "000001-rot-1", Want: 2, ApprovedBy: []string{bob}}}, report.Missing())
		assert.Contains(t, report.String(), "2 must approve, and only "+bob+" did")
	})
	t.Run("others take their place", func(t *testing.T) {
		t.Parallel()
		trail, s := two(t)
		approveLate(t, s, lateRequest(t, s), alice, bob, carol)
		_, err := verify(t, trail.Dir())
		require.Error(t, err)
		approveLate(t, s, lateRequest(t, s), bob, carol)
		assert.Empty(t, mustVerify(t, trail.Dir()).Missing)
		assert.Len(t, files(t, s.exported.Dir), 3)
	})
}

func TestApproveLateNeedsARecord(t *testing.T) {
	t.Parallel()
	trail, _ := mustEmergency(t)
	require.ErrorContains(t, trail.ApproveLate(t.Context(), "rot-2", nil), "has no record of rot-2")
}

// The auditor may demand more than the session did.
func TestLateApprovalIsOnePersons(t *testing.T) {
	t.Parallel()
	trail, s := mustEmergency(t)
	approveLate(t, s, lateRequest(t, s), bob)
	o := options(t)
	o.ApprovalsRequired = 2
	report, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
	require.NoError(t, err)
	assert.Contains(t, report.String(), "the approval by a second person is missing: 2 must approve, and only "+bob+" did.")
}

func TestVerifyRefusesLateApprovals(t *testing.T) {
	t.Parallel()
	const text, signature = "approval-late.txt", "approval-late.txt.1.sig"
	for name, tc := range map[string]struct {
		change      func(*approval.Request)
		signer      string
		damage      func(t *testing.T, dir string)
		file, field string
		reason      string
	}{
		"by the operator": {signer: alice, file: signature, reason: "approved their own request"},
		"by a stranger":   {signer: "mallory@example.com", file: signature},
		"by an expired key": {signer: dave, change: func(r *approval.Request) {
			r.Requested, r.Expires = r.Requested.AddDate(0, 0, 1), r.Expires.AddDate(0, 0, 1)
		}, file: text, field: "Requested"},
		"of another session":     {change: func(r *approval.Request) { r.Rotation = "rot-2" }, file: text, field: "Rotation", reason: `the session says "rot-1"`},
		"of another trail":       {change: func(r *approval.Request) { r.Trail = "other" }, file: text, field: "Trail"},
		"of another record":      {change: func(r *approval.Request) { r.Head = digest("other") }, file: text, field: "Head"},
		"of another place":       {change: func(r *approval.Request) { r.Records = 7 }, file: text, field: "Records"},
		"of another journal":     {change: func(r *approval.Request) { r.Journal = digest("other") }, file: text, field: "Journal"},
		"of another moment":      {change: func(r *approval.Request) { r.Events = 7 }, file: text, field: "Events"},
		"of staging":             {change: func(r *approval.Request) { r.Environments = []string{"staging"} }, file: text, field: "Environments"},
		"of another action":      {change: func(r *approval.Request) { r.Action = approval.Items }, file: text, field: "Action"},
		"of another key":         {change: func(r *approval.Request) { r.NewKey = "v3" }, file: text, field: "New-Key"},
		"of another secret":      {change: func(r *approval.Request) { r.OldFp.Production = keygen.Fingerprint(digest("other")) }, file: text, field: "Old-Prd-Fp"},
		"of another plan":        {change: func(r *approval.Request) { r.Plan = digest("other") }, file: text, field: "Plan"},
		"for another reason":     {change: func(r *approval.Request) { r.Reason = "a test" }, file: text, field: "Reason"},
		"from before the record": {change: func(r *approval.Request) { r.Requested = r.Requested.Add(-2 * time.Hour) }, file: text, field: "Requested", reason: "before the record was made"},
		"that is no request":     {damage: func(t *testing.T, dir string) { write(t, "yes\n", dir, text) }, file: text, reason: "malformed"},
		"without its signature":  {damage: func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, signature))) }, file: signature, reason: "missing"},
		"whose text was changed": {damage: edit("Requested: 2026", "Requested: 2027", text), file: text, reason: "malformed"},
		"whose signature is of another text": {damage: func(t *testing.T, dir string) {
			armor, err := sshsig.Sign(mustKey(t, bob), sshsig.NamespaceApproval, []byte("another"))
			require.NoError(t, err)
			write(t, armor, dir, signature)
		}, file: text, reason: "one of the two was changed"},
		"whose signature is none": {damage: func(t *testing.T, dir string) { write(t, "yes\n", dir, signature) }, file: signature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail, s := mustEmergency(t)
			request := lateRequest(t, s)
			if tc.change != nil {
				tc.change(&request)
			}
			if tc.signer == "" {
				tc.signer = bob
			}
			approveLate(t, s, request, tc.signer)
			if tc.damage != nil {
				tc.damage(t, s.exported.Dir)
			}
			for _, path := range []string{trail.Dir(), s.exported.Dir} {
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

var update = flag.Bool("update", false, "write the golden files anew")

// TestMilestones holds the part of the report that says when what was reached.
func TestMilestones(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, tc := range []struct {
		name    string
		prepare func(*stage)
	}{
		{"met", func(s *stage) { s.takes["redeploy"] = 4 * time.Minute }},
		{"missed", func(s *stage) { s.takes["redeploy"], s.takes["new-key-in-service"] = 4*time.Minute, 75*time.Minute }},
		{"not reached", func(s *stage) {
			s.takes["redeploy"] = time.Hour
			s.before["new-key-in-service"] = func() {
				require.NoError(s.t, s.engine.Abandon(s.t.Context(), "enough", s))
				require.NoError(s.t, s.export(s.t.Context()))
			}
		}},
	} {
		s := newStage(t, emptyTrail(t), "emergency", "rot-1")
		tc.prepare(s)
		for s.exported.Dir == "" {
			s.open()
			item, ok := s.engine.Session().Next()
			require.True(t, ok)
			require.NoError(t, s.item(item.ID))
		}
		_, rest, found := strings.Cut(read(t, s.exported.Dir, "report.md"), "## Milestones\n")
		require.True(t, found)
		section, _, _ := strings.Cut(rest, "## ")
		got.WriteString("# " + tc.name + "\n" + section)
		assert.Len(t, mustRecord(t, s.exported).Milestones, 2)
	}
	golden := filepath.Join("testdata", "milestones.md")
	if *update {
		write(t, got.String(), golden)
	}
	assert.Equal(t, read(t, golden), got.String(), "run go test ./checklist/record -update")

	// A changed milestone is not what the journal says.
	trail, _ := mustEmergency(t)
	resign(t, trail, "000001-rot-1", mustKey(t, alice), replacing(t, `"after_seconds": `, `"after_seconds": 1`))
	assert.Equal(t, "milestones", mustFail(t, trail.Dir()).Field)
}
