package program

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps/sandbox"
	"keyturn/vault/durable"
)

// Before version 2 there was one folder live/ for all services, and no
// realm.json anywhere. A sandbox of that time is moved aside as it is. From a
// folder of real keys, the vault, the trail's id and the roster are taken over;
// its sessions and records cannot be read by this version and go to old/.

// oldLiveNames are what a live/ folder of version 1 holds, in the order in which
// it is moved: the trail last, since its id tells what is to be gone on with.
var oldLiveNames = []string{sessionsFolder, vaultFolder, "docs", requestsFolder, rosterName, trailFolder}

// moveSandboxAside moves a sandbox that has no realm.json out of the way.
func (p *Program) moveSandboxAside() error {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the sandbox's folder: %w", err)
	}
	used := false
	for _, e := range entries {
		if e.Name() == realmFile {
			return nil
		}
		used = used || !strings.HasPrefix(e.Name(), ".") // those are left by a start that was cut off
	}
	if !used {
		return nil
	}
	busy, err := sandbox.InUse(filepath.Join(p.dir, worldFolder))
	if err != nil {
		return err
	}
	if busy {
		return checklist.WithHint(fmt.Errorf("begin a new sandbox in %s: another version of Keyturn has the one there open", p.dir),
			"leave the other Keyturn, then start this one again")
	}
	aside, err := freeName(p.dir + ".old-" + p.options.RealNow().Format("20060102"))
	if err != nil {
		return err
	}
	if err := durable.Rename(p.dir, aside); err != nil {
		return fmt.Errorf("move the sandbox of another version aside: %w", err)
	}
	p.say(fmt.Sprintf("The sandbox in %s was made by another version of Keyturn. It was moved to %s with all that is in it, and a new one begins.", p.dir, aside))
	return nil
}

// freeName returns a path at which there is nothing: the one given, or with -2,
// -3 and so on behind it.
func freeName(path string) (string, error) {
	for n := 1; ; n++ {
		free := path
		if n > 1 {
			free = fmt.Sprintf("%s-%d", path, n)
		}
		_, err := os.Lstat(free)
		if errors.Is(err, fs.ErrNotExist) {
			return free, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// oldLive is a live/ folder of version 1 that is taken over.
type oldLive struct {
	dir   string
	trail string // the id of its trail; "" where it has none
}

func (o *oldLive) trailID() string {
	if o == nil {
		return ""
	}
	return o.trail
}

// findOld returns the older folder that belongs to the realm, nil where there
// is none. made says that the realm is there, so that a move may have begun.
func (p *Program) findOld(r realm, made bool) (*oldLive, error) {
	if p.Sandbox() {
		return nil, nil
	}
	old := &oldLive{dir: filepath.Join(p.options.State, liveRealm)}
	if !slices.ContainsFunc(oldLiveNames, func(name string) bool { return there(filepath.Join(old.dir, name)) }) {
		return nil, nil
	}
	old.trail = trailIDOf(old.dir)
	if made && old.trail == r.Trail { // a move that was cut off
		return old, nil
	}
	services, err := old.services()
	if err != nil {
		return nil, err
	}
	_, ours := services[p.service]
	switch {
	case made && (ours || len(services) == 0):
		// An older Keyturn was started on a folder that this version had moved.
		p.notices = append(p.notices, fmt.Sprintf("%s has keys or sessions of an older Keyturn that nothing uses: %s",
			old.dir, "move what is in it away, but for the folders of the services"))
		return nil, nil
	case made:
		return nil, nil
	case ours && len(services) > 1:
		return nil, p.refuseTwoServices(old, services)
	case !ours && len(services) > 0:
		p.say(fmt.Sprintf("What an older Keyturn left in %s belongs to %s and stays there until Keyturn is started for it. %s begins with an empty vault.",
			old.dir, listed(slices.Sorted(maps.Keys(services))), p.service))
		return nil, nil
	}
	return old, old.refuseBusy()
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// services are the services that the folder's sessions name, with the sessions.
func (o *oldLive) services() (map[string][]string, error) {
	journals, err := readUnfolded(filepath.Join(o.dir, sessionsFolder))
	services := map[string][]string{}
	for _, u := range journals {
		if u.opening.service() != "" {
			services[u.opening.service()] = append(services[u.opening.service()], u.session)
		}
	}
	return services, err
}

// refuseTwoServices says how a folder is parted that holds several services.
func (p *Program) refuseTwoServices(old *oldLive, services map[string][]string) error {
	var others []string
	var commands strings.Builder
	mkdir, mv := "mkdir -p", "mv"
	if runtime.GOOS == "windows" {
		mkdir, mv = "mkdir", "move"
	}
	for _, service := range slices.Sorted(maps.Keys(services)) {
		if service == p.service {
			continue
		}
		others = append(others, service)
		to := filepath.Join(old.dir, realmFolder(service), oldFolder, sessionsFolder)
		fmt.Fprintf(&commands, "\n  %s %s", mkdir, checklist.ShellWord(to))
		for _, session := range services[service] {
			fmt.Fprintf(&commands, "\n  %s %s %s", mv, checklist.ShellWord(filepath.Join(old.dir, sessionsFolder, session)), checklist.ShellWord(to))
		}
	}
	return &UsageError{checklist.WithHint(
		fmt.Errorf("open %s: an older Keyturn kept sessions of several services there, %s, with one vault for all", old.dir, listed(slices.Sorted(maps.Keys(services)))),
		"only you can tell whose keys are in the vault. If they are those of %s, set the sessions of %s aside, and start Keyturn again:%s\n"+
			"%s then gets a vault of its own, and its keys are stored there with keyturn login key. If the vault is theirs, start Keyturn with their configuration instead.",
		p.service, listed(others), commands.String(), listed(others))}
}

// refuseBusy returns an error while another process drives one of the sessions.
func (o *oldLive) refuseBusy() error {
	dir := filepath.Join(o.dir, sessionsFolder)
	ids, err := journal.List(dir)
	if err != nil {
		return err
	}
	for _, id := range ids {
		holder, err := journal.Holder(dir, id)
		if err != nil {
			return err
		}
		if holder != "" {
			return checklist.WithHint(fmt.Errorf("take over %s: session %s is driven by another version of Keyturn, %s", o.dir, id, holder),
				"leave %s there, then start this Keyturn again", id)
		}
	}
	return nil
}

// move is a file or folder on its way, or an empty folder that goes: to is "".
type move struct{ from, to string }

// do moves what is there. What was moved before a crash is left where it is.
func (m move) do() error {
	switch {
	case !there(m.from):
		return nil
	case m.to == "":
		if err := os.Remove(m.from); err != nil {
			return fmt.Errorf("remove what was emptied: %w", err)
		}
		return durable.SyncDir(filepath.Dir(m.from))
	case there(m.to):
		return checklist.WithHint(fmt.Errorf("move %s to %s: something is there already", m.from, m.to),
			"compare the two, and move the one that is not wanted away; nothing else was changed")
	}
	if err := durable.MkdirAll(filepath.Dir(m.to)); err != nil {
		return fmt.Errorf("move %s: %w", m.from, err)
	}
	if err := durable.Rename(m.from, m.to); err != nil {
		return fmt.Errorf("move %s: %w", m.from, err)
	}
	return nil
}

// moves are what is to be moved into a realm, in this order.
func (o *oldLive) moves(dir string) ([]move, error) {
	var moves []move
	for _, name := range oldLiveNames {
		from := filepath.Join(o.dir, name)
		switch name {
		case sessionsFolder: // one by one, beside those that were set aside before
			entries, err := os.ReadDir(from)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("take over %s: %w", o.dir, err)
			}
			for _, e := range entries {
				moves = append(moves, move{filepath.Join(from, e.Name()), filepath.Join(dir, oldFolder, sessionsFolder, e.Name())})
			}
			moves = append(moves, move{from: from})
		case trailFolder:
			moves = append(moves, move{from, filepath.Join(dir, oldFolder, trailFolder)})
		default:
			moves = append(moves, move{from, filepath.Join(dir, name)})
		}
	}
	return moves, nil
}

// moveTo moves everything into a realm whose realm.json is there already.
func (o *oldLive) moveTo(dir string) error {
	moves, err := o.moves(dir)
	if err != nil {
		return err
	}
	for _, m := range moves {
		if err := m.do(); err != nil {
			return err
		}
	}
	return nil
}

// recordFolder is the name of a record in its trail.
var recordFolder = regexp.MustCompile(`^[0-9]{6,9}-.`)

// moved says what was taken over, in whole sentences.
func (o *oldLive) moved(dir string) string {
	text := fmt.Sprintf("A folder of an older Keyturn was taken over: its vault, the id of its trail and its roster are now in %s.", dir)
	records := 0
	if entries, err := os.ReadDir(filepath.Join(dir, oldFolder, trailFolder)); err == nil {
		for _, e := range entries {
			if recordFolder.MatchString(e.Name()) {
				records++
			}
		}
	}
	if records > 0 {
		text += fmt.Sprintf(" %s moved to %s; the trail begins anew.", wasOrWere(records, "record"), filepath.Join(dir, oldFolder, trailFolder))
	}
	sessions, _ := readUnfolded(filepath.Join(dir, oldFolder, sessionsFolder)) // what cannot be read was moved all the same
	if len(sessions) == 0 {
		return text
	}
	text += fmt.Sprintf(" %s moved to %s and cannot be resumed:", wasOrWere(len(sessions), "session"), filepath.Join(dir, oldFolder, sessionsFolder))
	for _, s := range sessions {
		text += fmt.Sprintf("\n  %s: %s", s.session, s.state())
	}
	return text + "\nkeyturn status shows which keys are in service."
}

func wasOrWere(n int, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return fmt.Sprintf("%d %ss were", n, what)
}
