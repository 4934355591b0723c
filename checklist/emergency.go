package checklist

import "time"

// Emergency returns the revocation of a compromised key, to be over within an
// hour of its declaration.
func Emergency() Checklist {
	return Checklist{
		ID:           "emergency",
		Title:        "Emergency revocation",
		Purpose:      "Revoke a compromised key everywhere, put a new one in service, and find out what was done with it.",
		Environments: both,
		Limit:        time.Hour,
		Phases: []Phase{
			{ID: "declare", Title: "Declare", Items: []Item{
				{
					ID: "declare", Title: "Declare the compromise", Step: "declare", Required: true,
					Why: "Which key, where, since when, how it is known. The clock starts here.",
				},
				{
					ID: "see-who-breaks", Title: "See who breaks, and choose", Step: "choose-revocation", Environments: both,
					Why: "Revoke now, or new key first: the request log shows who would be refused.",
				},
			}},
			{ID: "revoke", Title: "Revoke", Items: []Item{
				{
					ID: "remove-compromised", Title: "Remove the compromised key", Step: "remove-compromised-key", Environments: both, Required: true,
					Why:     "From every environment, target, branch row and custom environment.",
					Runbook: "The runbook's command names only preview and is refused by the real CLI, so it removes nothing; production would keep the compromised key.",
					Covers:  []string{"Immediate"},
				},
				{
					ID: "generate", Title: "Generate new key", Step: "generate-key", Environments: both,
					Why:    "Straight into the vault, one for each environment.",
					Covers: []string{"Generate and deploy new key (within 1 hour)"},
				},
				{
					ID: "add", Title: "Add new key", Step: "add-new-key", Environments: both,
					Why:     "By the API, in the body of the request, never on a command line.",
					Runbook: "The runbook's command puts the key on the command line, where the CLI takes it for an environment, prints it, and saves nothing.",
				},
				{
					ID: "redeploy", Title: "Redeploy", Step: "redeploy", Environments: both, Required: true,
					Why:     "One redeploy makes both real: the compromised key gone and the new one served.",
					Runbook: "The runbook says vercel --force, which deploys the local folder as a preview and leaves production untouched.",
				},
				{
					ID: "prove-revoked", Title: "Prove the old key refused and the new one accepted", Step: "prove-new-only", Environments: both, Required: true, Repeat: true,
					Why: "Not revoked before a signed request is refused.",
				},
				{
					ID: "older-deployments", Title: "Find older deployments that still accept it", Step: "find-older-deployments", Environments: both,
					Why: "Every older deployment keeps the old key at its own address.",
				},
			}},
			{ID: "tell", Title: "Tell", Items: []Item{
				{
					ID: "notify", Title: "Notify #security and on-call", Step: "notify-emergency",
					Why:    "Whoever is on call must know what is refused, and why.",
					Covers: []string{"Notify team"},
				},
				{
					ID: "incident-log", Title: "Incident log", Step: "incident-log",
					Why: "The facts while they are fresh.",
				},
				{
					ID: "audit", Title: "Audit requests since the compromise", Step: "audit", Environments: both,
					Why:    "What was done with the key while it was in the wrong hands.",
					Covers: []string{"Audit"},
				},
				{
					ID: "update-clients", Title: "Update clients to the new key id", Step: "update-clients", Environments: production,
					Why: "Whoever still signs with the revoked key is refused.",
				},
				{
					ID: "post-mortem", Title: "Post-mortem draft", Step: "post-mortem",
					Why: "The time line is written from the journal; people add the rest.",
				},
				{
					ID: "export-record", Title: "Export the signed record", Step: "export-record", Required: true,
					Why: "With the times of each milestone, and an approval that may still be missing.",
				},
			}},
		},
	}
}
