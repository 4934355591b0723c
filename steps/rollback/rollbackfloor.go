package rollback

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/hosting"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// The rollback floor: a deployment keeps the variables of its moment, so that
// returning to an older one at Vercel (its "Instant Rollback") brings back a
// service that does not know the keys which clients sign with now.

// FactFloor names the fact that holds when the newest deployment was made to which
// an environment's address must not be returned, in RFC 3339.
func FactFloor(e checklist.Environment, project string) string {
	return "rollback-floor/" + string(e) + "/" + project
}

// span is a time in which a key had a row: from its making to its removal, which
// is zero while it is there.
type span struct{ from, to time.Time }

// maxFloorRows is how many of a place's deployments are listed; the fact and the
// issue are about all of them.
const maxFloorRows = 5

// floor adds which older deployments lack a key that clients use, and from when
// on none does.
func (v Investigate) floor(ctx context.Context, sc *checklist.Scope, removed []checklist.Event, used map[checklist.Environment][]string, evidence *checklist.Evidence) error {
	now, err := v.Hosting.List(ctx)
	if err != nil {
		return err
	}
	warned := map[checklist.Environment][]string{}
	t := checklist.Table{Title: "Do not return to these deployments", Columns: []string{"Target", "Environment", "Deployment", "Made", "Does not know"}}
	for _, s := range v.Deployed(sc.Environments()) {
		known := v.known(sc, s, now, used[s.Environment], removed)
		all, err := v.Hosting.Made(ctx, s)
		if err != nil {
			return err
		}
		below := slices.DeleteFunc(all, func(d vercel.Deployment) bool {
			return d.ReadyState != vercel.StateReady || len(lacking(d, known)) == 0
		})
		if len(below) == 0 {
			continue
		}
		for _, d := range below[:min(len(below), maxFloorRows)] {
			t.Rows = append(t.Rows, []string{
				s.Target.Name, s.Where(), d.ID, moment(d.CreatedAt()), strings.Join(lacking(d, known), ", "),
			})
		}
		if more := len(below) - maxFloorRows; more > 0 {
			t.Rows = append(t.Rows, []string{s.Target.Name, s.Where(), fmt.Sprintf("and %d older", more), "", ""})
		}
		floor := below[0].CreatedAt() // the newest comes first
		if s.IsFirst() {
			evidence.Facts[FactFloor(s.Environment, s.Target.Project)] = floor.Format(time.RFC3339)
		}
		warned[s.Environment] = append(warned[s.Environment], fmt.Sprintf("%s from %s", s.Target.Name+s.Suffix(), moment(floor)))
	}
	for _, e := range sc.Environments() {
		if len(warned[e]) > 0 {
			evidence.Issues = append(evidence.Issues, fmt.Sprintf(
				"do not return %s to these deployments or older ones, which do not know a key that clients sign with: %s", e, strings.Join(warned[e], ", ")))
		}
	}
	if len(t.Rows) > 0 {
		evidence.Tables = append(evidence.Tables, t)
	}
	return nil
}

// moment writes a time to the second, for time lines.
func moment(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") }

// lacking names the keys that a deployment was made without.
func lacking(d vercel.Deployment, known map[keygen.KeyID][]span) []string {
	var missing []string
	for id, spans := range known {
		made := d.CreatedAt()
		has := slices.ContainsFunc(spans, func(s span) bool {
			return !made.Before(s.from) && (s.to.IsZero() || made.Before(s.to))
		})
		if !has {
			missing = append(missing, string(id))
		}
	}
	slices.Sort(missing)
	return missing
}

// known returns when each of the keys that clients use had a row at a place. A key
// that has none now is none that a deployment should know.
func (v Investigate) known(sc *checklist.Scope, s target.Place, now hosting.Listing, used []string, removed []checklist.Event) map[keygen.KeyID][]span {
	known := map[keygen.KeyID][]span{}
	for _, name := range used {
		id, err := keygen.ParseKeyID(name)
		if err != nil {
			continue // a client may send anything
		}
		var removals []checklist.Event
		if id == sc.Session.Key(checklist.OldKey) {
			removals = removed
		}
		if spans := spansOf(s, now.RowsOf(id, s), removals); len(spans) > 0 {
			known[id] = spans
		}
	}
	return known
}

// spansOf returns when a key had a row at the place: the rows that are there, and
// those that removals tell of; nothing for a key that has no row now.
func spansOf(s target.Place, rows []vercel.Variable, removals []checklist.Event) []span {
	if len(rows) == 0 {
		return nil
	}
	var spans []span
	for _, v := range rows {
		spans = append(spans, span{from: time.UnixMilli(v.CreatedAt)})
	}
	for _, e := range removals {
		if e.Effect.Target == s.Target.Name && e.Effect.Environment == s.Environment {
			spans = append(spans, span{to: e.At})
		}
	}
	return spans
}

// removalsOf returns the events with which a session removed its old key.
func removalsOf(parent *checklist.Session, events []checklist.Event) []checklist.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e checklist.Event) bool {
		if e.Kind != checklist.Done || e.Effect.Key != parent.Key(checklist.OldKey) {
			return true
		}
		return e.Effect.Code != checklist.VariableDelete && e.Effect.Code != checklist.VariableNarrow
	})
}
