package steps

import (
	"keyturn/checklist"
	"keyturn/steps/probe"
)

// AddNewKey is the step that a failed probe points back to.
const AddNewKey = "add-new-key"

// Catalog maps the names that items use to the steps that do them.
type Catalog map[string]checklist.Step

// Step implements checklist.Catalog.
func (c Catalog) Step(name string) (checklist.Step, bool) {
	step, ok := c[name]
	return step, ok
}

// NewCatalog returns every step, acting through o.
func NewCatalog(o *Outside) Catalog {
	return Catalog{
		"review":        review{Outside: o},
		"generate-key":  generateKey{o},
		"prove-vault":   proveVault{Outside: o},
		"notify-window": notifyWindow{Outside: o},

		AddNewKey:        addKey{o, checklist.NewKey},
		"redeploy":       redeploy{o},
		"remove-old-key": removeKey{o, checklist.OldKey},
		"remove-new-key": removeKey{o, checklist.NewKey},

		"prove-both-keys":       prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Accepted},
		"prove-new-key":         prove{Outside: o, newKey: probe.Accepted},
		"prove-new-only":        prove{Outside: o, newKey: probe.Accepted, oldKey: probe.Refused},
		"prove-new-key-refused": prove{Outside: o, newKey: probe.Refused, oldKey: probe.Accepted},

		"approve":           approve{Outside: o},
		"update-clients":    updateClients{Outside: o},
		"monitor":           monitor{Outside: o},
		"verify-usage":      verifyUsage{Outside: o},
		"confirm-no-errors": confirmNoErrors{Outside: o},

		"update-default":  updateDefault{Outside: o},
		"document":        document{Outside: o},
		"archive-old-key": archiveOldKey{o},
		"schedule-next":   scheduleNext{Outside: o},
		"review-meeting":  reviewMeeting{Outside: o},
		"export-record":   exportRecord{o},

		"update-test-agent": updateTestAgent{Outside: o},
		"trigger-alerts":    triggerAlerts{o},
		"discard-new-key":   discardNewKey{o},
		"document-drill":    documentDrill{Outside: o},
	}
}
