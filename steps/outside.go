package steps

import (
	"context"
	"io"
	"time"

	"keyturn/checklist"
	"keyturn/steps/consent"
	"keyturn/steps/hosting"
	"keyturn/steps/keys"
	"keyturn/steps/notify"
	"keyturn/steps/paper"
	"keyturn/steps/paperwork"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/requestlog"
	"keyturn/steps/rollback"
	"keyturn/steps/target"
	"keyturn/steps/traffic"
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
	Sessions rollback.Sessions
	// Targets are those of the configuration. A step has those of its session
	// alone: see Targets.Of.
	target.Targets
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

	last *hosting.LastListing // of the catalog that has these clients
}

// Trail is where the signed records of finished sessions are kept.
type Trail interface {
	paperwork.PaperTrail
	consent.LateTrail
}

// Hand is what an operator needs who works in Vercel's dashboard.
type Hand struct {
	// Dashboard is the address of the team's or the person's dashboard, such as
	// https://vercel.com/acme.
	Dashboard string
	Clipboard hosting.Clipboard
}

// rooms are the parts of the outside that steps are made of, for the targets of
// one session.
type rooms struct {
	store     keys.Store
	random    io.Reader
	requests  traffic.Requests
	services  proof.Services
	hosting   hosting.Hosting
	papers    paperwork.Papers
	messenger paperwork.Messenger
	calendars paperwork.Calendars
	inTrouble rollback.InTrouble
}

func (r rooms) generate() checklist.Step { return keys.Generate{Store: r.store, Random: r.random} }

func (o *Outside) roomsOf(targets target.Targets) rooms {
	store, requests := keys.Store{Vault: o.Vault}, o.Requests()
	services := proof.Services{Store: store, Targets: targets, Prober: o.Prober}
	hosting := o.hostingOf(services)
	services.Deployments = hosting
	return rooms{
		store: store, random: o.Random, requests: requests, services: services, hosting: hosting,
		papers:    paperwork.Papers{Requests: requests, Documents: o.Documents, Paper: o.Paper, Sessions: o.Sessions},
		messenger: paperwork.Messenger{Vault: o.Vault, Webhook: o.Webhook}, calendars: paperwork.Calendars{Documents: o.Documents}, inTrouble: rollback.InTrouble{Sessions: o.Sessions},
	}
}

// hostingOf returns where the keys of services are deployed: Vercel, by its API or
// by the operator's hand.
func (o *Outside) hostingOf(s proof.Services) hosting.Hosting {
	if o.Hand != nil {
		return hosting.NewDashboard(s, o.Hand.Dashboard, o.Hand.Clipboard, o.Pause)
	}
	return hosting.NewAPI(s, o.Vercel, o.Poll, o.last)
}

// Services returns the services of all targets.
func (o *Outside) Services() proof.Services { return o.roomsOf(o.Targets).services }

// Hosting returns where the keys of all targets are deployed.
func (o *Outside) Hosting() hosting.Hosting { return o.roomsOf(o.Targets).hosting }

// Requests returns the log of the requests that the services got.
func (o *Outside) Requests() traffic.Requests { return traffic.Requests{Log: o.Log} }

// Observe implements checklist.Observer.
func (o *Outside) Observe(ctx context.Context, s *checklist.Session) (map[string]string, error) {
	return o.Hosting().Observe(ctx, s)
}

// Measure implements checklist.Meter on the request log of production.
func (o *Outside) Measure(ctx context.Context, s *checklist.Session, m checklist.Metric) (checklist.Reading, error) {
	return traffic.Meter{Requests: o.Requests(), Now: o.Prober.Now}.Measure(ctx, s, m)
}
