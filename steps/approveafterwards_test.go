package steps_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/record"
	"keyturn/steps"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
)

// lateTrail is a trail with one record, and what is put beside it.
type lateTrail struct {
	steps.Trail
	people   people
	record   record.Pinned
	required int
	err      error // of the next ApproveLate
	beside   []record.Late
}

func newLateTrail(p people, required int) *lateTrail {
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	return &lateTrail{people: p, required: required, record: record.Pinned{
		Exported: record.Exported{Dir: "trail/000007", Seq: 7, Digest: digest("record")}, Events: 40, Journal: digest("event 40"),
	}}
}

func (l *lateTrail) Exported(context.Context, string) (record.Pinned, bool, error) {
	return l.record, true, nil
}

func (l *lateTrail) ApproveLate(_ context.Context, _ string, all []record.Late) error {
	if err := l.err; err != nil {
		l.err = nil
		return err
	}
	l.beside = all
	return nil
}

// ApprovedLate checks the signatures as whoever has only the folder does.
func (l *lateTrail) ApprovedLate(context.Context, string) (by []string, ok bool, err error) {
	roster, err := l.people.roster()
	if err != nil {
		return nil, false, err
	}
	for _, s := range l.beside {
		found, err := approval.Find(approval.ParseAnswer(s.Signature), []string{s.Request}, roster)
		if err != nil {
			return nil, false, err
		}
		if err := found.Check(roster, found.Request.Requested, checklisttest.Operator); err != nil {
			return nil, false, err
		}
		by = append(by, found.Signer.Principal)
	}
	return by, len(slices.Compact(slices.Sorted(slices.Values(by)))) >= l.required, nil
}

const late = "approve-afterwards"

func newLateStage(t *testing.T, required int, second func(people) consent.Second) (*stage, *lateTrail) {
	t.Helper()
	s, p := newEmergency(t, late), newPeople(t)
	trail := newLateTrail(p, required)
	s.outside.Trail = trail
	s.beginRequiring(t, part(t, []string{late}), required)
	s.outside.Sessions = journalOf{s.config.Journal}
	s.approver(t, p, second(p))
	return s, trail
}

func TestApprovalAfterwards(t *testing.T) {
	t.Parallel()
	s, trail := newLateStage(t, 1, func(p people) consent.Second { return signing(p.grace) })
	evidence := s.run(t, late)
	assert.Equal(t, "approved afterwards by "+grace+" (required: 1); the record verifies with it", evidence.Summary)
	fields, err := approval.Fields(trail.beside[0].Request)
	require.NoError(t, err)
	for name, want := range map[string]string{
		"Action": "afterwards", "Records": "7", "Head": trail.record.Digest, "Events": "40", "Journal": trail.record.Journal,
		"Items": late + "=approve-afterwards", "Rotation": s.engine.Session().ID(),
		"Plan": s.engine.Session().Mandate(checklist.Consent{Item: late, Record: trail.record.Digest}).Digest(),
	} {
		assert.Equal(t, want, fields[name], name)
	}
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Done}, s.effects(late, checklist.RecordApprove))
	require.NoError(t, s.engine.Run(t.Context(), late, checklisttest.NewScript(t)), "done again, it asks nobody")
}

func TestApprovalAfterwardsBySeveralPeople(t *testing.T) {
	t.Parallel()

	t.Run("of one text", func(t *testing.T) {
		t.Parallel()
		s, trail := newLateStage(t, 2, func(p people) consent.Second { return signing(p.grace, p.linus) })
		evidence := s.run(t, late)
		assert.Contains(t, evidence.Summary, "approved afterwards by "+grace+" and "+linus+" (required: 2)")
		require.Len(t, trail.beside, 2)
		assert.Equal(t, trail.beside[0].Request, trail.beside[1].Request)
		assert.Equal(t, grace+","+linus, s.engine.Session().State(late).Effects[0].Object)
	})

	for name, tc := range map[string]struct {
		later    time.Duration
		requests int
	}{"hours apart": {20 * time.Hour, 1}, "a day apart": {23 * time.Hour, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, trail := newLateStage(t, 2, func(p people) consent.Second { return signing(p.ada, p.grace, p.ada, p.linus) })
			refused := "nobody approves their own request"
			require.ErrorContains(t, s.engine.Run(t.Context(), late, checklisttest.NewScript(t)), refused)
			s.after(t, 2*time.Hour)
			require.ErrorContains(t, s.engine.Run(t.Context(), late, checklisttest.NewScript(t)), refused, "grace has signed by then")
			assert.Empty(t, trail.beside, "one of two")
			s.after(t, tc.later)
			s.run(t, late)
			require.Len(t, trail.beside, 2)
			assert.Len(t, s.engine.Session().Requests, tc.requests)
			assert.Equal(t, tc.requests == 1, trail.beside[0].Request == trail.beside[1].Request)
		})
	}
}

// A signature that was given is not asked for again, whatever ends in between.
func TestAnApprovalAfterwardsIsNotLost(t *testing.T) {
	t.Parallel()
	s, trail := newLateStage(t, 1, func(p people) consent.Second { return signing(p.grace) })
	trail.err = errors.New("the disk is full")
	require.ErrorContains(t, s.engine.Run(t.Context(), late, checklisttest.NewScript(t)), "the disk is full")
	s.reopen(t)
	s.run(t, late)
	assert.Len(t, trail.beside, 1)
}

// What is approved is the record that the trail has.
func TestApprovalOfAnotherRecord(t *testing.T) {
	t.Parallel()
	s, trail := newLateStage(t, 1, func(p people) consent.Second { return signing(p.grace) })
	other := trail.record
	other.Digest = trailID
	s.config.Approver.(*consent.Approver).Exported = func(context.Context, string) (record.Pinned, bool, error) { return other, true, nil }
	require.ErrorContains(t, s.engine.Run(t.Context(), late, checklisttest.NewScript(t)), "the trail does not have the record")
	assert.Empty(t, s.engine.Session().Requests)
}

// after moves the stage's clock on.
func (s *stage) after(t *testing.T, d time.Duration) {
	t.Helper()
	require.NoError(t, s.sandbox.Clock().AdvanceTo(s.sandbox.Clock().Now().Add(d)))
}
