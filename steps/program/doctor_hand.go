package program

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/vault"
)

// byHand looks at what a session needs whose changes at Vercel the operator
// makes: a clipboard, services that answer, and keys that they accept.
func (d *doctor) byHand(ctx context.Context, clock *clockWatch) {
	c := d.p.options.Config
	d.good("vercel", "is changed by you at %s, as mode under [vercel] says; no token is used, and nothing there can be looked at", c.Vercel.Dashboard())
	if clip, err := d.p.clipboard(); err != nil {
		d.add("clipboard", "", err)
	} else {
		d.good("clipboard", "values go over %s", clip.Describe())
	}
	before := len(d.findings)
	for _, t := range c.Targets {
		d.protection(ctx, targetOf(t))
	}
	if slices.ContainsFunc(d.findings[before:], func(f Finding) bool { return !f.OK }) {
		d.bad("keys and clock", "were not looked at: no protected service can be asked before that is mended", "mend it, then run "+d.p.options.Return+" doctor again")
		return
	}
	templates, err := loadTemplates(c.Paper)
	if err == nil {
		err = d.p.reachLive(ctx, templates)
	}
	if err != nil {
		d.add("services", "", err)
		return
	}
	d.p.outside.Prober.HTTP = &http.Client{Transport: clock}
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		d.accepted(ctx, e)
	}
	d.clock(clock)
}

// accepted looks which keys of the vault are in service in an environment.
func (d *doctor) accepted(ctx context.Context, e checklist.Environment) {
	what := "keys of " + string(e)
	keys, err := d.p.outside.Services().Accepted(ctx, e)
	if err != nil {
		d.add(what, "", err)
		return
	}
	var names []string
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		d.inUse[vault.Name(string(e)+"/"+string(id))] = true
		name := id.Variable()
		if keys[id].IsZero() {
			name += " (when it was made is not known)"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		d.bad(what, "the services accept no key that the vault holds, so that there is nothing to rotate",
			fmt.Sprintf("store the value of the one in service with %s login key %s/v1, or as its id is", d.p.options.Return, e))
		return
	}
	d.good(what, "the services accept the vault's %s", strings.Join(names, ", "))
}
