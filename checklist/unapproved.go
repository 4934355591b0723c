package checklist

import (
	"slices"
	"strings"
)

// Unapproved is the kind of a deviation that no event of its own reports:
// production was changed, and a second person is asked only afterwards, as an
// emergency allows. The fold finds it, so that every screen, message and record
// counts the same deviations.
const Unapproved Kind = "unapproved"

// watchApproval keeps the Unapproved deviation of a checklist that is approved
// afterwards: it begins with the first change of production, and names who has
// agreed since.
func (s *Session) watchApproval(e Event) {
	switch e.Kind {
	case Intended, Unmade, Approved, Refused, Reopened:
	default:
		return
	}
	item, _, ok := s.StepState(StepApproveAfterwards)
	if !ok {
		return
	}
	is := slices.IndexFunc(s.Deviations, func(d Deviation) bool { return d.Kind == Unapproved })
	switch {
	case is < 0 && s.changedProduction():
		s.Deviations = append(s.Deviations, Deviation{
			At: e.At, By: e.By, Kind: Unapproved, Item: item.ID, Reason: s.Opening.Reason,
		})
	case is < 0:
	case e.Kind == Unmade && !s.changedProduction():
		s.Deviations = slices.Delete(s.Deviations, is, is+1)
	default:
		s.Deviations[is].Approved = s.Approvers(requestsOf(s.approvalsOf(item.ID)))
	}
}

// changedProduction reports whether what production runs on was changed, or may
// have been. The vault is the operator's own: what happens there changes no
// service.
func (s *Session) changedProduction() bool {
	serves := func(e Effect) bool {
		return e.Environment == Production && !strings.HasPrefix(string(e.Code), "vault.")
	}
	for _, st := range s.items {
		if slices.ContainsFunc(st.Effects, serves) || slices.ContainsFunc(st.Pending, serves) {
			return true
		}
	}
	return false
}

// approvalsOf returns the approvals that an item asked for.
func (s *Session) approvalsOf(item string) []Approval {
	return slices.DeleteFunc(slices.Clone(s.Approvals), func(a Approval) bool { return a.Item != item })
}
