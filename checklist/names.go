package checklist

// The ids of items and the names of steps are format: a session keeps those that
// it was opened with, so none is ever renamed or reused. Every other place names
// them by these constants, and each of them is held to what was released.

// Items of the quarterly rotation; some are those of other checklists too.
const (
	ItemReview             = "review"
	ItemGenerate           = "generate"
	ItemStore              = "store"
	ItemNotify             = "notify"
	ItemAddStaging         = "add-staging"
	ItemRedeployStaging    = "redeploy-staging"
	ItemTestStaging        = "test-staging"
	ItemApproveProduction  = "approve-production"
	ItemAddProduction      = "add-production"
	ItemRedeployProduction = "redeploy-production"
	ItemVerifyProduction   = "verify-production"
	ItemUpdateClients      = "update-clients"
	ItemMonitor            = "monitor"
	ItemApproveRemoval     = "approve-removal"
	ItemRemoveOld          = "remove-old"
	ItemRedeployRemoval    = "redeploy-removal"
	ItemVerifyRemoval      = "verify-removal"
	ItemUpdateDefault      = "update-default"
	ItemVerifyAllNew       = "verify-all-new"
	ItemUpdateDocs         = "update-docs"
	ItemConfirmNoErrors    = "confirm-no-errors"
	ItemArchiveOld         = "archive-old"
	ItemScheduleNext       = "schedule-next"
	ItemReviewMeeting      = "review-meeting"
	ItemExportRecord       = "export-record"
)

// Items of the emergency.
const (
	ItemDeclare           = "declare"
	ItemSeeWhoBreaks      = "see-who-breaks"
	ItemBackupKey         = "backup-key"
	ItemAdd               = "add"
	ItemRedeployNew       = "redeploy-new"
	ItemNewKeyInService   = "new-key-in-service"
	ItemRemoveCompromised = "remove-compromised"
	ItemRedeploy          = "redeploy"
	ItemProveRevoked      = "prove-revoked"
	ItemOlderDeployments  = "older-deployments"
	ItemIncidentLog       = "incident-log"
	ItemAudit             = "audit"
	ItemDispose           = "dispose"
	ItemPostMortem        = "post-mortem"
	ItemApproveAfterwards = "approve-afterwards"
)

// Items of the drill.
const (
	ItemGenerateTest   = "generate-test"
	ItemAddTest        = "add-test"
	ItemRedeployAdd    = "redeploy-add"
	ItemUpdateAgent    = "update-agent"
	ItemVerifyTest     = "verify-test"
	ItemAlerts         = "alerts"
	ItemRemoveTest     = "remove-test"
	ItemRedeployRemove = "redeploy-remove"
	ItemVerifyRemoved  = "verify-removed"
	ItemDiscardTest    = "discard-test"
	ItemDocumentIssues = "document-issues"
)

// Items of the rollback.
const (
	ItemNameTrouble = "name-trouble"
	ItemReAddOld    = "re-add-old"
	ItemVerifyOld   = "verify-old"
	ItemInvestigate = "investigate"
	ItemDecide      = "decide"
	ItemDocument    = "document"
)

// Steps, by which the catalog finds what does an item.
const (
	StepManual                = "manual" // see Skeleton
	StepReview                = "review"
	StepGenerateKey           = "generate-key"
	StepProveVault            = "prove-vault"
	StepNotifyWindow          = "notify-window"
	StepAddNewKey             = "add-new-key"
	StepRedeploy              = "redeploy"
	StepProveBothKeys         = "prove-both-keys"
	StepApprove               = "approve"
	StepUpdateClients         = "update-clients"
	StepMonitor               = "monitor"
	StepRemoveOldKey          = "remove-old-key"
	StepProveNewOnly          = "prove-new-only"
	StepUpdateDefault         = "update-default"
	StepVerifyUsage           = "verify-usage"
	StepDocument              = "document"
	StepConfirmNoErrors       = "confirm-no-errors"
	StepArchiveOldKey         = "archive-old-key"
	StepScheduleNext          = "schedule-next"
	StepReviewMeeting         = "review-meeting"
	StepExportRecord          = "export-record"
	StepDeclare               = "declare"
	StepSeeWhoBreaks          = "see-who-breaks"
	StepAddBackupKey          = "add-backup-key"
	StepNewKeyInService       = "new-key-in-service"
	StepRemoveCompromisedKey  = "remove-compromised-key"
	StepProveRevoked          = "prove-revoked"
	StepFindOlderDeployments  = "find-older-deployments"
	StepNotifyEmergency       = "notify-emergency"
	StepIncidentLog           = "incident-log"
	StepAudit                 = "audit"
	StepDisposeCompromisedKey = "dispose-compromised-key"
	StepPostMortem            = "post-mortem"
	StepApproveAfterwards     = "approve-afterwards"
	StepUpdateTestAgent       = "update-test-agent"
	StepProveNewKey           = "prove-new-key"
	StepTriggerAlerts         = "trigger-alerts"
	StepRemoveNewKey          = "remove-new-key"
	StepProveNewKeyRefused    = "prove-new-key-refused"
	StepDiscardNewKey         = "discard-new-key"
	StepDocumentDrill         = "document-drill"
	StepNameTrouble           = "name-trouble"
	StepReAddOldKey           = "re-add-old-key"
	StepProveOldKey           = "prove-old-key"
	StepInvestigate           = "investigate"
	StepDecide                = "decide"
	StepNotifyRollback        = "notify-rollback"
)

// The kinds of checklist: see Checklist.ID.
const (
	KindQuarterly = "quarterly"
	KindEmergency = "emergency"
	KindDrill     = "drill"
	KindRollback  = "rollback"
)
