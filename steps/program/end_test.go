package program_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/program"
	"keyturn/steps/sandbox"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// ending is how the outside must look after a checklist that ran to its end,
// whatever happened on the way.
type ending struct {
	// rows are the variables of each project: key and Vercel target to the item
	// that made it, "" for one that the sandbox began with.
	rows map[string]string
	// deployments are those of each project: item and Vercel target.
	deployments []string
	// vault is each item of the vault with its status.
	vault map[vault.Name]vault.Status
	// accepted and refused are the keys of each environment.
	accepted, refused keygen.KeyID
}

func seededVault(more map[vault.Name]vault.Status) map[vault.Name]vault.Status {
	all := map[vault.Name]vault.Status{
		"sandbox/world": vault.Active, "signing/operator": vault.Active, "signing/approver": vault.Active,
		"staging/v1": vault.Active, "production/v1": vault.Active,
		"staging/emergency": vault.Active, "production/emergency": vault.Active,
	}
	for name, status := range more {
		all[name] = status
	}
	return all
}

// endings holds what each checklist must end in.
func endings() map[string]ending {
	return map[string]ending{
		"quarterly": {
			rows: map[string]string{
				"HMAC_SECRET_V2 preview": "add-staging", "HMAC_SECRET_V2 development": "add-staging",
				"HMAC_SECRET_V2 production": "add-production",
			},
			deployments: []string{
				"redeploy-staging preview", "redeploy-production production", "redeploy-removal preview", "redeploy-removal production",
			},
			vault: seededVault(map[vault.Name]vault.Status{
				"staging/v1": vault.Archived, "production/v1": vault.Archived, "staging/v2": vault.Active, "production/v2": vault.Active,
			}),
			accepted: "v2", refused: "v1",
		},
		"drill": {
			rows: map[string]string{
				"HMAC_SECRET_V1 preview": "", "HMAC_SECRET_V1 development": "", "HMAC_SECRET_V1 production": "",
			},
			deployments: []string{"redeploy-add preview", "redeploy-remove preview"},
			vault:       seededVault(nil),
			accepted:    "v1", refused: "test",
		},
	}
}

// requireEnding checks the outside, the vault and the trail of a program after
// its only session, which ran to its end.
func requireEnding(t *testing.T, p *program.Program, checklistID string) *checklist.Session {
	t.Helper()
	want, ok := endings()[checklistID]
	require.True(t, ok, "nobody has said what %s ends in", checklistID)
	s, events := onlySession(t, p)
	requireDone(t, s, events)
	requireRows(t, p, s, want)
	requireDeployments(t, p, s, want)
	requireVault(t, p, s, want)
	requireService(t, p, want)
	requireRecord(t, p, s)
	decisions, err := os.ReadFile(filepath.Join(p.Dir(), "docs", "decisions.md"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(decisions), "<!-- keyturn "+s.ID()+" -->"), "one entry in the decisions")
	return s
}

// replaces are effects that put a whole file in place of its earlier version: to
// make them again does no harm.
var replaces = map[checklist.EffectCode]bool{checklist.DocumentCalendar: true}

// requireDone checks that every item passed, and that the journal has each
// effect as made once, after it was intended.
func requireDone(t *testing.T, s *checklist.Session, events []checklist.Event) {
	t.Helper()
	require.Equal(t, checklist.Finished, s.Outcome)
	require.Empty(t, s.Deviations)
	require.Subset(t, []string{nameless}, issuesOf(s))
	for _, i := range s.Checklist.Items() {
		require.Equal(t, checklist.StatusPassed, s.State(i.ID).Status, i.ID)
		require.Empty(t, s.State(i.ID).Pending, i.ID)
	}
	intended, done := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if e.Effect == nil {
			continue
		}
		effect := fmt.Sprintf("%s: %s of %s", e.Item, e.Effect.Words(), e.Effect.Target)
		switch e.Kind {
		case checklist.Intended:
			intended[effect] = true
		case checklist.Done:
			require.True(t, intended[effect], "%s was made before it was intended", effect)
			require.False(t, done[effect] && !replaces[e.Effect.Code], "%s was made twice", effect)
			done[effect] = true
		}
	}
	for effect := range intended {
		require.True(t, done[effect], "%s was intended, and nobody knows whether it was made", effect)
	}
}

// requireRows checks the variables of every project: what is there, and who
// made it.
func requireRows(t *testing.T, p *program.Program, s *checklist.Session, want ending) {
	t.Helper()
	for _, project := range p.World().Projects() {
		variables, err := api(t, p).Variables(t.Context(), project.ID)
		require.NoError(t, err)
		rows := map[string]string{}
		for _, v := range variables {
			require.Len(t, v.Target, 1)
			row := v.Key + " " + v.Target[0]
			require.NotContains(t, rows, row, "two rows")
			rows[row] = made(s, strings.TrimPrefix(v.Comment, "keyturn "))
		}
		require.Equal(t, want.rows, rows, "the variables of %s", project.Name)
	}
}

// made returns the item that left a mark, and "" where there is none. A mark of
// another session, or of a second round, stays as it is.
func made(s *checklist.Session, mark string) string {
	item, ok := strings.CutPrefix(mark, s.ID()+" ")
	if !ok {
		return mark
	}
	return strings.TrimSuffix(item, " #1")
}

func requireDeployments(t *testing.T, p *program.Program, s *checklist.Session, want ending) {
	t.Helper()
	for _, project := range p.World().Projects() {
		var deployments []string
		for _, target := range []string{vercel.TargetPreview, vercel.TargetProduction} {
			all, err := api(t, p).Deployments(t.Context(), project.ID, target)
			require.NoError(t, err)
			for _, d := range all {
				if d.Mark != "" {
					deployments = append(deployments, made(s, d.Mark)+" "+target)
				}
			}
		}
		require.ElementsMatch(t, want.deployments, deployments, "the deployments of %s", project.Name)
	}
}

// requireVault checks that nothing is lost and nothing is left over: each key
// once, with the fingerprint that the journal has, and no file that belongs to
// none.
func requireVault(t *testing.T, p *program.Program, s *checklist.Session, want ending) {
	t.Helper()
	entries, err := p.Vault().List(t.Context())
	require.NoError(t, err)
	statuses := map[vault.Name]vault.Status{}
	for _, e := range entries {
		require.NotContains(t, statuses, e.Name, "two versions")
		statuses[e.Name] = e.Status
		secret, _, err := p.Vault().Get(t.Context(), e.Name)
		require.NoError(t, err)
		requireKnown(t, s, e, secret)
	}
	require.Equal(t, want.vault, statuses)
	if strings.Contains(p.Vault().Describe(), "age file") {
		files, err := filepath.Glob(filepath.Join(p.Dir(), "vault", "*.age"))
		require.NoError(t, err)
		require.Len(t, files, len(entries), "no secret is left over on the disk")
	}
}

// requireKnown checks that the index of the vault and the journal know a key of
// the session by its fingerprint.
func requireKnown(t *testing.T, s *checklist.Session, e vault.Entry, secret keygen.Secret) {
	t.Helper()
	environment, id, _ := strings.Cut(string(e.Name), "/")
	in := checklist.Environment(environment)
	if !slices.Contains(s.Environments(), in) {
		return
	}
	fingerprint := secret.Fingerprint(s.Opening.Trail)
	require.Equal(t, fingerprint, e.Fingerprint, "the index knows %s", e.Name)
	for _, role := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
		recorded := s.Fingerprint(in, role)
		if id == string(s.Key(role)) && (role == checklist.NewKey || recorded != "") {
			require.Equal(t, fingerprint, recorded, "the journal knows %s", e.Name)
		}
	}
}

// requireService signs requests with the keys of the vault.
func requireService(t *testing.T, p *program.Program, want ending) {
	t.Helper()
	prober := &probe.Prober{Profile: probe.HMACV1(), Now: p.World().Clock().Now, Random: rand.Reader}
	for _, environment := range []string{sandbox.Staging, sandbox.Production} {
		for id, expect := range map[keygen.KeyID]probe.Expectation{want.accepted: probe.Accepted, want.refused: probe.Refused} {
			name := vault.Name(environment + "/" + string(id))
			if _, held := want.vault[name]; !held {
				continue
			}
			secret, _, err := p.Vault().Get(t.Context(), name)
			require.NoError(t, err)
			for _, project := range p.World().Projects() {
				url := p.World().ServiceURL(project.Name, environment) + "/api/test"
				row, err := prober.Probe(t.Context(), probe.Target{URL: url}, probe.Key{ID: id, Secret: secret, Expect: expect})
				require.NoError(t, err)
				require.Equal(t, probe.OK, row.Verdict, "%s of %s %s: %s", id, project.Name, environment, row.Detail)
			}
		}
	}
}

// requireRecord checks that the trail has one record, that of the session, and
// that it verifies.
func requireRecord(t *testing.T, p *program.Program, s *checklist.Session) {
	t.Helper()
	report, _, err := program.Verify(context.Background(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	require.Len(t, report.Verified, 1)
	v := report.Verified[0]
	require.Equal(t, 1, v.Records)
	assert.Equal(t, s.ID(), v.Last.Rotation.ID)
	assert.True(t, v.Sandbox)
	assert.Equal(t, s.Opening.Trail, v.Trail)
}
