package program_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/rollback"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// decides answers the question how a rollback goes on, and stops at a drift.
func decides(decision string) func(checklist.Question) (string, bool) {
	return func(q checklist.Question) (string, bool) {
		if decision != "" && q.Item == "decide" && q.Kind == checklist.Choose {
			return decision, true
		}
		return noDrift(q)
	}
}

// rollback returns a rehearsal of a rollback, with an operator that remembers.
func rollBack(p *program.Program, trouble program.Trouble, decision string) (*program.RollbackRehearsal, *programtest.Operator) {
	op := &programtest.Operator{Answer: decides(decision)}
	return &program.RollbackRehearsal{Program: p, Trouble: trouble, Decision: decision, Operator: op, Say: op.Say}, op
}

// session folds the newest session of a checklist.
func session(t testing.TB, p *program.Program, checklistID string) (*checklist.Session, []checklist.Event) {
	t.Helper()
	dir := p.Dir() + "/sessions"
	ids, err := journal.List(dir)
	require.NoError(t, err)
	var newest *checklist.Session
	var of []checklist.Event
	for _, id := range ids {
		events, err := journal.Read(dir, id)
		require.NoError(t, err)
		s, err := checklist.Fold(events)
		require.NoError(t, err)
		if s.Checklist.ID == checklistID && (newest == nil || s.OpenedAt.After(newest.OpenedAt)) {
			newest, of = s, events
		}
	}
	require.NotNil(t, newest, "a session of %s", checklistID)
	return newest, of
}

// accepts signs a request with the vault's key, by hand, and returns whether
// the service lets it in.
func accepts(t testing.TB, p *program.Program, project string, environment string, id keygen.KeyID) bool {
	t.Helper()
	secret, _, err := p.Vault().Get(t.Context(), vault.Name(environment+"/"+string(id)))
	require.NoError(t, err)
	path := "/p/" + project + "/" + environment + "/api/test"
	url := p.World().ServiceURL(project, environment) + "/api/test"
	at := p.World().Clock().Now().UTC().Format(time.RFC3339)
	nonce := rand.Text()
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	fmt.Fprintf(mac, "POST|%s|%s|%s|{}", path, at, nonce)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	require.NoError(t, err)
	r.Header.Set("X-HMAC-KeyId", string(id))
	r.Header.Set("X-HMAC-Ts", at)
	r.Header.Set("X-HMAC-Nonce", nonce)
	r.Header.Set("X-HMAC-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Contains(t, []int{http.StatusOK, http.StatusForbidden}, answer.StatusCode)
	return answer.StatusCode == http.StatusOK
}

// requireAccepted checks, in both environments of every project, which keys are
// accepted.
func requireAccepted(t testing.TB, p *program.Program, want map[keygen.KeyID]bool) {
	t.Helper()
	for _, project := range p.World().Projects() {
		for _, e := range []string{sandbox.Staging, sandbox.Production} {
			for id, accepted := range want {
				require.Equal(t, accepted, accepts(t, p, project.Name, e, id), "%s in %s %s", id, project.Name, e)
			}
		}
	}
}

// requireKeys checks that each project has exactly the rows of these keys, one
// for each Vercel target.
func requireKeys(t testing.TB, p *program.Program, ids ...keygen.KeyID) {
	t.Helper()
	var want []string
	for _, id := range ids {
		for _, target := range []string{"development", "preview", "production"} {
			want = append(want, id.Variable()+" "+target)
		}
	}
	for _, project := range p.World().Projects() {
		variables, err := api(t, p).Variables(t.Context(), project.ID)
		require.NoError(t, err)
		var rows []string
		for _, v := range variables {
			require.Len(t, v.Target, 1)
			rows = append(rows, v.Key+" "+v.Target[0])
		}
		require.ElementsMatch(t, want, rows, "the variables of %s", project.Name)
	}
}

// requireVaultKeys checks that one key is in use in the vault and the other one
// archived and readable, each once and with the fingerprint that the session has.
func requireVaultKeys(t testing.TB, p *program.Program, s *checklist.Session, active, archived keygen.KeyID) {
	t.Helper()
	entries, err := p.Vault().List(t.Context())
	require.NoError(t, err)
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		for id, status := range map[keygen.KeyID]vault.Status{active: vault.Active, archived: vault.Archived} {
			name := vault.Name(string(e) + "/" + string(id))
			versions := 0
			for _, entry := range entries {
				if entry.Name == name {
					versions++
				}
			}
			require.Equal(t, 1, versions, "%s", name)
			secret, entry, err := p.Vault().Get(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, status, entry.Status, "%s", name)
			known := []keygen.Fingerprint{s.Fingerprint(e, checklist.OldKey), s.Fingerprint(e, checklist.NewKey)}
			require.Contains(t, known, secret.Fingerprint(s.Opening.Trail), "%s", name)
		}
	}
}

// requireResumed checks the end of a rotation that was rolled back, resumed and
// finished.
func requireResumed(t *testing.T, p *program.Program) {
	t.Helper()
	s, events := session(t, p, "quarterly")
	require.Equal(t, checklist.Finished, s.Outcome)
	back, _ := session(t, p, "rollback")
	require.Equal(t, s.ID(), back.Opening.Parent)
	require.Equal(t, checklist.Finished, back.Outcome)
	told := 0
	for _, e := range events {
		if e.Kind == checklist.RolledBack {
			told++
			require.Equal(t, back.ID(), e.Session)
		}
	}
	require.Equal(t, 1, told, "the rotation is told once")
	requireKeys(t, p, "v2")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": false, "v2": true})
	requireVaultKeys(t, p, s, "v2", "v1")
	requireTrail(t, p, back.ID(), s.ID())
}

// requireAbandoned checks the end of a rotation that was rolled back and given up.
func requireAbandoned(t *testing.T, p *program.Program) {
	t.Helper()
	s, events := session(t, p, "quarterly")
	back, _ := session(t, p, "rollback")
	require.Equal(t, checklist.Abandoned, s.Outcome)
	require.Contains(t, s.EndText, "rolled back by "+back.ID())
	require.Equal(t, checklist.Abandoned, events[len(events)-1].Kind)
	require.Equal(t, checklist.Finished, back.Outcome)
	require.Equal(t, checklist.Abandon, back.Facts[checklist.FactDecision])
	requireKeys(t, p, "v1")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true, "v2": false})
	requireVaultKeys(t, p, back, "v1", "v2")
	for _, name := range []vault.Name{"staging/v2", "production/v2"} {
		_, entry, err := p.Vault().Get(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, "unused: given up in "+back.ID(), entry.ArchiveNote)
	}
	requireTrail(t, p, s.ID(), back.ID())
}

// requireTrail checks that the trail has the records of these sessions, in this
// order, and verifies.
func requireTrail(t testing.TB, p *program.Program, sessions ...string) {
	t.Helper()
	report, _, err := program.Verify(context.Background(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	require.Len(t, report.Verified, 1)
	require.Equal(t, len(sessions), report.Verified[0].Records)
	require.Equal(t, sessions[len(sessions)-1], report.Verified[0].Last.Rotation.ID)
	entries, err := os.ReadDir(trailDir(p))
	require.NoError(t, err)
	for i, id := range sessions {
		name := fmt.Sprintf("%06d-%s", i+1, id)
		require.True(t, slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name }), "the trail has %s", name)
	}
}

// A rotation in trouble at each phase is rolled back to a service that accepts
// the old key, and is then resumed to its end, or given up.
func TestRollback(t *testing.T) {
	t.Parallel()
	for _, trouble := range program.Troubles() {
		for decision, requireEnd := range map[string]func(*testing.T, *program.Program){
			checklist.Resume: requireResumed, checklist.Abandon: requireAbandoned,
		} {
			t.Run(string(trouble)+" "+decision, func(t *testing.T) {
				t.Parallel()
				p := open(t, program.Options{})
				r, op := rollBack(p, trouble, decision)
				verified := false
				r.BetweenItems = func(item string) error {
					if item == "verify-old" {
						verified = true
						requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true})
					}
					return nil
				}
				_, err := r.Run(t.Context())
				require.NoError(t, err, "%s", checklist.Hint(err))
				require.True(t, verified)
				requireEnd(t, p)
				if trouble != program.UnprovedTrouble { // in which nothing has failed yet
					requireOffered(t, op)
				}
				requireRollbackLeaksNothing(t, p, op)
			})
		}
	}
}

// requireOffered checks that the error of the probe or metric that failed says
// that there is a way back.
func requireOffered(t testing.TB, op *programtest.Operator) {
	t.Helper()
	require.True(t, slices.ContainsFunc(op.Events(), func(e checklist.Event) bool {
		return e.Kind == checklist.Failed && strings.Contains(e.Hint, "keyturn rollback puts the old key back")
	}))
}

// requireRollbackLeaksNothing looks for the program's secrets in everything that
// the operator was told, and in every file.
func requireRollbackLeaksNothing(t *testing.T, p *program.Program, op *programtest.Operator) {
	t.Helper()
	var secrets programtest.Secrets
	require.NoError(t, secrets.AddAll(t.Context(), p))
	requireNoLeak(t, &secrets, p, op)
}

// Every sandbox fault strikes a rollback after a removal, which ends as without.
func TestRollbackWithEachFault(t *testing.T) {
	t.Parallel()
	decisions := []string{checklist.Resume, checklist.Abandon}
	for i, f := range sandbox.Faults() {
		for j, decision := range decisions {
			if i%2 != j && !requireAll() {
				continue // each fault strikes one of the two
			}
			requireEnd := map[string]func(*testing.T, *program.Program){checklist.Resume: requireResumed, checklist.Abandon: requireAbandoned}[decision]
			t.Run(string(f.Name)+" "+decision, func(t *testing.T) {
				t.Parallel()
				p := open(t, program.Options{})
				r, op := rollBack(p, program.RemovalTrouble, decision)
				r.Fault = f.Name
				_, err := r.Run(t.Context())
				require.NoError(t, err, "%s", checklist.Hint(err))
				requireEnd(t, p)
				requireRollbackLeaksNothing(t, p, op)
			})
		}
	}
}

// A rotation that was given up leaves the way free for the next one.
func TestARotationBeginsAfterOneThatWasGivenUp(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.ProductionTrouble, checklist.Abandon)
	_, err := r.Run(t.Context())
	require.NoError(t, err)
	s := rehearse(t, p, "quarterly", &programtest.Operator{Answer: noDrift})
	assert.EqualValues(t, "v1", s.Key(checklist.OldKey))
	assert.EqualValues(t, "v3", s.Key(checklist.NewKey), "the id of a key that was given up is not used again")
	requireKeys(t, p, "v3")
}

// The cause is on the screen: who was refused, with which key and why, what the
// rotation did, and where not to go back to.
func TestInvestigate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trouble program.Trouble
		finds   []string
	}{
		"a client that was forgotten":      {program.RemovalTrouble, []string{"production refuses month-end-report with v1", "unknown key id"}},
		"a client that signs wrongly":      {program.FailuresTrouble, []string{"production refuses nightly-export with v2", "signature mismatch"}},
		"a value with a newline":           {program.StagingTrouble, []string{"orders-api staging refuses v2", "newline"}},
		"a value that is empty":            {program.ProductionTrouble, []string{"orders-api production refuses v2", "empty"}},
		"nothing, where nothing was wrong": {program.UnprovedTrouble, []string{"production refuse"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			r, _ := rollBack(p, tc.trouble, checklist.Abandon)
			s, err := r.Run(t.Context())
			require.NoError(t, err)
			found := s.State("investigate").Evidence
			require.NotNil(t, found)
			for _, words := range tc.finds {
				assert.Contains(t, found.Summary, words)
			}
			titles := map[string]checklist.Table{}
			for _, table := range found.Tables {
				title, _, _ := strings.Cut(table.Title, " quarterly-")
				titles[title] = table
			}
			require.Contains(t, titles, "Time line of")
			line := titles["Time line of"].Rows
			assert.Contains(t, line[0][1], "opened")
			assert.True(t, slices.ContainsFunc(line, func(r []string) bool { return strings.HasPrefix(r[1], "Add new key to staging: ") }), "%v", line)
			assert.NotContains(t, line[0], "rollback")
		})
	}
}

// A deployment that does not know a key which clients sign with must not be
// returned to: the one from before the rotation, once clients have moved, and
// not one that knows the old key and the new.
func TestRollbackFloor(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.RemovalTrouble, checklist.Abandon)
	s, err := r.Run(t.Context())
	require.NoError(t, err)
	parent, _ := session(t, p, "quarterly")
	served := parent.State("redeploy-production").PassedAt
	for _, project := range p.World().Projects() {
		floor, err := time.Parse(time.RFC3339, s.Facts[rollback.FactFloor(checklist.Production, project.ID)])
		require.NoError(t, err, "clients use v2, which older deployments do not know")
		assert.True(t, floor.Before(served), "the deployment with both keys can be returned to: %s is before %s", floor, served)
	}
	assert.True(t, slices.ContainsFunc(issuesOf(s), func(i string) bool { return strings.HasPrefix(i, "do not return production") }), "%v", issuesOf(s))
}

// Without a rotation in progress, a rollback asks for the keys.
func TestRollbackAlone(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	rehearse(t, p, "quarterly", &programtest.Operator{Answer: noDrift})
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": false, "v2": true})
	op := &programtest.Operator{Answer: decides(checklist.Resume)}
	s := rehearse(t, p, "rollback", op)
	assert.Empty(t, s.Opening.Parent)
	assert.EqualValues(t, "v1", s.Key(checklist.OldKey))
	assert.EqualValues(t, "v2", s.Key(checklist.NewKey))
	requireKeys(t, p, "v1", "v2")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true, "v2": true})
	for _, e := range []string{"staging/v1", "production/v1"} {
		_, entry, err := p.Vault().Get(t.Context(), vault.Name(e))
		require.NoError(t, err)
		assert.Equal(t, vault.Active, entry.Status, "%s is in service again", e)
	}

	s = rehearse(t, p, "rollback", &programtest.Operator{Answer: decides(checklist.Abandon)})
	assert.Equal(t, checklist.Abandon, s.Facts[checklist.FactDecision])
	requireKeys(t, p, "v1")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true, "v2": false})
}

// Where the old key is the only one there is, nothing can be given up.
func TestRollbackOfTheOnlyKey(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	op := &programtest.Operator{Answer: noDrift}
	s := rehearse(t, p, "rollback", op)
	assert.EqualValues(t, "v1", s.Key(checklist.OldKey))
	assert.Empty(t, s.Key(checklist.NewKey))
	assert.Equal(t, checklist.Resume, s.Facts[checklist.FactDecision])
	for _, q := range op.Asked() {
		if q.Item == "decide" {
			assert.LessOrEqual(t, len(q.Choices), 1)
		}
	}
	requireKeys(t, p, "v1")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true})
	requireTrail(t, p, s.ID())
}

// Whoever has the rotation open keeps a rollback from writing to it, and is
// named; the old key is back all the same.
func TestARollbackDoesNotWriteBesideAnotherDriver(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.RemovalTrouble, checklist.Resume)
	var held *checklist.Engine
	r.BetweenItems = func(item string) error {
		if item != "investigate" {
			return nil
		}
		parent, _ := session(t, p, "quarterly")
		var err error
		held, err = p.Open(t.Context(), parent.ID())
		return err
	}
	_, err := r.Run(t.Context())
	require.NotNil(t, held)
	require.ErrorIs(t, err, checklist.ErrReadOnly)
	assert.Contains(t, checklist.Hint(err), "leave quarterly-")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true, "v2": true})

	require.NoError(t, held.Close())
	s := rehearse(t, p, "rollback", &programtest.Operator{Answer: decides(checklist.Resume)})
	require.Equal(t, checklist.Finished, s.Outcome)
	rehearse(t, p, "quarterly", &programtest.Operator{Answer: noDrift})
	requireResumed(t, p)
}

// No byte of a rollback's record can be changed without being noticed.
func TestByteFlipOfARollback(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.RemovalTrouble, checklist.Abandon)
	s, err := r.Run(t.Context())
	require.NoError(t, err)
	name := "000002-" + s.ID() // the first is that of the rotation, which was given up
	entries, err := os.ReadDir(filepath.Join(trailDir(p), name))
	require.NoError(t, err)
	require.Len(t, entries, 4, "record, signature, report and journal")
	for _, entry := range entries {
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			trail := filepath.Join(t.TempDir(), "trail")
			require.NoError(t, os.CopyFS(trail, os.DirFS(trailDir(p))))
			flipBytes(t, filepath.Join(trail, name, entry.Name()), []string{trail, filepath.Join(trail, name)}, p.RosterPath())
		})
	}
}
