package steps

import (
	"context"

	"keyturn/checklist"
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
	o.glance = &glance{}
	c := Catalog{}
	for name := range stepsOf(o) {
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
	return stepsOf(b.outside.of(sc.Session))[b.name]
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

// stepsOf returns every step by its name. The names are format: each that was
// ever released is answered to.
func stepsOf(o *Outside) map[string]checklist.Step {
	c := map[string]checklist.Step{
		checklist.StepManual: checklist.Manual{},

		checklist.StepReview:       review{Outside: o},
		checklist.StepGenerateKey:  generateKey{o},
		checklist.StepProveVault:   proveVault{Outside: o},
		checklist.StepNotifyWindow: notifyWindow{notice{o, toTeam, windowMessage}},

		checklist.StepAddNewKey:    o.adder(checklist.NewKey),
		checklist.StepRedeploy:     o.deployer(),
		checklist.StepRemoveOldKey: o.remover(checklist.OldKey),
		checklist.StepRemoveNewKey: o.remover(checklist.NewKey),

		checklist.StepProveBothKeys:      prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Accepted},
		checklist.StepProveNewKey:        prove{Outside: o, newKey: probe.Accepted},
		checklist.StepProveNewOnly:       prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Refused},
		checklist.StepProveNewKeyRefused: prove{Outside: o, newKey: probe.Refused, oldKey: probe.Accepted},

		checklist.StepApprove:         approve{},
		checklist.StepUpdateClients:   updateClients{Outside: o},
		checklist.StepMonitor:         monitor{Outside: o},
		checklist.StepVerifyUsage:     verifyUsage{Outside: o},
		checklist.StepConfirmNoErrors: confirmNoErrors{Outside: o},

		checklist.StepUpdateDefault: updateDefault{Outside: o},
		checklist.StepDocument:      decisions(o, issuesEncountered),
		checklist.StepArchiveOldKey: archiveOldKey{o},
		checklist.StepScheduleNext:  scheduleNext{o},
		checklist.StepReviewMeeting: reviewMeeting{o},
		checklist.StepExportRecord:  exportRecord{o},

		checklist.StepUpdateTestAgent: updateTestAgent{Outside: o},
		checklist.StepTriggerAlerts:   triggerAlerts{o},
		checklist.StepDiscardNewKey:   discardNewKey{o},
		checklist.StepDocumentDrill:   documentDrill{decisions(o, issuesOfDrill)},

		checklist.StepNotifyEmergency: notice{o, toSecurity, emergencyMessage},
		checklist.StepNotifyRollback:  notice{o, toTeam, rollbackMessage},
		checklist.StepIncidentLog:     incidentLog(o),
		checklist.StepPostMortem:      postMortem(o),

		checklist.StepDeclare:               declare{Outside: o},
		checklist.StepSeeWhoBreaks:          seeWhoBreaks{Outside: o},
		checklist.StepAddBackupKey:          addBackupKey{o, o.adder(checklist.BackupKey)},
		checklist.StepRemoveCompromisedKey:  removeCompromised{o},
		checklist.StepProveRevoked:          proveRevoked{Outside: o},
		checklist.StepNewKeyInService:       newKeyInService{o},
		checklist.StepFindOlderDeployments:  findOlderDeployments{Outside: o},
		checklist.StepAudit:                 audit{Outside: o},
		checklist.StepDisposeCompromisedKey: disposeCompromised{o},
		checklist.StepApproveAfterwards:     approveAfterwards{o},

		checklist.StepNameTrouble: nameTrouble{o},
		checklist.StepReAddOldKey: reAddKey{o, o.adder(checklist.OldKey)},
		checklist.StepProveOldKey: proveOldKey{Outside: o},
		checklist.StepInvestigate: investigate{Outside: o},
		checklist.StepDecide:      decide{o},
	}
	if o.Hand != nil {
		c[checklist.StepRemoveCompromisedKey] = handRemoveCompromised{o}
		c[checklist.StepFindOlderDeployments] = handOlder{Outside: o}
		c[checklist.StepUpdateDefault] = handDefault{Outside: o}
	}
	return c
}

// adder puts a key's variables where they belong. What is there already may
// stay, where refilling says so.
type adder interface {
	checklist.Step
	// missing returns the rows that are not there.
	missing(context.Context, *checklist.Scope) ([]Place, error)
	// planRefill, refill and verifyRefill are Plan, Do and Verify for a key that
	// may have been there before the session.
	planRefill(context.Context, *checklist.Scope) (checklist.Plan, error)
	refill(context.Context, *checklist.Scope) error
	verifyRefill(context.Context, *checklist.Scope) (checklist.Evidence, error)
}

var (
	_ adder = addKey{}
	_ adder = handAdd{}
)

// adder returns the step that adds a key: by the API, or by hand.
func (o *Outside) adder(role checklist.Role) adder {
	if o.Hand != nil {
		return handAdd{o, role}
	}
	return addKey{o, role}
}

// remover returns the step that removes a key.
func (o *Outside) remover(role checklist.Role) checklist.Step {
	if o.Hand != nil {
		return handRemove{o, role}
	}
	return removeKey{o, role}
}

// deployer returns the step that redeploys.
func (o *Outside) deployer() checklist.Step {
	if o.Hand != nil {
		return handRedeploy{o}
	}
	return redeploy{o}
}
