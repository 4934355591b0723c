package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/keygen"
)

// versioned makes a Vault of a store and an index. It holds the order of
// writes that the package comment describes.
type versioned struct {
	store   store
	catalog catalog
	clock   func() time.Time
}

var _ Vault = (*versioned)(nil)

func (v *versioned) now() time.Time { return v.clock().UTC().Round(0) }

func (v *versioned) Describe() string { return v.store.describe() }

func (v *versioned) Put(ctx context.Context, name Name, secret keygen.Secret, o PutOptions) (Entry, error) {
	if err := checkPut(name, secret, o); err != nil {
		return Entry{}, fmt.Errorf("put %s: %w", name, err)
	}
	var entry Entry
	err := v.change(ctx, func(x *index) error {
		if err := v.finishDelete(ctx, x, name); err != nil {
			return err
		}
		if err := v.settle(ctx, x, name); err != nil {
			return err
		}
		present, err := v.present(ctx, x, name, secret, o)
		switch {
		case err != nil:
			return err
		case present != nil:
			entry = *present
			return nil
		}
		entry, err = v.add(ctx, x, name, secret, o)
		return err
	})
	return entry, during("put", name, err)
}

// checkPut refuses what must not reach the index.
func checkPut(name Name, secret keygen.Secret, o PutOptions) error {
	if _, err := ParseName(string(name)); err != nil {
		return err
	}
	if secret.IsZero() {
		return errors.New("there is no secret to store")
	}
	if o.Fingerprint != "" && secret.Kind() == keygen.KindCredential {
		return errors.New("the fingerprint of a credential would let others guess it")
	}
	if o.Fingerprint != "" && !fingerprintPattern.MatchString(string(o.Fingerprint)) {
		return errors.New("the fingerprint is not 64 hex digits")
	}
	// A fingerprint looks like a secret. Mixing the two up would publish it.
	if string(o.Fingerprint) == secret.Reveal() {
		return errors.New("the fingerprint is the secret itself")
	}
	return nil
}

// present returns the entry if name holds secret already, nil if a new
// version is to be made, and an error if that is not allowed.
func (v *versioned) present(ctx context.Context, x *index, name Name, secret keygen.Secret, o PutOptions) (*Entry, error) {
	if err := v.refuseSealed(ctx, x, name, secret, o); err != nil {
		return nil, err
	}
	current := x.newest(name, record.stored)
	if current == nil || current.Status == Sealed {
		return nil, nil
	}
	same, err := v.holds(ctx, *current, secret, o)
	if errors.Is(err, errAbsent) {
		if o.Replace {
			return nil, nil
		}
		return nil, lost("put", *current)
	}
	if err != nil {
		return nil, err
	}
	if !same {
		if current.Status == Active && !o.Replace {
			return nil, &Error{Op: "put", Subject: string(name), Kind: ErrExists,
				Advice: "nothing was changed; use another name, or archive or delete the old one first"}
		}
		return nil, nil
	}
	if o.Replace && !o.Made.IsZero() && !current.Created.Equal(o.Made.UTC().Round(0)) {
		return nil, nil // a version's time is part of what proves it whole
	}
	if current.Status == Archived {
		x.activate(name, current.Version, v.now())
		if err := v.save(x); err != nil {
			return nil, err
		}
	}
	entry := current.entry()
	return &entry, nil
}

// holds reports whether the store has secret for r. Where reading would ask
// for a passphrase, equal fingerprints are enough, and so are different ones
// if the caller wants a new version anyway: adding never asks.
func (v *versioned) holds(ctx context.Context, r record, secret keygen.Secret, o PutOptions) (bool, error) {
	if v.store.asks() && r.Fingerprint != "" && o.Fingerprint != "" && (r.Fingerprint == o.Fingerprint || o.Replace) {
		held, err := v.store.has(ctx, r)
		if err == nil && !held {
			err = errAbsent
		}
		return r.Fingerprint == o.Fingerprint, err
	}
	found, err := v.store.read(ctx, r)
	return found.Equal(secret) && found.Kind() == secret.Kind(), err
}

// refuseSealed returns an error if name is sealed and no new version is asked
// for, or if secret is one that was sealed under this name.
func (v *versioned) refuseSealed(ctx context.Context, x *index, name Name, secret keygen.Secret, o PutOptions) error {
	if newest := x.newest(name, record.stored); newest != nil && newest.Status == Sealed && !o.Replace {
		return sealedError("put", *newest)
	}
	for _, i := range x.of(name) {
		r := x.Records[i]
		if r.Status != Sealed {
			continue
		}
		same, err := v.holds(ctx, r, secret, o)
		if errors.Is(err, errAbsent) { // somebody destroyed the evidence
			continue
		}
		if err != nil {
			return err
		}
		if same {
			return sealedError("put", r)
		}
	}
	return nil
}

// add makes a new version: pending, stored, active.
func (v *versioned) add(ctx context.Context, x *index, name Name, secret keygen.Secret, o PutOptions) (Entry, error) {
	giveUp(x, name)
	r, adopted, err := v.claim(ctx, x, name, secret, o)
	if err != nil {
		return Entry{}, err
	}
	if !adopted {
		x.add(r)
		if err := v.save(x); err != nil {
			return Entry{}, err
		}
		if err := v.store.write(ctx, r, secret); err != nil {
			return Entry{}, v.abandon(ctx, x, r, err)
		}
	}
	x.activate(name, r.Version, v.now())
	if err := v.save(x); err != nil {
		return Entry{}, err
	}
	r.Status = Active
	return r.entry(), nil
}

// claim finds the version under which secret will be stored. Items that are in
// the store but not in the index are not overwritten: the same secret is taken
// as stored (adopted is true), another one only if the caller says so.
func (v *versioned) claim(ctx context.Context, x *index, name Name, secret keygen.Secret, o PutOptions) (r record, adopted bool, err error) {
	for {
		version := x.nextVersion(name)
		ref, err := v.store.newRef(name, version)
		if err != nil {
			return record{}, false, err
		}
		r := record{
			Name: name, Version: version, Status: Pending, Created: v.now(),
			Fingerprint: o.Fingerprint, Kind: secret.Kind(), Note: o.Note, Ref: ref,
		}
		if !o.Made.IsZero() {
			r.Created = o.Made.UTC().Round(0)
		}
		held, err := v.store.has(ctx, r)
		if err != nil {
			return record{}, false, err
		}
		if !held {
			return r, false, nil
		}
		found, err := v.store.read(ctx, r)
		switch {
		case err != nil && !errors.Is(err, ErrDamaged): // a text that is no secret is foreign too
			return record{}, false, err
		case err == nil && found.Equal(secret):
			x.add(r)
			return r, true, nil
		case !o.Adopt:
			return record{}, false, &Error{Op: "put", Subject: string(name), Kind: ErrExists,
				Cause: fmt.Errorf("%w: %s holds %s, which this folder's index does not list", ErrForeign, v.store.describe(), ref),
				Advice: "nothing was changed; the item belongs to another state folder that shares this keychain, or this folder's index was lost: " +
					"restore vault/index.json from a backup, or delete the item with the keychain's own program if nothing uses it"}
		}
		r.Status, r.Archived = Archived, v.now()
		r.Fingerprint, r.Note = "", "adopted from the store"
		x.add(r)
	}
}

// abandon leaves in the index what is true after a write that returned cause.
// A write that certainly did not happen is forgotten; any other stays pending
// for settle.
func (v *versioned) abandon(ctx context.Context, x *index, r record, cause error) error {
	if errors.Is(cause, ErrTimeout) || ctx.Err() != nil {
		x.newest(r.Name, r.same).Late = true
		return errors.Join(cause, v.save(x))
	}
	if held, err := v.store.has(ctx, r); err != nil || held {
		return cause
	}
	x.drop(r.same)
	return errors.Join(cause, v.save(x))
}

// settle finds out what became of writes that were cut off: one that arrived
// becomes active. The others stay as they are.
func (v *versioned) settle(ctx context.Context, x *index, name Name) error {
	changed := false
	for _, i := range x.of(name) {
		if x.Records[i].Status != Pending {
			continue
		}
		held, err := v.store.has(ctx, x.Records[i])
		if err != nil {
			return err
		}
		if held {
			x.activate(name, x.Records[i].Version, v.now())
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return v.save(x)
}

// giveUp ends the writes that settle did not find. The number of one that may
// still arrive stays taken. It is saved with the version that takes its place.
func giveUp(x *index, name Name) {
	x.drop(func(r record) bool { return r.Name == name && r.Status == Pending && !r.Late })
	for _, i := range x.of(name) {
		if x.Records[i].Status == Pending {
			x.Records[i].Status = void
		}
	}
}

func (v *versioned) Get(ctx context.Context, name Name) (keygen.Secret, Entry, error) {
	secret, entry, err := v.get(ctx, name)
	return secret, entry, during("get", name, err)
}

func (v *versioned) get(ctx context.Context, name Name) (keygen.Secret, Entry, error) {
	if err := ctx.Err(); err != nil {
		return keygen.Secret{}, Entry{}, err
	}
	x, err := v.catalog.load()
	if err != nil {
		return keygen.Secret{}, Entry{}, err
	}
	if r := x.newest(name, record.visible); r != nil && r.Status == Pending {
		err := v.change(ctx, func(fresh *index) error {
			err := v.settle(ctx, fresh, name)
			x = *fresh
			return err
		})
		if err != nil {
			return keygen.Secret{}, Entry{}, err
		}
	}
	r := x.newest(name, record.stored)
	switch {
	case r == nil:
		return keygen.Secret{}, Entry{}, notFound("get", name)
	case r.Status == Sealed:
		return keygen.Secret{}, Entry{}, sealedError("get", *r)
	}
	secret, err := v.store.read(ctx, *r)
	if errors.Is(err, errAbsent) {
		return keygen.Secret{}, Entry{}, v.missing(*r)
	}
	if err != nil {
		return keygen.Secret{}, Entry{}, err
	}
	return secret, r.entry(), nil
}

// missing explains why the store does not have r: it was deleted after the
// index was read, or by other means than Keyturn.
func (v *versioned) missing(r record) error {
	x, err := v.catalog.load()
	if err != nil {
		return err
	}
	now := x.newest(r.Name, r.same)
	if now == nil || !now.visible() {
		return notFound("get", r.Name)
	}
	return lost("get", r)
}

func (v *versioned) Delete(ctx context.Context, name Name) error {
	return during("delete", name, v.change(ctx, func(x *index) error {
		at := x.of(name)
		if len(at) == 0 {
			return notFound("delete", name)
		}
		for _, i := range at {
			x.Records[i].Status = deleting
		}
		if err := v.save(x); err != nil {
			return err
		}
		return v.finishDelete(ctx, x, name)
	}))
}

// finishDelete removes what Delete marked, now or before a crash.
func (v *versioned) finishDelete(ctx context.Context, x *index, name Name) error {
	removed := false
	for _, i := range x.of(name) {
		if x.Records[i].Status != deleting {
			continue
		}
		if err := v.store.remove(ctx, x.Records[i]); err != nil && !errors.Is(err, errAbsent) {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	x.drop(func(r record) bool { return r.Name == name && r.Status == deleting })
	return v.save(x)
}

func (v *versioned) List(ctx context.Context) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list vault: %w", err)
	}
	x, err := v.catalog.load()
	if err != nil {
		return nil, during("list", "", err)
	}
	var entries []Entry
	for _, r := range x.Records {
		if r.visible() {
			entries = append(entries, r.entry())
		}
	}
	return entries, nil
}

func (v *versioned) Archive(ctx context.Context, name Name, note string) (Entry, error) {
	var entry Entry
	err := v.change(ctx, func(x *index) error {
		if err := v.settle(ctx, x, name); err != nil {
			return err
		}
		r := x.newest(name, record.stored)
		switch {
		case r == nil:
			return notFound("archive", name)
		case r.Status == Sealed:
			return sealedError("archive", *r)
		case r.Status == Archived:
			entry = r.entry()
			return nil
		}
		r.Status, r.Archived, r.ArchiveNote = Archived, v.now(), note
		entry = r.entry()
		return v.save(x)
	})
	if err != nil {
		return Entry{}, during("archive", name, err)
	}
	return entry, nil
}

func (v *versioned) Seal(ctx context.Context, name Name, note string) (Entry, error) {
	var entry Entry
	err := v.change(ctx, func(x *index) error {
		if err := v.settle(ctx, x, name); err != nil {
			return err
		}
		newest := x.newest(name, record.stored)
		switch {
		case newest == nil:
			return notFound("seal", name)
		case newest.Status == Sealed && x.newest(name, record.pending) == nil:
			entry = newest.entry()
			return nil
		}
		// A write that was cut off may still arrive. It must not be taken for
		// a version in use then.
		giveUp(x, name)
		for _, i := range x.of(name) {
			if r := &x.Records[i]; r.Status == Active || r.Status == Archived {
				r.Status, r.Sealed, r.SealNote = Sealed, v.now(), note
			}
		}
		entry = x.newest(name, record.stored).entry()
		return v.save(x)
	})
	if err != nil {
		return Entry{}, during("seal", name, err)
	}
	return entry, nil
}
