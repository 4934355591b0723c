package record

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// Draft is what Append makes a record of. All that the record says about the
// session is derived from the journal.
type Draft struct {
	Journal   []byte // the exact bytes of the session's journal so far
	Signer    string // principal of the key's owner in the roster
	Policy    Policy // of the roster, and of how many second persons must agree
	CreatedAt time.Time
	Tool      string // such as "keyturn 1.2.0"
	// Roster and Requests are what the record is verified with before anything of
	// it is written.
	Roster   sshsig.Roster
	Requests Requests
}

// Exported is a record that is in the trail.
type Exported struct {
	Dir    string // its folder
	Seq    int
	Digest string // SHA-256 of its record.json in hex
	Head   string // the trail's head line with this record as the last
}

// ErrClock says that the clock is behind the trail or the journal: no record can
// be made before what it follows.
var ErrClock = errors.New("the clock is behind")

// Append signs the record of a session, verifies it as VerifyTrail would, and
// adds it to the trail, durably. A session has one record: when there is one
// already it is returned, whatever the draft says. Until Append returns, the
// trail is as it was before or has the whole record.
//
// A record that would not verify is an error, in which *Failure says why, and
// nothing is written. A clock that is behind wraps ErrClock.
func (t *Trail) Append(ctx context.Context, d Draft, key sshsig.Key) (Exported, error) {
	exported, err := t.append(ctx, d, key)
	if err != nil {
		return Exported{}, fmt.Errorf("append to trail %s: %w", t.dir, err)
	}
	return exported, nil
}

func (t *Trail) append(ctx context.Context, d Draft, key sshsig.Key) (_ Exported, err error) {
	l, err := t.lock(ctx)
	if err != nil {
		return Exported{}, err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	if err := t.load(l); err != nil {
		return Exported{}, err
	}
	c, err := readJournal(d.Journal)
	if err != nil {
		return Exported{}, fmt.Errorf("read the journal: %w", err)
	}
	if exported, ok, err := t.Find(c.opening().Session); ok || err != nil {
		return exported, err
	}
	if err := t.open(); err != nil {
		return Exported{}, err
	}
	r, s, err := t.complete(d, c, key)
	if err != nil {
		return Exported{}, err
	}
	files, err := seal(&r, s, d.Journal, c, key)
	if err != nil {
		return Exported{}, err
	}
	if err := t.verify(r.Name(), files, d); err != nil {
		return Exported{}, err
	}
	if err := ctx.Err(); err != nil {
		return Exported{}, err
	}
	// The signature may have waited for a person, as the lock for another program.
	if err := checklist.MayChange(ctx); err != nil {
		return Exported{}, err
	}
	if err := writeFolder(l, t.dir, r.Name(), files); err != nil {
		return Exported{}, fmt.Errorf("write record %s: %w", r.Name(), err)
	}
	f := folder{seq: r.Trail.Seq, rotation: r.Rotation.ID, name: r.Name()}
	digest := digestOf(files[recordFile])
	t.folders = append(t.folders, f)
	t.head = Head{Trail: t.id, Seq: f.seq, Digest: digest}
	if err := t.writeHead(l); err != nil {
		return Exported{}, fmt.Errorf("write HEAD: %w", err)
	}
	return t.exported(t.dir, f, digest), nil
}

// open reports that another trail goes on after this one.
func (t *Trail) open() error {
	lineage, err := Lineage(t.dir)
	if err == nil && len(lineage) > 1 {
		err = checklist.WithHint(fmt.Errorf("%s goes on after it", filepath.Base(lineage[1])), "append to the newest one")
	}
	return err
}

// complete derives the record and gives it its place, signer and time.
func (t *Trail) complete(d Draft, c copied, key sshsig.Key) (Record, *checklist.Session, error) {
	r, s, err := derive(c)
	if err != nil {
		return Record{}, nil, err
	}
	switch {
	case !idPattern.MatchString(r.Rotation.ID):
		return Record{}, nil, fmt.Errorf("session id %q cannot name a folder", r.Rotation.ID)
	case s.Opening.Trail != t.id:
		return Record{}, nil, fmt.Errorf("session %s was opened for trail %s, not for %s", r.Rotation.ID, s.Opening.Trail, t.id)
	case d.Signer == "":
		return Record{}, nil, errors.New("the signer's principal is missing")
	}
	r.Trail = Link{ID: t.id, Seq: t.head.Seq + 1, PrevSHA256: t.head.Digest}
	r.Policy, r.CreatedAt, r.Tool = d.Policy, stamp(d.CreatedAt), d.Tool
	r.Signer = Signer{Principal: d.Signer, Key: key.Fingerprint()}
	return r, s, t.inTime(r)
}

// inTime checks that a record is made after its journal and the record before.
func (t *Trail) inTime(r Record) error {
	if r.CreatedAt < r.Rotation.FinishedAt {
		return checklist.WithHint(fmt.Errorf("%w: it says %s and the journal ends at %s", ErrClock, r.CreatedAt, r.Rotation.FinishedAt),
			"set this machine's clock, then run the item again")
	}
	last, ok, err := t.Last()
	if err == nil && ok && r.CreatedAt < last.CreatedAt {
		err = checklist.WithHint(fmt.Errorf("%w: it says %s and the last record was made at %s", ErrClock, r.CreatedAt, last.CreatedAt),
			"set this machine's clock; if the last record was made by a clock that was ahead, let a successor trail go on after it, which a second person signs")
	}
	return err
}

// seal renders the report, fixes the digests in the record and signs it.
func seal(r *Record, s *checklist.Session, journal []byte, c copied, key sshsig.Key) (map[string][]byte, error) {
	r.Journal.FileSHA256 = digestOf(journal)
	report := (&page{Record: *r, session: s, events: c.events}).render()
	r.Report = Twin{Name: reportFile, SHA256: digestOf(report)}
	text, err := r.encode()
	if err != nil {
		return nil, err
	}
	// Invalid UTF-8 is replaced by encoding: what stands in the record is what
	// is read back.
	if _, err := decode(text); err != nil {
		return nil, err
	}
	armor, err := sshsig.Sign(key, sshsig.NamespaceRecord, text)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		recordFile: text, signatureFile: []byte(armor), reportFile: report, journalFile: journal,
	}, nil
}

// verify makes the checks of VerifyTrail on a record that is not written yet. What
// the trail holds already is taken as it is.
func (t *Trail) verify(name string, files map[string][]byte, d Draft) error {
	if d.Requests == nil {
		return errors.New("a reader of approval requests is required")
	}
	v := newVerifier(Options{Roster: d.Roster, ApprovalsRequired: d.Policy.ApprovalsRequired, Requests: d.Requests})
	c := v.check(inMemory(name, files))
	failure := c.failure
	if failure == nil {
		chain, err := t.links()
		if err != nil {
			return err
		}
		failure = chain.add(c)
	}
	if failure == nil {
		return nil
	}
	return checklist.WithHint(fmt.Errorf("the record would not verify, so nothing was written: %w", failure), "%s", failure.advice())
}

// advice says what to do about a record that would not verify.
func (f *Failure) advice() string {
	switch {
	case errors.Is(f.Err, errOtherSigner):
		return "let another member of the roster sign the record"
	case f.Field == "created_at" || f.File == signatureFile || f.Field == "signer.principal":
		return "see that the roster has a line that lets the signer sign records now; another member may sign it too"
	case f.File == journalFile:
		return "the journal is kept, and says what was done; give it to whoever reviews the session, since no record of it will verify"
	}
	return "the journal is kept; run the item again once that is put right"
}

// links follows the records that are there, without verifying them.
func (t *Trail) links() (*links, error) {
	l := newLinks(t.id, t.base)
	for _, f := range t.folders {
		text, err := readFile(filepath.Join(t.dir, f.name, recordFile))
		if err != nil {
			return nil, err
		}
		r, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("read record %s: %w", f.name, err)
		}
		c := checked{bundle: bundle{name: f.name}, record: r, digest: digestOf(text)}
		for _, a := range r.Approvals {
			c.used = append(c.used, used{id: a.ID})
		}
		l.push(c)
	}
	return l, nil
}
