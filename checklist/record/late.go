package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/vault/durable"
)

// An emergency does not wait for a second person. Their consent is put beside
// the record, which is signed by then: the exact text of a request that names
// the record as the trail's head, and one signature or several over it,
//
//	approval-late.txt, approval-late.txt.1.sig, approval-late.txt.2.sig …
//
// A second text, for those who were asked by another request, is
// approval-late-2.txt, with its own signatures.
var latePattern = regexp.MustCompile(`^(approval-late(?:-(?:[2-9]|[1-9][0-9]+))?\.txt)(?:\.([1-9][0-9]*)\.sig)?$`)

func lateText(n int) string {
	if n == 1 {
		return "approval-late.txt"
	}
	return fmt.Sprintf("approval-late-%d.txt", n)
}

func lateSignature(text string, n int) string { return fmt.Sprintf("%s.%d.sig", text, n) }

// Late is a consent that is put beside a record.
type Late struct{ Request, Signature string }

// ApproveLate puts all consents to the record of a session beside it, durably, in
// place of those that are there. Nothing of them is checked: VerifyTrail does
// that.
func (t *Trail) ApproveLate(ctx context.Context, rotation string, all []Late) (err error) {
	l, err := t.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	if err := t.load(l); err != nil {
		return err
	}
	exported, ok, err := t.Find(rotation)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("trail %s has no record of %s", t.dir, rotation)
	}
	if err := errors.Join(l.check(), checklist.MayChange(ctx)); err != nil {
		return err
	}
	if err := replaceLate(exported.Dir, all); err != nil {
		return fmt.Errorf("put the approval beside record %s: %w", filepath.Base(exported.Dir), err)
	}
	return nil
}

// replaceLate takes texts away first and writes them last: without its text, no
// signature is an approval.
func replaceLate(dir string, all []Late) error {
	old, err := lateFiles(dir)
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(filepath.Join(dir, f.text)); err != nil {
			return err
		}
		for _, s := range f.signatures {
			if err := os.Remove(filepath.Join(dir, s)); err != nil {
				return err
			}
		}
	}
	var texts []string
	signatures := map[string][]string{}
	for _, l := range all {
		if !slices.Contains(texts, l.Request) {
			texts = append(texts, l.Request)
		}
		signatures[l.Request] = append(signatures[l.Request], l.Signature)
	}
	for i, text := range texts {
		for j, s := range signatures[text] {
			if err := durable.WriteFile(filepath.Join(dir, lateSignature(lateText(i+1), j+1)), []byte(s)); err != nil {
				return err
			}
		}
		if err := durable.WriteFile(filepath.Join(dir, lateText(i+1)), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// lateFile is a request beside a record, with the files of its signatures.
type lateFile struct {
	text       string
	signatures []string
}

// lateFiles lists the requests beside a record.
func lateFiles(dir string) ([]lateFile, error) {
	names, err := buffers{}.folderAt(dir).files()
	if err != nil {
		return nil, err
	}
	return lateAmong(names), nil
}

func lateAmong(names []string) []lateFile {
	var all []lateFile
	of := map[string][]string{}
	for _, name := range names {
		switch m := latePattern.FindStringSubmatch(name); {
		case m == nil:
		case m[2] == "":
			all = append(all, lateFile{text: name})
		default:
			of[m[1]] = append(of[m[1]], name)
		}
	}
	number := func(name string) int {
		n, _ := strconv.Atoi(latePattern.FindStringSubmatch(name)[2])
		return n
	}
	for i := range all {
		all[i].signatures = of[all[i].text]
		slices.SortFunc(all[i].signatures, func(a, b string) int { return number(a) - number(b) })
	}
	return all
}

// ApprovedLate returns the consents beside the record of a session, without
// verifying them.
func (t *Trail) ApprovedLate(rotation string) ([]Late, error) {
	exported, ok, err := t.Find(rotation)
	if err != nil || !ok {
		return nil, err
	}
	files, err := lateFiles(exported.Dir)
	if err != nil {
		return nil, err
	}
	var all []Late
	for _, f := range files {
		text, err := readFile(filepath.Join(exported.Dir, f.text))
		if err != nil {
			return nil, err
		}
		for _, name := range f.signatures {
			signature, err := readFile(filepath.Join(exported.Dir, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			all = append(all, Late{string(text), string(signature)})
		}
	}
	return all, nil
}

// checkLate checks the consents beside the record of an emergency: who signed,
// that they are second persons, and that they name this record.
func (v *verifier) checkLate(c *checked) {
	if c.record.Rotation.Kind != kindEmergency {
		return
	}
	c.required = max(c.required, c.session.Required())
	names, err := c.files()
	if err != nil {
		c.fail("", "", "%v", err)
		return
	}
	for _, f := range lateAmong(names) {
		if v.checkLateText(c, f); c.failure != nil {
			return
		}
	}
	c.consents += len(c.approvedLate)
}

func (v *verifier) checkLateText(c *checked, f lateFile) {
	text := c.file(f.text)
	if c.failure != nil {
		return
	}
	values, err := v.Requests.Fields(string(text))
	if err != nil {
		c.failWith(f.text, "", err)
		return
	}
	requested, err := parseStamp(values["Requested"])
	if err != nil {
		c.fail(f.text, "Requested", "%v", err)
		return
	}
	m := mandate{
		session: c.session, consent: checklist.Consent{Item: approveAfterwardsItem(c.session), Record: c.digest},
		records: c.record.Trail.Seq, head: c.digest, events: c.record.Journal.Events, journal: c.record.Journal.HeadSHA256,
	}
	wrong := m.differs(values)
	switch {
	case wrong != nil:
		c.fail(f.text, wrong.field, "%s", wrong.reason)
	case values["Requested"] < c.record.CreatedAt: // times of one form compare as text
		c.fail(f.text, "Requested", "it is %s, before the record was made", values["Requested"])
	case len(f.signatures) == 0:
		c.fail(lateSignature(f.text, 1), "", "the file is missing")
	}
	for _, name := range f.signatures {
		armor := c.file(name)
		if c.failure != nil {
			return
		}
		member, err := v.Roster.Verify(string(armor), sshsig.NamespaceApproval, text, requested)
		switch {
		case errors.Is(err, sshsig.ErrSignature):
			c.fail(f.text, "", "it is not what was signed in %s: one of the two was changed", name)
		case errors.Is(err, sshsig.ErrNotValid):
			c.fail(f.text, "Requested", "%v", err)
		case err != nil:
			c.fail(name, "", "%v", err)
		default:
			if err := v.checkSecond(c.record.Signer.Principal, "approved", member, values); err != nil {
				c.failWith(name, "", err)
			}
		}
		if c.failure == nil && !slices.Contains(c.approvedLate, member.Principal) {
			c.approvedLate = append(c.approvedLate, member.Principal)
		}
	}
	c.used = append(c.used, used{values["Request"], f.text, "Request"})
}

// OfLateApproval reports whether it is the consent beside the record that does
// not hold, and not the record.
func (f *Failure) OfLateApproval() bool { return latePattern.MatchString(f.File) }
