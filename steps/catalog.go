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
		checklist.ManualStep: manual{},

		"review":        review{Outside: o},
		"generate-key":  generateKey{o},
		stepProveVault:  proveVault{Outside: o},
		"notify-window": notifyWindow{notice{o, toTeam, windowMessage}},

		AddNewKey:        o.adder(checklist.NewKey),
		stepRedeploy:     o.deployer(),
		RemoveOldKey:     o.remover(checklist.OldKey),
		stepRemoveNewKey: o.remover(checklist.NewKey),

		ProveBothKeys:           prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Accepted},
		"prove-new-key":         prove{Outside: o, newKey: probe.Accepted},
		"prove-new-only":        prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Refused},
		"prove-new-key-refused": prove{Outside: o, newKey: probe.Refused, oldKey: probe.Accepted},

		stepApprove:         approve{},
		"update-clients":    updateClients{Outside: o},
		"monitor":           monitor{Outside: o},
		"verify-usage":      verifyUsage{Outside: o},
		"confirm-no-errors": confirmNoErrors{Outside: o},

		"update-default":  updateDefault{Outside: o},
		"document":        decisions(o, issuesEncountered),
		"archive-old-key": archiveOldKey{o},
		"schedule-next":   scheduleNext{o},
		"review-meeting":  reviewMeeting{o},
		"export-record":   exportRecord{o},

		"update-test-agent": updateTestAgent{Outside: o},
		"trigger-alerts":    triggerAlerts{o},
		"discard-new-key":   discardNewKey{o},
		"document-drill":    documentDrill{decisions(o, issuesOfDrill)},

		"notify-emergency": notice{o, toSecurity, emergencyMessage},
		"notify-rollback":  notice{o, toTeam, rollbackMessage},
		"incident-log":     incidentLog(o),
		"post-mortem":      postMortem(o),

		"declare":                 declare{Outside: o},
		"see-who-breaks":          seeWhoBreaks{Outside: o},
		"add-backup-key":          addBackupKey{o, o.adder(checklist.BackupKey)},
		stepRemoveCompromised:     removeCompromised{o},
		"prove-revoked":           proveRevoked{Outside: o},
		stepInService:             newKeyInService{o},
		"find-older-deployments":  findOlderDeployments{Outside: o},
		"audit":                   audit{Outside: o},
		"dispose-compromised-key": disposeCompromised{o},
		stepApproveAfterwards:     approveAfterwards{o},

		"name-trouble":  nameTrouble{o},
		ReAddOldKey:     reAddKey{o, o.adder(checklist.OldKey)},
		"prove-old-key": proveOldKey{Outside: o},
		stepInvestigate: investigate{Outside: o},
		"decide":        decide{o},
	}
	if o.Hand != nil {
		c[stepRemoveCompromised] = handRemoveCompromised{o}
		c["find-older-deployments"] = handOlder{Outside: o}
		c["update-default"] = handDefault{Outside: o}
	}
	return c
}

// adder puts a key's variables where they belong. What is there already may
// stay, where refilling says so.
type adder interface {
	checklist.Step
	// missing returns the rows that are not there.
	missing(context.Context, *checklist.Scope) ([]row, error)
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
