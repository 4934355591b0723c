package record_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

// honest are the sessions that forgeries begin with. All of them verify.
func honest(t testing.TB, trail *record.Trail, from string) *stage {
	t.Helper()
	kind := from
	switch from {
	case "overrides", "two people", "narrowed", "configured", "added item", "passed over", "refused":
		kind = "quarterly"
	case "given up":
		kind = "rollback"
	case "deferred":
		kind = "emergency"
	}
	s := newStage(t, trail, kind, "rot-1")
	s.stops = true
	switch from {
	case "given up":
		s.decision = "abandon"
	case "overrides":
		s.before["approve-removal"] = func() { s.override("approve-removal", "day") }
		s.before["remove-old"] = func() {
			s.override("remove-old", "day")
			s.override("remove-old", "soak:verify-production")
		}
		s.before["redeploy-removal"] = func() { s.override("redeploy-removal", "day") }
	case "two people":
		s.people, s.setup.Approval.Required = []string{bob, carol}, 2
		s.opening.Setup = s.setup
	case "narrowed":
		s.before["approve-removal"] = func() {
			s.setup = s.setup.Without("payments-api")
			s.resume()
		}
	case "configured":
		s.before["add-production"] = func() {
			more := s.setup.Targets[0]
			more.Name = "billing-api"
			s.setup.Targets = append(s.setup.Targets, more)
			s.resume()
			require.NoError(t, s.item("approve-production"))
		}
	case "added item":
		s.opening.Checklist = manual(s.opening.Checklist, "notify", "tell-them")
	case "passed over":
		s.before["update-clients"] = plainPassOver(s, "update-clients")
	case "refused":
		refusedTwice(s)
	case "deferred":
		s.takes["generate"], s.fails["generate"] = 3*time.Minute, errBroken
		s.before["generate"] = func() { require.Error(t, s.item("generate")) }
		s.before["add"] = plainPassOver(s, "add")
	}
	return s.run()
}

// refusedTwice has the change of production refused with a reason and without
// one, before it is agreed to.
func refusedTwice(s *stage) {
	s.noes = []string{"not on a Friday", ""}
	s.before["approve-production"] = func() {
		require.ErrorContains(s.t, s.item("approve-production"), "refused it: not on a Friday")
		require.ErrorContains(s.t, s.item("approve-production"), "refused it")
	}
}

func (s *stage) override(item, gate string) {
	s.t.Helper()
	require.NoError(s.t, s.engine.Override(s.t.Context(), item, gate, "the window closes", s))
}

// forgery is what an operator might sign.
type forgery struct {
	name string
	from string // the honest session that it begins with
	// events changes what the session did, before second persons are asked; after
	// changes what is journalled once they have signed.
	events, after func(*forger)
	lines         func([]byte) []byte // changes the journal's lines
	record        func(*record.Record)
	files         func(t testing.TB, dir string)
	want          string // in the refusal
	// script is what testdata/verify-trail.sh says; "" for what it is too weak to
	// see, by design: weaker is the line of its header that says so, where it is not
	// that of the forgery's group.
	script, weaker string
}

// walked is a trail with the one record of an honest session.
type walked struct {
	files map[string]string // by their paths in the trail
	cut   []byte            // the journal as it was recorded
}

// honestSessions are walked once, however many forgeries begin with them.
var honestSessions sync.Map

// honestTrail writes a trail that has the record of an honest session, which is
// the same session each time.
func honestTrail(t testing.TB, from string) (*record.Trail, []byte) {
	t.Helper()
	once, _ := honestSessions.LoadOrStore(from, sync.OnceValue(func() walked {
		trail := emptyTrail(t)
		s := honest(t, trail, from)
		require.NoError(t, record.AppendUnverified(trail, s.draft(), mustKey(t, alice)))
		return walked{filesIn(t, trail.Dir()), s.cut}
	}))
	w := once.(func() walked)()
	require.NotEmpty(t, w.files, "the session could not be walked")
	return trailOf(t, w.files), w.cut
}

// make writes the forged trail.
func (f forgery) make(t testing.TB) *record.Trail {
	t.Helper()
	trail, cut := honestTrail(t, f.from)
	w := &forger{t: t, events: decodeEvents(t, cut), asked: random("forged")}
	var journal []byte
	if f.events != nil || f.after != nil || f.lines != nil {
		if f.events != nil {
			f.events(w)
		}
		w.askAnew()
		if f.after != nil {
			f.after(w)
		}
		journal = w.seal()
	}
	if f.lines != nil {
		journal = f.lines(journal)
	}
	forgeRecord(t, trail, "000001-rot-1", journal, f.record)
	if f.files != nil {
		f.files(t, filepath.Join(trail.Dir(), "000001-rot-1"))
	}
	return trail
}

// The sessions that forgeries begin with are not refused for themselves, nor for
// being asked for anew.
func TestForgeriesBeginWithHonestSessions(t *testing.T) {
	t.Parallel()
	for _, from := range []string{
		"quarterly", "drill", "emergency", "rollback", "given up", "overrides", "two people", "narrowed", "configured", "added item", "passed over", "deferred", "refused",
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			mustVerify(t, forgery{from: from, events: func(*forger) {}}.make(t).Dir())
		})
	}
}
