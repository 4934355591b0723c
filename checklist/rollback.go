package checklist

// Rollback returns the way back from a rotation in trouble.
func Rollback() Checklist {
	return Checklist{
		ID:           "rollback",
		Title:        "Rollback",
		Purpose:      "Put the old key back into service, find the cause, and decide how to go on.",
		Environments: both,
		Phases: []Phase{
			{ID: "restore", Title: "Restore", Items: []Item{
				{
					ID: "name-trouble", Title: "Name the trouble", Step: "name-trouble", Required: true,
					Why: "What fails, since when, and for whom, in your words.",
				},
				{
					ID: "re-add-old", Title: "Re-add old key", Step: "re-add-old-key", Environments: both, Required: true,
					Why:     "From the vault, since Vercel cannot give it back. Rows that are still there are left alone. The new key stays.",
					Runbook: "The runbook puts the old key on a command line, where the CLI prints it and saves nothing.",
					Covers:  []string{"Re-add old key"},
				},
				{
					ID: "redeploy", Title: "Redeploy", Step: "redeploy", Environments: both, Required: true,
					Why:     "Until then the re-added key is inert.",
					Runbook: "The runbook says vercel --force, which deploys the local folder as a preview.",
					Covers:  []string{"Redeploy"},
				},
				{
					ID: "verify-old", Title: "Verify the old key is accepted", Step: "prove-old-key", Environments: both, Required: true, Repeat: true,
					Why: "Only an accepted request proves that the service is back.",
				},
			}},
			{ID: "decide", Title: "Decide", Items: []Item{
				{
					ID: "investigate", Title: "Investigate", Step: "investigate", Environments: both, Repeat: true,
					Why:    "Failures by key id and time, what changed since the session began, and the deployments that must not be returned to.",
					Covers: []string{"Investigate"},
				},
				{
					ID: "decide", Title: "Decide: resume or abandon", Step: "decide", Environments: both, Required: true,
					Why: "Resume the rotation once the cause is mended, or give it up: then the new key is removed and marked as unused.",
				},
				{
					ID: "notify", Title: "Notify", Step: "notify-rollback",
					Why: "The team should know that the old key is in service again.",
				},
				{
					ID: "document", Title: "Document", Step: "document",
					Why: "The cause, so that it is fixed before the next try.",
				},
				{
					ID: "export-record", Title: "Export the signed record", Step: "export-record", Required: true,
					Why: "A rotation that was rolled back is part of the trail.",
				},
			}},
		},
	}
}
