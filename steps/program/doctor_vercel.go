package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"keyturn/checklist"
	"keyturn/steps/config"
	"keyturn/steps/hosting"
	"keyturn/steps/httpclient"
	"keyturn/steps/requestlog"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// maxSkew is how far this machine's clock may be off. Services allow five
// minutes to either side; what is left is for the requests' way and for theirs.
const maxSkew = 30 * time.Second

// vercel looks at the token, the clock, and every target with its keys.
func (d *doctor) vercel(ctx context.Context) {
	clock := &clockWatch{now: d.p.clock}
	if d.p.byHand() {
		d.byHand(ctx, clock)
		return
	}
	api, err := d.p.examinedAPI(ctx, clock)
	if err != nil {
		d.add("vercel token", "", err)
		return
	}
	if base := api.API().String(); base != vercel.DefaultAPI && !d.p.Sandbox() {
		d.good("vercel api", "is %s and not %s, as api under [vercel] says", base, vercel.DefaultAPI)
	}
	answered := d.token(ctx, api)
	if !answered {
		d.bad("projects and variables", "were not looked at: Vercel does not answer", "see that "+api.API().String()+" can be reached, then run "+d.p.options.Return+" doctor again")
		return
	}
	d.clock(clock)
	seen := map[string]string{} // project ids
	for _, t := range d.p.examinedTargets() {
		d.target(ctx, api, t, seen)
	}
}

// examinedAPI returns a client that has its answers' times watched.
func (p *Program) examinedAPI(ctx context.Context, clock http.RoundTripper) (*vercel.Client, error) {
	o := vercel.Options{HTTP: p.ground()}
	o.HTTP.Transport = clock
	var err error
	if p.Sandbox() {
		o.API = p.world.VercelURL()
		o.Token, err = httpclient.ParseToken(p.world.VercelToken())
	} else {
		o.API, o.Team = p.options.Config.Vercel.API, p.options.Config.Vercel.Team
		o.Token, err = p.vercelToken(ctx)
	}
	if err != nil {
		return nil, err
	}
	return vercel.New(o)
}

// examinedTargets are the targets without the secrets that pass protection.
func (p *Program) examinedTargets() []target.Target {
	if p.Sandbox() {
		return p.outside.Targets
	}
	var targets []target.Target
	for _, t := range p.options.Config.Targets {
		targets = append(targets, targetOf(t))
	}
	return targets
}

// logSource returns the realm's request log.
func (p *Program) logSource() (requestlog.Source, error) {
	if p.outside != nil {
		return p.outside.Log, nil
	}
	return p.liveLog(p.options.Config.RequestLog)
}

// token says whose it is and what it reaches. It reports whether anybody has
// answered: with many projects, asking on in vain takes minutes.
func (d *doctor) token(ctx context.Context, api *vercel.Client) (answered bool) {
	user, err := api.User(ctx)
	if err != nil {
		d.add("vercel token", "", err)
		var silent *vercel.UnreachableError
		return !errors.As(err, &silent)
	}
	team, err := api.Team(ctx)
	switch {
	case errors.Is(err, vercel.ErrNotFound), errors.Is(err, vercel.ErrForbidden):
		d.bad("vercel token", fmt.Sprintf("belongs to %s and does not reach the team %s", user.Username, d.p.options.Config.Vercel.Team),
			"set team under [vercel] to "+d.teamsOf(ctx, api)+", or make a token whose scope is that team")
	case err != nil:
		d.add("vercel token", "", err)
	case team.ID == "":
		d.good("vercel token", "belongs to %s and is used for the personal account%s", user.Username, d.from())
	default:
		d.good("vercel token", "belongs to %s and is used for the team %s (%s)%s", user.Username, team.Slug, team.ID, d.from())
	}
	return true
}

// from says where the token was found.
func (d *doctor) from() string {
	switch {
	case d.p.Sandbox():
		return ""
	case d.p.options.Environ(config.EnvVercelToken) != "":
		return "; it is that of " + config.EnvVercelToken
	}
	return "; it is that of the vault"
}

// teamsOf names the teams that the token reaches.
func (d *doctor) teamsOf(ctx context.Context, api *vercel.Client) string {
	teams, err := api.Teams(ctx)
	if err != nil || len(teams) == 0 {
		return "the team that owns the projects"
	}
	words := ""
	for i, t := range teams {
		words += []string{"", " or "}[min(i, 1)] + t.Slug
	}
	return words
}

// clock compares this machine's clock with Vercel's.
func (d *doctor) clock(w *clockWatch) {
	skew, ok := w.read()
	if !ok {
		d.bad("clock", "Vercel's answers did not say what time it is, so that this machine's clock was not compared",
			"see that nothing in between removes the header Date, or compare the clock by hand")
		return
	}
	ahead := "ahead of"
	if skew < 0 {
		ahead, skew = "behind", -skew
	}
	if skew > maxSkew {
		d.bad("clock", fmt.Sprintf("this machine is %s %s Vercel: services refuse what is 5 minutes off", skew.Round(time.Second), ahead),
			"let the system set its clock by NTP")
		return
	}
	d.good("clock", "this machine is within %s of Vercel's clock", max(skew.Round(time.Second), time.Second))
}

// clockWatch compares the header Date of answers with a clock.
type clockWatch struct {
	now func() time.Time

	mu   sync.Mutex
	skew time.Duration // of the local clock; positive when it is ahead
	seen bool
}

// RoundTrip implements http.RoundTripper.
func (w *clockWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := w.now()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	received := w.now()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return resp, nil
	}
	// The header has whole seconds, cut off.
	local := sent.Add(received.Sub(sent) / 2)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skew, w.seen = local.Sub(date.Add(time.Second/2)), true
	return resp, nil
}

func (w *clockWatch) read() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.skew, w.seen
}

// target looks at one project and the keys in it.
func (d *doctor) target(ctx context.Context, api *vercel.Client, t target.Target, seen map[string]string) {
	what := "target " + t.Name
	project, err := api.Project(ctx, t.Project)
	if err != nil {
		d.add(what, "", err)
		return
	}
	if first, again := seen[project.ID]; again {
		d.bad(what, fmt.Sprintf("is the project of the target %s again (%s)", first, project.ID), "name each project once, by its id or its name")
		return
	}
	seen[project.ID] = t.Name
	k := keysAtVercel{target: t}
	if k.variables, err = api.Variables(ctx, t.Project); err != nil {
		d.add(what, "", err)
		return
	}
	// Variables are shared by the projects of a team, and listed by its name: a
	// personal account has none. (The stand-in of a rehearsal is one.)
	if !d.p.Sandbox() && d.p.options.Config.Vercel.Team != "" {
		if k.shared, err = api.SharedVariables(ctx, project.ID); err != nil {
			d.add(what, "", err)
			return
		}
	}
	if k.customs, err = hosting.CustomsOf(ctx, api, t, ours(k.variables)); err != nil {
		d.add(what, "", err)
		return
	}
	role := "a " + cmp.Or(t.Role, target.RoleVerifier)
	if t.Role == target.RoleBoth {
		role = "verifier and signer"
	}
	d.good(what, "is the project %s (%s), %s; %d variables can be listed", project.Name, project.ID, role, len(k.variables))
	d.protection(ctx, t)
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		d.keys(k, e)
	}
	d.oddRows(k)
}

// protection looks whether the vault can pass a target's protection.
func (d *doctor) protection(ctx context.Context, t target.Target) {
	if d.p.Sandbox() {
		return
	}
	for _, c := range d.p.options.Config.Targets {
		if c.Project == t.Project && c.Protected {
			_, err := d.p.bypass(ctx, c.Project)
			d.add("protection of "+t.Name, "the vault has its bypass secret", err)
		}
	}
}
