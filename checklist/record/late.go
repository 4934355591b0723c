package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gofrs/flock"

	"keyturn/keygen/sshsig"
)

// An emergency does not wait for a second person. Their consent is put beside
// the record, which is signed by then: the exact text of a request that names
// the record as the trail's head, and its signature.
const (
	lateFile          = "approval-late.txt"
	lateSignatureFile = "approval-late.txt.sig"
)

// ApproveLate puts a second person's consent beside the record of a session,
// durably. It replaces one that is there. Nothing of it is checked: VerifyTrail
// does that.
func (t *Trail) ApproveLate(ctx context.Context, rotation, request, signature string) (err error) {
	lock := flock.New(filepath.Join(t.dir, lockFile))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return fmt.Errorf("lock trail %s: %w", t.dir, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := t.load(); err != nil {
		return err
	}
	exported, ok, err := t.Find(rotation)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("trail %s has no record of %s", t.dir, rotation)
	}
	// The text comes last: without it there is no approval yet.
	if err := replaceFile(filepath.Join(exported.Dir, lateSignatureFile), []byte(signature)); err != nil {
		return fmt.Errorf("write %s: %w", lateSignatureFile, err)
	}
	if err := replaceFile(filepath.Join(exported.Dir, lateFile), []byte(request)); err != nil {
		return fmt.Errorf("write %s: %w", lateFile, err)
	}
	return nil
}

// Late is a consent that was put beside a record.
type Late struct{ Request, Signature string }

// ApprovedLate returns the consent beside the record of a session, without
// verifying it; ok is false when there is none.
func (t *Trail) ApprovedLate(rotation string) (late Late, ok bool, err error) {
	exported, ok, err := t.Find(rotation)
	if err != nil || !ok {
		return Late{}, false, err
	}
	request, err := readFile(filepath.Join(exported.Dir, lateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Late{}, false, nil
	}
	if err != nil {
		return Late{}, false, err
	}
	signature, err := readFile(filepath.Join(exported.Dir, lateSignatureFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without one it does not verify
		return Late{}, false, err
	}
	return Late{string(request), string(signature)}, true, nil
}

// checkLate checks the consent beside the record of an emergency, if it is
// there: who signed, that it is a second person, and that it names this record.
func (c *checked) checkLate(dir string, o Options) {
	if c.record.Rotation.Kind != kindEmergency {
		return
	}
	if _, err := os.Stat(filepath.Join(dir, lateFile)); errors.Is(err, fs.ErrNotExist) {
		return
	}
	text, armor := c.read(dir, lateFile), c.read(dir, lateSignatureFile)
	if c.failure != nil {
		return
	}
	values, err := o.Requests(string(text))
	if err != nil {
		c.fail(lateFile, "", "%v", err)
		return
	}
	requested, err := parseStamp(values["Requested"])
	if err != nil {
		c.fail(lateFile, "Requested", "%v", err)
		return
	}
	member, err := o.Roster.Verify(string(armor), sshsig.NamespaceApproval, text, requested)
	switch {
	case errors.Is(err, sshsig.ErrSignature):
		c.fail(lateFile, "", "it is not what was signed in %s: one of the two was changed", lateSignatureFile)
	case errors.Is(err, sshsig.ErrNotValid):
		c.fail(lateFile, "Requested", "%v", err)
	case err != nil:
		c.fail(lateSignatureFile, "", "%v", err)
	case !c.second(member, values, o.Roster):
		c.fail(lateSignatureFile, "", "%s approved their own request or record", member.Principal)
	default:
		c.checkLateBound(values)
	}
	if c.failure == nil {
		c.late = &agreed{id: values["Request"], by: member.Principal, records: c.record.Trail.Seq, head: c.digest}
	}
}

// checkLateBound compares what was approved with the record. Its digest is the
// head and the plan, so that the rest is for people, and must be true.
func (c *checked) checkLateBound(values map[string]string) {
	r := c.record
	var keys Keys
	for _, k := range r.Keys {
		if k.Environment == values["Environment"] {
			keys = k
		}
	}
	for _, bound := range [][2]string{
		{"Trail", r.Trail.ID},
		{"Records", strconv.Itoa(r.Trail.Seq)},
		{"Head", c.digest},
		{"Rotation", r.Rotation.ID},
		{"Events", strconv.Itoa(r.Journal.Events)},
		{"Journal", r.Journal.HeadSHA256},
		{"Environment", "production"},
		{"Old-Key", orNone(keys.OldID)},
		{"Old-Key-Fp", orNone(keys.OldFp)},
		{"New-Key", orNone(keys.NewID)},
		{"New-Key-Fp", orNone(keys.NewFp)},
		{"Target-Sum", sumNames(r.Targets)},
		{"Plan", c.digest},
	} {
		if got := values[bound[0]]; got != bound[1] {
			c.fail(lateFile, bound[0], "it is %q, and the record says %q", got, bound[1])
			return
		}
	}
	if values["Requested"] < r.CreatedAt { // times of one form compare as text
		c.fail(lateFile, "Requested", "it is %s, before the record was made", values["Requested"])
	}
}

// checkAfterwards checks what an emergency owes in place of an approval before.
func (c *checked) checkAfterwards(o Options) {
	if c.checkGates(); c.failure != nil {
		return
	}
	switch want := max(1, o.ApprovalsRequired); {
	case c.late == nil:
		c.unapproved = true
		c.note("the approval by a second person is missing: production was changed in an emergency, and nobody else has approved it since")
	case want > 1:
		c.unapproved = true
		c.note(fmt.Sprintf("the approval by a second person is missing: %d are wanted, and %s alone approved", want, c.late.by))
	default:
		c.note(fmt.Sprintf("Break-glass: production was changed before anybody approved, and %s approved the record afterwards", c.late.by))
	}
}

// OfLateApproval reports whether it is the consent beside the record that does
// not hold, and not the record.
func (f *Failure) OfLateApproval() bool { return f.File == lateFile || f.File == lateSignatureFile }

// approvedLate returns who approved afterwards; "" for nobody.
func (c *checked) approvedLate() string {
	if c.late == nil {
		return ""
	}
	return c.late.by
}

// consents counts the approvals that hold.
func (c *checked) consents() int { return len(c.approvals) + btoi(c.late != nil) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
