package checklist

// Drill returns the quarterly rehearsal in staging. Production is not among
// its environments, so no step of it can act there.
func Drill() Checklist {
	return Checklist{
		ID:           KindDrill,
		Title:        "Staging drill",
		Purpose:      "Rehearse adding, using and removing a key in staging, with a test key.",
		Environments: staging,
		Phases: []Phase{
			{ID: "add", Title: "Add test key", Items: []Item{
				{
					ID: ItemGenerateTest, Title: "Generate test key", Step: StepGenerateKey, Environments: staging, Required: true,
					Why:    "A secret like a real one, made the same way, that will be thrown away.",
					Covers: []string{"Generate test key", "New key generated correctly"},
				},
				{
					ID: ItemAddTest, Title: "Add as HMAC_SECRET_TEST", Step: StepAddNewKey, Environments: staging, Required: true,
					Why:    "In every staging target, one row for each.",
					Covers: []string{"Add as `HMAC_SECRET_TEST`"},
				},
				{
					ID: ItemRedeployAdd, Title: "Redeploy staging", Step: StepRedeploy, Environments: staging, Required: true,
					Why:     "Without it the test key is inert.",
					Runbook: "The runbook's drill forgets the redeploys.",
				},
			}},
			{ID: "use", Title: "Use test key", Items: []Item{
				{
					ID: ItemUpdateAgent, Title: "Update test agent to use test key-id", Step: StepUpdateTestAgent, Environments: staging,
					Why:    "A real client signs with the new id. It is seen in the request log.",
					Covers: []string{"Update test agent to use `test` key-id"},
				},
				{
					ID: ItemVerifyTest, Title: "Verify signatures work", Step: StepProveNewKey, Environments: staging, Required: true, Repeat: true,
					Why:    "The test key is accepted, and everything forged is refused.",
					Covers: []string{"Verify signatures work", "Added to Vercel without typos", "Requests with new key succeed"},
				},
				{
					ID: ItemAlerts, Title: "Monitoring alerts trigger", Step: StepTriggerAlerts, Environments: staging,
					Why:    "Badly signed requests are sent until the alert's threshold is crossed, so that the alert is known to work before it is needed.",
					Covers: []string{"Monitoring alerts triggered appropriately"},
				},
			}},
			{ID: "remove", Title: "Remove test key", Items: []Item{
				{
					ID: ItemRemoveTest, Title: "Remove test key", Step: StepRemoveNewKey, Environments: staging, Required: true,
					Why:    "Exactly the rows that were added, by id.",
					Covers: []string{"Remove test key"},
				},
				{
					ID: ItemRedeployRemove, Title: "Redeploy staging without the test key", Step: StepRedeploy, Environments: staging, Required: true,
					Why: "Until then the running deployment goes on accepting it.",
				},
				{
					ID: ItemVerifyRemoved, Title: "Verify test key is refused", Step: StepProveNewKeyRefused, Environments: staging, Required: true, Repeat: true,
					Why:    "Only a refused request proves that the test key is gone.",
					Covers: []string{"Requests with old key fail after removal"},
				},
				{
					ID: ItemDiscardTest, Title: "Discard test key from the vault", Step: StepDiscardNewKey, Environments: staging, Required: true,
					Why: "A test key that is kept is a key that somebody uses.",
				},
			}},
			{ID: "document", Title: "Document", Items: []Item{
				{
					ID: ItemDocumentIssues, Title: "Document any issues", Step: StepDocumentDrill,
					Why:    "The runbook's test checklist is ticked from the evidence above, and what you noticed is written down.",
					Covers: []string{"Document any issues", "Documentation updated"},
				},
				{
					ID: ItemExportRecord, Title: "Export the signed record", Step: StepExportRecord, Required: true,
					Why: "The drill's own record, marked as staging.",
				},
			}},
		},
	}
}
