package steps

import (
	"context"
	"io"
	"time"

	"keyturn/checklist"
	"keyturn/steps/notify"
	"keyturn/steps/paper"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// Outside is everything that the steps of one session reach: one client for
// each outside system.
type Outside struct {
	Vault    vault.Vault
	Vercel   *vercel.Client
	Prober   *probe.Prober
	Log      requestlog.Source
	Trail    Trail
	Sessions Sessions
	// Targets are those of the configuration. A step has those of its session
	// alone: see of.
	Targets
	// Documents is the folder that holds decisions.md, incidents.md, and the
	// folders post-mortems and calendar.
	Documents string
	Paper     paper.Templates // the zero value has the built-in ones
	// SessionFiles is the folder that holds one folder for each session, named by
	// its id, for what the session exports.
	SessionFiles string
	// Webhook has the details of the team's webhook, whose address is in the
	// vault; the zero value has the defaults.
	Webhook notify.Options
	Random  io.Reader
	// Return is the beginning of the command that returns to a session, with all
	// flags; "keyturn" if empty.
	Return string
	// Hand guides the operator through Vercel's dashboard. It takes the place of
	// Vercel, which is nil then: nothing there can be seen, only asked for.
	Hand *Hand
	// Poll says how often and how long a deployment is watched.
	Poll vercel.Poll
	// Pause waits between two looks at something that takes a moment.
	Pause func(context.Context, time.Duration) error

	last *LastListing // of the catalog that has these clients
}

// Trail is where the signed records of finished sessions are kept.
type Trail interface {
	PaperTrail
	LateTrail
}

// Hand is what an operator needs who works in Vercel's dashboard.
type Hand struct {
	// Dashboard is the address of the team's or the person's dashboard, such as
	// https://vercel.com/acme.
	Dashboard string
	Clipboard Clipboard
}

// rooms are the parts of the outside that steps are made of, for the targets of
// one session.
type rooms struct {
	store     Store
	random    io.Reader
	requests  Requests
	services  Services
	hosting   Hosting
	papers    Papers
	messenger Messenger
	calendars Calendars
	inTrouble InTrouble
}

func (r rooms) generate() checklist.Step { return generateKey{Store: r.store, random: r.random} }

func (o *Outside) roomsOf(targets Targets) rooms {
	store, requests := Store{Vault: o.Vault}, o.Requests()
	services := Services{Store: store, Targets: targets, Prober: o.Prober}
	hosting := o.hostingOf(services)
	services.Deployments = hosting
	return rooms{
		store: store, random: o.Random, requests: requests, services: services, hosting: hosting,
		papers:    Papers{Requests: requests, Documents: o.Documents, Paper: o.Paper, Sessions: o.Sessions},
		messenger: Messenger{Vault: o.Vault, Webhook: o.Webhook}, calendars: Calendars{Documents: o.Documents}, inTrouble: InTrouble{Sessions: o.Sessions},
	}
}

// hostingOf returns where the keys of services are deployed: Vercel, by its API or
// by the operator's hand.
func (o *Outside) hostingOf(s Services) Hosting {
	if o.Hand != nil {
		return NewDashboard(s, o.Hand.Dashboard, o.Hand.Clipboard, o.Pause)
	}
	return NewAPI(s, o.Vercel, o.Poll, o.last)
}

// Services returns the services of all targets.
func (o *Outside) Services() Services { return o.roomsOf(o.Targets).services }

// Hosting returns where the keys of all targets are deployed.
func (o *Outside) Hosting() Hosting { return o.roomsOf(o.Targets).hosting }

// Requests returns the log of the requests that the services got.
func (o *Outside) Requests() Requests { return Requests{Log: o.Log} }

// Observe implements checklist.Observer.
func (o *Outside) Observe(ctx context.Context, s *checklist.Session) (map[string]string, error) {
	return o.Hosting().Observe(ctx, s)
}

// Measure implements checklist.Meter on the request log of production.
func (o *Outside) Measure(ctx context.Context, s *checklist.Session, m checklist.Metric) (checklist.Reading, error) {
	return Meter{Requests: o.Requests(), Now: o.Prober.Now}.Measure(ctx, s, m)
}
