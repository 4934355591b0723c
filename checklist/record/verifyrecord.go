package record

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
)

// bundle is the files of one record, in a folder or before they are written.
type bundle struct {
	name  string // the folder's
	read  func(file string) ([]byte, error)
	files func() ([]string, error)
}

// buffers hold the texts of one record after the other, by their files' names.
type buffers map[string][]byte

// folderAt returns the record in a folder. Its texts hold until the buffers are used
// for the next one.
func (b buffers) folderAt(dir string) bundle {
	return bundle{
		name: filepath.Base(dir),
		read: func(file string) ([]byte, error) {
			text, err := readInto(b[file], filepath.Join(dir, file))
			if err == nil {
				b[file] = text
			}
			return text, err
		},
		files: func() ([]string, error) {
			entries, err := os.ReadDir(dir)
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			return names, err
		},
	}
}

func inMemory(name string, files map[string][]byte) bundle {
	return bundle{
		name: name,
		read: func(file string) ([]byte, error) {
			if text, ok := files[file]; ok {
				return text, nil
			}
			return nil, fs.ErrNotExist
		},
		files: func() ([]string, error) { return nil, nil },
	}
}

// used is a request for approval that was answered, which is used once.
type used struct{ id, file, field string }

// checked is what one record shows by itself.
type checked struct {
	bundle
	failures
	record Record
	digest string
	// unfit says that record and signature do not fit, and nothing here tells
	// which of them was changed.
	unfit bool

	at      time.Time // of the record
	text    []byte    // of record.json
	journal copied
	session *checklist.Session // at the end of the journal

	required     int        // how many second persons must agree to a change of production
	changed      consent    // that its changes of production needed; never for no change
	sightings    []sighting // of the trail, by its opening and its approvers
	used         []used
	consents     int      // approvals that hold
	approvedLate []string // who approved afterwards
	approvedHead int      // the newest record that an approval names
	added        []Added
	exports      []export // what its audit exported
	notChecked   []Finding
	remarks      []Remark
}

// failures keeps the first failure of a record, whose folder is named.
type failures struct {
	folder  string
	failure *Failure
}

func (f *failures) fail(file, field, reason string, args ...any) {
	if f.failure == nil {
		f.failure = &Failure{Record: f.folder, File: file, Field: field, Reason: fmt.Sprintf(reason, args...)}
	}
}

// failWith is fail with a cause that callers may tell from others.
func (f *failures) failWith(file, field string, err error) {
	f.fail(file, field, "%v", err)
	if f.failure.Err == nil {
		f.failure.Err = err
	}
}

func (c *checked) remark(words string, args ...any) {
	c.remarks = append(c.remarks, Remark{Record: c.name, Words: fmt.Sprintf(words, args...)})
}

// check makes every check that needs no other record.
func (v *verifier) check(b bundle) checked {
	c := checked{bundle: b, failures: failures{folder: b.name}, changed: never}
	for _, check := range []func(*checked){
		v.checkText, v.checkSignature, v.checkFiles, v.checkOpening,
		v.checkSession, v.checkLate,
	} {
		if check(&c); c.failure != nil {
			break
		}
	}
	c.exports = exportsOf(c.name, c.session)
	// Kept for thousands of records at a time, these would fill the memory.
	c.bundle = bundle{name: b.name}
	c.text, c.journal, c.session = nil, copied{}, nil
	c.record.Items, c.record.Approvals, c.record.Refusals = nil, nil, nil
	return c
}

// file reads one of the record's files.
func (c *checked) file(name string) []byte {
	text, err := c.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		c.fail(name, "", "the file is missing")
	} else if err != nil {
		c.failWith(name, "", err)
	}
	return text
}

// checkText reads record.json strictly.
func (v *verifier) checkText(c *checked) {
	c.text = c.file(recordFile)
	if c.failure != nil {
		return
	}
	r, err := decode(c.text)
	if err != nil {
		c.failWith(recordFile, "", err)
		return
	}
	c.record, c.digest = r, digestOf(c.text)
	if c.at, err = parseStamp(r.CreatedAt); err != nil {
		c.fail(recordFile, "created_at", "%v", err)
	}
}

// checkSignature finds who signed in the auditor's roster.
func (v *verifier) checkSignature(c *checked) {
	armor := string(c.file(signatureFile))
	if c.failure != nil {
		return
	}
	member, err := v.Roster.Verify(armor, sshsig.NamespaceRecord, c.text, c.at)
	switch {
	case errors.Is(err, sshsig.ErrSignature):
		c.unfit = true
		c.fail(recordFile, "", "it is not what was signed in %s: one of the two was changed", signatureFile)
	case errors.Is(err, sshsig.ErrNotValid):
		c.fail(recordFile, "created_at", "%v", err)
	case err != nil:
		c.fail(signatureFile, "", "%v", err)
	case member.Principal != c.record.Signer.Principal:
		c.fail(recordFile, "signer.principal", "it says %q, and the key is of %s", c.record.Signer.Principal, member.Principal)
	case member.Key.Fingerprint() != c.record.Signer.Key:
		c.fail(recordFile, "signer.key", "it says %q, and %s signed", c.record.Signer.Key, member.Key.Fingerprint())
	}
}

// checkFiles checks the journal and the report against their digests. The report
// is not rendered again: what it says was vouched for in the words of its day.
func (v *verifier) checkFiles(c *checked) {
	r := c.record
	if r.Journal.Name != journalFile || r.Report.Name != reportFile {
		c.fail(recordFile, "journal", "want the files %s and %s", journalFile, reportFile)
		return
	}
	journal, report := c.file(journalFile), c.file(reportFile)
	switch {
	case c.failure != nil:
		return
	case digestOf(journal) != r.Journal.FileSHA256:
		c.fail(journalFile, "", "its digest is not the one in the record: it was changed")
		return
	case digestOf(report) != r.Report.SHA256:
		c.fail(reportFile, "", "its digest is not the one in the record: it was changed")
		return
	}
	var err error
	if c.journal, err = readJournal(journal); err != nil {
		c.failWith(journalFile, "", err)
		return
	}
	switch {
	case len(c.journal.events) != r.Journal.Events:
		c.fail(recordFile, "journal.events", "it says %d, and the journal has %d", r.Journal.Events, len(c.journal.events))
	case c.journal.head() != r.Journal.HeadSHA256:
		c.fail(recordFile, "journal.head_sha256", "it is not the digest of the journal's last line")
	}
	names, err := c.files()
	if err != nil {
		c.fail("", "", "%v", err)
	}
	for _, name := range names {
		if !c.belongs(name, names) {
			c.notChecked = append(c.notChecked, Finding{ClassForeign, c.name, name + " is no part of the record, and no signature covers it"})
		}
	}
}

// belongs reports whether a file is part of the record, or an approval of it,
// among those of its folder.
func (c *checked) belongs(name string, names []string) bool {
	if m := latePattern.FindStringSubmatch(name); m != nil {
		return c.record.Rotation.Kind == kindEmergency && slices.Contains(names, m[1])
	}
	return slices.Contains([]string{recordFile, signatureFile, reportFile, journalFile}, name)
}

// checkOpening checks what the session set out to do against what is demanded of
// its kind.
func (v *verifier) checkOpening(c *checked) {
	o := c.journal.opening()
	kind := func(sk checklist.Skeleton) bool { return sk.Kind == o.Checklist.ID }
	if !slices.ContainsFunc(v.skeletons, kind) {
		c.failWith(journalFile, "opening", &checklist.NewerError{What: "the session", Reason: fmt.Sprintf("its kind is %q", o.Checklist.ID)})
		return
	}
	if err := checklist.CheckSkeleton(o, v.skeletons); err != nil {
		c.failWith(journalFile, "opening", err)
		return
	}
	if why := wrongOpening(o, c.journal.events[0].By); why != "" {
		c.fail(journalFile, "opening", "%s", why)
		return
	}
	if o.Trail != c.record.Trail.ID {
		c.fail(recordFile, "trail.id", "the journal belongs to trail %s", o.Trail)
	}
	for _, i := range o.Checklist.Added() {
		c.added = append(c.added, Added{Record: c.name, Item: i.ID, Title: i.Title})
	}
	c.sightings = append(c.sightings, sighting{c.name, recordFile, "journal", o.TrailSeq, o.TrailHead})
	c.required = max(1, v.ApprovalsRequired, o.Setup.Approval.Required)
}

// wrongOpening says what no session of the kind sets out with; "" for nothing.
func wrongOpening(o checklist.Opening, by string) string {
	kind := o.Checklist.ID
	for _, e := range o.Environments {
		if !slices.Contains(o.Checklist.Environments, e) {
			return fmt.Sprintf("it acts in %q, where a %s does not", e, kind)
		}
	}
	names := slices.Sorted(slices.Values(o.Setup.TargetNames()))
	switch {
	case o.Operator != by:
		return fmt.Sprintf("its operator is %q, and %q opened it", o.Operator, by)
	case len(o.Environments) == 0 || len(names) == 0 || names[0] == "":
		return "it names no environment or no target"
	case len(slices.Compact(names)) < len(o.Setup.Targets):
		return "it names a target twice"
	case o.Old != "" && o.Old == o.New:
		return fmt.Sprintf("its old and its new key are both %q", o.Old)
	case kind == kindDrill && o.New != keygen.Test:
		return fmt.Sprintf("a drill's key is %q, and not %q", keygen.Test, o.New)
	case kind == kindQuarterly && (o.Old == "" || o.New == ""), kind == kindEmergency && o.Old == "":
		return "it does not name its keys"
	case kind != kindRollback && o.Parent != "":
		return fmt.Sprintf("a %s is about no other session", kind)
	}
	return ""
}

// checkSession follows the journal once, and checks each event by how the session
// stood before it.
func (v *verifier) checkSession(c *checked) {
	a, k := newAnswers(v, c), newCourse(v, c)
	s, err := checklist.Walk(c.journal.events, func(before *checklist.Session, e checklist.Event) error {
		a.event(before, e)
		k.event(before, e)
		return nil
	})
	if err != nil {
		c.failWith(journalFile, "", err)
		return
	}
	c.session = s
	if v.checkDerived(c); c.failure == nil {
		c.failure = cmp.Or(a.failure, k.failure)
	}
	if c.failure == nil {
		c.tellTime()
	}
}

// tellTime remarks on a clock that went backwards: times are the signers' own.
func (c *checked) tellTime() {
	for i, e := range c.journal.events {
		if i > 0 && e.At.Before(c.journal.events[i-1].At) {
			c.remark("which times of its journal are true: they run backwards at event %d", i+1)
			return
		}
	}
}

// checkDerived derives the record from its journal again and compares.
func (v *verifier) checkDerived(c *checked) {
	derived, err := compose(c.journal, c.session)
	if err != nil {
		c.failWith(journalFile, "", err)
		return
	}
	if field := c.record.differs(derived, c.text); field != "" {
		c.fail(recordFile, field, "it is not what the journal says")
	}
	if c.record.CreatedAt < c.record.Rotation.FinishedAt {
		c.fail(recordFile, "created_at", "it is before the session's end, %s", c.record.Rotation.FinishedAt)
	}
	if c.record.Rotation.Kind == kindRollback && c.record.Rotation.Parent == "" {
		c.remark("whether the keys that it put back and gave up were those of a rotation: it names none")
	}
}
