package record_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
)

// A signer can sign anything, but not that the journal says so.
func TestRecordSaysWhatItsJournalSays(t *testing.T) {
	t.Parallel()
	const name = "000002-rot-2"
	for field, change := range map[string]func(*record.Record){
		"rotation": func(r *record.Record) { r.Rotation.Reason = "another reason" },
		"deviations": func(r *record.Record) {
			r.Deviations = []record.Deviation{{Kind: checklist.PassedOver, ApprovedBy: []string{bob}}}
		},
		"milestones":          func(r *record.Record) { r.Milestones = []record.Milestone{{Item: "declare"}} },
		"checklist":           func(r *record.Record) { r.Checklist.Added = []string{"more"} },
		"keys":                func(r *record.Record) { r.Keys[1].NewFp = digest("another") },
		"targets":             func(r *record.Record) { r.Targets[0].NotChangedSince = "2026-02-04T09:00:00Z" },
		"approvals":           func(r *record.Record) { r.Approvals[0].Principal = carol },
		"items":               func(r *record.Record) { r.Items[3].Status = "passed-over" },
		"issues":              func(r *record.Record) { r.Issues = []record.Issue{} },
		"journal":             func(r *record.Record) { r.Journal.Name = "other.jsonl" },
		"journal.events":      func(r *record.Record) { r.Journal.Events-- },
		"journal.head_sha256": func(r *record.Record) { r.Journal.HeadSHA256 = digest("another") },
		"created_at":          func(r *record.Record) { r.CreatedAt = "2026-02-04T09:00:00Z" },
		"trail.id":            func(r *record.Record) { r.Trail.ID = "00000000-0000-4000-8000-000000000000" },
		"trail.seq":           func(r *record.Record) { r.Trail.Seq = 3 },
		"trail.prev_sha256":   func(r *record.Record) { r.Trail.PrevSHA256 = digest("another") },
		"signer.key":          func(r *record.Record) { r.Signer.Key = "SHA256:another" },
		"signer.principal":    func(r *record.Record) { r.Signer.Principal = bob },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 2)
			forgeRecord(t, trail, name, nil, change)
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, record.Failure{Record: name, File: "record.json", Field: field, Reason: failure.Reason}, *failure)
		})
	}

	// Each member of each part is the journal's.
	for part, change := range map[string][]func(*record.Record){
		"rotation": {
			func(r *record.Record) { r.Rotation.Kind = "drill" },
			func(r *record.Record) { r.Rotation.Grace = true },
			func(r *record.Record) { r.Rotation.World = record.WorldSandbox },
			func(r *record.Record) { r.Rotation.Environments = []string{"staging"} },
			func(r *record.Record) { r.Rotation.Service = "billing" },
			func(r *record.Record) { r.Rotation.Team = "" },
			func(r *record.Record) { r.Rotation.Hosting = "dashboard" },
			func(r *record.Record) { r.Rotation.Operator = carol },
			func(r *record.Record) { r.Rotation.Parent = "rot-1" },
			func(r *record.Record) { r.Rotation.StartedAt = "2026-01-01T00:00:00Z" },
			func(r *record.Record) { r.Rotation.FinishedAt = "2026-01-01T00:00:00Z" },
			func(r *record.Record) { r.Rotation.Outcome = record.Abandoned },
			func(r *record.Record) { r.Rotation.DualKeyDays = 30 },
		},
		"targets":   {func(r *record.Record) { r.Targets[0].Project = "prj_x" }, func(r *record.Record) { r.Targets[0].Role = "signer" }, func(r *record.Record) { r.Targets = r.Targets[:1] }},
		"approvals": {func(r *record.Record) { r.Approvals[0].ID = "x" }, func(r *record.Record) { r.Approvals[0].Request = "x" }, func(r *record.Record) { r.Approvals = r.Approvals[:1] }},
		"items": {
			func(r *record.Record) { r.Items[5].Changes = r.Items[5].Changes[:1] },
			func(r *record.Record) { r.Items[5].Changes[0].Key = "v3" },
			func(r *record.Record) { r.Items[5].Step = "approve" },
			func(r *record.Record) { r.Items = r.Items[1:] },
		},
		"journal": {func(r *record.Record) { r.Journal.Format = "keyturn.journal/v3" }},
	} {
		for i, change := range change {
			trail := mustRecords(t, 2)
			forgeRecord(t, trail, name, nil, change)
			_, err := verify(t, trail.Dir())
			var failure *record.Failure
			if assert.ErrorAs(t, err, &failure, "%s %d", part, i) {
				assert.Equal(t, part, failure.Field, "%s %d: %v", part, i, failure)
			}
		}
	}
}

// A record of another version is no damage.
func TestRecordOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		"keyturn.record/v1": "the record was made by a pre-release version of Keyturn; verify it with that version",
		"keyturn.record/v3": "the record was made by a newer Keyturn: its schema is keyturn.record/v3",
	} {
		trail := mustRecords(t, 2)
		resign(t, trail, "000002-rot-2", mustKey(t, alice), replacing(t, record.Schema, schema))
		failure := mustFail(t, trail.Dir())
		assert.Equal(t, want, failure.Reason)
		var newer *checklist.NewerError
		_, err := verify(t, trail.Dir())
		if schema == "keyturn.record/v1" {
			require.ErrorIs(t, err, checklist.ErrPreRelease)
		} else {
			require.ErrorAs(t, err, &newer)
		}
		_, err = record.OpenTrail(trail.Dir())
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, record.ErrDamaged)
	}
}

// A rollback gives up the new key of the session that it is about, and no other.
func TestRollbackOfAnotherSessionsKeys(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"the rotation", "the rollback"} {
		trail := emptyTrail(t)
		parent := newStage(t, trail, "quarterly", "rot-1")
		back := newStage(t, trail, "rollback", "rot-2")
		back.opening.Parent, back.opening.New, back.decision = "rot-1", "v3", "abandon"
		for _, s := range []*stage{parent, back} {
			s.stops = true
			s.run()
		}
		order := []*stage{parent, back}
		if first == "the rollback" {
			order = []*stage{back, parent}
		}
		for i, s := range order {
			d := s.draft()
			d.CreatedAt = day0.AddDate(0, 1, i)
			require.NoError(t, record.AppendUnverified(trail, d, mustKey(t, alice)))
		}
		failure := mustFail(t, trail.Dir())
		assert.Equal(t, "keys", failure.Field, first)
		assert.Contains(t, failure.Reason, `may give up "v3", and rot-1, which it is about, replaced "v1" by "v2"`)
		assert.Contains(t, failure.Record, "rot-2")
	}
}

// The auditor may demand more than the session did.
func TestAuditorDemandsTwoPeople(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 2)
	o := options(t)
	o.ApprovalsRequired = 2
	_, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
	require.ErrorContains(t, err, `item "add-production" changes production with the consent of 1 second persons`)
}

// A request that was answered in one session is not answered in another.
func TestApprovalOfAnEarlierSession(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	for _, id := range []string{"rot-1", "rot-2"} {
		s := newStage(t, trail, "quarterly", id)
		s.random = random("the same") // so that the request ids are the same
		s.stops = true
		s.run()
		require.NoError(t, record.AppendUnverified(trail, s.draft(), mustKey(t, alice)))
	}
	failure := mustFail(t, trail.Dir())
	assert.Equal(t, "000002-rot-2", failure.Record)
	assert.Contains(t, failure.Reason, "was used in record 000001-rot-1 already")
}

// A rollback waits for nobody, since it puts back what is known. Another secret
// under that key id is not.
func TestRollbackWithAnotherSecret(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	newStage(t, trail, "quarterly", "rot-1").run()
	back := newStage(t, trail, "rollback", "rot-2")
	back.stops = true
	back.run()
	w := &forger{t: t, events: decodeEvents(t, back.cut)}
	e := w.of(checklist.Passed, "re-add-old", 0)
	e.Evidence.Facts["fingerprint/production/old"] = digest("another")
	d := back.draft()
	d.Journal = w.seal()
	_, err := trail.Append(t.Context(), d, mustKey(t, alice))
	require.NoError(t, err, "the service is back, and the record tells it")
	report, err := verify(t, trail.Dir())
	require.NoError(t, err)
	assert.Equal(t, []record.Finding{{
		Class: record.ClassSecret, Record: "000002-rot-2",
		Words: "it put v1 back in production with another secret than record 000001-rot-1 knows, and nobody else agreed to that",
	}}, report.Findings())
}
