package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

// staleness is how far the timestamp controls are off: twice the 5 minutes
// that a service allows.
const staleness = 10 * time.Minute

// Progress is told before each request how many are done, how many there will
// be, and what is sent now. It may be nil.
type Progress func(done, total int, now string)

func (p Progress) tell(done, total int, now string) {
	if p != nil {
		p(done, total, now)
	}
}

// Suite is everything that is asked of one service about its keys: the new
// key, the old key, and the controls that must be refused. Either key may be
// absent.
type Suite struct {
	Prober *Prober
	Name   string // for the report, such as "orders-api, staging"

	URL    string        // as in Target
	Method string        // default POST
	Body   []byte        // default DefaultBody
	Bypass keygen.Secret // as in Target

	New, Old *Key
	// WrongEnvironment is the secret that the new key's id has in the other
	// environment. If given, it must be refused, and diagnosis tries it.
	WrongEnvironment keygen.Secret
	// Deployment is the one that should answer. If given, an answer that names
	// another proves nothing.
	Deployment string
	// Brief sends only the controls that depend on the values which a deployment
	// holds, and one that shows that it looks at signatures: for a deployment that
	// was asked everything at another address.
	Brief bool
}

// Validate reports what keeps the suite from being run.
func (s Suite) Validate() error {
	if err := s.Prober.validate(); err != nil {
		return err
	}
	if _, err := s.target().endpoint(); err != nil {
		return err
	}
	if s.New == nil && s.Old == nil {
		return errors.New("suite has neither a new nor an old key")
	}
	for _, key := range s.keys() {
		if err := key.validate(); err != nil {
			return err
		}
	}
	if s.New == nil {
		return nil
	}
	switch {
	case s.Old != nil && s.Old.ID == s.New.ID:
		return fmt.Errorf("new and old key have the same id %s", s.New.ID)
	case s.Old != nil && s.Old.Secret.Equal(s.New.Secret):
		return fmt.Errorf("keys %s and %s hold the same secret", s.New.ID, s.Old.ID)
	case s.WrongEnvironment.Equal(s.New.Secret):
		return fmt.Errorf("key %s holds the same secret in both environments", s.New.ID)
	}
	return nil
}

func (s Suite) target() Target {
	return Target{URL: s.URL, Method: s.Method, Body: s.Body, Bypass: s.Bypass}
}

func (s Suite) keys() []Key {
	var keys []Key
	for _, key := range []*Key{s.New, s.Old} {
		if key != nil {
			keys = append(keys, *key)
		}
	}
	return keys
}

// Run asks the service everything, one request after the other, and diagnoses
// a key that should have been accepted and was not. A report that fails is not
// an error: the error is of the input, the randomness or the context, and then
// the report holds what was asked so far.
func (s Suite) Run(ctx context.Context, progress Progress) (Report, error) {
	if err := s.Validate(); err != nil {
		return Report{}, fmt.Errorf("check suite %q: %w", s.Name, err)
	}
	end, err := s.target().endpoint()
	if err != nil {
		return Report{}, err
	}
	unknown, err := keygen.Generate(s.Prober.Random)
	if err != nil {
		return Report{}, fmt.Errorf("make a wrong key: %w", err)
	}
	r := &run{
		Suite: s, end: end, progress: progress,
		secrets:  httpclient.NewCensor(s.secrets()...),
		wrongKey: []byte(unknown.Reveal()),
		report:   Report{Suite: s.Name, URL: end.url.String(), Started: s.Prober.Now()},
	}
	err = r.all(ctx)
	r.report.Finished = s.Prober.Now()
	if err != nil {
		return r.report, fmt.Errorf("run suite %q: %w", s.Name, err)
	}
	return r.report, nil
}

func (s Suite) secrets() []keygen.Secret {
	secrets := []keygen.Secret{s.WrongEnvironment, s.Bypass}
	for _, key := range s.keys() {
		secrets = append(secrets, key.Secret)
	}
	return secrets
}

// run is a suite under way.
type run struct {
	Suite
	end      endpoint
	progress Progress
	secrets  httpclient.Censor
	wrongKey []byte
	report   Report
	total    int
	refused  *refusal // the first key that should have been accepted
}

// refusal is a key with the exchange in which it was refused.
type refusal struct {
	key      Key
	exchange exchange
}

func (r *run) all(ctx context.Context) error {
	removed := r.removedKeyControls()
	r.total = len(r.keys()) + len(r.controls(Key{})) + len(removed)

	anchor, accepted, err := r.positives(ctx)
	if err != nil {
		return err
	}
	if anchor == nil {
		r.withoutAnchor()
	} else {
		for _, c := range r.controls(*anchor) {
			if err := r.control(ctx, c, accepted); err != nil {
				return err
			}
		}
	}
	for _, c := range removed {
		if err := r.control(ctx, c, exchange{}); err != nil {
			return err
		}
	}
	if err := r.diagnose(ctx); err != nil {
		return err
	}
	r.noteDeployments()
	return nil
}

// positives tries the keys themselves. It returns a key that was accepted, the
// anchor of all controls, with its request and answer; nil if there is none.
func (r *run) positives(ctx context.Context) (*Key, exchange, error) {
	var anchor *Key
	var accepted exchange
	for _, key := range r.keys() {
		name := "old key " + string(key.ID)
		if r.New != nil && key.ID == r.New.ID {
			name = "new key " + string(key.ID)
		}
		row, ex, err := r.send(ctx, name, key.Expect, honest(key))
		if err != nil {
			return nil, exchange{}, err
		}
		if row.Verdict == Failed && key.Expect == Refused {
			row.Detail = fmt.Sprintf("the service still accepts key %s", key.ID)
		}
		r.report.Rows = append(r.report.Rows, row)
		if row.Got == GotRefused && key.Expect == Accepted && r.refused == nil {
			r.refused = &refusal{key, ex}
		}
		if row.Got == GotAccepted && (anchor == nil || anchor.Expect == Refused) {
			anchor, accepted = &key, ex
		}
	}
	return anchor, accepted, nil
}

// send is Prober.try, counted, told and checked for the deployment.
func (r *run) send(ctx context.Context, name string, expect Expectation, d draft) (Row, exchange, error) {
	r.progress.tell(len(r.report.Rows), r.total, name)
	row, ex, err := r.Prober.try(ctx, r.end, name, expect, d, r.secrets)
	if err != nil {
		return Row{}, exchange{}, err
	}
	r.report.Sent++
	r.checkDeployment(&row)
	return row, ex, nil
}

// checkDeployment voids a good answer of a deployment that was not asked for.
// A bad answer stays bad, whoever gave it.
func (r *run) checkDeployment(row *Row) {
	if row.Verdict == OK && r.Deployment != "" && row.Deployment != "" && row.Deployment != r.Deployment {
		row.Verdict = Inconclusive
		row.Detail = fmt.Sprintf("answered by deployment %s, not by %s", row.Deployment, r.Deployment)
	}
}

// withoutAnchor writes down what is left unproved when no key was accepted.
func (r *run) withoutAnchor() {
	expected := false
	for _, key := range r.keys() {
		expected = expected || key.Expect == Accepted
	}
	if !expected {
		r.report.Notes = append(r.report.Notes, "no key was expected to be accepted: "+
			"these refusals can not be told from those of a service that refuses everything")
		return
	}
	for i := range r.report.Rows {
		if row := &r.report.Rows[i]; row.Verdict == OK && row.Expect == Refused {
			row.Verdict = Inconclusive
			row.Detail = "refused, but so was everything else: this proves nothing"
		}
	}
	for _, c := range r.controls(Key{}) {
		r.report.Rows = append(r.report.Rows, Row{
			Name: c.name, Expect: Refused, Got: GotNotSent, Verdict: Inconclusive,
			Detail: "not sent: no key was accepted, so a refusal would prove nothing",
		})
	}
	r.report.Notes = append(r.report.Notes, "the service accepted no key, so the controls prove nothing and were not sent")
}

func (r *run) noteDeployments() {
	seen := r.report.Deployments()
	switch {
	case len(seen) > 1:
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("%d deployments answered: the address is moving from one to another", len(seen)))
	case len(seen) == 0 && r.Deployment != "":
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("the service does not say which deployment answered, so that it was %s is not proved", r.Deployment))
	}
}
