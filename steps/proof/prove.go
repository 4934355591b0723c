package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/target"
	"keyturn/steps/traffic"
)

// Prove runs the probe suite against every target: the keys as expected, and
// every control refused. A key with no expectation takes no part. Each target is
// asked at its environment's address, and then at the own addresses of the
// deployments that serve its slots.
type Prove struct {
	checklist.LookOnly
	Services
	NewKey, OldKey probe.Expectation
}

func (p Prove) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	expected := p.expected(sc)
	words := make([]string, len(expected))
	for i, k := range expected {
		words[i] = fmt.Sprintf("%s %s", k.ID, k.Expect)
	}
	plan := checklist.Plan{Summary: "Probe " + sc.EnvironmentWords(), Risk: checklist.Look}
	for _, c := range p.Probed(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: c.Target.Name, Environment: c.Environment,
			Words: fmt.Sprintf("signed requests to %s: %s, and every forgery refused", c.Target.URLs[c.Environment], strings.Join(words, ", ")),
		})
		if sites := p.Deployments.Apart(c); len(sites) > 0 {
			plan.Actions = append(plan.Actions, checklist.Action{
				Target: c.Target.Name, Environment: c.Environment,
				Words: "the same at the own addresses of the deployments that serve " + strings.Join(target.SlotWords(sites), ", "),
			})
		}
	}
	for _, c := range p.Whole(sc.Environments()) {
		if !c.Target.Verifies() {
			plan.Actions = append(plan.Actions, checklist.Action{
				Target: c.Target.Name, Environment: c.Environment, Words: "none: it signs, and the traffic shows with which key",
			})
		}
	}
	return plan, nil
}

type ExpectedKey struct {
	probe.Key
	Role checklist.Role
}

func (p Prove) expected(sc *checklist.Scope) []ExpectedKey {
	var keys []ExpectedKey
	if p.NewKey != "" {
		keys = append(keys, ExpectedKey{probe.Key{ID: sc.Session.Key(checklist.NewKey), Expect: p.NewKey}, checklist.NewKey})
	}
	if p.OldKey != "" && sc.Session.Key(checklist.OldKey) != "" {
		keys = append(keys, ExpectedKey{probe.Key{ID: sc.Session.Key(checklist.OldKey), Expect: p.OldKey}, checklist.OldKey})
	}
	return keys
}

// finding is what was found out about one environment of a target.
type finding struct {
	alias probe.Report // at the environment's address
	own   []OwnProof
	err   error
}

// whole reports whether all of it was proved.
func (p finding) whole() bool {
	return p.err == nil && len(p.alias.Rows) > 0 && !slices.ContainsFunc(p.own, OwnProof.Unproved)
}

// deployments are those that answered.
func (p finding) deployments() []string {
	ids := p.alias.Deployments()
	for _, o := range p.own {
		for _, id := range o.Report.Deployments() {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (p Prove) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	cells := p.Probed(sc.Environments())
	proofs := make([]finding, len(cells))
	board := target.NewBoard(sc, cells)
	err := target.EachIndex(ctx, cells, func(ctx context.Context, i int, c target.Place) error {
		return board.Work(c, "probing", func() error {
			proofs[i] = p.one(ctx, sc, c)
			return proofs[i].err
		})
	})
	return p.evidence(sc, cells, proofs), err
}

// one asks the service of one target in an environment. Its deployments are left alone where it does
// not answer as it must at its environment's address, and all asked else.
func (p Prove) one(ctx context.Context, sc *checklist.Scope, c target.Place) (found finding) {
	suite, err := p.Suite(ctx, sc, c)
	if err != nil {
		return finding{err: err}
	}
	found.alias, found.err = suite.Run(ctx, nil)
	if found.err == nil && found.alias.Failed() {
		found.err = ProbeFailure(sc, c, found.alias)
	}
	if found.err != nil {
		return found
	}
	var errs []error
	for _, s := range p.Deployments.Apart(c) {
		own, err := p.AtOwnAddress(ctx, sc, s, suite, found.alias)
		found.own, errs = append(found.own, own), append(errs, err)
	}
	found.err = errors.Join(errs...)
	return found
}

// evidence is what the proofs come to. A key counts as accepted or refused in an
// environment only if it was in every slot of every target; whatever was proved
// before ends with one that failed.
func (p Prove) evidence(sc *checklist.Scope, cells []target.Place, proofs []finding) checklist.Evidence {
	evidence := checklist.Evidence{Facts: map[string]string{}}
	proved := map[checklist.Environment][]string{} // by which deployments
	var own []OwnProof
	var failed []string
	sent := 0
	for i, c := range cells {
		found := proofs[i]
		if len(found.alias.Rows) > 0 {
			evidence.Tables = append(evidence.Tables, ProbeTable(found.alias))
			evidence.Commands = append(evidence.Commands, found.alias.Rows[0].Curl)
		}
		sent += found.alias.Sent
		for _, o := range found.own {
			sent += o.Report.Sent
		}
		own = append(own, found.own...)
		proved[c.Environment] = append(proved[c.Environment], found.deployments()...)
		if found.err != nil {
			failed = append(failed, c.String())
		}
	}
	for _, e := range sc.Environments() {
		asked, whole := false, true
		for i, c := range cells {
			if c.Environment == e {
				asked, whole = true, whole && proofs[i].whole()
			}
		}
		for _, k := range p.expected(sc) {
			// Accepted and refused are both facts, and each ends the other.
			now, before := checklist.FactAccepted, checklist.FactRefused
			if k.Expect == probe.Refused {
				now, before = before, now
			}
			evidence.Facts[checklist.Fact(before, e, k.Role)] = ""
			evidence.Facts[checklist.Fact(now, e, k.Role)] = ""
			if asked && whole {
				evidence.Facts[checklist.Fact(now, e, k.Role)] = Words(proved[e])
			}
		}
	}
	evidence.Summary = fmt.Sprintf("%d signed requests to %d services were answered as they must be", sent, len(cells))
	if len(failed) > 0 {
		evidence.Summary = strings.Join(failed, " and ") + " did not answer as they must"
	}
	TellOwn(own, &evidence)
	if names := p.Unaskable(cells); len(names) > 0 {
		evidence.Issues = append(evidence.Issues, fmt.Sprintf(
			"%s: not proved, since nothing but a deployment's own address leads there, which is not known without Vercel's API", strings.Join(names, ", ")))
	}
	return evidence
}

// Yes is the value of a fact that says nothing but that it holds.
const Yes = "yes"

// Words is the value of a fact that deployments proved: their ids, separated by
// commas.
func Words(deployments []string) string {
	if len(deployments) == 0 { // a service need not say which one it is
		return Yes
	}
	return strings.Join(deployments, ",")
}

// Suite returns the probe suite for one target in one environment.
func (s Services) Suite(ctx context.Context, sc *checklist.Scope, c target.Place, keys []ExpectedKey) (probe.Suite, error) {
	suite := probe.Suite{Prober: s.Prober, Name: c.String(), URL: c.Target.URLs[c.Environment], Bypass: c.Target.Bypass}
	// The session's own, or a newer one: a service is deployed by others too.
	serving, _, err := s.Deployments.Serving(ctx, c.First())
	if err != nil {
		return suite, err
	}
	suite.Deployment = serving.ID
	for _, k := range keys {
		secret, err := s.Secret(ctx, sc.Session, c.Environment, k.Role)
		if err != nil {
			return suite, err
		}
		key := k.Key
		key.Secret = secret
		if k.Role == checklist.NewKey {
			suite.New = &key
		} else {
			suite.Old = &key
		}
	}
	return suite, nil
}

func (p Prove) Suite(ctx context.Context, sc *checklist.Scope, c target.Place) (probe.Suite, error) {
	suite, err := p.Services.Suite(ctx, sc, c, p.expected(sc))
	if err != nil || p.NewKey == "" {
		return suite, err
	}
	suite.WrongEnvironment, err = p.OtherEnvironment(ctx, sc, c.Environment)
	return suite, err
}

func ProbeTable(r probe.Report) checklist.Table {
	t := checklist.Table{Title: r.Suite, Columns: []string{"Request", "Expected", "Got", "Status", "Verdict"}}
	for _, row := range r.Rows {
		t.Rows = append(t.Rows, []string{row.Name, string(row.Expect), string(row.Got), statusText(row.Status), string(row.Verdict)})
	}
	return t
}

func statusText(status int) string {
	if status == 0 {
		return "-"
	}
	return fmt.Sprint(status)
}

// StoredValueError says that a service holds another value for a key than the
// vault does, and in what they differ.
type StoredValueError struct {
	Where, Words string
	// Item is the id of the one that stored the value; "" where the checklist has
	// none.
	Item string
	Fix  string // what to do next
}

var _ checklist.Redoer = (*StoredValueError)(nil)

func (e *StoredValueError) Error() string { return e.Where + ": " + e.Words }

// Hint says what to do next.
func (e *StoredValueError) Hint() string { return e.Fix }

// Redo implements checklist.Redoer.
func (e *StoredValueError) Redo() string { return e.Item }

// redoError is any other error of which an item is known that puts its cause
// right when it is done again.
type redoError struct {
	error
	item, hint string
}

var _ checklist.Redoer = (*redoError)(nil)

// Redo returns an error whose cause is put right when an item is done again.
func Redo(err error, item, hint string) error { return &redoError{err, item, hint} }

func (e *redoError) Unwrap() error { return e.error }
func (e *redoError) Hint() string  { return e.hint }
func (e *redoError) Redo() string  { return e.item }

// ProbeFailure says what a failed suite found, and what to do about it.
func ProbeFailure(sc *checklist.Scope, c target.Place, r probe.Report) error {
	return Failure(sc, c.String(), c.Environment, r)
}

// Failure is probeFailure of a suite that asked where, in words.
func Failure(sc *checklist.Scope, where string, e checklist.Environment, r probe.Report) error {
	if d := r.Diagnosis; d != nil {
		hint := d.Fix
		item, ok := addedBy(sc, e)
		if ok {
			hint += fmt.Sprintf(" — do %q again, which replaces the value", item.Title)
			if item.Step == checklist.StepReAddOldKey {
				hint += " where this session put it; any other row is removed at Vercel first"
			}
		}
		return &StoredValueError{Where: where, Words: d.Words, Item: item.ID, Fix: traffic.OrRollBack(sc, hint)}
	}
	for _, row := range r.Rows {
		if row.Verdict == probe.OK {
			continue
		}
		hint := "run the item again once the service answers as it should"
		if row.Expect == probe.Refused && row.Got == probe.GotAccepted {
			hint = "the service lets forged or revoked requests in: stop, and have its verifier looked at"
		}
		return checklist.WithHint(
			fmt.Errorf("%s: %s was %s, want %s%s", where, row.Name, row.Got, row.Expect, checklist.Suffix(": ", row.Detail)), "%s", traffic.OrRollBack(sc, hint))
	}
	return fmt.Errorf("%s: the suite sent no request", where)
}

// addedBy returns the item that added the new key in the environment, or put the
// old one back.
func addedBy(sc *checklist.Scope, e checklist.Environment) (checklist.Item, bool) {
	for _, i := range sc.Session.Checklist.Items() {
		if (i.Step == checklist.StepAddNewKey || i.Step == checklist.StepReAddOldKey) && i.In(e) {
			return i, true
		}
	}
	return checklist.Item{}, false
}
