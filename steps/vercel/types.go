package vercel

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keyturn/keygen"
)

// The targets of a variable. A deployment has the first two; Vercel writes the
// target of a preview deployment as null, which is "" in Deployment.Target.
const (
	TargetProduction  = "production"
	TargetPreview     = "preview"
	TargetDevelopment = "development"
)

// The types of a variable that this program writes. Vercel knows more (plain,
// system, secret), which are kept as text when read.
const (
	TypeSensitive = "sensitive" // can never be read back
	TypeEncrypted = "encrypted"
)

// The states of a deployment that this program decides by. Others (QUEUED,
// INITIALIZING, BUILDING and whatever comes) mean: not yet.
const (
	StateQueued       = "QUEUED"
	StateInitializing = "INITIALIZING"
	StateBuilding     = "BUILDING"
	StateReady        = "READY"
	StateError        = "ERROR"
	StateCanceled     = "CANCELED"
	StateBlocked      = "BLOCKED"
	StateDeleted      = "DELETED"
)

// TypeFor returns the type that a secret should have for a target: sensitive,
// except in development, where classic accounts are refused it.
func TypeFor(target string) string {
	if target == TargetDevelopment {
		return TypeEncrypted
	}
	return TypeSensitive
}

// User is the owner of the token.
type User struct {
	ID, Username, Email, Name string
}

// Project is one Vercel project. AccountID is its team's or user's id.
type Project struct {
	ID, Name, AccountID string
}

// Variable is one row of a project's environment. A key can have several rows
// (one for each target, branch or custom environment): a row is named by its ID
// and never by its key. The value is not here on purpose.
type Variable struct {
	ID, Key, Type        string
	Target               []string
	GitBranch            string // set: the row serves only this preview branch
	CustomEnvironmentIDs []string
	Comment              string
	CreatedAt, UpdatedAt int64  // ms since 1970
	CreatedBy, UpdatedBy string // ids of users, where the API tells
}

// Serves reports whether deployments of the target can see the row.
func (v Variable) Serves(target string) bool { return slices.Contains(v.Target, target) }

// NewVariable is a row to create. It has exactly one target, or else one custom
// environment, since a row with several cannot be sensitive everywhere and is
// removed as a whole.
type NewVariable struct {
	Key       string // such as HMAC_SECRET_V2; names that are not ours are refused
	Value     keygen.Secret
	Type      string // TypeSensitive or TypeEncrypted; TypeFor chooses
	Target    string // "" with CustomEnvironmentID
	GitBranch string // of preview only: the row serves this branch alone
	// CustomEnvironmentID is an env_… that the row serves in place of a target.
	CustomEnvironmentID string
	Comment             string // shown in the dashboard, at most 500 characters
}

// is reports whether a row that was made is the one that was asked for.
func (n NewVariable) is(v Variable) bool {
	if n.CustomEnvironmentID != "" {
		return len(v.Target) == 0 && slices.Equal(v.CustomEnvironmentIDs, []string{n.CustomEnvironmentID})
	}
	return slices.Equal(v.Target, []string{n.Target}) && v.GitBranch == n.GitBranch
}

// Deployment is one build of a project, with the environment of its moment.
type Deployment struct {
	ID, URL, Name, ProjectID string
	Target                   string // "" is preview; see Environment
	CustomEnvironment        string // slug of a custom environment, where one is served
	Branch                   string // git branch, where known
	ReadyState               string
	Created, Ready           int64 // ms since 1970; Ready is 0 until READY
	Alias                    []string
	AliasAssigned            bool
	AliasError               string // "" or what kept the aliases from being assigned
	Mark                     string // what RedeployMarked left
}

// Environment returns production, preview or the name of another target. A
// custom environment is its own, although Vercel gives its target as null.
func (d Deployment) Environment() string {
	switch {
	case d.CustomEnvironment != "":
		return d.CustomEnvironment
	case d.Target == "":
		return TargetPreview
	}
	return d.Target
}

// CreatedAt returns the time of creation.
func (d Deployment) CreatedAt() time.Time { return time.UnixMilli(d.Created).UTC() }

// Serving reports whether the deployment is built and has its aliases: only
// then does its environment's address lead to it.
func (d Deployment) Serving() bool {
	return d.ReadyState == StateReady && d.AliasAssigned && d.AliasError == ""
}

// Failed reports whether the deployment can no longer become READY.
func (d Deployment) Failed() bool {
	switch d.ReadyState {
	case StateError, StateCanceled, StateBlocked, StateDeleted:
		return true
	}
	return strings.HasSuffix(d.ReadyState, "_ERROR") // older API versions: BUILD_ERROR …
}

// Latest returns the newest READY deployment of a target, which is what a
// redeploy should repeat. For preview this may be any branch: where the address
// of the staging service is known, Client.Deployment with its host is exact.
func Latest(deployments []Deployment, target string) (Deployment, bool) {
	var newest Deployment
	found := false
	for _, d := range deployments {
		if d.ReadyState != StateReady || d.Environment() != target {
			continue
		}
		if !found || d.Created > newest.Created {
			newest, found = d, true
		}
	}
	return newest, found
}

// Marked returns the newest deployment that RedeployMarked left mark on.
func Marked(deployments []Deployment, mark string) (Deployment, bool) {
	var newest Deployment
	found := false
	for _, d := range deployments {
		if mark != "" && d.Mark == mark && (!found || d.Created > newest.Created) {
			newest, found = d, true
		}
	}
	return newest, found
}

// Older returns the deployments that were created before the given one and
// still exist: each goes on serving, at its own address, with the variables of
// its moment. Newest first.
func Older(deployments []Deployment, than Deployment) []Deployment {
	var older []Deployment
	for _, d := range deployments {
		if d.ID != than.ID && d.Created < than.Created && d.ReadyState != StateDeleted {
			older = append(older, d)
		}
	}
	slices.SortStableFunc(older, func(a, b Deployment) int { return cmp.Compare(b.Created, a.Created) })
	return older
}
