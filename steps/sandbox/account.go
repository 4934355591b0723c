package sandbox

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// Account says what is in the Vercel account of a world that is made anew. The
// zero value is the company of the rehearsals: a personal account with the
// projects orders-api and payments-api.
type Account struct {
	// Teams makes it an account whose projects belong to teams, so that each
	// request must name the right one; the first is the owner's default.
	Teams    []Team
	Members  []Member // of every team, besides the owner of World.VercelToken
	Projects []ProjectOptions
	Shared   []SharedOptions // variables of a team that projects are linked to
}

// Team is one team of an account. ID and Name may be left out.
type Team struct {
	ID   string `json:"id"` // team_…
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Member is a person with a token of their own, whose changes are shown as
// theirs. ID and Name may be left out.
type Member struct {
	ID       string `json:"id"` // user_…
	Username string `json:"username"`
	Name     string `json:"name"`
}

// ProjectOptions is a project to make. Unless WithoutKey is set it has key v1 in
// staging (preview and development) and in production.
type ProjectOptions struct {
	Name string
	Team string // slug; "" is the first team
	// CustomEnvironments are slugs. Each has two deployments, whose address is
	// ServiceURL(project, slug).
	CustomEnvironments []string
	// Branches are git branches with preview deployments of their own, besides
	// the branch staging. Their address is ServiceURL(project, BranchSlot(branch)).
	Branches   []string
	Variables  []VariableOptions // besides key v1
	WithoutKey bool
	// Protected asks for World.BypassSecret in the header
	// X-Vercel-Protection-Bypass everywhere but at the production address.
	Protected bool
}

// VariableOptions is one row of a project's environment.
type VariableOptions struct {
	Key    string
	Type   string // "" is the type that a secret should have for the targets
	Target []string
	// Value of the row. Zero is the environment's own secret for HMAC_SECRET_V1
	// (that of production, if the row serves it), and a random one for others.
	Value              keygen.Secret
	GitBranch          string
	CustomEnvironments []string      // slugs
	CreatedBy          string        // username; "" is the owner
	Age                time.Duration // since it was made
}

// SharedOptions is a variable of a team.
type SharedOptions struct {
	VariableOptions
	Team     string   // slug; "" is the first team
	Projects []string // names of the projects that are linked to it
}

// CustomEnvironment is an environment of a project besides the three that all
// have.
type CustomEnvironment struct {
	ID   string `json:"id"` // env_…
	Slug string `json:"slug"`
}

// ManyProjects returns n plain projects, named service-001 and so on.
func ManyProjects(n int) []ProjectOptions {
	projects := make([]ProjectOptions, n)
	for i := range projects {
		projects[i].Name = fmt.Sprintf("service-%03d", i+1)
	}
	return projects
}

func rehearsalProjects() []ProjectOptions {
	return []ProjectOptions{{Name: "orders-api"}, {Name: "payments-api"}}
}

// BranchSlot names the address of a branch's preview deployments, as Vercel
// makes it part of their host name: git-feat-1 for the branch feat/1.
func BranchSlot(branch string) string {
	return "git-" + strings.Trim(notInSlugs.ReplaceAllString(strings.ToLower(branch), "-"), "-")
}

var (
	notInSlugs  = regexp.MustCompile(`[^a-z0-9]+`)
	slugPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)
	reserved    = []string{Staging, Production, vercel.TargetPreview, vercel.TargetDevelopment}
)

// check finds the first mistake in what the account is to hold. Rows are checked
// when they are made, by the same rules as those of a request.
func (a Account) check() error {
	slugs := map[string]bool{}
	for _, team := range a.Teams {
		if !slugPattern.MatchString(team.Slug) || slugs[team.Slug] {
			return fmt.Errorf("team %q: want a slug that no other team has", team.Slug)
		}
		slugs[team.Slug] = true
	}
	names := map[string]bool{ownerName: true}
	for _, member := range a.Members {
		if member.Username == "" || names[member.Username] {
			return fmt.Errorf("member %q: want a username that nobody else has", member.Username)
		}
		names[member.Username] = true
	}
	names = map[string]bool{}
	for _, project := range a.Projects {
		if !slugPattern.MatchString(project.Name) || names[project.Name] {
			return fmt.Errorf("project %q: want a name of lower-case letters, digits and dashes that no other project has", project.Name)
		}
		names[project.Name] = true
		if project.Team != "" && !slugs[project.Team] {
			return fmt.Errorf("project %s: there is no team %q", project.Name, project.Team)
		}
		for _, slug := range project.CustomEnvironments {
			if !slugPattern.MatchString(slug) || slices.Contains(reserved, slug) || strings.HasPrefix(slug, "git-") {
				return fmt.Errorf("project %s: custom environment %q: want a slug other than %s", project.Name, slug, strings.Join(reserved, ", "))
			}
		}
	}
	for _, shared := range a.Shared {
		if len(a.Teams) == 0 || shared.Team != "" && !slugs[shared.Team] {
			return fmt.Errorf("shared variable %s: there is no team %q", shared.Key, shared.Team)
		}
		for _, name := range shared.Projects {
			if !names[name] {
				return fmt.Errorf("shared variable %s: there is no project %q", shared.Key, name)
			}
		}
	}
	return nil
}
