package program_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// The questions of an emergency, as far as tests answer them.
const (
	whichQuestion = "Which key is compromised?"
	whereQuestion = "Where is v1 to be revoked?"
	orderQuestion = "Revoke v1 now?"
	sinceQuestion = "Since when is the key compromised?"
	olderQuestion = "8 older deployments still accept v1, or may. Delete them?"
)

// backupIssue is what is left behind an emergency that went well.
const backupIssue = "HMAC_SECRET_EMERGENCY is in service in staging and production: once nobody signs with it, remove it there, redeploy, and make a new one for the vault"

var bothEnvironments = []string{sandbox.Staging, sandbox.Production}

// answering answers questions by their titles, and stops where a change is
// taken for somebody else's.
func answering(answers map[string]string) *programtest.Operator {
	return &programtest.Operator{Answer: func(q checklist.Question) (string, bool) {
		if answer, ok := answers[q.Title]; ok {
			return answer, true
		}
		return noDrift(q)
	}}
}

// stolen is the compromised secret of each environment, taken before the vault
// loses it.
func stolen(p *program.Program) map[string]keygen.Secret { return p.World().Seeded() }

// answered probes an address with a key and returns what the service did.
func answered(t *testing.T, p *program.Program, url string, id keygen.KeyID, secret keygen.Secret) probe.Outcome {
	t.Helper()
	prober := &probe.Prober{Profile: probe.HMACV1(), Now: p.World().Clock().Now, Random: rand.Reader}
	row, err := prober.Probe(t.Context(), probe.Target{URL: url}, probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
	require.NoError(t, err)
	return row.Got
}

// requireRevoked checks that every service refuses the stolen key and accepts
// the new one.
func requireRevoked(t *testing.T, p *program.Program, environments ...string) {
	t.Helper()
	for _, e := range environments {
		secret, _, err := p.Vault().Get(t.Context(), vault.Name(e+"/v2"))
		require.NoError(t, err)
		for _, project := range p.World().Projects() {
			url := p.World().ServiceURL(project.Name, e) + "/api/test"
			require.Equal(t, probe.GotRefused, answered(t, p, url, "v1", stolen(p)[e]), "v1 in %s", e)
			require.Equal(t, probe.GotAccepted, answered(t, p, url, "v2", secret), "v2 in %s", e)
		}
	}
}

// keysAt returns the variables of the first project as "key target".
func keysAt(t *testing.T, p *program.Program) []string {
	t.Helper()
	variables, err := api(t, p).Variables(t.Context(), p.World().Projects()[0].ID)
	require.NoError(t, err)
	var keys []string
	for _, v := range variables {
		keys = append(keys, strings.TrimPrefix(v.Key, "HMAC_SECRET_")+" "+strings.Join(v.Target, "+"))
	}
	slices.Sort(keys)
	return keys
}

// everyKey is what is at Vercel once an emergency everywhere is over.
var everyKey = []string{
	"EMERGENCY development", "EMERGENCY preview", "EMERGENCY production", "V2 development", "V2 preview", "V2 production",
}

// requireRecorded verifies the trail and returns its only record.
func requireRecorded(t *testing.T, p *program.Program) (record.Record, record.Verified) {
	t.Helper()
	report, _, err := program.Verify(t.Context(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	require.Len(t, report.Verified, 1)
	require.Equal(t, 1, report.Verified[0].Records)
	text, err := os.ReadFile(filepath.Join(trailDir(p), onlyRecord(t, p), "record.json"))
	require.NoError(t, err)
	var r record.Record
	require.NoError(t, json.Unmarshal(text, &r))
	return r, report.Verified[0]
}

func TestEmergencyInBothOrders(t *testing.T) {
	t.Parallel()
	for _, order := range []string{checklist.ChoiceNow, checklist.ChoiceGrace} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			s := rehearse(t, p, "emergency", answering(map[string]string{orderQuestion: order, sinceQuestion: "3h ago"}))
			assert.Equal(t, checklist.Finished, s.Outcome)
			require.Len(t, s.Deviations, 1)
			assert.Equal(t, checklist.Unapproved, s.Deviations[0].Kind)
			assert.Equal(t, []string{"approver@sandbox"}, s.Deviations[0].Approved)
			assert.Equal(t, []string{backupIssue}, issuesOf(s))
			for _, i := range s.Checklist.Items() {
				assert.Equal(t, checklist.StatusPassed, s.State(i.ID).Status, i.ID)
			}
			requireRevoked(t, p, bothEnvironments...)
			assert.Equal(t, everyKey, keysAt(t, p))
			requireSealed(t, p)

			assert.Equal(t, order, s.Facts[checklist.FactChoice])
			assert.Equal(t, order == checklist.ChoiceGrace, s.Opening.Grace)
			since, err := time.Parse(time.RFC3339, s.Facts[checklist.FactCompromisedSince])
			require.NoError(t, err)
			assert.WithinDuration(t, s.OpenedAt.Add(-3*time.Hour), since, time.Minute)
			assert.Contains(t, s.State("see-who-breaks").Evidence.Summary, "production: ", "the numbers are in the record")
			requireOneRedeploy(t, s)
			requireAudit(t, p, s)
			requireMilestones(t, p, s)
			requireStockTools(t, p)
		})
	}
}

// requireSealed checks that the vault keeps the compromised key as evidence and
// gives it to nobody.
func requireSealed(t *testing.T, p *program.Program) {
	t.Helper()
	for _, e := range bothEnvironments {
		_, _, err := p.Vault().Get(t.Context(), vault.Name(e+"/v1"))
		require.ErrorIs(t, err, vault.ErrSealed)
	}
}

// requireOneRedeploy checks that the runbook's order needs one deployment of
// each service, and grace two.
func requireOneRedeploy(t *testing.T, s *checklist.Session) {
	t.Helper()
	made := 0
	for _, i := range s.Checklist.Items() {
		for _, e := range s.State(i.ID).Effects {
			if e.Code == checklist.DeploymentCreate {
				made++
			}
		}
	}
	const services = 4
	want := services
	if s.Opening.Grace {
		want = 2 * services
	}
	assert.Equal(t, want, made)
}

// requireAudit checks the exported files against their digests and each other.
func requireAudit(t *testing.T, p *program.Program, s *checklist.Session) {
	t.Helper()
	dir := filepath.Join(p.Dir(), "sessions", s.ID())
	table, err := os.ReadFile(filepath.Join(dir, "audit.csv"))
	require.NoError(t, err)
	lines, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, s.Facts[checklist.FactAuditCSV], digestOf(table))
	assert.Equal(t, s.Facts[checklist.FactAuditJSONL], digestOf(lines))
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"environment", "hour", "project", "sender", "key_id", "status", "error", "count"}, rows[0])
	assert.Equal(t, len(rows)-1, bytes.Count(lines, []byte("\n")))
	environments := map[string]bool{}
	for _, row := range rows[1:] {
		assert.Equal(t, "v1", row[4])
		environments[row[0]] = true
	}
	assert.Len(t, environments, 2)
	evidence := s.State("audit").Evidence
	require.NotEmpty(t, evidence.Tables)
	assert.Contains(t, fmt.Sprint(evidence.Tables[0].Rows), "checkout")
}

// requireMilestones checks that the record has the time of each.
func requireMilestones(t *testing.T, p *program.Program, s *checklist.Session) {
	t.Helper()
	r, v := requireRecorded(t, p)
	assert.Equal(t, "completed", r.Rotation.Outcome, "the approval is beside the record, not in it")
	assert.Equal(t, []string{"approver@sandbox"}, verifyOne(t, p).ApprovedLate)
	assert.Empty(t, v.Missing)
	require.Len(t, r.Milestones, 2)
	for i, m := range s.Milestones() {
		assert.Equal(t, m.Item, r.Milestones[i].Item)
		assert.Equal(t, 3600, r.Milestones[i].LimitSeconds)
		assert.Equal(t, m.At.UTC().Format("2006-01-02T15:04:05Z"), r.Milestones[i].ReachedAt)
		assert.Negative(t, r.Milestones[i].LateSeconds)
	}
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func verifyOne(t *testing.T, p *program.Program) record.Verified {
	t.Helper()
	report, _, err := program.Verify(t.Context(), []string{filepath.Join(trailDir(p), onlyRecord(t, p))}, p.RosterPath())
	require.NoError(t, err)
	return report.Verified[0]
}

// Whatever goes wrong in the sandbox, the emergency ends in a revoked key and a
// new one in service.
func TestEmergencyWithEachFault(t *testing.T) {
	t.Parallel()
	for _, fault := range sandbox.Faults() {
		for _, order := range []string{checklist.ChoiceNow, checklist.ChoiceGrace} {
			t.Run(string(fault.Name)+" "+order, func(t *testing.T) {
				t.Parallel()
				p := open(t, program.Options{Fault: fault.Name})
				s := rehearse(t, p, "emergency", answering(map[string]string{orderQuestion: order}))
				requireRevoked(t, p, bothEnvironments...)
				require.Equal(t, everyKey, keysAt(t, p))
				requireBackup(t, p)
				for _, m := range s.Milestones() {
					assert.NotZero(t, m.At, m.Name)
				}
				_, v := requireRecorded(t, p)
				assert.Empty(t, v.Missing)
			})
		}
	}
}

// requireBackup checks that the emergency key is accepted, and an empty one in
// its place is not.
func requireBackup(t *testing.T, p *program.Program) {
	t.Helper()
	for _, e := range bothEnvironments {
		secret, _, err := p.Vault().Get(t.Context(), vault.Name(e+"/emergency"))
		require.NoError(t, err)
		for _, project := range p.World().Projects() {
			url := p.World().ServiceURL(project.Name, e) + "/api/test"
			require.Equal(t, probe.GotAccepted, answered(t, p, url, keygen.Emergency, secret))
		}
	}
}

// An older deployment that is left live is found by its own address.
func TestEmergencyFindsOlderDeployments(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	before := readyDeployments(t, p)
	require.Len(t, before, 8)
	s := rehearse(t, p, "emergency", answering(map[string]string{olderQuestion: "none"}))
	evidence := s.State("older-deployments").Evidence
	assert.Equal(t, "8 of 8 older deployments still accept v1", evidence.Summary)
	for _, d := range before {
		url := p.World().DeploymentURL(d.ID) + "/api/test"
		assert.True(t, slices.ContainsFunc(issuesOf(s), func(issue string) bool {
			return strings.HasPrefix(issue, "deployment "+d.ID) && strings.HasSuffix(issue, " still accepts v1 at "+url)
		}), "%s is named", url)
		environment := sandbox.Staging
		if d.Target == vercel.TargetProduction {
			environment = sandbox.Production
		}
		assert.Equal(t, probe.GotAccepted, answered(t, p, url, "v1", stolen(p)[environment]), "and it is true")
	}
	requireRevoked(t, p, bothEnvironments...)
	r, _ := requireRecorded(t, p)
	assert.Len(t, r.Issues, 1+8, "the record names each address, and the emergency key that is left in service")
}

func readyDeployments(t *testing.T, p *program.Program) []vercel.Deployment {
	t.Helper()
	var all []vercel.Deployment
	for _, project := range p.World().Projects() {
		deployments, err := api(t, p).Deployments(t.Context(), project.ID, "")
		require.NoError(t, err)
		all = append(all, deployments...)
	}
	return all
}

func TestEmergencyDeletesWhatIsChosen(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	before := readyDeployments(t, p)
	op := answering(map[string]string{olderQuestion: "each"})
	byTitle := op.Answer
	op.Answer = func(q checklist.Question) (string, bool) {
		if rest, ok := strings.CutPrefix(q.Title, "Delete dpl_"); ok {
			if strings.Contains(rest, "production") {
				return checklist.Yes, true
			}
			return checklist.No, true
		}
		return byTitle(q)
	}
	s := rehearse(t, p, "emergency", op)
	assert.Equal(t, "4 older deployments that still accepted v1, or may have, were deleted; of those left: 4 of 4 older deployments still accept v1",
		s.State("older-deployments").Evidence.Summary)
	for _, d := range before {
		_, err := api(t, p).Deployment(t.Context(), d.ID)
		if d.Target == vercel.TargetProduction {
			require.ErrorIs(t, err, vercel.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		assert.Contains(t, strings.Join(issuesOf(s), "\n"), d.ID)
	}
	assert.Contains(t, op.Heard(), "This cannot be undone: nothing can be returned to them. Type v1 to go on.")
}

// The revocation does not wait for a new key that is not ready in time: it is
// proved without it, and what was put off is made up for.
func TestEmergencyDoesNotWaitForTheNewKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		late   string                                          // the first item that comes too late
		early  time.Duration                                   // how long before the end of the patience it is begun
		putOff []string                                        // items
		before func(t *testing.T, p *program.Program)          // what goes wrong as it is begun
		proved func(t *testing.T, revoked *checklist.Evidence) // of the revocation
	}{
		"not tried": {
			late: "backup-key", early: -time.Minute, putOff: []string{"backup-key", "generate", "add"},
			before: func(*testing.T, *program.Program) {},
			proved: func(t *testing.T, e *checklist.Evidence) {
				assert.Contains(t, e.Summary, "v1 is refused by 4 services; no other key is accepted yet")
				assert.Contains(t, fmt.Sprint(e.Tables), "no key was expected to be accepted", "and what that means is said")
			},
		},
		"broken off": {
			late: "add", early: 300 * time.Millisecond, putOff: []string{"add"},
			before: func(t *testing.T, p *program.Program) { require.NoError(t, p.World().SetFault(sandbox.API500)) },
			proved: func(t *testing.T, e *checklist.Evidence) {
				assert.Equal(t, "v1 is refused by 4 services", e.Summary, "the emergency key anchors it")
				assert.Contains(t, fmt.Sprint(e.Tables), "v2 is not accepted yet")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			op := answering(nil)
			var revoked *checklist.Evidence
			r := program.Rehearsal{Program: p, Checklist: "emergency", Operator: op, Say: op.Say}
			r.Before = func(_ context.Context, item string) error {
				if item != tc.late {
					return nil
				}
				tc.before(t, p)
				s, _ := onlySession(t, p)
				end := s.State("remove-compromised").PassedAt.Add(2 * time.Minute)
				return p.World().Clock().AdvanceTo(end.Add(-tc.early))
			}
			r.BetweenItems = func(item string) error {
				if item == "prove-revoked" {
					s, _ := onlySession(t, p)
					revoked = s.State(item).Evidence
					assert.Empty(t, newRows(t, p), "the new key is not there yet")
				}
				return nil
			}
			s, err := r.Run(t.Context())
			require.NoError(t, err)
			require.NotNil(t, revoked)
			tc.proved(t, revoked)
			requireRevoked(t, p, bothEnvironments...)

			var deviations []string
			for _, d := range s.Deviations {
				if d.Kind == checklist.Unapproved {
					continue
				}
				assert.Contains(t, d.Reason, "is put off: it was not done within 2 minutes")
				deviations = append(deviations, d.Item)
			}
			assert.Equal(t, tc.putOff, deviations)
			made := s.State("new-key-in-service")
			assert.Contains(t, made.Evidence.Summary, "what was deferred is done")
			assert.Equal(t, checklist.Change, made.Plan.Risk, "it is agreed to before")
			variables, err := api(t, p).Variables(t.Context(), p.World().Projects()[0].ID)
			require.NoError(t, err)
			for _, v := range variables {
				if v.Key == "HMAC_SECRET_V2" {
					assert.Equal(t, "keyturn "+s.ID()+" add #1", v.Comment, "marked as the item's whose work it is")
				}
			}
			milestones := s.Milestones()
			assert.True(t, milestones[0].At.Before(milestones[1].At), "revoked before the new key")
			record, _ := requireRecorded(t, p)
			assert.Len(t, record.Deviations, len(tc.putOff)+1, "and nobody had approved yet")
			assert.NotEmpty(t, record.Keys[0].NewFp)
		})
	}
}

func newRows(t *testing.T, p *program.Program) []string {
	t.Helper()
	return slices.DeleteFunc(keysAt(t, p), func(key string) bool { return !strings.HasPrefix(key, "V2 ") })
}

// An emergency of one environment leaves the other alone.
func TestEmergencyInOneEnvironment(t *testing.T) {
	t.Parallel()
	for where, want := range map[string][]string{
		sandbox.Staging:    {"EMERGENCY development", "EMERGENCY preview", "V1 production", "V2 development", "V2 preview"},
		sandbox.Production: {"EMERGENCY production", "V1 development", "V1 preview", "V2 production"},
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			s := rehearse(t, p, "emergency", answering(map[string]string{
				whereQuestion: where, "4 older deployments still accept v1, or may. Delete them?": "all",
			}))
			assert.Equal(t, want, keysAt(t, p))
			requireRevoked(t, p, where)
			for _, i := range s.Checklist.Items() {
				for _, e := range s.State(i.ID).Effects {
					assert.Contains(t, []string{"", where}, string(e.Environment), e.Words)
				}
			}
			other := sandbox.Staging
			if where == sandbox.Staging {
				other = sandbox.Production
			}
			_, _, err := p.Vault().Get(t.Context(), vault.Name(other+"/v1"))
			require.NoError(t, err, "the other environment's secret is its own")
			_, v := requireRecorded(t, p)
			assert.Empty(t, v.Missing)
			assert.Equal(t, where == sandbox.Production, len(verifyOne(t, p).ApprovedLate) > 0)
		})
	}
}

// The removal takes branch rows too, and of what reaches further than the session
// may it takes what is the session's.
func TestEmergencyRemovesEveryRow(t *testing.T) {
	t.Parallel()
	t.Run("branch and shared rows", func(t *testing.T) {
		t.Parallel()
		p := open(t, program.Options{})
		addRow(t, p, `{"key":"HMAC_SECRET_V1","value":"branch","type":"sensitive","target":["preview"],"gitBranch":"feature"}`)
		rehearse(t, p, "emergency", answering(nil))
		assert.Equal(t, everyKey, keysAt(t, p))
	})
	t.Run("a row that also serves production", func(t *testing.T) {
		t.Parallel()
		p := open(t, program.Options{})
		project := p.World().Projects()[0]
		variables, err := api(t, p).Variables(t.Context(), project.ID)
		require.NoError(t, err)
		for _, v := range variables {
			require.NoError(t, api(t, p).DeleteVariable(t.Context(), project.ID, v.ID))
		}
		addRow(t, p, `{"key":"HMAC_SECRET_V1","value":"shared","type":"encrypted","target":["preview","production"]}`)
		op := answering(map[string]string{whereQuestion: sandbox.Staging})
		r := program.Rehearsal{Program: p, Checklist: "emergency", Operator: op, Say: op.Say}
		session, err := r.Run(t.Context())
		require.NoError(t, err)
		assert.Contains(t, keysAt(t, p), "V1 production")
		assert.Contains(t, strings.Join(issuesOf(session), "\n"), "the compromised secret stays in service elsewhere: take preview from row")
	})
}

// addRow adds a variable to the first project as somebody else would.
func addRow(t *testing.T, p *program.Program, body string) {
	t.Helper()
	url := p.World().VercelURL() + "/v10/projects/" + p.World().Projects()[0].ID + "/env"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+p.World().VercelToken())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusCreated, resp.StatusCode)
}

// A second emergency is about the key that helped out in the first. No secret
// that was destroyed comes back, nor any key id.
func TestEmergencyOfTheEmergencyKey(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	p, err := program.Open(t.Context(), o)
	require.NoError(t, err)
	destroy := map[string]string{"What becomes of staging/v1?": "destroy", "What becomes of production/v1?": "destroy"}
	rehearse(t, p, "emergency", answering(destroy))
	require.NoError(t, p.Close())

	p = open(t, o)
	entries, err := p.Vault().List(t.Context())
	require.NoError(t, err)
	for _, e := range entries {
		assert.NotContains(t, string(e.Name), "/v1", "the sandbox does not bring it back")
	}
	op := answering(map[string]string{
		whichQuestion: "emergency", "What becomes of staging/emergency?": "destroy", "What becomes of production/emergency?": "destroy",
	})
	s := rehearse(t, p, "emergency", op)
	assert.Equal(t, keygen.KeyID("v3"), s.Opening.New)
	assert.Equal(t, []string{"V2 development", "V2 preview", "V2 production", "V3 development", "V3 preview", "V3 production"}, keysAt(t, p))
	assert.Contains(t, s.State("backup-key").Evidence.Summary, "the emergency key is the compromised one")
	_, _, err = p.Vault().Get(t.Context(), "staging/emergency")
	require.ErrorIs(t, err, vault.ErrNotFound)
	report, _, err := program.Verify(t.Context(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	assert.Equal(t, 2, report.Verified[0].Records)
	assert.Equal(t, 2, report.Verified[0].Approvals)
}

// Until the second person approves, the session waits and the record says what
// is missing. Passing the approval over leaves it missing.
func TestEmergencyWithoutApproval(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	refuse := answering(map[string]string{"Sandbox: sign this as approver@sandbox, the second person?": checklist.No})
	r := program.Rehearsal{Program: p, Checklist: "emergency", Operator: refuse, Say: refuse.Say}
	s, err := r.Run(t.Context())
	require.ErrorContains(t, err, "approver@sandbox refused it")
	assert.Empty(t, s.Outcome, "the session waits for it")
	next, _ := s.Next()
	assert.Equal(t, "approve-afterwards", next.ID)
	requireUnapproved(t, p)

	later := answering(nil)
	rehearse(t, p, "emergency", later)
	_, v := requireRecorded(t, p)
	assert.Empty(t, v.Missing)
	assert.Equal(t, []string{"approver@sandbox"}, verifyOne(t, p).ApprovedLate)
}

func requireUnapproved(t *testing.T, p *program.Program) {
	t.Helper()
	_, v := requireRecorded(t, p)
	assert.Len(t, v.Missing, 1)
	assert.Zero(t, v.Approvals)
	assert.NotContains(t, strings.Join(v.Checked(), "\n"), "no journal shows a change of production")
}

func TestEmergencyPassesTheApprovalOver(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	op := answering(nil)
	errStop := errors.New("stop here")
	r := program.Rehearsal{Program: p, Checklist: "emergency", Operator: op, Say: op.Say, Before: func(_ context.Context, item string) error {
		if item == "approve-afterwards" {
			return errStop
		}
		return nil
	}}
	s, err := r.Run(t.Context())
	require.ErrorIs(t, err, errStop)
	e, err := p.Open(t.Context(), s.ID())
	require.NoError(t, err)
	require.NoError(t, e.PassOver(t.Context(), "approve-afterwards", "everybody else is on a plane", op))
	require.NoError(t, e.Finish(t.Context(), op))
	require.NoError(t, e.Close())
	requireUnapproved(t, p)
}

// One changed byte of the approval beside the record is refused, and its place
// named; an approval of something else is refused too.
func TestEmergencyLateApprovalHolds(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	rehearse(t, p, "emergency", answering(nil))
	name := onlyRecord(t, p)
	for _, file := range []string{"approval-late.txt", "approval-late.txt.1.sig", "record.json", "report.md", "journal.jsonl"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			trail := filepath.Join(t.TempDir(), "trail")
			require.NoError(t, os.CopyFS(trail, os.DirFS(trailDir(p))))
			flipBytes(t, filepath.Join(trail, name, file), []string{trail, filepath.Join(trail, name)}, p.RosterPath())
		})
	}
	t.Run("missing signature", func(t *testing.T) {
		t.Parallel()
		trail := filepath.Join(t.TempDir(), "trail")
		require.NoError(t, os.CopyFS(trail, os.DirFS(trailDir(p))))
		require.NoError(t, os.Remove(filepath.Join(trail, name, "approval-late.txt.1.sig")))
		_, _, err := program.Verify(t.Context(), []string{trail}, p.RosterPath())
		require.ErrorContains(t, err, "approval-late.txt")
	})
}

// An approval that was cut off or damaged is asked for again.
func TestEmergencyReplacesADamagedApproval(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	op := answering(nil)
	r := program.Rehearsal{Program: p, Checklist: "emergency", Operator: op, Say: op.Say, Before: func(_ context.Context, item string) error {
		if item != "approve-afterwards" {
			return nil
		}
		return os.WriteFile(filepath.Join(trailDir(p), onlyRecord(t, p), "approval-late.txt"), []byte("approved, honestly\n"), 0o600)
	}}
	s, err := r.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, checklist.Finished, s.Outcome)
	_, v := requireRecorded(t, p)
	assert.Empty(t, v.Missing)
}

// Nothing that an emergency shows or writes has a secret in it.
func TestEmergencyLeaksNothing(t *testing.T) {
	t.Parallel()
	var secrets programtest.Secrets
	p := open(t, program.Options{})
	op := answering(map[string]string{olderQuestion: "none"})
	r := program.Rehearsal{Program: p, Checklist: "emergency", Operator: op, Say: op.Say, BetweenItems: func(item string) error {
		if item == "new-key-in-service" { // before the vault gives one up
			return secrets.AddAll(t.Context(), p)
		}
		return nil
	}}
	_, err := r.Run(t.Context())
	require.NoError(t, err)
	assert.Subset(t, secrets.Names(), []string{"staging/v1", "production/v1", "staging/v2", "staging/emergency", "production/emergency"})
	assert.Empty(t, secrets.In([]byte(op.Heard())))
	for _, dir := range []string{"sessions", "trail", "docs"} {
		found, files, err := secrets.InFiles(filepath.Join(p.Dir(), dir))
		require.NoError(t, err)
		assert.NotZero(t, files, dir)
		assert.Empty(t, found)
	}
}

// TestEmergencyKilled kills an emergency at events of its journal, and lets
// another process go on.
func TestEmergencyKilled(t *testing.T) {
	skipShort(t)
	t.Parallel()
	whole := open(t, program.Options{})
	rehearse(t, whole, "emergency", answering(nil))
	_, events := onlySession(t, whole)
	require.Greater(t, len(events), 100)
	for i, e := range events {
		for _, durable := range []bool{false, true} {
			cut := 2*i + map[bool]int{true: 1}[durable]
			if !sampled(cut, emergencySampled) {
				continue
			}
			name := fmt.Sprintf("%s %d %s %s", map[bool]string{true: "behind", false: "before"}[durable], i+1, e.Kind, e.Item)
			t.Run(strings.TrimSpace(name), func(t *testing.T) {
				t.Parallel()
				l := life{State: memoryDir(t), Checklist: "emergency", Event: i + 1, Durable: durable}
				require.True(t, l.run(t), "this life was to be cut")
				require.False(t, life{State: l.State, Checklist: l.Checklist}.run(t))
				p := open(t, options(l.State))
				s, events := onlySession(t, p)
				requireWhole(t, s, events)
				requireRevoked(t, p, bothEnvironments...)
				require.Equal(t, everyKey, keysAt(t, p))
				requireSealed(t, p)
				_, v := requireRecorded(t, p)
				require.Empty(t, v.Missing)
			})
		}
	}
}

// requireWhole checks that every item passed and no effect was made twice.
func requireWhole(t *testing.T, s *checklist.Session, events []checklist.Event) {
	t.Helper()
	require.Equal(t, checklist.Finished, s.Outcome)
	require.Len(t, s.Deviations, 1)
	require.Equal(t, checklist.Unapproved, s.Deviations[0].Kind)
	require.Equal(t, []string{backupIssue}, issuesOf(s))
	done := map[string]bool{}
	for _, e := range events {
		if e.Kind != checklist.Done || e.Effect.Code == checklist.AuditExport || e.Effect.Code == checklist.RecordApprove {
			continue // made again, they are the same
		}
		effect := fmt.Sprintf("%s: %s of %s", e.Item, e.Effect.Words(), e.Effect.Target)
		require.False(t, done[effect], "%s was made twice", effect)
		done[effect] = true
	}
}
