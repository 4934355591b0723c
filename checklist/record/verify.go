package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// Requests knows the texts that second persons sign.
type Requests interface {
	// Fields reads the text of an approval request strictly and returns its values
	// by their names in the text. It must refuse any text that people could read
	// otherwise.
	Fields(text string) (map[string]string, error)
	// Refusal returns the text that is signed to refuse a request for a reason,
	// which may be empty. It must refuse a reason that it would write otherwise.
	Refusal(request, why string) (text string, err error)
}

// Options are what an auditor brings. None of it is taken from the trail.
type Options struct {
	Roster sshsig.Roster
	// ApprovalsRequired is how many second persons a change of production needs,
	// where a session's own configuration did not demand more; below 1 counts as 1.
	ApprovalsRequired int
	Requests          Requests
	// Witnesses are heads that were seen outside the trail.
	Witnesses []Head
	// AuditFiles are what audits exported; a record must state the digest of each.
	AuditFiles []AuditFile
	// Progress is called after each record, by one goroutine; nil for nobody.
	Progress func(done, total int)
}

// verifier is what every record is checked with.
type verifier struct {
	Options
	skeletons   []checklist.Skeleton
	permissions permissions
	progress    progress
}

func newVerifier(o Options) *verifier {
	return &verifier{Options: o, skeletons: checklist.Released(), permissions: allPermissions()}
}

// Failure is the first thing that does not hold.
type Failure struct {
	Record string // the record's folder; empty for the trail itself
	File   string // within Record
	Field  string // within File; empty for the whole
	Reason string
	// Err is the cause where callers may tell it from others: what another version
	// made is a *checklist.NewerError, or wraps checklist.ErrPreRelease.
	Err error
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

func (f *Failure) Unwrap() error { return f.Err }

// VerifyTrail verifies trails and single records, whose folders are paths, and
// says what was checked and what was not. The first thing that does not hold is
// returned as a *Failure; any other error means that nothing could be checked.
// It writes nothing.
func VerifyTrail(ctx context.Context, paths []string, o Options) (Report, error) {
	if o.Requests == nil || len(paths) == 0 {
		return Report{}, errors.New("verify records: a path and a reader of approval requests are required")
	}
	v := newVerifier(o)
	v.progress = newProgress(paths, o.Progress)
	var lineage []*seen
	var report Report
	for _, path := range paths {
		one, s, err := v.path(ctx, path)
		if err != nil {
			return Report{}, fmt.Errorf("verify %s: %w", path, err)
		}
		report.Verified = append(report.Verified, one)
		lineage = append(lineage, s)
	}
	for i, s := range lineage {
		if s == nil {
			continue
		}
		if f := s.joins(lineage, &report.Verified[i]); f != nil {
			return Report{}, fmt.Errorf("verify %s: %w", s.path, f)
		}
	}
	for _, w := range o.Witnesses {
		if err := report.witness(w, lineage); err != nil {
			return Report{}, err
		}
	}
	for _, a := range o.AuditFiles {
		if f := report.auditFile(a); f != nil {
			return Report{}, fmt.Errorf("verify audit file %w", f)
		}
	}
	return report, nil
}

func (v *verifier) path(ctx context.Context, path string) (Verified, *seen, error) {
	if _, err := os.Stat(path); err != nil {
		return Verified{}, nil, err
	}
	if _, err := os.Stat(filepath.Join(path, recordFile)); err == nil {
		one, err := v.one(ctx, path)
		return one, nil, err
	}
	return v.trail(ctx, path)
}

// one verifies a record without its trail.
func (v *verifier) one(ctx context.Context, path string) (Verified, error) {
	if err := ctx.Err(); err != nil {
		return Verified{}, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Verified{}, err
	}
	c := v.check(buffers{}.folderAt(absolute))
	v.progress.step()
	if c.failure != nil {
		return Verified{}, c.failure
	}
	one := Verified{
		Path: path, Single: true, Trail: c.record.Trail.ID, Records: 1, Last: c.record,
		Head: Head{Trail: c.record.Trail.ID, Seq: c.record.Trail.Seq, Digest: c.digest},
	}
	one.add(c)
	return one, nil
}

// trail verifies a trail by itself.
func (v *verifier) trail(ctx context.Context, path string) (Verified, *seen, error) {
	text, err := readFile(filepath.Join(path, idFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Verified{}, nil, fmt.Errorf("it is neither a trail nor a record: %w", err)
	}
	if err != nil {
		return Verified{}, nil, &Failure{File: idFile, Reason: err.Error(), Err: err}
	}
	id, err := parseID(text)
	if err != nil {
		return Verified{}, nil, &Failure{File: idFile, Reason: err.Error()}
	}
	base, f := v.predecessor(path, id)
	if f != nil {
		return Verified{}, nil, f
	}
	l, err := listTrail(path, base.head.Seq)
	if errors.Is(err, ErrDamaged) {
		return Verified{}, nil, &Failure{File: path, Reason: err.Error()}
	}
	if err != nil {
		return Verified{}, nil, err
	}
	checks, err := v.all(ctx, path, l.folders)
	if err != nil {
		return Verified{}, nil, err
	}
	one := Verified{Path: path, Trail: id, Records: len(checks), Base: base.head, SucceededBy: base.people}
	head, f := statedHead(path, &one)
	if failure := firstFailure(checks, head, base.head.Seq); failure != nil {
		return Verified{}, nil, failure
	}
	if f != nil {
		return Verified{}, nil, f
	}
	s := &seen{path: path, chain: newLinks(id, base.head)}
	for _, c := range checks {
		if f := s.chain.add(c); f != nil {
			return Verified{}, nil, f
		}
		one.add(c)
		one.Last = c.record
	}
	one.Head = s.chain.head
	one.NotChecked = append(one.NotChecked, s.chain.found...)
	for _, name := range l.foreign {
		one.notChecked(ClassForeign, "", "%s is no part of the trail, and no signature covers it", name)
	}
	return one, s, s.chain.checkHead(head, &one)
}

// all checks each record by itself, on all processors.
func (v *verifier) all(ctx context.Context, path string, folders []folder) ([]checked, error) {
	checks := make([]checked, len(folders))
	next, done := make(chan int), make(chan struct{})
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(folders)) {
		workers.Go(func() {
			texts := buffers{}
			for i := range next {
				checks[i] = v.check(texts.folderAt(filepath.Join(path, folders[i].name)))
				done <- struct{}{}
			}
		})
	}
	go func() {
		for i := range folders {
			if ctx.Err() != nil {
				break
			}
			next <- i
		}
		close(next)
		workers.Wait()
		close(done)
	}()
	for range done {
		v.progress.step()
	}
	return checks, ctx.Err()
}

// firstFailure returns the failure of the oldest record that has one. A
// signature that does not fit leaves open whether the record or the signature
// was changed; the record after it, or HEAD, knows the record's digest.
func firstFailure(checks []checked, head Head, base int) *Failure {
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
		} else if head.Seq == base+i+1 {
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
func statedHead(path string, one *Verified) (Head, *Failure) {
	text, err := readFile(filepath.Join(path, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		one.notChecked(ClassHead, "", "HEAD is missing, so nothing says how many records the trail should have")
		return Head{}, nil
	}
	if err != nil {
		return Head{}, &Failure{File: headFile, Reason: err.Error(), Err: err}
	}
	head, err := ParseHead(string(text))
	if err != nil || head.Line()+"\n" != string(text) {
		return Head{}, &Failure{File: headFile, Reason: "it is no head line and a line feed"}
	}
	return head, nil
}
