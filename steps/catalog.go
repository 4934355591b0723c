package steps

import (
	"context"

	"keyturn/checklist"
	"keyturn/steps/consent"
	"keyturn/steps/drill"
	"keyturn/steps/emergency"
	"keyturn/steps/hosting"
	"keyturn/steps/keys"
	"keyturn/steps/notify"
	"keyturn/steps/paperwork"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/rollback"
	"keyturn/steps/target"
	"keyturn/steps/traffic"
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
	o.last = &hosting.LastListing{}
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
func stepsOf(o *Outside, targets target.Targets) map[string]checklist.Step {
	r := o.roomsOf(targets)
	tellTeam := func(message func(*checklist.Scope) notify.Message) paperwork.Notice {
		return paperwork.Notice{Messenger: r.messenger, To: paperwork.ToTeam, Message: message}
	}
	return map[string]checklist.Step{
		checklist.StepManual: checklist.Manual{},

		checklist.StepReview:       paperwork.Review{Trail: o.Trail},
		checklist.StepGenerateKey:  r.generate(),
		checklist.StepProveVault:   proof.ProveVault{Services: r.services},
		checklist.StepNotifyWindow: paperwork.NotifyWindow{Notice: tellTeam(paperwork.WindowMessage), Calendars: r.calendars},

		checklist.StepAddNewKey:    r.hosting.Add(checklist.NewKey),
		checklist.StepRedeploy:     r.hosting.Redeploy(),
		checklist.StepRemoveOldKey: r.hosting.Remove(checklist.OldKey),
		checklist.StepRemoveNewKey: r.hosting.Remove(checklist.NewKey),

		checklist.StepProveBothKeys:      proof.Prove{Services: r.services, NewKey: probe.Accepted, OldKey: probe.Accepted},
		checklist.StepProveNewKey:        proof.Prove{Services: r.services, NewKey: probe.Accepted},
		checklist.StepProveNewOnly:       proof.Prove{Services: r.services, NewKey: probe.Accepted, OldKey: probe.Refused},
		checklist.StepProveNewKeyRefused: proof.Prove{Services: r.services, NewKey: probe.Refused, OldKey: probe.Accepted},

		checklist.StepApprove:         consent.Approve{},
		checklist.StepUpdateClients:   traffic.UpdateClients{Requests: r.requests},
		checklist.StepMonitor:         traffic.Monitor{Requests: r.requests},
		checklist.StepVerifyUsage:     traffic.VerifyUsage{Requests: r.requests},
		checklist.StepConfirmNoErrors: traffic.ConfirmNoErrors{Requests: r.requests},

		checklist.StepUpdateDefault: r.hosting.KeepName(),
		checklist.StepDocument:      paperwork.Decisions(r.papers, paperwork.IssuesEncountered),
		checklist.StepArchiveOldKey: keys.Archive{Store: r.store},
		checklist.StepScheduleNext:  paperwork.ScheduleNext{Calendars: r.calendars},
		checklist.StepReviewMeeting: paperwork.ReviewMeeting{Messenger: r.messenger},
		checklist.StepExportRecord:  paperwork.ExportRecord{Trail: o.Trail},

		checklist.StepUpdateTestAgent: drill.UpdateTestAgent{Services: r.services, Requests: r.requests, Pause: o.Pause},
		checklist.StepTriggerAlerts:   drill.TriggerAlerts{Services: r.services, Requests: r.requests},
		checklist.StepDiscardNewKey:   drill.DiscardNewKey{Store: r.store},
		checklist.StepDocumentDrill:   drill.DocumentDrill{Filing: paperwork.Decisions(r.papers, paperwork.IssuesOfDrill)},

		checklist.StepNotifyEmergency: paperwork.Notice{Messenger: r.messenger, To: paperwork.ToSecurity, Message: paperwork.EmergencyMessage},
		checklist.StepNotifyRollback:  tellTeam(paperwork.RollbackMessage),
		checklist.StepIncidentLog:     paperwork.IncidentLog(r.papers),
		checklist.StepPostMortem:      paperwork.PostMortem(r.papers),

		checklist.StepDeclare:               emergency.Declare{},
		checklist.StepSeeWhoBreaks:          emergency.SeeWhoBreaks{Services: r.services, Requests: r.requests},
		checklist.StepAddBackupKey:          emergency.AddBackupKey{Store: r.store, Adder: r.hosting.Add(checklist.BackupKey)},
		checklist.StepRemoveCompromisedKey:  r.hosting.Revoke(),
		checklist.StepProveRevoked:          emergency.ProveRevoked{Services: r.services, Hosting: r.hosting},
		checklist.StepNewKeyInService:       emergency.NewKeyInService{Services: r.services, Hosting: r.hosting, Generate: r.generate()},
		checklist.StepFindOlderDeployments:  r.hosting.Older(),
		checklist.StepAudit:                 emergency.Audit{Log: o.Log, Files: o.SessionFiles},
		checklist.StepDisposeCompromisedKey: emergency.DisposeCompromised{Store: r.store},
		checklist.StepApproveAfterwards:     consent.ApproveAfterwards{Trail: o.Trail, Sessions: o.Sessions},

		checklist.StepNameTrouble: rollback.NameTrouble{Store: r.store, InTrouble: r.inTrouble},
		checklist.StepReAddOldKey: rollback.ReAddKey{Store: r.store, Sessions: o.Sessions, Adder: r.hosting.Add(checklist.OldKey)},
		checklist.StepProveOldKey: rollback.ProveOldKey{Services: r.services, Hosting: r.hosting},
		checklist.StepInvestigate: rollback.Investigate{Services: r.services, Requests: r.requests, InTrouble: r.inTrouble, Hosting: r.hosting},
		checklist.StepDecide: rollback.Decide{
			Services: r.services, Requests: r.requests, InTrouble: r.inTrouble, Trail: o.Trail, Hosting: r.hosting, Command: o.Return,
		},
	}
}
