package steps

// Items and steps go by ids, which are format: a session keeps those that it was
// opened with, so none is ever renamed or reused. Where a step needs to know of
// another item, it names it here.

// Items of the quarterly rotation.
const (
	itemTestStaging      = "test-staging"
	itemAddProduction    = "add-production"
	itemVerifyProduction = "verify-production"
	itemMonitor          = "monitor"
	itemRedeployRemoval  = "redeploy-removal"
	itemVerifyRemoval    = "verify-removal"
	itemUpdateDefault    = "update-default"
	itemVerifyAllNew     = "verify-all-new"
)

// Items of the drill.
const (
	itemGenerateTest   = "generate-test"
	itemRedeployAdd    = "redeploy-add"
	itemVerifyTest     = "verify-test"
	itemAlerts         = "alerts"
	itemVerifyRemoved  = "verify-removed"
	itemDocumentIssues = "document-issues"
)

// Items of the emergency.
const (
	itemSeeWhoBreaks     = "see-who-breaks"
	itemRemove           = "remove-compromised"
	itemBackup           = "backup-key"
	itemGenerate         = "generate" // of the quarterly rotation too
	itemAdd              = "add"
	itemProveRevoked     = "prove-revoked"
	itemInService        = "new-key-in-service"
	itemOlderDeployments = "older-deployments"
	itemAudit            = "audit"
	itemDispose          = "dispose"
)

// Items of the rollback.
const (
	itemNameTrouble = "name-trouble"
	itemVerifyOld   = "verify-old"
	itemInvestigate = "investigate"
	itemDecide      = "decide"
)

// Steps that are asked for by their names.
const (
	AddNewKey     = "add-new-key"     // a failed probe points back to it
	ReAddOldKey   = "re-add-old-key"  // as does one of a rollback
	ProveBothKeys = "prove-both-keys" // opens the gates of a removal
	RemoveOldKey  = "remove-old-key"  // a rollback undoes it

	stepRedeploy          = "redeploy"
	stepProveVault        = "prove-vault"
	stepRemoveNewKey      = "remove-new-key"
	stepRemoveCompromised = "remove-compromised-key"
	stepInService         = "new-key-in-service"
	stepApprove           = "approve"
	stepApproveAfterwards = "approve-afterwards"
	stepInvestigate       = "investigate"
)
