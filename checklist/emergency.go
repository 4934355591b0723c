package checklist

import "time"

// newKeyPatience is how long the revocation waits for the new key.
const newKeyPatience = 2 * time.Minute

// Emergency returns the revocation of a compromised key, to be over within an
// hour of its declaration. The runbook's order removes the key at once; with
// grace the new key is in service before the old one goes.
func Emergency(grace bool) Checklist {
	revoke := emergencyRevokeNow()
	if grace {
		revoke = emergencyNewKeyFirst()
	}
	return Checklist{
		ID:           KindEmergency,
		Title:        "Emergency revocation",
		Purpose:      "Revoke a compromised key everywhere, put a new one in service, and find out what was done with it.",
		Environments: both,
		Limit:        time.Hour,
		Phases:       []Phase{emergencyDeclare(), revoke, emergencyContain(), emergencyTell()},
	}
}

func emergencyDeclare() Phase {
	return Phase{ID: "declare", Title: "Declare", Items: []Item{
		{
			ID: ItemDeclare, Title: "Declare the compromise", Step: StepDeclare, Required: true,
			Why: "Since when, and how it is known. The hour runs since the session was opened.",
		},
		{
			ID: ItemSeeWhoBreaks, Title: "See who breaks", Step: StepSeeWhoBreaks, Environments: both, Repeat: true,
			Why: "Whoever signs with the compromised key now will be refused. The choice of the order, and the numbers behind it, go into the record.",
		},
	}}
}

// The items of both orders; an order only places them.
var (
	removeCompromised = Item{
		ID: ItemRemoveCompromised, Title: "Remove the compromised key", Step: StepRemoveCompromisedKey, Environments: both, Required: true,
		Why:     "From every environment, target, branch row and custom environment. It revokes nothing before the redeploy.",
		Runbook: "The runbook's command names only preview and is refused by the real CLI, so it removes nothing; production would keep the compromised key.",
		Covers:  []string{"Immediate"},
	}
	backupKey = Item{
		ID: ItemBackupKey, Title: "Put the emergency key into service", Step: StepAddBackupKey, Environments: both, BreakGlass: true,
		Why: "Where the vault holds an emergency key, clients have something to sign with while the new key is prepared.",
	}
	generateNew = Item{
		ID: ItemGenerate, Title: "Generate new key", Step: StepGenerateKey, Environments: both, BreakGlass: true,
		Why:    "Straight into the vault, one for each environment.",
		Covers: []string{"Generate and deploy new key (within 1 hour)"},
	}
	addNew = Item{
		ID: ItemAdd, Title: "Add new key", Step: StepAddNewKey, Environments: both, BreakGlass: true,
		Why:     "By the API, in the body of the request, never on a command line.",
		Runbook: "The runbook's command puts the key on the command line, where the CLI takes it for an environment, prints it, and saves nothing.",
	}
	redeployRevoked = Item{
		ID: ItemRedeploy, Title: "Redeploy", Step: StepRedeploy, Environments: both, Required: true,
		Why:     "The compromised key is gone once the address answers from a deployment made now. The same redeploy serves the new key.",
		Runbook: "The runbook says vercel --force, which deploys the local folder as a preview and leaves production untouched.",
	}
	proveRevoked = Item{
		ID: ItemProveRevoked, Title: "Prove the compromised key refused", Step: StepProveRevoked, Environments: both, Required: true, Repeat: true,
		Why:       "Not revoked before a signed request is refused. Exit 0 is not evidence.",
		Milestone: "compromised key refused",
	}
	newKeyInService = Item{
		ID: ItemNewKeyInService, Title: "Prove the new key accepted", Step: StepNewKeyInService, Environments: both, Required: true, Repeat: true,
		Why:       "What was put off is made up for here: the new key is generated, added and served, and a signed request with it is accepted.",
		Milestone: "new key accepted",
	}
)

// emergencyRevokeNow waits for the new key no longer than newKeyPatience.
func emergencyRevokeNow() Phase {
	inTime := func(i Item) Item {
		i.Patience, i.PatienceFrom = newKeyPatience, removeCompromised.ID
		return i
	}
	return Phase{ID: "revoke", Title: "Revoke now", Items: []Item{
		removeCompromised, inTime(backupKey), inTime(generateNew), inTime(addNew), redeployRevoked, proveRevoked, newKeyInService,
	}}
}

func emergencyNewKeyFirst() Phase {
	return Phase{ID: "revoke", Title: "New key first, then revoke", Items: []Item{
		backupKey, generateNew, addNew,
		{
			ID: ItemRedeployNew, Title: "Redeploy with both keys", Step: StepRedeploy, Environments: both, Required: true,
			Why: "Clients can move to the new key from now on. The compromised key is still accepted.",
		},
		newKeyInService, removeCompromised, redeployRevoked, proveRevoked,
	}}
}

func emergencyContain() Phase {
	return Phase{ID: "contain", Title: "Contain", Items: []Item{
		{
			ID: ItemOlderDeployments, Title: "Find older deployments that still accept it", Step: StepFindOlderDeployments, Environments: both, Repeat: true,
			Why: "Every older deployment keeps the compromised key at its own address. Each is probed there, and can be deleted.",
		},
		{
			ID: ItemNotify, Title: "Notify #security and on-call", Step: StepNotifyEmergency,
			Why:    "Whoever is on call must know what is refused, and why.",
			Covers: []string{"Notify team"},
		},
		{
			ID: ItemIncidentLog, Title: "Incident log", Step: StepIncidentLog,
			Why: "The facts while they are fresh.",
		},
		{
			ID: ItemAudit, Title: "Audit requests since the compromise", Step: StepAudit, Environments: both, Repeat: true,
			Why:    "What was done with the key while it was in the wrong hands.",
			Covers: []string{"Audit"},
		},
		{
			ID: ItemUpdateClients, Title: "Update clients to the new key id", Step: StepUpdateClients, Environments: production, BreakGlass: true,
			Why: "Whoever still signs with the revoked key is refused.",
		},
	}}
}

func emergencyTell() Phase {
	return Phase{ID: "afterwards", Title: "Afterwards", Items: []Item{
		{
			ID: ItemDispose, Title: "Destroy or seal the compromised key", Step: StepDisposeCompromisedKey, Environments: both, Required: true,
			Why:     "A compromised key is never archived as usable: it is destroyed, or sealed as evidence that nothing can put back into service.",
			Runbook: "The runbook archives every old key.",
		},
		{
			ID: ItemPostMortem, Title: "Post-mortem draft", Step: StepPostMortem,
			Why: "The time line is written from the journal; people add the rest.",
		},
		{
			ID: ItemExportRecord, Title: "Export the signed record", Step: StepExportRecord, Required: true,
			Why: "With the time of each milestone, and with the approval if it is there.",
		},
		{
			ID: ItemApproveAfterwards, Title: "Approval by a second person, afterwards", Step: StepApproveAfterwards, Environments: production, Repeat: true, BreakGlass: true,
			Why:    "Nobody waits for a second person while a key is abused. The record shows the approval as missing until it is here, beside the record.",
			Covers: []string{"Key rotation requires 2-person approval (production)"},
		},
	}}
}
