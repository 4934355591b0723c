package record

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// checked is what one record shows by itself.
type checked struct {
	name    string // the folder's
	record  Record
	digest  string
	failure *Failure
	// unfit says that record and signature do not fit, and nothing here tells
	// which of them was changed.
	unfit bool

	approvals    []agreed
	late         *agreed // to an emergency, afterwards; nil for none
	unapproved   bool    // an emergency in production still waits for its approval
	approvedHead int     // the newest record that an approval of this one names
	notes        []Note

	opened agreed // the trail as the session found it

	at      time.Time // of the record
	text    []byte    // of record.json
	known   bool      // the session's checklist is one that we have
	journal copied
}

// fail keeps the first failure.
func (c *checked) fail(file, field, reason string, args ...any) {
	if c.failure == nil {
		c.failure = &Failure{Record: c.name, File: file, Field: field, Reason: fmt.Sprintf(reason, args...)}
	}
}

func (c *checked) note(words string) {
	c.notes = append(c.notes, Note{Record: c.name, Words: words})
}

// checkRecord makes every check that needs no other record.
func checkRecord(dir, name string, o Options) checked {
	c := checked{name: name}
	for _, check := range []func(*checked, string, Options){
		(*checked).checkText, (*checked).checkSignature, (*checked).checkFiles, (*checked).checkDerived,
		(*checked).checkApprovals, (*checked).checkLate, (*checked).checkPolicy,
	} {
		if check(&c, dir, o); c.failure != nil {
			break
		}
	}
	// Kept for thousands of records at a time, these would fill the memory.
	c.text, c.journal = nil, copied{}
	c.record.Items, c.record.Approvals = nil, nil
	return c
}

// read reads one of the record's files.
func (c *checked) read(dir, file string) []byte {
	text, err := readFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		c.fail(file, "", "the file is missing")
	} else if err != nil {
		c.fail(file, "", "%v", err)
	}
	return text
}

// checkText reads record.json strictly.
func (c *checked) checkText(dir string, _ Options) {
	c.text = c.read(dir, recordFile)
	if c.failure != nil {
		return
	}
	r, err := decode(c.text)
	if err != nil {
		c.fail(recordFile, "", "%v", err)
		return
	}
	c.record, c.digest = r, digestOf(c.text)
	if r.Schema != schema {
		c.fail(recordFile, "schema", "it is %q, want %q", r.Schema, schema)
	}
	if c.at, err = parseStamp(r.CreatedAt); err != nil {
		c.fail(recordFile, "created_at", "%v", err)
	}
}

// checkSignature finds who signed in the auditor's roster.
func (c *checked) checkSignature(dir string, o Options) {
	armor := string(c.read(dir, signatureFile))
	if c.failure != nil {
		return
	}
	member, err := o.Roster.Verify(armor, sshsig.NamespaceRecord, c.text, c.at)
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

// checkFiles checks the journal and the report against their digests, and
// renders the report again.
func (c *checked) checkFiles(dir string, _ Options) {
	r := c.record
	if r.Journal.Name != journalFile || r.Report.Name != reportFile {
		c.fail(recordFile, "journal", "want the files %s and %s", journalFile, reportFile)
		return
	}
	journal, report := c.read(dir, journalFile), c.read(dir, reportFile)
	if c.failure != nil {
		return
	}
	if digestOf(journal) != r.Journal.FileSHA256 {
		c.fail(journalFile, "", "its digest is not the one in the record: it was changed")
		return
	}
	if digestOf(report) != r.Report.SHA256 {
		c.fail(reportFile, "", "its digest is not the one in the record: it was changed")
		return
	}
	var err error
	if c.journal, err = readJournal(journal); err != nil {
		c.fail(journalFile, "", "%v", err)
		return
	}
	switch {
	case len(c.journal.events) != r.Journal.Events:
		c.fail(recordFile, "journal.events", "it says %d, and the journal has %d", r.Journal.Events, len(c.journal.events))
	case c.journal.head() != r.Journal.HeadSHA256:
		c.fail(recordFile, "journal.head_sha256", "it is not the digest of the journal's last line")
	case r.Report.Renderer != renderer:
		c.note(fmt.Sprintf("The report was written by %s, which this version does not know: it is the one that was signed, and whether it says what the record says was not checked", r.Report.Renderer))
	case !bytes.Equal(render(r, c.journal), report):
		c.fail(reportFile, "", "it is not what the record and its journal say")
	}
	c.noteForeign(dir)
}

func (c *checked) noteForeign(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		c.fail("", "", "%v", err)
		return
	}
	for _, entry := range entries {
		if !slices.Contains(c.files(), entry.Name()) {
			c.note(fmt.Sprintf("%s is no part of the record, and no signature covers it", entry.Name()))
		}
	}
}

// files returns the names that a record's folder may hold.
func (c *checked) files() []string {
	files := []string{recordFile, signatureFile, reportFile, journalFile}
	if c.record.Rotation.Kind == kindEmergency {
		files = append(files, lateFile, lateSignatureFile)
	}
	return files
}

// checkDerived derives the record from its journal again and compares.
func (c *checked) checkDerived(_ string, _ Options) {
	opening := *c.journal.events[0].Opening
	c.opened = agreed{records: opening.TrailSeq, head: opening.TrailHead}
	if opening.Trail != c.record.Trail.ID {
		c.fail(recordFile, "trail.id", "the journal belongs to trail %s", opening.Trail)
		return
	}
	list, err := checklist.Find(opening)
	c.known = err == nil && list.Digest() == opening.Digest
	if !c.known {
		c.note("The session followed a checklist that this version does not have: whether the record says what its journal says was not checked")
		return
	}
	derived, err := compose(c.journal)
	if err != nil {
		c.fail(journalFile, "", "%v", err)
		return
	}
	if field := c.record.differs(derived, c.text); field != "" {
		c.fail(recordFile, field, "it is not what the journal says")
	}
	if c.record.CreatedAt < c.record.Rotation.FinishedAt {
		c.fail(recordFile, "created_at", "it is before the session's end, %s", c.record.Rotation.FinishedAt)
	}
}
