package steps

import (
	"keyturn/checklist"
	"keyturn/steps/probe"
)

// AddNewKey is the step that a failed probe points back to.
const AddNewKey = "add-new-key"

// ProveBothKeys is the step that opens the gates of a removal.
const ProveBothKeys = "prove-both-keys"

// RemoveOldKey is the step that a rollback undoes.
const RemoveOldKey = "remove-old-key"

// Catalog maps the names that items use to the steps that do them.
type Catalog map[string]checklist.Step

// Step implements checklist.Catalog.
func (c Catalog) Step(name string) (checklist.Step, bool) {
	step, ok := c[name]
	return step, ok
}

// NewCatalog returns every step, acting through o, which is the catalog's alone
// from then on.
func NewCatalog(o *Outside) Catalog {
	o.glance = &glance{}
	return Catalog{
		"review":        review{Outside: o},
		"generate-key":  generateKey{o},
		"prove-vault":   proveVault{Outside: o},
		"notify-window": notifyWindow{notice{o, "the team", windowMessage}},

		AddNewKey:        addKey{o, checklist.NewKey},
		"redeploy":       redeploy{o},
		RemoveOldKey:     removeKey{o, checklist.OldKey},
		"remove-new-key": removeKey{o, checklist.NewKey},

		ProveBothKeys:           prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Accepted},
		"prove-new-key":         prove{Outside: o, newKey: probe.Accepted},
		"prove-new-only":        prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Refused},
		"prove-new-key-refused": prove{Outside: o, newKey: probe.Refused, oldKey: probe.Accepted},

		"approve":           approve{Outside: o},
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

		"notify-emergency": notice{o, "#security and on-call", emergencyMessage},
		"notify-rollback":  notice{o, "the team", rollbackMessage},
		"incident-log":     incidentLog(o),
		"post-mortem":      postMortem(o),

		"declare":                 declare{Outside: o},
		"see-who-breaks":          seeWhoBreaks{Outside: o},
		"add-backup-key":          addBackupKey{addKey{o, checklist.BackupKey}},
		"remove-compromised-key":  removeCompromised{o},
		"prove-revoked":           proveRevoked{Outside: o},
		"new-key-in-service":      newKeyInService{o},
		"find-older-deployments":  findOlderDeployments{Outside: o},
		"audit":                   audit{Outside: o},
		"dispose-compromised-key": disposeCompromised{o},
		"approve-afterwards":      approveAfterwards{o},

		"name-trouble":  nameTrouble{o},
		ReAddOldKey:     reAddKey{addKey{o, checklist.OldKey}},
		"prove-old-key": proveOldKey{Outside: o},
		"investigate":   investigate{Outside: o},
		"decide":        decide{o},
	}
}
