package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keyturn/keygen"
)

// control is a request that must be refused. It differs from an accepted one
// in one way only, so that its refusal has one reason only.
type control struct {
	name   string
	draft  draft
	replay bool   // send the accepted request again instead
	bypass bool   // an acceptance lets anyone in
	danger string // what an acceptance means
}

// Controls that are spoken of elsewhere. A diagnosis compares the answers to the
// first two with others.
const (
	controlWrongKey   = "wrong key"
	controlUnknownID  = "unknown key id"
	controlTampered   = "tampered body"
	controlEmptyKey   = "empty key"
	controlOtherWorld = "other environment's key"
)

// briefControls are those of a brief suite.
func briefControls() []string {
	return []string{controlTampered, controlWrongKey, controlEmptyKey, controlUnknownID, controlOtherWorld}
}

// What it means when an empty or missing value serves as the key.
const bypassWords = "AUTHENTICATION BYPASS: the service accepts %s as key %s; " +
	"anyone who knows the key id can sign requests. Take it out of service until this is fixed"

// controls returns what must be refused, derived from an accepted key.
func (r *run) controls(anchor Key) []control {
	good := honest(anchor)
	with := func(change func(*draft)) draft {
		d := good
		change(&d)
		return d
	}
	unknown := string(r.unknownID())
	list := []control{
		{name: controlTampered, draft: with(func(d *draft) { d.tamper = FieldBody }),
			danger: "the signature does not protect the body: it can be changed on the way"},
		{name: "tampered path", draft: with(func(d *draft) { d.tamper = FieldPath }),
			danger: "the signature does not protect the path: a request can be turned to another endpoint"},
		{name: "tampered nonce", draft: with(func(d *draft) { d.tamper = FieldNonce }),
			danger: "the signature does not protect the nonce: a request can be replayed under a new one"},
		{name: controlWrongKey, draft: with(func(d *draft) { d.key = r.wrongKey }),
			danger: "the service accepts a random key: it does not check signatures"},
		{name: controlEmptyKey, bypass: true, draft: with(func(d *draft) { d.key = nil }),
			danger: fmt.Sprintf(bypassWords, "an empty key", anchor.ID)},
		{name: controlUnknownID, draft: with(func(d *draft) { d.keyID = unknown }),
			danger: "the service accepts a key id that is not configured: a removed key id would still work"},
		{name: "unknown id, empty key", bypass: true, draft: with(func(d *draft) { d.keyID, d.key = unknown, nil }),
			danger: fmt.Sprintf(bypassWords, "an empty key", unknown)},
		{name: "stale timestamp", draft: with(func(d *draft) { d.offset = -staleness }),
			danger: fmt.Sprintf("the service accepts a request that is %s old", minutes(staleness))},
		{name: "future timestamp", draft: with(func(d *draft) { d.offset = staleness }),
			danger: fmt.Sprintf("the service accepts a request from %s in the future", minutes(staleness))},
		{name: "replayed nonce", replay: true,
			danger: "the service accepts the same request twice: whoever records one can repeat it"},
		{name: "missing signature", bypass: true, draft: with(func(d *draft) { d.unsigned = true }),
			danger: "AUTHENTICATION BYPASS: the service accepts requests without a signature"},
	}
	if !r.WrongEnvironment.IsZero() && r.New != nil {
		list = append(list, control{
			name:   controlOtherWorld,
			draft:  draft{keyID: string(r.New.ID), key: []byte(r.WrongEnvironment.Reveal())},
			danger: "the service accepts the other environment's key",
		})
	}
	if r.Brief {
		return slices.DeleteFunc(list, func(c control) bool { return !slices.Contains(briefControls(), c.name) })
	}
	return list
}

// removedKeyControls asks whether a key that should be gone left a hole: a
// verifier that reads a missing variable as an empty text, or as the word that
// JavaScript makes of it, accepts signatures that anyone can make. They are
// sent even without an anchor, since it is acceptance that would tell.
func (r *run) removedKeyControls() []control {
	var list []control
	for _, key := range r.keys() {
		if key.Expect != Refused {
			continue
		}
		for _, stand := range []struct{ what, words, key string }{
			{"empty", "an empty key", ""},
			{`"undefined"`, `the text "undefined"`, "undefined"},
		} {
			list = append(list, control{
				bypass: true,
				name:   fmt.Sprintf("%s key as %s", stand.what, key.ID),
				draft:  draft{keyID: string(key.ID), key: []byte(stand.key)},
				danger: fmt.Sprintf(bypassWords, stand.words, key.ID),
			})
		}
	}
	return list
}

func minutes(d time.Duration) string { return fmt.Sprintf("%.0f minutes", d.Minutes()) }

// unknownID returns a well-formed key id that no service is likely to have and
// that the suite does not use.
func (r *run) unknownID() keygen.KeyID {
	var used []keygen.KeyID
	for _, key := range r.keys() {
		used = append(used, key.ID)
	}
	for n := 999999; ; n-- {
		id := keygen.KeyID(fmt.Sprintf("v%d", n))
		free := true
		for _, u := range used {
			free = free && u != id
		}
		if free {
			return id
		}
	}
}

// control sends one control and adds its row.
func (r *run) control(ctx context.Context, c control, accepted exchange) error {
	row, err := r.sendControl(ctx, c, accepted)
	if err != nil {
		return err
	}
	if row.Got == GotAccepted {
		row.Detail, row.Bypass = c.danger, c.bypass
	}
	r.report.Rows = append(r.report.Rows, row)
	return nil
}

func (r *run) sendControl(ctx context.Context, c control, accepted exchange) (Row, error) {
	if !c.replay {
		row, _, err := r.send(ctx, c.name, Refused, c.draft)
		return row, err
	}
	r.progress.tell(len(r.report.Rows), r.total, c.name)
	result := r.Prober.send(ctx, accepted.request, r.secrets)
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	r.report.Sent++
	row := judge(c.name, Refused, result, accepted.request.curl())
	r.checkDeployment(&row)
	return row, nil
}
