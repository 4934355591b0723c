package program

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
)

const journalFile = "journal.jsonl"

// unfolded is a journal that this version cannot fold: it is damaged, or an
// older Keyturn wrote it. Lines are read for what they give; whatever else is
// wrong, a key id that the text names was used.
type unfolded struct {
	session string
	text    []byte
	opening unfoldedOpening // zero where the first line cannot be read
	intact  bool            // the opening is what was written: the second line pins it
	whole   bool            // every line could be read
	opened  time.Time       // when the first line says
	last    time.Time       // of the last line that could
	ended   string          // finished or abandoned
	passed  map[string]bool // items that passed
	acted   map[string]bool // items that changed something, or may have
}

// unfoldedOpening is what matters of an opening, in the form of every version.
type unfoldedOpening struct {
	Checklist carriedKind `json:"checklist"`
	Service   string      `json:"service"` // before the setup was carried
	Setup     struct {
		Service string `json:"service"`
	} `json:"setup"`
	Environments []checklist.Environment `json:"environments"`
	Old          keygen.KeyID            `json:"old"`
	New          keygen.KeyID            `json:"new"`
}

// service names what the session rotates.
func (o unfoldedOpening) service() string { return cmp.Or(o.Setup.Service, o.Service) }

// carriedKind is the id of an opening's checklist: a text, before the checklist
// itself was carried.
type carriedKind string

// UnmarshalJSON implements json.Unmarshaler.
func (k *carriedKind) UnmarshalJSON(text []byte) error {
	var carried struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &carried); err == nil {
		*k = carriedKind(carried.ID)
		return nil
	}
	return json.Unmarshal(text, (*string)(k))
}

// readUnfolded reads the journals of the sessions in a folder, sorted by their
// ids; none where there is no such folder. A journal that cannot even be read
// as bytes is there with no text.
func readUnfolded(dir string) ([]unfolded, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the sessions in %s: %w", dir, err)
	}
	var all []unfolded
	for _, e := range entries {
		if e.IsDir() {
			text, _ := os.ReadFile(filepath.Join(dir, e.Name(), journalFile)) // as far as it goes
			all = append(all, unfold(e.Name(), text))
		}
	}
	return all, nil
}

// unfold reads what can be read of a journal.
func unfold(session string, text []byte) unfolded {
	u := unfolded{session: session, text: text, whole: len(text) > 0, passed: map[string]bool{}, acted: map[string]bool{}}
	n := 0
	first := ""
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // a crash tore it, which is no damage
		}
		n++
		var e struct {
			Prev    string           `json:"prev"`
			At      time.Time        `json:"at"`
			Kind    string           `json:"kind"`
			Item    string           `json:"item"`
			Opening *json.RawMessage `json:"opening"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			u.whole = false
			continue
		}
		switch {
		case n == 1 && e.Opening != nil:
			sum := sha256.Sum256(line)
			first, u.opened = hex.EncodeToString(sum[:]), e.At
			if err := json.Unmarshal(*e.Opening, &u.opening); err != nil {
				u.whole = false
			}
		case n == 2:
			u.intact = first != "" && e.Prev == first
		}
		u.last = e.At
		switch e.Kind {
		case "passed":
			u.passed[e.Item], u.acted[e.Item] = true, true
		case "intended", "done", "unknown":
			u.acted[e.Item] = true
		case "finished", "abandoned":
			u.ended = e.Kind
		}
	}
	return u
}

// state says how far the session came.
func (u unfolded) state() string {
	switch {
	case u.last.IsZero():
		return "its journal cannot be read"
	case u.ended != "":
		return fmt.Sprintf("%s on %s", u.ended, u.last.UTC().Format("2 Jan 2006"))
	}
	keys := ""
	if u.opening.Old != "" && u.opening.New != "" {
		keys = fmt.Sprintf(", %s to %s", u.opening.Old, u.opening.New)
	}
	return fmt.Sprintf("not ended%s, %s passed, last event on %s", keys, counted(len(u.passed), "item"), u.last.UTC().Format("2 Jan 2006 15:04 MST"))
}

// namedKeys finds the key ids in a text: of an opening, a variable's name, or a
// name in the vault.
var namedKeys = regexp.MustCompile(`"(?:old|new)":"([a-z0-9]+)"|HMAC_SECRET_([A-Z0-9]+)|\b(?:staging|production)/([a-z0-9]+)`)

// keysNamed returns the key ids that a text names, whatever the text is.
func keysNamed(text []byte) []keygen.KeyID {
	var ids []keygen.KeyID
	for _, m := range namedKeys.FindAllSubmatch(text, -1) {
		name := string(slices.Concat(m[1], bytes.ToLower(m[2]), m[3]))
		if id, err := keygen.ParseKeyID(name); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// mayRevoke reports whether the journal may tell that a key was compromised in
// an environment. Where its opening is as it was written, that is known, but
// for lines that are missing; otherwise every emergency counts that names the
// key.
func (u unfolded) mayRevoke(id keygen.KeyID, e checklist.Environment) bool {
	if !u.intact {
		return u.ofEmergency() && slices.Contains(keysNamed(u.text), id)
	}
	o := u.opening
	if o.Checklist != checklist.KindEmergency || o.Old != id || !slices.Contains(o.Environments, e) {
		return false
	}
	return u.acted[removalItem()] || !u.whole
}

// ofEmergency looks for an emergency's traces, of which the first line has some
// and each step of the removal others.
func (u unfolded) ofEmergency() bool {
	return strings.HasPrefix(u.session, checklist.KindEmergency+"-") ||
		bytes.Contains(u.text, []byte(`"checklist":"`+checklist.KindEmergency+`"`)) || bytes.Contains(u.text, []byte(`"checklist":{"id":"`+checklist.KindEmergency+`"`)) || bytes.Contains(u.text, []byte(`"`+removalItem()))
}

// removalItem is the item of an emergency that takes the compromised key out;
// the name of its step begins with the same words.
func removalItem() string {
	for _, i := range checklist.Emergency(false).Items() {
		if i.Step == checklist.StepRemoveCompromisedKey {
			return i.ID
		}
	}
	return checklist.StepRemoveCompromisedKey
}

// unfolded returns the journals that the folds leave out: those in sessions/
// that cannot be read, and those that an older Keyturn left.
func (p *Program) unfolded() ([]unfolded, error) {
	_, problems, err := p.sessions()
	if err != nil {
		return nil, err
	}
	all, err := readUnfolded(p.oldSessionsDir())
	for _, problem := range problems {
		if u := (*unreadable)(nil); errors.As(problem, &u) {
			text, _ := os.ReadFile(filepath.Join(p.sessionsDir(), u.session, journalFile)) // as far as it goes
			all = append(all, unfold(u.session, text))
		}
	}
	return all, err
}

// lostKeys returns the ids of keys that only texts name which cannot be read as
// what they are: journals and records that are damaged or of an older Keyturn.
// Such a key may be in service, or revoked; its id must not come back.
func (p *Program) lostKeys() ([]keygen.KeyID, error) {
	journals, err := p.unfolded()
	if err != nil {
		return nil, err
	}
	var ids []keygen.KeyID
	for _, u := range journals {
		ids = append(ids, keysNamed(u.text)...)
	}
	for _, file := range p.trail.unreadable() {
		text, _ := os.ReadFile(file) // as far as it goes
		ids = append(ids, keysNamed(text)...)
	}
	return ids, nil
}

func (p *Program) oldSessionsDir() string { return filepath.Join(p.dir, oldFolder, sessionsFolder) }

// oldSummaries lists the sessions in old/, which are only looked at.
func (p *Program) oldSummaries() ([]checklist.Summary, error) {
	old, err := readUnfolded(p.oldSessionsDir())
	var all []checklist.Summary
	for _, u := range old {
		title := u.session
		for _, c := range checklist.All(p.dualKeyDays) {
			if c.ID == string(u.opening.Checklist) {
				title = c.Title
			}
		}
		all = append(all, checklist.Summary{
			ID: u.session, Checklist: string(u.opening.Checklist), Title: title, Opened: u.opened, Outcome: checklist.Kind(u.ended),
			Problem: fmt.Sprintf("an old session, which cannot be resumed: %s", u.state()),
		})
	}
	return all, err
}
