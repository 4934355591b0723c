package proof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/keys"
	"keyturn/steps/probe"
	"keyturn/steps/target"
	"keyturn/vault"
)

// Accepted returns the keys of the vault that a service of an environment
// accepts, with when they were made, zero where that is not known. It is how the
// keys in service are found where nobody can look at Vercel. With an error about
// some services, what the others said is returned all the same.
func (s Services) Accepted(ctx context.Context, e checklist.Environment) (map[keygen.KeyID]time.Time, error) {
	entries, err := s.Vault.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the vault: %w", err)
	}
	var held []vault.Entry
	for _, entry := range entries {
		if id, ok := keys.KeyIn(entry.Name, e); ok && entry.Status == vault.Active && entry.Name == keys.Name(e, id) {
			held = append(held, entry)
		}
	}
	var mu sync.Mutex
	accepted := map[keygen.KeyID]time.Time{}
	err = target.Each(ctx, held, func(ctx context.Context, entry vault.Entry) error {
		id, _ := keys.KeyIn(entry.Name, e)
		yes, err := s.acceptedBySome(ctx, e, id)
		if yes {
			mu.Lock()
			defer mu.Unlock()
			accepted[id] = entry.Created
			if entry.Note == keys.NoteAgeUnknown { // it is when it was stored
				accepted[id] = time.Time{}
			}
		}
		return err
	})
	return accepted, err
}

// acceptedBySome asks the services one after the other whether one accepts a
// key. A service that does not answer leaves it open, which is an error.
func (s Services) acceptedBySome(ctx context.Context, e checklist.Environment, id keygen.KeyID) (bool, error) {
	secret, _, err := s.Vault.Get(ctx, keys.Name(e, id))
	if err != nil {
		return false, fmt.Errorf("get %s from the vault: %w", keys.Name(e, id), err)
	}
	var unclear []error
	for _, t := range s.Verifiers() {
		row, err := s.Prober.Probe(ctx, t.ProbeTarget(e), probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
		switch {
		case err != nil:
			return false, fmt.Errorf("probe %s %s with %s: %w", t.Name, e, id, err)
		case row.Got == probe.GotAccepted:
			return true, nil
		case row.Got != probe.GotRefused:
			unclear = append(unclear, checklist.WithHint(fmt.Errorf("%s %s does not say whether it accepts %s: %s", t.Name, e, id, cmp.Or(row.Detail, string(row.Got))),
				"see that %s is a route that verifies signatures and can be reached", t.URLs[e]))
		}
	}
	return false, errors.Join(unclear...)
}
