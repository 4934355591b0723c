package program_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
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
	"keyturn/steps/sandbox"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// The kept sessions are what the version wrote that settled the formats. Every
// later version folds, resumes and verifies them; a change of format brings a
// migration in code, and never other files.
var keep = flag.Bool("keep", false, "write the kept sessions that are missing in testdata/kept")

func keptDir(name string) string { return filepath.Join("..", "..", "testdata", "kept", "v2", name) }

// keptSession is one session to be kept: walked to its end, or killed where an
// intended effect was written and nothing made yet.
type keptSession struct {
	checklist string
	answers   func(checklist.Question) (string, bool)
	decision  string // of a rollback
	// killed finds the event behind which the process dies; nil walks to the end.
	killed func(checklist.Event) bool
}

func keptSessions() map[string]keptSession {
	intended := func(item string, code checklist.EffectCode, e checklist.Environment) func(checklist.Event) bool {
		return func(ev checklist.Event) bool {
			return ev.Kind == checklist.Intended && ev.Item == item && ev.Effect.Code == code && ev.Effect.Environment == e
		}
	}
	grace := func(q checklist.Question) (string, bool) {
		for _, c := range q.Choices {
			if c.ID == checklist.ChoiceGrace {
				return c.ID, true
			}
		}
		return noDrift(q)
	}
	return map[string]keptSession{
		"quarterly-finished":       {checklist: "quarterly", answers: noDrift},
		"quarterly-killed":         {"quarterly", noDrift, "", intended("remove-old", checklist.VariableDelete, checklist.Production)},
		"drill-finished":           {checklist: "drill", answers: noDrift},
		"drill-killed":             {"drill", noDrift, "", intended("add-test", checklist.VariableCreate, checklist.Staging)},
		"emergency-finished":       {checklist: "emergency", answers: noDrift},
		"emergency-killed":         {"emergency", noDrift, "", intended("remove-compromised", checklist.VariableDelete, checklist.Production)},
		"emergency-grace-finished": {checklist: "emergency", answers: grace},
		"emergency-grace-killed":   {"emergency", grace, "", intended("redeploy-new", checklist.DeploymentCreate, checklist.Production)},
		"rollback-finished":        {"rollback", decides(checklist.Resume), checklist.Resume, nil},
		"rollback-killed":          {"rollback", decides(checklist.Abandon), checklist.Abandon, intended("decide", checklist.VariableDelete, checklist.Production)},
	}
}

// cutJournal lets no event be written behind the one that a test waits for.
type cutJournal struct {
	checklist.Journal
	at  func(checklist.Event) bool
	cut *bool
}

var errCut = errors.New("the process is dead")

func (j cutJournal) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	if *j.cut {
		return checklist.Event{}, errCut
	}
	e, err := j.Journal.Append(ctx, e)
	if err == nil && j.at != nil && j.at(e) {
		*j.cut, err = true, errCut
	}
	return e, err
}

// keptSecret is an item of the vault of a kept session. It protects nothing: the
// sandbox that it was of is gone.
type keptSecret struct {
	Name   vault.Name   `json:"name"`
	Secret string       `json:"secret"`
	Made   time.Time    `json:"made"`
	Status vault.Status `json:"status"`
	Note   string       `json:"note"`
}

func TestKeptWrite(t *testing.T) {
	if !*keep {
		t.Skip("writes what is missing in testdata/kept, with -keep")
	}
	for name, k := range keptSessions() {
		t.Run(name, func(t *testing.T) {
			dir := keptDir(name)
			if _, err := os.Stat(dir); err == nil {
				t.Skip("it is kept already")
			}
			o := options(t.TempDir())
			cut := false
			o.WrapJournal = func(j checklist.Journal) checklist.Journal { return cutJournal{j, k.killed, &cut} }
			p, err := program.Open(t.Context(), o)
			require.NoError(t, err)
			op := &programtest.Operator{Answer: k.answers}
			if k.checklist == "rollback" {
				r := &program.RollbackRehearsal{Program: p, Trouble: program.RemovalTrouble, Decision: k.decision, Operator: op, Say: op.Say}
				_, err = r.Run(t.Context())
			} else {
				_, err = (&program.Rehearsal{Program: p, Checklist: k.checklist, Operator: op, Say: op.Say}).Run(t.Context())
			}
			if k.killed == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errCut)
			}
			writeKept(t, p, dir)
			require.NoError(t, p.Close())
		})
	}
}

func writeKept(t *testing.T, p *program.Program, dir string) {
	t.Helper()
	for _, file := range []string{"realm.json", "allowed_signers"} {
		text, err := os.ReadFile(filepath.Join(p.Dir(), file))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o644))
	}
	journals, err := filepath.Glob(filepath.Join(p.Dir(), "sessions", "*", "journal.jsonl"))
	require.NoError(t, err)
	for _, path := range journals {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sessions"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "sessions", filepath.Base(filepath.Dir(path))+".jsonl"), text, 0o644))
	}
	require.NoError(t, os.CopyFS(filepath.Join(dir, "trail"), os.DirFS(trailDir(p))))
	_ = os.Remove(filepath.Join(dir, "trail", ".lock")) // made anew where it is missing
	var secrets []keptSecret
	entries, err := p.Vault().List(t.Context())
	require.NoError(t, err)
	for _, e := range entries {
		secret, _, err := p.Vault().Get(t.Context(), e.Name)
		if errors.Is(err, vault.ErrSealed) {
			continue
		}
		require.NoError(t, err)
		secrets = append(secrets, keptSecret{e.Name, secret.Reveal(), e.Created, e.Status, e.Note})
	}
	text, err := json.MarshalIndent(secrets, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets.json"), append(text, '\n'), 0o644))
}

// kept is a kept session that was read back into a state folder of its own.
type kept struct {
	state   string
	secrets map[vault.Name]keygen.Secret
	events  map[string][]checklist.Event // by session
	opening checklist.Opening            // of the newest session
}

// restoreKept lays a kept session down as its process left it, with the vault
// that it had, and the world that its journal tells of.
func restoreKept(t *testing.T, name string) kept {
	t.Helper()
	k := kept{state: t.TempDir(), secrets: map[vault.Name]keygen.Secret{}, events: map[string][]checklist.Event{}}
	realm := filepath.Join(k.state, "sandbox")
	require.NoError(t, os.MkdirAll(realm, 0o700))
	for _, file := range []string{"realm.json", "allowed_signers"} {
		text, err := os.ReadFile(filepath.Join(keptDir(name), file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(realm, file), text, 0o600))
	}
	require.NoError(t, os.CopyFS(filepath.Join(realm, "trail"), os.DirFS(filepath.Join(keptDir(name), "trail"))))
	journals, err := filepath.Glob(filepath.Join(keptDir(name), "sessions", "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, journals)
	for _, path := range journals {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		id := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		require.NoError(t, os.MkdirAll(filepath.Join(realm, "sessions", id), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(realm, "sessions", id, "journal.jsonl"), text, 0o600))
		events, err := journal.Decode(bytes.NewReader(text), path)
		require.NoError(t, err)
		k.events[id] = events
		if opening := *events[0].Opening; k.opening.Session == "" || events[0].At.After(k.events[k.opening.Session][0].At) {
			k.opening = opening
		}
	}
	k.fillVault(t, name, realm)
	return k
}

func (k kept) fillVault(t *testing.T, name, realm string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(keptDir(name), "secrets.json"))
	require.NoError(t, err)
	var all []keptSecret
	require.NoError(t, json.Unmarshal(text, &all))
	v, err := vault.Open(t.Context(), vault.Options{
		Backend: vault.BackendFile, Dir: filepath.Join(realm, "vault"), Service: "keyturn-sandbox-" + k.opening.Trail, SelfIdentity: true,
	})
	require.NoError(t, err)
	for _, s := range all {
		secret, err := keygen.ParseSecret(s.Secret)
		require.NoError(t, err)
		k.secrets[s.Name] = secret
		o := vault.PutOptions{Made: s.Made, Note: s.Note}
		if strings.HasPrefix(string(s.Name), "staging/") || strings.HasPrefix(string(s.Name), "production/") {
			o.Fingerprint = secret.Fingerprint(k.opening.Trail)
		}
		_, err = v.Put(t.Context(), s.Name, secret, o)
		require.NoError(t, err)
		if s.Status == vault.Archived {
			_, err = v.Archive(t.Context(), s.Name, "")
			require.NoError(t, err)
		}
	}
}

// open opens the program on the world that the journals tell of.
func (k kept) open(t *testing.T) *program.Program {
	t.Helper()
	w, err := sandbox.Open(t.Context(), sandbox.Options{
		Dir: filepath.Join(k.state, "sandbox", "world"), Seal: k.secrets["sandbox/world"], BuildTime: buildTime, History: k.history(t),
	})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return open(t, options(k.state))
}

// pastWorld follows what journals say was made.
type pastWorld struct {
	k    kept
	h    *sandbox.History
	at   map[string]map[string]bool // project and place, to the variables that are there
	rows map[string]sandbox.PastVariable
	made map[string]string // row to its mark
}

func envOf(place string) string {
	if place == vercel.TargetProduction {
		return sandbox.Production
	}
	return sandbox.Staging
}

// value is the secret of a variable at a place.
func (p *pastWorld) value(variable, place string) keygen.Secret {
	id, _ := keygen.ParseVariable(variable)
	return p.k.secrets[vault.Name(envOf(place)+"/"+string(id))]
}

func (k kept) history(t *testing.T) *sandbox.History {
	t.Helper()
	var events []checklist.Event
	for _, all := range k.events {
		events = append(events, all...)
	}
	slices.SortStableFunc(events, func(a, b checklist.Event) int { return a.At.Compare(b.At) })
	began := events[0].At
	p := &pastWorld{k: k, at: map[string]map[string]bool{}, rows: map[string]sandbox.PastVariable{}, made: map[string]string{}, h: &sandbox.History{
		Began: began, Now: events[len(events)-1].At,
		Seeds: map[string]keygen.Secret{sandbox.Staging: k.secrets["staging/v1"], sandbox.Production: k.secrets["production/v1"]},
	}}
	for _, target := range k.opening.Setup.Targets {
		p.h.Projects = append(p.h.Projects, sandbox.Project{ID: target.Project, Name: target.Name})
		for _, place := range []string{vercel.TargetPreview, vercel.TargetDevelopment, vercel.TargetProduction} {
			p.at[target.Name+" "+place] = map[string]bool{"HMAC_SECRET_V1": true}
			if place != vercel.TargetDevelopment {
				p.deploy(target.Name, place, fmt.Sprintf("dpl_before%d", len(p.h.Deployments)), "", began.Add(-72*time.Hour))
			}
		}
	}
	session := ""
	for _, e := range events {
		if e.Opening != nil {
			session = e.Opening.Session
		}
		p.follow(e, k.sessionOf(e, session))
	}
	p.h.Variables = p.variables()
	return p.h
}

// sessionOf finds the session of an event: events of two may take turns.
func (k kept) sessionOf(e checklist.Event, last string) string {
	for id, all := range k.events {
		if e.Seq <= len(all) && all[e.Seq-1].Prev == e.Prev && all[e.Seq-1].At.Equal(e.At) && all[e.Seq-1].Kind == e.Kind {
			return id
		}
	}
	return last
}

func (p *pastWorld) deploy(project, place, id, mark string, at time.Time) {
	env := map[string]keygen.Secret{}
	for variable := range p.at[project+" "+place] {
		env[variable] = p.value(variable, place)
	}
	p.h.Deployments = append(p.h.Deployments, sandbox.PastDeployment{ID: id, Project: project, Target: place, Mark: mark, Env: env, Created: at})
}

func (p *pastWorld) follow(e checklist.Event, session string) {
	if e.Kind == checklist.Observed {
		p.look(e.Seen)
	}
	if e.Kind != checklist.Done {
		return
	}
	mark := session + " " + e.Item + " #1"
	switch f := e.Effect; f.Code {
	case checklist.VariableCreate:
		p.made[f.Result] = "keyturn " + mark
		p.at[f.Target+" "+f.Place][f.Key.Variable()] = true
		kind := vercel.TypeSensitive
		if f.Place == vercel.TargetDevelopment {
			kind = vercel.TypeEncrypted
		}
		p.rows[f.Result] = sandbox.PastVariable{
			ID: f.Result, Project: f.Target, Key: f.Key.Variable(), Type: kind, Target: []string{f.Place}, Changed: e.At,
		}
	case checklist.VariableDelete:
		for _, id := range strings.Split(f.Object, ",") {
			delete(p.rows, id)
		}
		for _, place := range strings.Split(f.Place, ",") {
			delete(p.at[f.Target+" "+place], f.Key.Variable())
		}
	case checklist.DeploymentCreate:
		p.deploy(f.Target, f.Place, f.Result, mark, e.At)
	case checklist.DeploymentDelete:
		for i := range p.h.Deployments {
			if p.h.Deployments[i].ID == f.Object {
				p.h.Deployments[i].Deleted = e.At
			}
		}
	}
}

// look takes the rows from an observation, as far as it reaches.
func (p *pastWorld) look(seen map[string]string) {
	for subject, value := range seen {
		target, variable, row, _ := checklist.ParseVariable(subject)
		words := strings.Split(value, " ")
		changed, _ := time.Parse(time.RFC3339, words[2])
		p.rows[row] = sandbox.PastVariable{ID: row, Project: target, Key: variable, Type: words[0], Target: strings.Split(words[1], ","), Changed: changed}
	}
}

// variables are the rows that are known, and one for each place of which none is.
func (p *pastWorld) variables() []sandbox.PastVariable {
	var all []sandbox.PastVariable
	for _, row := range p.rows {
		row.Comment, row.Value = p.made[row.ID], p.value(row.Key, row.Target[0])
		all = append(all, row)
	}
	for at, variables := range p.at {
		project, place, _ := strings.Cut(at, " ")
		for variable := range variables {
			if slices.ContainsFunc(all, func(v sandbox.PastVariable) bool {
				return v.Project == project && v.Key == variable && slices.Contains(v.Target, place)
			}) {
				continue
			}
			kind := vercel.TypeSensitive
			if place == vercel.TargetDevelopment {
				kind = vercel.TypeEncrypted
			}
			all = append(all, sandbox.PastVariable{
				ID: "row-" + project + "-" + place + "-" + variable, Project: project, Key: variable, Type: kind, Target: []string{place},
				Value: p.value(variable, place), Changed: p.h.Began.Add(-88 * 24 * time.Hour),
			})
		}
	}
	slices.SortFunc(all, func(a, b sandbox.PastVariable) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func TestKeptSessionsAreFolded(t *testing.T) {
	t.Parallel()
	for name, want := range keptSessions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := restoreKept(t, name)
			s, err := checklist.Fold(k.events[k.opening.Session])
			require.NoError(t, err)
			assert.Equal(t, want.checklist, s.Checklist.ID)
			require.NoError(t, checklist.CheckSkeleton(s.Opening, checklist.Released()))
			assert.Equal(t, want.killed == nil, s.Outcome == checklist.Finished)
		})
	}
}

func TestKeptTrailsVerify(t *testing.T) {
	t.Parallel()
	for name, want := range keptSessions() {
		if want.killed != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail, roster := filepath.Join(keptDir(name), "trail"), filepath.Join(keptDir(name), "allowed_signers")
			report, _, err := program.Verify(t.Context(), []string{trail}, roster)
			require.NoError(t, err)
			assert.Empty(t, report.Findings())
			assert.Empty(t, report.Missing())
			needPrograms(t, "bash", "jq", "ssh-keygen", "sha256sum")
			out, err := exec.CommandContext(t.Context(), "bash", filepath.Join("..", "..", "testdata", "verify-trail.sh"), trail, roster).CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func TestKeptSessionsAreResumed(t *testing.T) {
	t.Parallel()
	for name, want := range keptSessions() {
		if want.killed == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := restoreKept(t, name)
			before := len(k.events[k.opening.Session])
			p := k.open(t)
			op := &programtest.Operator{Answer: want.answers}
			s, err := (&program.Rehearsal{Program: p, Checklist: want.checklist, Operator: op, Say: op.Say}).Run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, checklist.Finished, s.Outcome)
			assert.Equal(t, k.opening.Session, s.ID())
			requireOnce(t, p, s)
			for _, d := range s.Deviations {
				assert.Equal(t, "emergency", want.checklist, s.Words(d))
				assert.Equal(t, checklist.Unapproved, d.Kind, "only the approval comes later: %s", s.Words(d))
			}
			events, err := journal.Read(filepath.Join(p.Dir(), "sessions"), s.ID())
			require.NoError(t, err)
			assert.Equal(t, k.events[s.ID()], events[:before], "what was written stands")
			if want.checklist == "quarterly" {
				for _, e := range events[before:] {
					assert.NotEqual(t, checklist.Requested, e.Kind, "what was approved is approved")
				}
			}
			ids := []string{s.ID()}
			for id := range k.events {
				if id != s.ID() {
					ids = []string{id, s.ID()} // a rotation given up has its record before its rollback
				}
			}
			requireTrail(t, p, ids...)
			requireStockTools(t, p)
		})
	}
}

// requireOnce checks that no item of a session made an effect twice.
func requireOnce(t *testing.T, p *program.Program, s *checklist.Session) {
	t.Helper()
	events, err := journal.Read(filepath.Join(p.Dir(), "sessions"), s.ID())
	require.NoError(t, err)
	done := map[string][]checklist.Effect{}
	for _, e := range events {
		if e.Kind != checklist.Done || replaces[e.Effect.Code] || e.Effect.Code == checklist.AuditExport || e.Effect.Code == checklist.RecordApprove {
			continue
		}
		require.False(t, e.Effect.Among(done[e.Item]), "%s was made twice in %s", e.Effect, e.Item)
		done[e.Item] = append(done[e.Item], *e.Effect)
	}
}
