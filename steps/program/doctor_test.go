package program_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/config"
	"keyturn/steps/httpclient"
	"keyturn/steps/sandbox"
	"keyturn/steps/vercel"
)

// environ changes what one variable of the environment says.
func (c *company) environ(name, value string) {
	before := c.options.Environ
	c.options.Environ = func(asked string) string {
		if asked == name {
			return value
		}
		return before(asked)
	}
}

// TestTheDoctorFinds what is wrong, one thing at a time, and says what to do.
func TestTheDoctorFinds(t *testing.T) {
	t.Parallel()
	row := func(v sandbox.VariableOptions) func(*sandbox.Account) {
		return func(a *sandbox.Account) { a.Projects[0].Variables = append(a.Projects[0].Variables, v) }
	}
	for name, tt := range map[string]struct {
		account         func(*sandbox.Account)
		breaks          func(*company)
		what, said, fix string
	}{
		"no token": {
			breaks: func(c *company) { c.environ(config.EnvVercelToken, "") },
			what:   "vercel token", said: "no vercel token is known", fix: "keyturn login vercel",
		},
		"an API that does not answer": {
			breaks: func(c *company) { c.change(fmt.Sprintf("api = %q", c.world.VercelURL()), `api = "http://127.0.0.1:1"`) },
			what:   "projects and variables", said: "were not looked at: Vercel does not answer", fix: "see that http://127.0.0.1:1 can be reached",
		},
		"a vault that cannot be opened": {
			breaks: func(c *company) {
				c.findings() // makes the folder
				dir := filepath.Join(c.options.State, "live", "orders", "vault")
				require.NoError(c.t, os.WriteFile(filepath.Join(dir, "store.json"), []byte("{"), 0o600))
			},
			what: "vault", said: "damaged", fix: "restore the file",
		},
		"a token that is refused": {
			breaks: func(c *company) { c.environ(config.EnvVercelToken, "vcp_thisIsNotTheTokenOfTheAccount") },
			what:   "vercel token", said: "403 forbidden", fix: "check that the token",
		},
		"a team that the token does not reach": {
			breaks: func(c *company) { c.change(`team = "acme"`, `team = "acne"`) },
			what:   "vercel token", said: "belongs to sandbox and does not reach the team acne", fix: "set team under [vercel] to acme or other",
		},
		"a project of another team": {
			breaks: func(c *company) { c.change(`team = "acme"`, `team = "other"`) },
			what:   "target orders-api", said: "not found", fix: "a token of another team sees the project as not found",
		},
		"a project by its name and its id": {
			breaks: func(c *company) { c.change(`project = "storefront"`, `project = "`+c.world.Projects()[0].ID+`"`) },
			what:   "target prj_", said: "is the project of the target orders-api again", fix: "name each project once",
		},
		"a project without keys": {
			account: func(a *sandbox.Account) { a.Projects[0].WithoutKey = true },
			what:    "keys of orders-api in production", said: "there is none in production", fix: "is the project that holds the keys",
		},
		"a slot without a row": {
			breaks: func(c *company) {
				c.change(`project = "orders-api"`, "project = \"orders-api\"\nstaging = [\"preview\", \"development\", \"preview:feat/one\"]")
			},
			what: "keys of orders-api in staging", said: "HMAC_SECRET_V1 is in development, preview and not in preview:feat/one", fix: "with the same value",
		},
		"a row that is gone": {
			breaks: func(c *company) {
				token, err := httpclient.ParseToken(c.world.VercelToken())
				require.NoError(c.t, err)
				api, err := vercel.New(vercel.Options{API: c.world.VercelURL(), Team: "acme", Token: token})
				require.NoError(c.t, err)
				rows, err := api.Variables(c.t.Context(), "storefront")
				require.NoError(c.t, err)
				for _, r := range rows {
					if r.Serves(vercel.TargetDevelopment) {
						require.NoError(c.t, api.DeleteVariable(c.t.Context(), "storefront", r.ID))
					}
				}
			},
			what: "keys of storefront in staging", said: "HMAC_SECRET_V1 is in preview and not in development", fix: "leave that slot out of staging",
		},
		"a row of a branch": {
			account: row(sandbox.VariableOptions{Key: "HMAC_SECRET_V1", Target: []string{"preview"}, GitBranch: "feat/two"}),
			what:    "rows of orders-api", said: "serves preview:feat/two, which is no slot of either environment", fix: `add "preview:feat/two" to staging`,
		},
		"a row of both environments": {
			account: row(sandbox.VariableOptions{Key: "HMAC_SECRET_DEFAULT", Type: "encrypted", Target: []string{"preview", "development", "production"}}),
			what:    "rows of orders-api", said: "one secret for both environments", fix: "a row of its own in each environment",
		},
		"a row that everybody can read": {
			account: row(sandbox.VariableOptions{Key: "HMAC_SECRET_V7", Type: "plain", Target: []string{"production"}}),
			what:    "rows of orders-api", said: "is plain", fix: "by a rotation",
		},
		"a row of a custom environment": {
			account: func(a *sandbox.Account) {
				a.Projects[0].CustomEnvironments = []string{"qa"}
				row(sandbox.VariableOptions{Key: "HMAC_SECRET_V1", CustomEnvironments: []string{"qa"}})(a)
			},
			what: "rows of orders-api", said: "serves custom:qa, which is no slot of either environment", fix: `add "custom:qa" to staging`,
		},
		"a custom environment that is not there": {
			account: func(a *sandbox.Account) { a.Projects[0].CustomEnvironments = []string{"qa"} },
			breaks: func(c *company) {
				c.change(`project = "orders-api"`, "project = \"orders-api\"\nstaging = [\"preview\", \"custom:uat\"]")
			},
			what: "keys of orders-api in staging", said: "the project has no custom environment uat", fix: "it has qa",
		},
		"a shared variable": {
			account: func(a *sandbox.Account) {
				a.Shared = []sandbox.SharedOptions{{
					VariableOptions: sandbox.VariableOptions{Key: "HMAC_SECRET_V3", Target: []string{"production"}},
					Team:            "acme", Projects: []string{"orders-api"},
				}}
			},
			what: "rows of orders-api", said: "the team's shared variable HMAC_SECRET_V3", fix: "unlink it",
		},
		"a clock that is behind": {
			breaks: func(c *company) {
				c.options.RealNow = func() time.Time { return c.world.Clock().Now().Add(-2 * time.Minute) }
			},
			what: "clock", said: "this machine is 2m0s behind Vercel", fix: "NTP",
		},
		"a clock that is ahead": {
			breaks: func(c *company) {
				c.options.RealNow = func() time.Time { return c.world.Clock().Now().Add(40 * time.Second) }
			},
			what: "clock", said: "this machine is 40s ahead of Vercel", fix: "NTP",
		},
		"no bypass secret": {
			breaks: func(c *company) { c.change(`project = "orders-api"`, "project = \"orders-api\"\nprotected = true") },
			what:   "protection of orders-api", said: "no bypass secret of orders-api is known", fix: "keyturn login bypass orders-api",
		},
		"a key that the vault does not have": {
			what: "keys in the vault", said: "production/v1 is at Vercel and not in the vault", fix: "keyturn login key production/v1",
		},
		"no token of the request log": {
			breaks: func(c *company) { c.environ(config.EnvRequestLogToken, "") },
			what:   "request log", said: "KEYTURN_LOG_TOKEN", fix: "export the token",
		},
		"no request log": {
			breaks: func(c *company) { c.change("[request_log]\nurl = \""+c.world.LogURL()+"\"\n", "") },
			what:   "request log of production", said: "no request log is configured", fix: "[request_log]",
		},
		"another operator than the roster has": {
			breaks: func(c *company) {
				c.moveIn()
				c.change("alice@example.com", "carol@example.com")
			},
			what: "roster", said: "has your key as alice@example.com", fix: "set operator",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := threeProjects()
			if tt.account != nil {
				tt.account(&account)
			}
			c := newCompany(t, account)
			if tt.breaks != nil {
				tt.breaks(c)
			}
			var seen []string
			for _, f := range c.findings() {
				seen = append(seen, f.What+": "+f.Said)
				if !f.OK && strings.HasPrefix(f.What, tt.what) && strings.Contains(f.Said, tt.said) {
					assert.Contains(t, f.Fix, tt.fix)
					assert.NotContains(t, f.Said+f.Fix, c.world.VercelToken())
					return
				}
			}
			require.Fail(t, "not found", "%s: %s\n%s", tt.what, tt.said, strings.Join(seen, "\n"))
		})
	}
}
