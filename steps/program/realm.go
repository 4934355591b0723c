package program

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"keyturn/checklist"
	"keyturn/vault/durable"
	"keyturn/vault/ownfile"
)

// A state folder holds one realm for the sandbox and one for each service:
//
//	sandbox/
//	live/SERVICE/
//
// so that nothing of two services can mix: sessions, records, keys and requests
// of a realm are in its folder, and its keychain items are named after its
// trail. In each realm realm.json is made first and says whose the folder is.
const (
	sandboxRealm = "sandbox"
	liveRealm    = "live"
	realmFile    = "realm.json"

	trailFolder    = "trail"
	requestsFolder = "requests"
	vaultFolder    = "vault"
	sessionsFolder = "sessions"
	worldFolder    = "world" // of the sandbox
	rosterName     = "allowed_signers"
	oldFolder      = "old" // sessions and records that are only looked at
	trailIDFile    = "id"  // in the trail's folder
)

// The format of a state folder. Fields may be added to realm.json; whatever an
// older Keyturn must not touch gets a new number.
const (
	stateFormatName = "keyturn.state/v"
	stateVersion    = 2
)

// realm is what realm.json says.
type realm struct {
	Format  string `json:"format"`
	Service string `json:"service"`
	Team    string `json:"team"`  // as configured; "" for a personal account
	Trail   string `json:"trail"` // the trail's id
}

func (r realm) String() string {
	if r.Team == "" {
		return r.Service
	}
	return r.Service + " of the team " + r.Team
}

func (r realm) text() ([]byte, error) {
	text, err := json.Marshal(r)
	return append(text, '\n'), err
}

// reservedFolders are the names that Windows keeps for devices, whatever
// follows a dot.
var reservedFolders = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)

// realmFolder names the folder of a service. Two services never share a folder,
// also where a file system ignores case or drops a last dot: what is not a
// plain lower-case name is written as %XX.
func realmFolder(service string) string {
	var b strings.Builder
	for i, c := range []byte(service) {
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i < len(service)-1
		if plain && (i > 0 || !reservedFolders.MatchString(service) && !slices.Contains(oldLiveNames, service)) {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// own is the realm that the options ask for; its trail is not known yet.
func (p *Program) own() realm {
	r := realm{Format: stateFormatName + strconv.Itoa(stateVersion), Service: p.service}
	if !p.Sandbox() {
		r.Team = p.options.Config.Vercel.Team
	}
	return r
}

// prepare makes the realm's folder and opens its trail. What an older Keyturn
// left there is moved out of the way first. A crash at any point leaves what
// the next start goes on with.
func (p *Program) prepare(ctx context.Context) error {
	p.dir = filepath.Join(p.options.State, sandboxRealm)
	if !p.Sandbox() {
		p.dir = filepath.Join(p.options.State, liveRealm, realmFolder(p.service))
	}
	if err := p.checkWriters(); err != nil {
		return err
	}
	if err := makeWritable(p.options.State); err != nil {
		return err
	}
	l, err := lockState(ctx, p.options.State)
	if err != nil {
		return err
	}
	r, err := p.settle(l)
	if err := errors.Join(err, l.Release()); err != nil {
		return err
	}
	if err := makeWritable(p.dir); err != nil {
		return err
	}
	p.trail, err = openTrail(p, r.Trail)
	return err
}

// settle makes the realm's folder this version's. The state folder is locked.
func (p *Program) settle(l *ownfile.Lock) (realm, error) {
	if p.Sandbox() {
		if err := p.moveSandboxAside(); err != nil {
			return realm{}, err
		}
	}
	r, made, err := p.readRealm()
	if err != nil {
		return r, err
	}
	old, err := p.findOld(r, made)
	if err != nil {
		return r, err
	}
	if err := l.Check(); err != nil { // reading old journals may have taken a while
		return r, lockLost(err)
	}
	if !made || r.Team != p.own().Team {
		if r, err = p.makeRealm(cmp.Or(r.Trail, old.trailID())); err != nil {
			return r, err
		}
	}
	if old != nil {
		if err := old.moveTo(p.dir); err != nil {
			return r, err
		}
		p.say(old.moved(p.dir))
	}
	return r, p.keepTrailID(r)
}

// readRealm reads what realm.json says and compares it with what is asked for.
// made is false where there is no realm yet.
func (p *Program) readRealm() (r realm, made bool, err error) {
	path := filepath.Join(p.dir, realmFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, p.refuseLostRealm()
	}
	if err != nil {
		return r, false, fmt.Errorf("read %s: %w", path, err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, false, p.unreadableRealm(err)
	}
	return r, true, p.compare(r)
}

// compare refuses a realm that is not the one that is asked for.
func (p *Program) compare(r realm) error {
	number, ok := strings.CutPrefix(r.Format, stateFormatName)
	version, err := strconv.Atoi(number)
	own := p.own()
	switch {
	case !ok || err != nil || version < stateVersion:
		return p.unreadableRealm(fmt.Errorf("format %q: want %q", r.Format, own.Format))
	case version > stateVersion:
		return checklist.WithHint(fmt.Errorf("open %s: it was made by a newer Keyturn (%s)", p.dir, r.Format),
			"use that version, or name another folder with --state DIR; nothing was changed")
	case r.Service != own.Service:
		return &UsageError{checklist.WithHint(fmt.Errorf("open %s: it belongs to %s, and the configuration names %s", p.dir, r, own),
			"name another folder with --state DIR, or the configuration of %s with --config FILE; nothing was changed", r.Service)}
	case r.Team != own.Team && p.unused():
		return nil // it was mistaken at first, and is written anew
	case r.Team != own.Team:
		return &UsageError{checklist.WithHint(fmt.Errorf("open %s: it belongs to %s, and the configuration names %s", p.dir, r, own),
			"name another folder with --state DIR; only if this is the same team by another name, write that name into %s", filepath.Join(p.dir, realmFile))}
	}
	if id, err := uuid.Parse(r.Trail); err != nil || id.String() != r.Trail {
		return p.unreadableRealm(fmt.Errorf("trail %q: want a UUID", r.Trail))
	}
	return nil
}

// unused reports whether a realm has no key, no session and no record yet, so
// that nothing in it belongs to a team.
func (p *Program) unused() bool {
	for _, name := range []string{sessionsFolder, oldFolder} {
		if there(filepath.Join(p.dir, name)) {
			return false
		}
	}
	entries, err := os.ReadDir(filepath.Join(p.dir, trailFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return recordFolder.MatchString(e.Name()) }) {
		return false
	}
	index, err := os.ReadFile(filepath.Join(p.dir, vaultFolder, "index.json"))
	return (err == nil || errors.Is(err, fs.ErrNotExist)) && len(keysNamed(index)) == 0
}

func (p *Program) unreadableRealm(cause error) error {
	if p.Sandbox() {
		return checklist.WithHint(fmt.Errorf("read %s: %w", filepath.Join(p.dir, realmFile), cause), "move the folder away to begin a new sandbox")
	}
	want := p.own()
	want.Trail = cmp.Or(trailIDOf(p.dir), "ID of the trail")
	text, err := want.text()
	if err != nil {
		return errors.Join(cause, err)
	}
	return checklist.WithHint(fmt.Errorf("read %s: %w", filepath.Join(p.dir, realmFile), cause),
		"restore it from a backup; if the folder is that of %s, it reads %s", want, strings.TrimSpace(string(text)))
}

// refuseLostRealm returns an error where a folder is in use and realm.json is
// not there. It is made first, so that somebody else has removed it.
func (p *Program) refuseLostRealm() error {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the state folder: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); name != oldFolder && !strings.HasPrefix(name, ".") {
			return p.unreadableRealm(fmt.Errorf("it is missing, and %s is there", name))
		}
	}
	return nil
}

// makeRealm writes whose the folder is; trail is "" for a new one.
func (p *Program) makeRealm(trail string) (realm, error) {
	r := p.own()
	if r.Trail = trail; trail == "" {
		id, err := uuid.NewRandomFromReader(p.options.Random)
		if err != nil {
			return r, fmt.Errorf("make the trail's id: %w", err)
		}
		r.Trail = id.String()
	}
	if err := durable.MkdirAll(p.dir); err != nil {
		return r, fmt.Errorf("make the state folder: %w", err)
	}
	if err := durable.RemoveRemains(p.dir); err != nil {
		return r, fmt.Errorf("make the state folder: %w", err)
	}
	text, err := r.text()
	if err != nil {
		return r, fmt.Errorf("write %s: %w", filepath.Join(p.dir, realmFile), err)
	}
	if err := durable.WriteFile(filepath.Join(p.dir, realmFile), text); err != nil {
		return r, fmt.Errorf("write %s: %w", filepath.Join(p.dir, realmFile), err)
	}
	return r, nil
}

// keepTrailID gives a trail that has none the id of the realm: fingerprints and
// keychain items hang on it, so that it is not left to the trail to make one.
func (p *Program) keepTrailID(r realm) error {
	dir := filepath.Join(p.dir, trailFolder)
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("make the trail: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("make the trail: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // its id, or what makes it damaged without one
			return nil
		}
	}
	if err := durable.WriteFile(filepath.Join(dir, trailIDFile), []byte(r.Trail+"\n")); err != nil {
		return fmt.Errorf("make the trail: %w", err)
	}
	return nil
}

// trailIDOf returns the id of the trail in a realm, "" where there is none.
func trailIDOf(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, trailFolder, trailIDFile))
	if err != nil {
		return ""
	}
	id, err := uuid.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return id.String()
}

// makeWritable makes a folder and tries that files can be made in it.
func makeWritable(dir string) error {
	const hint = "name a folder that you can write to with --state DIR"
	if err := durable.MkdirAll(dir); err != nil {
		return checklist.WithHint(fmt.Errorf("make the state folder: %w", err), hint)
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return checklist.WithHint(fmt.Errorf("write to the state folder: %w", err), hint)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("write to the state folder: %w", err)
	}
	return nil
}

const (
	stateLock     = ".lock"
	stateLockWait = 10 * time.Second // making and moving a realm takes milliseconds
	stateLockLook = 20 * time.Millisecond
)

// lockState keeps two first starts from making, or moving, the same realm.
func lockState(ctx context.Context, state string) (*ownfile.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, stateLockWait)
	defer cancel()
	l, err := ownfile.TakeLock(ctx, filepath.Join(state, stateLock), stateLockLook)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, checklist.WithHint(fmt.Errorf("lock the state folder: %w", err), "another Keyturn is starting there: try again")
	case err != nil:
		return nil, fmt.Errorf("lock the state folder: %w", err)
	}
	return l, nil
}

// lockLost says that another first start could make the realm too.
func lockLost(cause error) error {
	return checklist.WithHint(fmt.Errorf("make the state folder: %w", cause), "check that no other Keyturn is starting there, then start this one again")
}

// say tells something once: where nothing takes explanations, as under a full
// screen, with the problems of the overview.
func (p *Program) say(text string) {
	if p.explains {
		p.options.Explain(text)
		return
	}
	p.notices = append(p.notices, text)
}
