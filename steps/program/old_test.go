package program

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/vault"
)

// The fixture is what version 1 left: of the service orders a drill that was
// given up and has its record, an emergency of v1 in staging that has removed
// it, and a rotation from v1 to v2 with three items passed; and a sandbox with a
// drill under way.
const (
	oldTrail     = "98b6e147-4af3-413c-a7aa-0ce1b22f4e56"
	oldDrill     = "drill-20261128-a296"
	oldEmergency = "emergency-20261128-a46f"
	oldRotation  = "quarterly-20261128-ff16"
)

// oldState copies the fixture into a state folder of its own.
func oldState(t *testing.T) (state string) {
	t.Helper()
	state = t.TempDir()
	copyTree(t, filepath.Join("testdata", "old-state"), state)
	return state
}

// told collects what is explained.
func told(o *Options) *[]string {
	said := &[]string{}
	o.Explain = func(text string) { *said = append(*said, text) }
	return said
}

func TestAnOldSandboxIsMovedAside(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	before := tree(t, filepath.Join(state, "sandbox"))
	o := Options{State: state, Vault: vault.BackendFile, RealNow: func() time.Time { return time.Date(2026, 12, 24, 9, 0, 0, 0, time.UTC) }}
	said := told(&o)
	aside := filepath.Join(state, "sandbox.old-20261224")
	require.NoError(t, os.WriteFile(aside, nil, 0o600), "the name is taken")
	p, err := Open(t.Context(), o)
	require.NoError(t, err)
	sessions, _, err := p.sessions()
	require.NoError(t, err)
	assert.Empty(t, sessions, "a new one begins")
	require.NoError(t, p.Close())
	assert.Equal(t, before, tree(t, aside+"-2"), "open sessions included")
	require.NotEmpty(t, *said)
	assert.Equal(t, "The sandbox in "+p.dir+" was made by another version of Keyturn. It was moved to "+aside+"-2 with all that is in it, and a new one begins.", (*said)[0])

	again := told(&o)
	p, err = Open(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	assert.Empty(t, *again)
	assert.NoDirExists(t, aside+"-3")
}

// Under a full screen nothing takes explanations; the overview has them then.
func TestTheOverviewTellsWhatNobodyTook(t *testing.T) {
	t.Parallel()
	o := Options{State: oldState(t), Vault: vault.BackendFile}
	p, err := Open(t.Context(), o)
	require.NoError(t, err)
	overview, err := p.Overview(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.Len(t, overview.Problems, 1)
	assert.Contains(t, overview.Problems[0], "was made by another version of Keyturn")
}

func TestAnOldSandboxThatIsInUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	before := tree(t, state)
	// A world of this version takes the same lock.
	other := t.TempDir()
	p, err := Open(t.Context(), Options{State: other, Vault: vault.BackendFile})
	require.NoError(t, err)
	lock := filepath.Join(state, "sandbox", "world", "world.lock")
	require.NoError(t, os.Remove(lock))
	if err := os.Link(filepath.Join(other, "sandbox", "world", "world.lock"), lock); err != nil {
		t.Skipf("a lock cannot be shared here: %v", err)
	}
	_, err = Open(t.Context(), Options{State: state, Vault: vault.BackendFile})
	require.ErrorContains(t, err, "another version of Keyturn has the one there open")
	assert.Contains(t, checklist.Hint(err), "leave the other Keyturn")
	require.NoError(t, p.Close())
	after := tree(t, state)
	delete(after, stateLock)
	assert.Equal(t, before, after)
}

// requireTakenOver looks at a folder of version 1 that was taken over.
func requireTakenOver(t *testing.T, state string, p *Program) {
	t.Helper()
	was := tree(t, filepath.Join("testdata", "old-state", "live"))
	is := tree(t, filepath.Join(state, "live"))
	want := map[string]string{
		"orders/realm.json": `{"format":"keyturn.state/v2","service":"orders","team":"acme","trail":"` + oldTrail + `"}` + "\n",
		"orders/trail/id":   oldTrail + "\n", "orders/trail/.lock": "",
		"orders/trail/HEAD": "keyturn-trail v1 " + oldTrail + " 0 sha256:" + strings.Repeat("0", 64) + "\n",
	}
	for name, text := range was {
		folder, _, _ := strings.Cut(name, "/")
		if folder == "trail" || folder == "sessions" {
			name = "old/" + name
		}
		want["orders/"+name] = text
	}
	assert.Equal(t, want, is, "nothing is lost, and nothing is left behind")
	assert.Equal(t, oldTrail, p.trail.id())
	assert.Zero(t, p.trail.head().Seq, "the trail begins anew")
	entries, err := os.ReadDir(filepath.Join(state, "live"))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no empty folder either")
	secret, entry, err := p.vault.Get(t.Context(), "production/v1")
	require.NoError(t, err)
	assert.Equal(t, secret.Fingerprint(oldTrail), entry.Fingerprint, "which hangs on the trail's id")
	key, err := p.signingKey(t.Context(), operatorKey)
	require.NoError(t, err)
	roster, err := p.roster()
	require.NoError(t, err)
	member, ok := roster.Lookup(key.Fingerprint())
	require.True(t, ok)
	assert.Equal(t, "alice@example.com", member.Principal)
}

func TestAnOldFolderOfRealKeysIsTakenOver(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	require.NoError(t, os.RemoveAll(filepath.Join(state, "sandbox")))
	o := service(state, "orders")
	said := told(&o)
	p := enterState(t, o)
	requireTakenOver(t, state, p)
	dir := filepath.Join(state, "live", "orders")
	require.Len(t, *said, 1)
	assert.Equal(t, "A folder of an older Keyturn was taken over: its vault, the id of its trail and its roster are now in "+dir+"."+
		" 1 record was moved to "+filepath.Join(dir, "old", "trail")+"; the trail begins anew."+
		" 3 sessions were moved to "+filepath.Join(dir, "old", "sessions")+" and cannot be resumed:\n"+
		"  "+oldDrill+": abandoned on 28 Nov 2026\n"+
		"  "+oldEmergency+": not ended, v1 to v2, 3 items passed, last event on 28 Nov 2026 04:40 UTC\n"+
		"  "+oldRotation+": not ended, v1 to v2, 3 items passed, last event on 28 Nov 2026 05:40 UTC\n"+
		"keyturn status shows which keys are in service.", (*said)[0])

	again := told(&o)
	p = enterState(t, o)
	requireTakenOver(t, state, p)
	assert.Empty(t, *again, "said once")

	old, err := p.oldSummaries()
	require.NoError(t, err)
	require.Len(t, old, 3)
	assert.Equal(t, "Quarterly rotation", old[2].Title)
	assert.Equal(t, "an old session, which cannot be resumed: not ended, v1 to v2, 3 items passed, last event on 28 Nov 2026 05:40 UTC", old[2].Problem)
	assert.Equal(t, checklist.Abandoned, old[0].Outcome)

	used, err := p.lostKeys()
	require.NoError(t, err)
	assert.Equal(t, keygen.KeyID("v3"), keygen.Next(used), "v2 was used")
	for e, want := range map[checklist.Environment]bool{checklist.Staging: true, checklist.Production: false} {
		by, revoked, err := sessions{p}.Compromised(t.Context(), "v1", e)
		require.NoError(t, err)
		assert.Equal(t, want, revoked, e)
		assert.Equal(t, map[bool]string{true: oldEmergency}[want], by)
	}
}

// A process may die after any of the moves; what was moved stays, and the next
// start moves the rest.
func TestKillWhileAnOldFolderIsTakenOver(t *testing.T) {
	t.Parallel()
	dir := func(state string) string { return filepath.Join(state, "live", "orders") }
	moves, err := (&oldLive{dir: filepath.Join("testdata", "old-state", "live")}).moves("x")
	require.NoError(t, err)
	require.Len(t, moves, 9, "three sessions and their folder, and the five others")
	for killed := range len(moves) + 1 {
		for _, begun := range []bool{false, true} {
			state := oldState(t)
			p := newProgram(service(state, "orders"))
			p.service, p.dir = "orders", dir(state)
			_, err := p.makeRealm(oldTrail) // it is made first
			require.NoError(t, err)
			old := &oldLive{dir: filepath.Join(state, "live"), trail: oldTrail}
			moves, err := old.moves(p.dir)
			require.NoError(t, err)
			for _, m := range moves[:killed] {
				require.NoError(t, m.do())
			}
			if begun && killed < len(moves) && moves[killed].to != "" { // the folder above was made, and no more
				require.NoError(t, os.MkdirAll(filepath.Dir(moves[killed].to), 0o700))
			}
			requireTakenOver(t, state, enterState(t, service(state, "orders")))
		}
	}
}

// rename lets the sessions of an old folder be those of another service.
func rename(t *testing.T, state, session, service string) {
	t.Helper()
	path := filepath.Join(state, "live", "sessions", session, journalFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	renamed := strings.Replace(string(text), `"service":"orders"`, `"service":"`+service+`"`, 1)
	require.NotEqual(t, string(text), renamed)
	require.NoError(t, os.WriteFile(path, []byte(renamed), 0o600))
}

func TestAnOldFolderOfTwoServicesIsRefused(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "the state")
	copyTree(t, filepath.Join("testdata", "old-state"), state)
	rename(t, state, oldRotation, "billing")
	rename(t, state, oldDrill, "Billing")
	before := tree(t, filepath.Join(state, "live"))
	err := newProgram(service(state, "orders")).enterLive(t.Context())
	require.ErrorContains(t, err, "sessions of several services there, Billing, billing and orders, with one vault for all")
	var usage *UsageError
	require.ErrorAs(t, err, &usage)
	require.Equal(t, before, tree(t, filepath.Join(state, "live")), "nothing was changed")

	other := enterState(t, service(state, "shipping"))
	assert.Equal(t, filepath.Join(state, "live", "shipping"), other.dir, "which has nothing to do with them")

	if runtime.GOOS == "windows" {
		return
	}
	_, commands, _ := strings.Cut(checklist.Hint(err), ":\n")
	commands, _, _ = strings.Cut(commands, "\n"+"Billing and billing then gets")
	out, err := exec.CommandContext(t.Context(), "sh", "-euc", commands).CombinedOutput()
	require.NoError(t, err, "%s", out)
	orders := enterState(t, service(state, "orders"))
	left, err := readUnfolded(orders.oldSessionsDir())
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, oldEmergency, left[0].session)
	_, _, err = orders.vault.Get(t.Context(), "production/v2")
	require.NoError(t, err)

	billing := enterState(t, service(state, "billing"))
	left, err = readUnfolded(billing.oldSessionsDir())
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, oldRotation, left[0].session, "it is listed where it belongs")
	_, _, err = billing.vault.Get(t.Context(), "production/v2")
	require.ErrorIs(t, err, vault.ErrNotFound, "its vault is its own")
	used, err := billing.lostKeys()
	require.NoError(t, err)
	assert.Equal(t, keygen.KeyID("v3"), keygen.Next(used))
}

func TestAnOldFolderOfAnotherServiceIsLeftAlone(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	o := service(state, "billing")
	said := told(&o)
	p := enterState(t, o)
	entries, err := p.vault.List(t.Context())
	require.NoError(t, err)
	assert.Empty(t, entries)
	require.NotEmpty(t, *said)
	assert.Contains(t, (*said)[0], "belongs to orders and stays there until Keyturn is started for it. billing begins with an empty vault.")
	said = told(&o)
	p = enterState(t, o)
	assert.Empty(t, slices.Concat(*said, p.notices), "said once")
	orders := enterState(t, service(state, "orders"))
	_, _, err = orders.vault.Get(t.Context(), "production/v1")
	require.NoError(t, err)
}

// Without a session nothing names a service: the folder is that of the one that
// is started.
func TestAnOldFolderWithoutSessions(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	require.NoError(t, os.RemoveAll(filepath.Join(state, "live", "sessions")))
	require.NoError(t, os.RemoveAll(filepath.Join(state, "live", "trail", "000001-"+oldDrill)))
	require.NoError(t, os.Remove(filepath.Join(state, "live", "trail", "HEAD")))
	o := service(state, "billing")
	said := told(&o)
	p := enterState(t, o)
	_, _, err := p.vault.Get(t.Context(), "production/v1")
	require.NoError(t, err)
	assert.Equal(t, []string{"A folder of an older Keyturn was taken over: its vault, the id of its trail and its roster are now in " + p.dir + "."}, *said)
}

func TestAnOldFolderWhoseSessionIsDrivenIsLeftAlone(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	sessions := filepath.Join(state, "live", "sessions")
	// As the older Keyturn held it, which alone can open it.
	held := flock.New(filepath.Join(sessions, oldRotation, "journal.lock"))
	taken, err := held.TryLock()
	require.NoError(t, err)
	require.True(t, taken)
	require.NoError(t, os.WriteFile(filepath.Join(sessions, oldRotation, "journal.holder"), []byte("pid 7 on host since today by alice@example.com\n"), 0o600))
	err = newProgram(service(state, "orders")).enterLive(t.Context())
	require.ErrorContains(t, err, "session "+oldRotation+" is driven by another version of Keyturn, pid")
	require.NoError(t, errors.Join(held.Unlock(), os.Remove(filepath.Join(sessions, oldRotation, "journal.holder"))))
	requireTakenOver(t, state, enterState(t, service(state, "orders")))
}

// An older Keyturn that is started once more makes a folder that nothing uses.
func TestAnOldFolderBesideItsSuccessor(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	first := enterState(t, service(state, "orders"))
	again := filepath.Join(state, "live", "trail")
	require.NoError(t, os.MkdirAll(again, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(again, "id"), []byte("11111111-4af3-413c-a7aa-0ce1b22f4e56\n"), 0o600))
	p := enterState(t, service(state, "orders"))
	assert.Equal(t, first.trail.id(), p.trail.id())
	require.Len(t, p.notices, 1)
	assert.Contains(t, p.notices[0], "has keys or sessions of an older Keyturn that nothing uses")
	assert.FileExists(t, filepath.Join(again, "id"))
}

func TestWhatIsInTheWayOfAnOldFolderIsKept(t *testing.T) {
	t.Parallel()
	state := oldState(t)
	p := newProgram(service(state, "orders"))
	p.service, p.dir = "orders", filepath.Join(state, "live", "orders")
	_, err := p.makeRealm(oldTrail)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, rosterName), []byte("# mine\n"), 0o600))
	err = newProgram(service(state, "orders")).enterLive(t.Context())
	require.ErrorContains(t, err, "something is there already")
	assert.Contains(t, checklist.Hint(err), "compare the two")
	text, err := os.ReadFile(filepath.Join(p.dir, rosterName))
	require.NoError(t, err)
	assert.Equal(t, "# mine\n", string(text))
	require.NoError(t, os.Remove(filepath.Join(p.dir, rosterName)))
	requireTakenOver(t, state, enterState(t, service(state, "orders")))
}
