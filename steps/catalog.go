package steps

import (
	"context"

	"keyturn/checklist"
	"keyturn/steps/notify"
	"keyturn/steps/probe"
)

// Catalog maps the names that items use to the steps that do them.
type Catalog map[string]checklist.Step

// Step implements checklist.Catalog.
func (c Catalog) Step(name string) (checklist.Step, bool) {
	step, ok := c[name]
	return step, ok
}

// NewCatalog returns every step, acting through o, which is the catalog's alone
// from then on. A step acts on no target but those that its session binds.
func NewCatalog(o *Outside) Catalog {
	o.last = &LastListing{}
	c := Catalog{}
	for name := range stepsOf(o, o.Targets) {
		c[name] = bound{o, name}
	}
	return c
}

// bound is a step that is made anew for the session that it is asked about.
type bound struct {
	outside *Outside
	name    string
}

func (b bound) in(sc *checklist.Scope) checklist.Step {
	return stepsOf(b.outside, b.outside.Targets.Of(sc.Session))[b.name]
}

func (b bound) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return b.in(sc).Plan(ctx, sc)
}

func (b bound) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	return b.in(sc).Check(ctx, sc)
}

func (b bound) Do(ctx context.Context, sc *checklist.Scope) error { return b.in(sc).Do(ctx, sc) }

func (b bound) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	return b.in(sc).Verify(ctx, sc)
}

// stepsOf returns every step by its name, for a session's targets. The names are
// format: each that was ever released is answered to.
func stepsOf(o *Outside, targets Targets) map[string]checklist.Step {
	r := o.roomsOf(targets)
	tellTeam := func(message func(*checklist.Scope) notify.Message) notice {
		return notice{Messenger: r.messenger, to: toTeam, message: message}
	}
	return map[string]checklist.Step{
		checklist.StepManual: checklist.Manual{},

		checklist.StepReview:       review{trail: o.Trail},
		checklist.StepGenerateKey:  r.generate(),
		checklist.StepProveVault:   proveVault{Services: r.services},
		checklist.StepNotifyWindow: notifyWindow{notice: tellTeam(windowMessage), Calendars: r.calendars},

		checklist.StepAddNewKey:    r.hosting.Add(checklist.NewKey),
		checklist.StepRedeploy:     r.hosting.Redeploy(),
		checklist.StepRemoveOldKey: r.hosting.Remove(checklist.OldKey),
		checklist.StepRemoveNewKey: r.hosting.Remove(checklist.NewKey),

		checklist.StepProveBothKeys:      prove{Services: r.services, newKey: probe.Accepted, oldKey: probe.Accepted},
		checklist.StepProveNewKey:        prove{Services: r.services, newKey: probe.Accepted},
		checklist.StepProveNewOnly:       prove{Services: r.services, newKey: probe.Accepted, oldKey: probe.Refused},
		checklist.StepProveNewKeyRefused: prove{Services: r.services, newKey: probe.Refused, oldKey: probe.Accepted},

		checklist.StepApprove:         approve{},
		checklist.StepUpdateClients:   updateClients{Requests: r.requests},
		checklist.StepMonitor:         monitor{Requests: r.requests},
		checklist.StepVerifyUsage:     verifyUsage{Requests: r.requests},
		checklist.StepConfirmNoErrors: confirmNoErrors{Requests: r.requests},

		checklist.StepUpdateDefault: r.hosting.KeepName(),
		checklist.StepDocument:      decisions(r.papers, issuesEncountered),
		checklist.StepArchiveOldKey: archiveOldKey{Store: r.store},
		checklist.StepScheduleNext:  scheduleNext{Calendars: r.calendars},
		checklist.StepReviewMeeting: reviewMeeting{Messenger: r.messenger},
		checklist.StepExportRecord:  exportRecord{trail: o.Trail},

		checklist.StepUpdateTestAgent: updateTestAgent{Services: r.services, Requests: r.requests, pause: o.Pause},
		checklist.StepTriggerAlerts:   triggerAlerts{Services: r.services, Requests: r.requests},
		checklist.StepDiscardNewKey:   discardNewKey{Store: r.store},
		checklist.StepDocumentDrill:   documentDrill{filing: decisions(r.papers, issuesOfDrill)},

		checklist.StepNotifyEmergency: notice{Messenger: r.messenger, to: toSecurity, message: emergencyMessage},
		checklist.StepNotifyRollback:  tellTeam(rollbackMessage),
		checklist.StepIncidentLog:     incidentLog(r.papers),
		checklist.StepPostMortem:      postMortem(r.papers),

		checklist.StepDeclare:               declare{},
		checklist.StepSeeWhoBreaks:          seeWhoBreaks{Services: r.services, Requests: r.requests},
		checklist.StepAddBackupKey:          addBackupKey{Store: r.store, adder: r.hosting.Add(checklist.BackupKey)},
		checklist.StepRemoveCompromisedKey:  r.hosting.Revoke(),
		checklist.StepProveRevoked:          proveRevoked{Services: r.services, hosting: r.hosting},
		checklist.StepNewKeyInService:       newKeyInService{Services: r.services, hosting: r.hosting, generate: r.generate()},
		checklist.StepFindOlderDeployments:  r.hosting.Older(),
		checklist.StepAudit:                 audit{log: o.Log, files: o.SessionFiles},
		checklist.StepDisposeCompromisedKey: disposeCompromised{Store: r.store},
		checklist.StepApproveAfterwards:     approveAfterwards{trail: o.Trail, sessions: o.Sessions},

		checklist.StepNameTrouble: nameTrouble{Store: r.store, InTrouble: r.inTrouble},
		checklist.StepReAddOldKey: reAddKey{Store: r.store, sessions: o.Sessions, adder: r.hosting.Add(checklist.OldKey)},
		checklist.StepProveOldKey: proveOldKey{Services: r.services, hosting: r.hosting},
		checklist.StepInvestigate: investigate{Services: r.services, Requests: r.requests, InTrouble: r.inTrouble, hosting: r.hosting},
		checklist.StepDecide: decide{
			Services: r.services, Requests: r.requests, InTrouble: r.inTrouble, trail: o.Trail, hosting: r.hosting, command: o.Return,
		},
	}
}
