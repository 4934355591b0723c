package checklist

var (
	both       = []Environment{Staging, Production}
	staging    = []Environment{Staging}
	production = []Environment{Production}
)

// failureLimit is the runbook's alert on hmac.verify.failure, per hour.
const failureLimit = 100

// Quarterly returns the rotation of the runbook, with the given number of days
// during which both keys are accepted (the runbook says 7).
func Quarterly(dualKeyDays int) Checklist {
	return Checklist{
		ID:           KindQuarterly,
		Title:        "Quarterly rotation",
		Purpose:      "Replace the old key by a new one in staging and production, with both accepted for a week.",
		Environments: both,
		Phases: []Phase{
			quarterlyPreparation(),
			quarterlyStaging(),
			quarterlyProduction(),
			quarterlyDualKey(dualKeyDays),
			quarterlyDeprecate(dualKeyDays),
			quarterlyAfter(dualKeyDays),
		},
	}
}

func quarterlyPreparation() Phase {
	return Phase{ID: "preparation", Title: "Preparation", Day: 0, Items: []Item{
		{
			ID: ItemReview, Title: "Review last rotation notes", Step: StepReview,
			Why:    "What went wrong last time goes wrong again. The last record is verified, and its open issues are listed.",
			Covers: []string{"Review last rotation notes"},
		},
		{
			ID: ItemGenerate, Title: "Generate new key", Step: StepGenerateKey, Environments: both, Required: true,
			Why:     "One secret for each environment, 32 random bytes each, straight into the vault. Nobody sees them.",
			Runbook: "The runbook prints the key in a shell, from where it reaches the history and the scrollback, and uses one key for both environments, which its own security section forbids.",
			Covers:  []string{"Generate new key"},
		},
		{
			ID: ItemStore, Title: "Store in password manager", Step: StepProveVault, Environments: both, Required: true,
			Why:    "The new key is read back and compared. The old key is read back and accepted by the service, since a sensitive variable cannot be read from Vercel and a rollback needs it.",
			Covers: []string{"Store in password manager"},
		},
		{
			ID: ItemNotify, Title: "Notify team of rotation window", Step: StepNotifyWindow,
			Why:    "Whoever is on call should know why signatures may fail this week, and whom to ask.",
			Covers: []string{"Notify team of rotation window"},
		},
	}}
}

func quarterlyStaging() Phase {
	return Phase{ID: "staging", Title: "Staging", Day: 1, Items: []Item{
		{
			ID: ItemAddStaging, Title: "Add new key to staging", Step: StepAddNewKey, Environments: staging, Required: true,
			Why:     "Staging first: a mistake here costs nothing. One variable for each Vercel target, so that removing one later touches no other.",
			Runbook: "The runbook adds one variable for Preview and Development together. Development cannot hold a sensitive variable, so Keyturn writes two rows.",
			Covers:  []string{"Add new key to staging", "Add to Vercel (staging first)"},
		},
		{
			ID: ItemRedeployStaging, Title: "Redeploy staging", Step: StepRedeploy, Environments: staging, Required: true,
			Why:     "A variable reaches only deployments made after it. Until then the new key is inert.",
			Runbook: "The runbook says vercel --prod=false, which deploys the local folder to production: the flag ignores its value. Keyturn redeploys the serving staging deployment by its id.",
			Covers:  []string{"Redeploy staging"},
		},
		{
			ID: ItemTestStaging, Title: "Test in staging", Step: StepProveBothKeys, Environments: staging, Required: true, Repeat: true,
			Why:    "A signed request proves what no exit code can: the new key is accepted, the old one still is, and everything forged is refused.",
			Covers: []string{"Test in staging", "Verify new key works"},
		},
	}}
}

func quarterlyProduction() Phase {
	proved := Gate{Kind: GateProof, Fact: Fact(FactAccepted, Staging, NewKey), Words: "the new key is accepted in staging"}
	approved := Gate{Kind: GateApproval, Item: ItemApproveProduction}
	return Phase{ID: "production", Title: "Production", Day: 1, Items: []Item{
		{
			ID: ItemApproveProduction, Title: "Approval by a second person", Step: StepApprove, Environments: production, Required: true, Repeat: true,
			Why:    "Production needs two people. The second one signs the exact change: these targets, these keys, these items.",
			Gates:  []Gate{proved},
			Covers: []string{"Key rotation requires 2-person approval (production)"},
		},
		{
			ID: ItemAddProduction, Title: "Add new key to production", Step: StepAddNewKey, Environments: production, Required: true,
			Why:    "Added beside the old key, so that nobody breaks.",
			Gates:  []Gate{approved, proved},
			Covers: []string{"Add new key to production"},
		},
		{
			ID: ItemRedeployProduction, Title: "Redeploy production", Step: StepRedeploy, Environments: production, Required: true,
			Why:   "The new key is served once the production alias answers from a deployment made now.",
			Gates: []Gate{approved},
		},
		{
			ID: ItemVerifyProduction, Title: "Verify production", Step: StepProveBothKeys, Environments: production, Required: true, Repeat: true,
			Why: "Both keys must be accepted, and everything forged refused, before any client is told to move.",
		},
	}}
}

func quarterlyDualKey(days int) Phase {
	return Phase{ID: "dual-key", Title: "Dual-key period", Day: 2, Items: []Item{
		{
			ID: ItemUpdateClients, Title: "Update clients to the new key id", Step: StepUpdateClients, Environments: production,
			Why: "Clients choose the key. Each one listed here must sign with the new key id before the old key goes.",
		},
		{
			ID: ItemMonitor, Title: "Monitor for 7 days", Step: StepMonitor, Environments: production, Repeat: true,
			Why:     "Who still uses the old key is seen in the request log, by name. Look as often as you like: the item passes when the days are over.",
			Runbook: "The runbook alerts when the old key has over 10% of requests after 7 days. That is an alert, not a licence to remove it at 9%: the removal waits for zero.",
			Gates:   []Gate{{Kind: GateProof, Fact: Fact(FactAccepted, Production, NewKey), Words: "the new key is accepted in production"}},
			Covers:  []string{"Monitor for 7 days"},
		},
	}}
}

func quarterlyDeprecate(dualKeyDays int) Phase {
	approved := Gate{Kind: GateApproval, Item: ItemApproveRemoval}
	removal := []Gate{
		{Kind: GateSoak, Item: ItemVerifyProduction, Days: dualKeyDays},
		{Kind: GateMetric, Metric: FailuresPerHour, Limit: failureLimit},
		{Kind: GateMetric, Metric: OldKeyRequests, Limit: 0},
		approved,
	}
	for _, e := range both {
		removal = append(removal,
			Gate{Kind: GateProof, Fact: Fact(FactAccepted, e, NewKey), Words: "the new key is accepted in " + string(e)},
			Gate{Kind: GateProof, Fact: Fact(FactRecoverable, e, OldKey), Words: "the old key of " + string(e) + " can be recovered from the vault"})
	}
	return Phase{ID: "deprecate", Title: "Deprecate old key", Day: dualKeyDays + 1, Items: []Item{
		{
			ID: ItemApproveRemoval, Title: "Approval of the removal", Step: StepApprove, Environments: production, Required: true, Repeat: true,
			Why:    "Removing a key is the step that breaks whoever was forgotten. A second person sees who still uses it and signs.",
			Covers: []string{"Key rotation requires 2-person approval (production)"},
		},
		{
			ID: ItemRemoveOld, Title: "Remove old key", Step: StepRemoveOldKey, Environments: both, Required: true,
			Why:     "Staging, then production. The new key is proved again right before, and the old one is in the vault.",
			Runbook: "The runbook deletes the variable by name. Keyturn deletes exactly the rows it listed, by id, in every target.",
			Gates:   removal,
			Covers:  []string{"Remove old key", "Remove old key from Vercel"},
		},
		{
			ID: ItemRedeployRemoval, Title: "Redeploy without the old key", Step: StepRedeploy, Environments: both, Required: true,
			Why:     "Removing a variable revokes nothing: every running deployment keeps the old key until a new one serves.",
			Runbook: "The runbook forgets this redeploy, after which the old key would have stayed valid.",
			Gates:   []Gate{approved},
		},
		{
			ID: ItemVerifyRemoval, Title: "Verify old key refused, new key accepted", Step: StepProveNewOnly, Environments: both, Required: true, Repeat: true,
			Why:    "Only a refused request proves that the old key is gone.",
			Covers: []string{"Verify"},
		},
		{
			ID: ItemUpdateDefault, Title: "Update default", Step: StepUpdateDefault, Environments: both,
			Why:     "Keep the versioned name, and the next rotation goes on from it.",
			Runbook: "The runbook allows renaming the new key to DEFAULT. A sensitive variable cannot be renamed, and clients that send the versioned id would break, so Keyturn keeps versioned names and records it.",
			Covers:  []string{"Update default"},
		},
		{
			ID: ItemVerifyAllNew, Title: "Verify all requests use new key", Step: StepVerifyUsage, Environments: production, Repeat: true,
			Why:    "The log since the removal shows whether anybody was left behind.",
			Covers: []string{"Verify all requests use new key"},
		},
		{
			ID: ItemUpdateDocs, Title: "Update documentation", Step: StepDocument,
			Why:    "docs/decisions.md says when the key was rotated, by whom, why, and what was noticed.",
			Covers: []string{"Update documentation", "Document"},
		},
	}}
}

func quarterlyAfter(dualKeyDays int) Phase {
	return Phase{ID: "post-rotation", Title: "Post-rotation", Day: dualKeyDays + 2, Items: []Item{
		{
			ID: ItemConfirmNoErrors, Title: "Confirm no errors", Step: StepConfirmNoErrors, Environments: production, Repeat: true,
			Why:    "A day of requests without the old key: refused signatures stay under the alert.",
			Covers: []string{"Confirm no errors"},
		},
		{
			ID: ItemArchiveOld, Title: "Archive old key securely", Step: StepArchiveOldKey, Environments: both, Required: true,
			Why:    "The old key stays readable in the vault for a rollback, marked as archived, and is used by nothing.",
			Covers: []string{"Archive old key securely"},
		},
		{
			ID: ItemScheduleNext, Title: "Schedule next rotation (90 days)", Step: StepScheduleNext,
			Why:    "The date goes into the record and onto the home screen.",
			Covers: []string{"Schedule next rotation (90 days)"},
		},
		{
			ID: ItemReviewMeeting, Title: "Post-rotation review meeting", Step: StepReviewMeeting,
			Why:    "What was noticed becomes the first thing that the next rotation reads.",
			Covers: []string{"Post-rotation review meeting"},
		},
		{
			ID: ItemExportRecord, Title: "Export the signed record", Step: StepExportRecord, Required: true,
			Why:    "An auditor can verify the record with ssh-keygen alone, without Keyturn and without trusting it.",
			Covers: []string{"Every key rotation must be documented:"},
		},
	}}
}
