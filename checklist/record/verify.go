package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"keyturn/keygen/sshsig"
)

// Options are what an auditor brings. None of it is taken from the trail.
type Options struct {
	Roster sshsig.Roster
	// ApprovalsRequired is how many second persons a change of production
	// needs; below 1 counts as 1.
	ApprovalsRequired int
	// Requests reads the text of an approval request strictly and returns its
	// values by their names in the text. It must refuse any text that people
	// could read otherwise.
	Requests func(text string) (map[string]string, error)
	// Witnesses are heads that were seen outside the trail.
	Witnesses []Head
}

// Failure is the first thing that does not hold.
type Failure struct {
	Record string // the record's folder; empty for the trail itself
	File   string // within Record
	Field  string // within File; empty for the whole
	Reason string
}

func (f *Failure) Error() string {
	place := f.File
	if f.Record != "" {
		place = filepath.Join(f.Record, f.File)
	}
	if f.Field != "" {
		place += " (" + f.Field + ")"
	}
	return place + ": " + f.Reason
}

// VerifyTrail verifies trails and single records, whose folders are paths, and
// says what was proved and what was not. The first thing that does not hold is
// returned as a *Failure; any other error means that nothing could be checked.
// It writes nothing.
func VerifyTrail(ctx context.Context, paths []string, o Options) (Report, error) {
	if o.Requests == nil || len(paths) == 0 {
		return Report{}, errors.New("verify records: a path and a reader of approval requests are required")
	}
	var report Report
	for _, path := range paths {
		one, err := verifyPath(ctx, path, o)
		if err != nil {
			return Report{}, fmt.Errorf("verify %s: %w", path, err)
		}
		report.Verified = append(report.Verified, one)
	}
	return report, nil
}

func verifyPath(ctx context.Context, path string, o Options) (Verified, error) {
	if _, err := os.Stat(path); err != nil {
		return Verified{}, err
	}
	if _, err := os.Stat(filepath.Join(path, recordFile)); err == nil {
		return verifyOne(ctx, path, o)
	}
	return verifyTrail(ctx, path, o)
}

// verifyOne verifies a record without its trail.
func verifyOne(ctx context.Context, path string, o Options) (Verified, error) {
	if err := ctx.Err(); err != nil {
		return Verified{}, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Verified{}, err
	}
	c := checkRecord(absolute, filepath.Base(absolute), o)
	if c.failure != nil {
		return Verified{}, c.failure
	}
	return Verified{
		Path: path, Single: true, Trail: c.record.Trail.ID, Records: 1, Last: c.record,
		Head:      Head{Trail: c.record.Trail.ID, Seq: c.record.Trail.Seq, Digest: c.digest},
		Approvals: c.consents(), ApprovedLate: c.approvedLate(), Unapproved: btoi(c.unapproved), Notes: c.notes, Sandbox: c.record.Rotation.World == WorldSandbox,
	}, nil
}

func verifyTrail(ctx context.Context, path string, o Options) (Verified, error) {
	text, err := os.ReadFile(filepath.Join(path, idFile))
	if err != nil {
		return Verified{}, fmt.Errorf("it is neither a trail nor a record: %w", err)
	}
	id, err := parseID(text)
	if err != nil {
		return Verified{}, &Failure{File: idFile, Reason: err.Error()}
	}
	l, err := listTrail(path)
	if errors.Is(err, ErrDamaged) {
		return Verified{}, &Failure{File: path, Reason: err.Error()}
	}
	if err != nil {
		return Verified{}, err
	}
	checks, err := checkAll(ctx, path, l.folders, o)
	if err != nil {
		return Verified{}, err
	}
	head, note, headFailure := statedHead(path)
	if f := firstFailure(checks, head); f != nil {
		return Verified{}, f
	}
	if headFailure != nil {
		return Verified{}, headFailure
	}
	if f := checkChain(id, checks, head); f != nil {
		return Verified{}, f
	}
	v := Verified{Path: path, Trail: id, Records: len(checks), Head: Head{Trail: id, Digest: noDigest}}
	v.note("", note)
	if n := len(checks); n > 0 {
		v.Last = checks[n-1].record
		v.Head.Seq, v.Head.Digest = n, checks[n-1].digest
	}
	if note == "" && head.Seq < v.Head.Seq {
		v.note("", fmt.Sprintf("HEAD names record %d: Keyturn brings it up to date when it opens the trail", head.Seq))
	}
	for _, name := range l.foreign {
		v.note("", fmt.Sprintf("%s is no part of the trail, and no signature covers it", name))
	}
	for _, c := range checks {
		v.Notes = append(v.Notes, c.notes...)
		v.Approvals += c.consents()
		v.Unapproved += btoi(c.unapproved)
		v.Countersigned = max(v.Countersigned, c.approvedHead)
		v.Sandbox = v.Sandbox || c.record.Rotation.World == WorldSandbox
	}
	return v, v.witness(checks, o.Witnesses)
}

// checkAll checks each record by itself, on all processors.
func checkAll(ctx context.Context, path string, folders []folder, o Options) ([]checked, error) {
	checks := make([]checked, len(folders))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(folders)) {
		workers.Go(func() {
			for i := range next {
				checks[i] = checkRecord(filepath.Join(path, folders[i].name), folders[i].name, o)
			}
		})
	}
	for i := range folders {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return checks, ctx.Err()
}

// firstFailure returns the failure of the oldest record that has one. A
// signature that does not fit leaves open whether the record or the signature
// was changed; the record after it, or HEAD, knows the record's digest.
func firstFailure(checks []checked, head Head) *Failure {
	for i, c := range checks {
		if c.failure == nil {
			continue
		}
		if !c.unfit {
			return c.failure
		}
		pinned := ""
		if i+1 < len(checks) {
			pinned = checks[i+1].record.Trail.PrevSHA256
		} else if head.Seq == i+1 {
			pinned = head.Digest
		}
		f := *c.failure
		if pinned == c.digest {
			f.File = signatureFile
		}
		return &f
	}
	return nil
}

// statedHead reads HEAD. It is a convenience, not a witness: whoever can change
// the records can change it too.
func statedHead(path string) (head Head, note string, f *Failure) {
	text, err := os.ReadFile(filepath.Join(path, headFile))
	if errors.Is(err, os.ErrNotExist) {
		return Head{}, "HEAD is missing", nil
	}
	if err != nil {
		return Head{}, "", &Failure{File: headFile, Reason: err.Error()}
	}
	head, err = ParseHead(string(text))
	if err != nil || head.Line()+"\n" != string(text) {
		return Head{}, "", &Failure{File: headFile, Reason: "it is no head line and a line feed"}
	}
	return head, "", nil
}

// checkChain checks what no record shows by itself.
func checkChain(id string, checks []checked, head Head) *Failure {
	prev, createdAt := noDigest, ""
	rotations, requests := map[string]string{}, map[string]string{}
	for i, c := range checks {
		fail := func(field, reason string, args ...any) *Failure {
			return &Failure{Record: c.name, File: recordFile, Field: field, Reason: fmt.Sprintf(reason, args...)}
		}
		r := c.record
		switch {
		case r.Trail.ID != id && i == 0:
			return &Failure{File: idFile, Reason: fmt.Sprintf("it says %s, and record 1 is signed for trail %s", id, r.Trail.ID)}
		case r.Trail.ID != id:
			return fail("trail.id", "it is %s, and file %s says %s", r.Trail.ID, idFile, id)
		case r.Trail.Seq != i+1:
			return fail("trail.seq", "it is %d, and the record stands at place %d", r.Trail.Seq, i+1)
		case r.Trail.PrevSHA256 != prev:
			return fail("trail.prev_sha256", "it is not the digest of the record before it, which was changed, removed or replaced")
		case r.Name() != c.name:
			return fail("rotation.id", "the record belongs in folder %s", r.Name())
		case r.CreatedAt < createdAt:
			return fail("created_at", "it is %s, before the record before it, %s", r.CreatedAt, createdAt)
		case rotations[r.Rotation.ID] != "":
			return fail("rotation.id", "record %s is about the same session", rotations[r.Rotation.ID])
		}
		if !c.opened.within(checks[:i]) {
			return fail("journal", "the session was opened when the trail had %d records and the head %.16s…, which is not this trail's", c.opened.records, c.opened.head)
		}
		for j, a := range c.approvals {
			field := fmt.Sprintf("approvals[%d].request", j)
			if first := requests[a.id]; first != "" {
				return fail(field, "request %s was used in record %s already", a.id, first)
			}
			requests[a.id] = c.name
			if !a.within(checks[:i]) {
				return fail(field, "it names %d records and the head %.16s…, which is not this trail's", a.records, a.head)
			}
		}
		if c.late != nil {
			if first := requests[c.late.id]; first != "" {
				return &Failure{Record: c.name, File: lateFile, Field: "Request", Reason: fmt.Sprintf("it was used in record %s already", first)}
			}
			requests[c.late.id] = c.name
		}
		rotations[r.Rotation.ID] = c.name
		prev, createdAt = c.digest, r.CreatedAt
	}
	return checkHead(id, checks, head)
}

func checkHead(id string, checks []checked, head Head) *Failure {
	switch {
	case head == Head{}:
		return nil // missing, and noted
	case head.Trail != id:
		return &Failure{File: headFile, Reason: fmt.Sprintf("it is of trail %s, and file %s says %s", head.Trail, idFile, id)}
	case head.Seq > len(checks):
		return &Failure{File: headFile, Reason: fmt.Sprintf("it names record %d, and the last one is %d: records were removed", head.Seq, len(checks))}
	case head.Digest != digestAt(checks, head.Seq):
		return &Failure{File: headFile, Reason: fmt.Sprintf("it does not hold the digest of record %d", head.Seq)}
	case head.Seq < len(checks)-1:
		return &Failure{File: headFile, Reason: fmt.Sprintf("it names record %d, and the last one is %d", head.Seq, len(checks))}
	}
	return nil
}

// within reports whether the head that was seen belongs to earlier records.
func (a agreed) within(earlier []checked) bool {
	return a.records <= len(earlier) && a.head == digestAt(earlier, a.records)
}

// digestAt returns the digest of record seq, and what stands for none at 0.
func digestAt(checks []checked, seq int) string {
	if seq < 1 || seq > len(checks) {
		return noDigest
	}
	return checks[seq-1].digest
}
