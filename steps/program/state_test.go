package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/config"
	"keyturn/vault"
)

// service returns the options of a service with its real folder, which nothing
// outside is asked for.
func service(state, name string) Options {
	return Options{
		State: state, Vault: vault.BackendFile, WorkFactor: 4,
		Config:     &config.Config{Service: name, Operator: "alice@example.com", Vercel: config.Vercel{Team: "acme"}, Approval: config.Approval{Required: 1}},
		Passphrase: func(context.Context, string) ([]byte, error) { return []byte("correct horse battery"), nil },
	}
}

// enterState opens the folder, trail and vault of a service.
func enterState(t *testing.T, o Options) *Program {
	t.Helper()
	p := newProgram(o)
	require.NoError(t, p.enterLive(t.Context()))
	return p
}

// tree lists the files below a folder with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(text)
		return errors.Join(err, relErr)
	}))
	return files
}

func TestRealmFolder(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"orders": "orders", "orders-api_2.eu": "orders-api_2.eu",
		"Orders": "%4frders", "ORDERS": "%4f%52%44%45%52%53", "orders.": "orders%2e", "a..": "a.%2e",
		"vault": "%76ault", "sessions": "%73essions", "trail": "%74rail", "docs": "%64ocs", "requests": "%72equests",
		"con": "%63on", "con.x": "%63on.x", "com1": "%63om1", "console": "console", "nul": "%6eul",
	} {
		assert.Equal(t, want, realmFolder(service), service)
	}
	// No two names of the configuration meet in a file system that ignores case
	// and the dots at the end.
	letters := []byte("aAvV.-_0%")
	seen := map[string]string{}
	var names []string
	for n := 1; n <= 4; n++ {
		for i := range pow(len(letters), n) {
			name := make([]byte, n)
			for at := range name {
				name[at] = letters[i/pow(len(letters), at)%len(letters)]
			}
			if config.Check("service", string(name)) == "" {
				names = append(names, string(name))
			}
		}
	}
	require.Greater(t, len(names), 1000)
	for _, name := range append(names, oldLiveNames...) {
		folder := realmFolder(name)
		onDisk := strings.ToLower(strings.TrimRight(folder, "."))
		other, taken := seen[onDisk]
		require.False(t, taken && other != name, "%s and %s share %s", name, other, folder)
		seen[onDisk] = name
		assert.NotContains(t, oldLiveNames, onDisk)
	}
}

func pow(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}

func TestTwoServicesOfOneFolderNeverMeet(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	orders, billing := enterState(t, service(state, "orders")), enterState(t, service(state, "billing"))
	assert.NotEqual(t, orders.dir, billing.dir)
	assert.NotEqual(t, orders.trail.id(), billing.trail.id())
	secret, err := keygen.Generate(orders.options.Random)
	require.NoError(t, err)
	_, err = orders.vault.Put(t.Context(), "production/v1", secret, vault.PutOptions{})
	require.NoError(t, err)
	_, _, err = enterState(t, service(state, "billing")).vault.Get(t.Context(), "production/v1")
	require.ErrorIs(t, err, vault.ErrNotFound)
	found, _, err := enterState(t, service(state, "orders")).vault.Get(t.Context(), "production/v1")
	require.NoError(t, err)
	assert.True(t, found.Equal(secret))
}

func TestARealmIsWrittenOnce(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := enterState(t, service(state, "orders"))
	assert.Equal(t, filepath.Join(state, "live", "orders"), p.Dir())
	before := tree(t, p.dir)
	assert.Equal(t, fmt.Sprintf(`{"format":"keyturn.state/v2","service":"orders","team":"acme","trail":"%s"}`+"\n", p.trail.id()), before[realmFile])
	assert.Equal(t, p.trail.id()+"\n", before["trail/id"])
	enterState(t, service(state, "orders"))
	assert.Equal(t, before, tree(t, p.dir))
}

// Whatever instant a first start was cut off at, the next one goes on.
func TestARealmIsMadeAfterACrash(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	whole := tree(t, enterState(t, service(state, "orders")).dir)
	id := whole["trail/id"]
	for name, left := range map[string]map[string]string{
		"an empty folder":          {},
		"half of realm.json":       {".unfinished-1": `{"format":`},
		"no trail":                 {realmFile: whole[realmFile]},
		"a trail without id":       {realmFile: whole[realmFile], "trail/.unfinished-2": id[:4]},
		"a trail that was locked":  {realmFile: whole[realmFile], "trail/.lock": ""},
		"a trail and no vault":     {realmFile: whole[realmFile], "trail/id": id, "trail/.lock": ""},
		"a vault without a choice": {realmFile: whole[realmFile], "trail/id": id, "vault/lock": ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := t.TempDir()
			dir := filepath.Join(again, "live", "orders")
			require.NoError(t, os.MkdirAll(dir, 0o700))
			for file, text := range left {
				path := filepath.Join(dir, filepath.FromSlash(file))
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			}
			p := enterState(t, service(again, "orders"))
			if _, begun := left[realmFile]; begun {
				assert.Equal(t, strings.TrimSpace(id), p.trail.id(), "fingerprints hang on it")
			}
			assert.Equal(t, p.trail.id(), trailIDOf(dir))
			assert.NoFileExists(t, filepath.Join(dir, ".unfinished-1"))
			_, err := p.signingKey(t.Context(), operatorKey)
			require.NoError(t, err)
		})
	}
}

func TestAForeignRealmIsRefused(t *testing.T) {
	t.Parallel()
	rewrite := func(old, with string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, realmFile))
			require.NoError(t, err)
			changed := strings.Replace(string(text), old, with, 1)
			require.NotEqual(t, string(text), changed)
			require.NoError(t, os.WriteFile(filepath.Join(dir, realmFile), []byte(changed), 0o600))
		}
	}
	for name, tc := range map[string]struct {
		breaks     func(t *testing.T, dir string)
		says, hint string
	}{
		"another service":    {rewrite(`"orders"`, `"billing"`), "it belongs to billing of the team acme, and the configuration names orders of the team acme", "--state DIR, or the configuration of billing"},
		"another team":       {rewrite(`"acme"`, `"other"`), "it belongs to orders of the team other", "only if this is the same team by another name"},
		"a personal account": {rewrite(`"acme"`, `""`), "it belongs to orders, and", "same team"},
		"a newer format":     {rewrite("state/v2", "state/v3"), "made by a newer Keyturn (keyturn.state/v3)", "use that version"},
		"a newer format with other fields": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, realmFile), []byte(`{"format":"keyturn.state/v12","services":["orders"]}`), 0o600))
		}, "made by a newer Keyturn", "use that version"},
		"an unknown format": {rewrite("keyturn.state/v2", "keyturn.state"), `format "keyturn.state"`, "restore it from a backup"},
		"no JSON":           {rewrite("{", "["), "realm.json", `it reads {"format":"keyturn.state/v2","service":"orders","team":"acme","trail":"`},
		"no trail":          {rewrite(`"trail"`, `"train"`), `trail "": want a UUID`, "restore it from a backup"},
		"no realm.json": {func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, realmFile))) },
			"it is missing, and trail is there", `"service":"orders"`},
		"the trail of another": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "trail", "id"), []byte("98b6e147-4af3-413c-a7aa-0ce1b22f4e56\n"), 0o600))
		}, "it has the trail 98b6e147-4af3-413c-a7aa-0ce1b22f4e56, and realm.json names", "put back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			p := enterState(t, service(state, "orders"))
			secret, err := keygen.Generate(p.options.Random)
			require.NoError(t, err)
			_, err = p.vault.Put(t.Context(), "production/v1", secret, vault.PutOptions{})
			require.NoError(t, err)
			tc.breaks(t, p.dir)
			before := tree(t, p.dir)
			err = newProgram(service(state, "orders")).enterLive(t.Context())
			require.ErrorContains(t, err, tc.says)
			assert.Contains(t, checklist.Hint(err), tc.hint)
			assert.Equal(t, before, tree(t, p.dir), "nothing was changed")
		})
	}
}

// A field of a later version is no reason to refuse, and is kept.
func TestARealmMayHaveMoreFields(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := enterState(t, service(state, "orders"))
	path := filepath.Join(p.dir, realmFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	more := strings.Replace(string(text), "}", `,"since":"2027-01-01"}`, 1)
	require.NoError(t, os.WriteFile(path, []byte(more), 0o600))
	enterState(t, service(state, "orders"))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, more, string(text))
}

// A team that was mistaken at the first start can be corrected while nothing in
// the folder belongs to it.
func TestAMistakenTeamIsCorrected(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	o := service(state, "orders")
	o.Config.Vercel.Team = "acne"
	first := enterState(t, o)
	_, err := first.signingKey(t.Context(), operatorKey)
	require.NoError(t, err)
	p := enterState(t, service(state, "orders"))
	r, made, err := p.readRealm()
	require.NoError(t, err)
	assert.True(t, made)
	assert.Equal(t, "acme", r.Team)
	assert.Equal(t, first.trail.id(), r.Trail)

	require.NoError(t, os.MkdirAll(filepath.Join(p.dir, "trail", "000001-drill-1"), 0o700))
	err = newProgram(o).enterLive(t.Context())
	require.ErrorContains(t, err, "it belongs to orders of the team acme", "a record does")
}

// Several first starts at once agree on one realm.
func TestFirstStartsAtOnce(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	ids := make(chan string, 4)
	for range cap(ids) {
		go func() {
			p := newProgram(service(state, "orders"))
			p.service = "orders"
			if err := p.prepare(context.Background()); err != nil {
				ids <- err.Error()
				return
			}
			ids <- p.trail.id()
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		assert.Equal(t, first, <-ids)
	}
}

func TestPrincipalOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"alice@laptop": "alice@laptop", "Alice Adams@LAPTOP": "alice-adams@laptop", `ACME\alice@pc`: "acme-alice@pc",
		"%@%": "operator@localhost", "_www@host": "www@host", "jürgen@host": "j-rgen@host", strings.Repeat("a", 200): "operator@localhost",
	} {
		assert.Equal(t, want, principalOf(name))
		assert.Empty(t, config.Check("operator", principalOf(name)))
	}
	assert.True(t, sshsig.ValidPrincipal(SystemPrincipal()))
}

// The token that keyturn init looks for is found in every service's vault, and
// in an older folder; looking makes nothing.
func TestTokenBeforeAConfiguration(t *testing.T) {
	t.Parallel()
	environ := func(string) string { return "" }
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	store := func(t *testing.T, o Options, token string) {
		o.RealNow = func() time.Time { return now }
		now = now.Add(time.Hour)
		secret, err := keygen.NewCredential(token)
		require.NoError(t, err)
		_, err = enterState(t, o).vault.Put(t.Context(), Vercel.item(), secret, vault.PutOptions{})
		require.NoError(t, err)
	}
	state := filepath.Join(t.TempDir(), "a [b] folder")
	look := func(state string) string {
		t.Helper()
		o := service(state, "")
		o.Config, o.Environ = nil, environ
		_, ok, err := tokenBeforeConfig(t.Context(), o, "")
		require.NoError(t, err)
		v, err := newProgram(service(state, "")).vaultWithToken(t.Context())
		require.NoError(t, err)
		require.Equal(t, v != nil, ok)
		if !ok {
			return ""
		}
		token, _, err := v.Get(t.Context(), Vercel.item())
		require.NoError(t, err)
		return token.Reveal()
	}
	assert.Empty(t, look(state))
	assert.NoDirExists(t, state)
	enterState(t, service(state, "archive"))
	assert.Empty(t, look(state), "a service without a token")

	store(t, service(state, "orders"), "vcp_theTokenOfOrders12345")
	store(t, service(state, "billing"), "vcp_theTokenOfBilling1234")
	before := tree(t, state)
	assert.Equal(t, "vcp_theTokenOfBilling1234", look(state), "the one that was stored last")
	assert.Equal(t, before, tree(t, state), "nothing was made")

	older := t.TempDir() // of version 1
	copyTree(t, filepath.Join(state, "live", "orders"), filepath.Join(older, "live"))
	require.NoError(t, os.Remove(filepath.Join(older, "live", realmFile)))
	before = tree(t, older)
	assert.Equal(t, "vcp_theTokenOfOrders12345", look(older))
	assert.Equal(t, before, tree(t, older))
}

// copyTree copies a folder as its owner alone may read it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	for name, text := range tree(t, from) {
		path := filepath.Join(to, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}
