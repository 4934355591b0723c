package program

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/steps/config"
)

// mayOpen looks whether a session of the checklist can end as it should. What
// keeps it from that is an error for a rotation and a drill. An emergency and a
// rollback are told and go on: the service comes first.
func (p *Program) mayOpen(c checklist.Checklist, op checklist.Operator) error {
	hindrances := p.hindrances(slices.Contains(c.Environments, checklist.Production))
	if !urgent(c.ID) {
		if len(hindrances) > 0 {
			return hindrances[0]
		}
		return nil
	}
	_, unread, err := p.sessions()
	if err != nil {
		return err
	}
	for _, h := range slices.Concat(hindrances, unread) {
		op.Progress(checklist.Progress{Words: "going on, although " + onOneLine(h).Error()})
	}
	return nil
}

// onOneLine leaves out the heading of a mistake in the configuration.
func onOneLine(err error) error {
	var problems config.Problems
	if errors.As(err, &problems) {
		return errors.New(problems[0].String())
	}
	return err
}

// hindrances are what keeps a session's record from being made or approved.
func (p *Program) hindrances(production bool) []error {
	var all []error
	if _, err := p.trail.whole(); err != nil {
		all = append(all, err)
	}
	if err := p.clockBehind(); err != nil {
		all = append(all, err)
	}
	if problem, ok := p.tooFewApprovers(); production && ok {
		all = append(all, &UsageError{config.Problems{problem}})
	}
	return all
}

// unfit is what the overview tells of that, and of the sessions under way.
func (p *Program) unfit(sessions []*checklist.Session) []error {
	if p.watched != nil { // its clock is not ours
		return nil
	}
	var all []error
	for _, h := range p.hindrances(true) {
		all = append(all, onOneLine(h))
	}
	var told []string
	for _, s := range sessions {
		if s.Outcome != "" {
			continue
		}
		for _, problem := range p.rosterProblems(s.DayOpens(s.Checklist.LastDay() + 1)) {
			if !slices.Contains(told, problem) {
				told = append(told, problem)
				all = append(all, errors.New(problem))
			}
		}
	}
	return all
}

// clockBehind returns an error where the trail has a record of a later time:
// records follow one another in time, so that none could be added.
func (p *Program) clockBehind() error {
	records, err := p.trail.whole()
	if err != nil {
		return nil // which is a hindrance itself
	}
	last, ok, err := records.Last()
	if err != nil || !ok {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, last.CreatedAt)
	if err != nil {
		return fmt.Errorf("read the time of record %s: %w", last.Name(), err)
	}
	if now := p.clock(); now.Before(at) {
		return checklist.WithHint(fmt.Errorf("the clock says %s, and the newest record, %s, was made at %s",
			now.UTC().Format(time.RFC3339), last.Name(), at.UTC().Format(time.RFC3339)), "set the clock of this machine, then try again; where it is the record that is of a wrong time, keyturn trail succeed lets a new trail go on after it, once a second person has signed")
	}
	return nil
}

// tooFewApprovers says what is wrong with [approval] required where the roster
// has fewer people besides the operator who may approve now.
func (p *Program) tooFewApprovers() (config.Problem, bool) {
	if p.Sandbox() {
		return config.Problem{}, false
	}
	c := p.options.Config
	problem := func(fix string) (config.Problem, bool) {
		return c.Problem("approval.required", fmt.Sprint(c.Approval.Required), fix), true
	}
	roster, err := p.roster()
	if err != nil {
		return problem(fmt.Sprintf("the roster, which lists who may approve, cannot be read: %v; keyturn doctor prints your own line", err))
	}
	var people []string
	for _, m := range roster.Members() {
		if m.Principal != p.operator && m.May(sshsig.NamespaceApproval, p.clock()) == nil && !slices.Contains(people, m.Principal) {
			people = append(people, m.Principal)
		}
	}
	switch n := len(people); {
	case n >= c.Approval.Required:
		return config.Problem{}, false
	case n == 0:
		return problem(fmt.Sprintf("%s lists no one besides %s who may approve now: add a line with the namespace %s for each approver", p.RosterPath(), p.operator, sshsig.NamespaceApproval))
	default:
		return problem(fmt.Sprintf("%s lists only %s besides %s who may approve now: add a line with the namespace %s for each other approver, or require %d",
			p.RosterPath(), listed(people), p.operator, sshsig.NamespaceApproval, n))
	}
}

// rosterProblems says what will keep the operator from signing the record of a
// session that lasts until then. Nothing is wrong with a key that is valid all
// the time, whatever other lines the operator has.
func (p *Program) rosterProblems(until time.Time) []string {
	roster, err := p.roster()
	if err != nil {
		return []string{"the record will not verify: " + err.Error() + checklist.Suffix("; ", checklist.Hint(err))}
	}
	now := p.clock()
	if until.Before(now) {
		until = now
	}
	var best *sshsig.Member // the one that is valid for the longest
	for _, m := range roster.KeysOf(p.operator) {
		if !slices.Contains(m.Namespaces, sshsig.NamespaceRecord) {
			continue
		}
		if m.May(sshsig.NamespaceRecord, now) == nil && m.May(sshsig.NamespaceRecord, until) == nil {
			return nil
		}
		if best == nil || !best.ValidBefore.IsZero() && (m.ValidBefore.IsZero() || m.ValidBefore.After(best.ValidBefore)) {
			best = &m
		}
	}
	if best == nil {
		return []string{fmt.Sprintf("the record will not verify: %s has no line that lets %s sign records; keyturn doctor prints it", roster.Name(), p.operator)}
	}
	line := fmt.Sprintf("line %d of %s", best.Line, roster.Name())
	const day = "2 Jan 2006 15:04 MST"
	if !best.ValidBefore.IsZero() && best.ValidBefore.Before(until) {
		return []string{fmt.Sprintf("%s, which lets %s sign records, ends on %s, and the last day of the session on %s: have it renewed before then, or the record will not verify",
			line, p.operator, best.ValidBefore.UTC().Format(day), until.UTC().Format(day))}
	}
	return []string{fmt.Sprintf("%s lets %s sign records only from %s on: what is signed before will not verify", line, p.operator, best.ValidAfter.UTC().Format(day))}
}
