package checklist

// Rollback returns the way back from a rotation in trouble.
func Rollback() Checklist {
	return Checklist{
		ID:           KindRollback,
		Title:        "Rollback",
		Purpose:      "Put the old key back into service, find the cause, and decide how to go on.",
		Environments: both,
		Phases: []Phase{
			{ID: "restore", Title: "Restore", Items: []Item{
				{
					ID: ItemNameTrouble, Title: "Name the trouble", Step: StepNameTrouble, Required: true,
					Why: "What fails, since when, and for whom, in your words.",
				},
				{
					ID: ItemReAddOld, Title: "Re-add old key", Step: StepReAddOldKey, Environments: both, Required: true,
					Why:     "From the vault, since Vercel cannot give it back. Rows that are still there are left alone. The new key stays.",
					Runbook: "The runbook puts the old key on a command line, where the CLI prints it and saves nothing.",
					Covers:  []string{"Re-add old key"},
				},
				{
					ID: ItemRedeploy, Title: "Redeploy", Step: StepRedeploy, Environments: both, Required: true,
					Why:     "Until then the re-added key is inert.",
					Runbook: "The runbook says vercel --force, which deploys the local folder as a preview.",
					Covers:  []string{"Redeploy"},
				},
				{
					ID: ItemVerifyOld, Title: "Verify the old key is accepted", Step: StepProveOldKey, Environments: both, Required: true, Repeat: true,
					Why: "Only an accepted request proves that the service is back.",
				},
			}},
			{ID: "decide", Title: "Decide", Items: []Item{
				{
					ID: ItemInvestigate, Title: "Investigate", Step: StepInvestigate, Environments: both, Repeat: true,
					Why:    "Failures by key id and time, what changed since the session began, and the deployments that must not be returned to.",
					Covers: []string{"Investigate"},
				},
				{
					ID: ItemDecide, Title: "Decide: resume or abandon", Step: StepDecide, Environments: both, Required: true,
					Why: "Resume the rotation once the cause is mended, or give it up: then the new key is removed and marked as unused.",
				},
				{
					ID: ItemNotify, Title: "Notify", Step: StepNotifyRollback,
					Why: "The team should know that the old key is in service again.",
				},
				{
					ID: ItemDocument, Title: "Document", Step: StepDocument,
					Why: "The cause, so that it is fixed before the next try.",
				},
				{
					ID: ItemExportRecord, Title: "Export the signed record", Step: StepExportRecord, Required: true,
					Why: "A rotation that was rolled back is part of the trail.",
				},
			}},
		},
	}
}
