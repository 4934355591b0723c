package record

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"keyturn/keygen/sshsig"
)

// Draft is what Append makes a record of. All that the record says about the
// session is derived from the journal.
type Draft struct {
	Journal   []byte // the exact bytes of the session's journal so far
	Signer    string // principal of the key's owner in the roster
	Policy    Policy
	CreatedAt time.Time
	Tool      string // such as "keyturn 1.2.0"
}

// Exported is a record that is in the trail.
type Exported struct {
	Dir    string // its folder
	Seq    int
	Digest string // SHA-256 of its record.json in hex
	Head   string // the trail's head line with this record as the last
}

// Append signs the record of a session and adds it to the trail, durably. A
// session has one record: when there is one already it is returned, whatever
// the draft says. Until Append returns, the trail is as it was before or has
// the whole record.
func (t *Trail) Append(ctx context.Context, d Draft, key sshsig.Key) (Exported, error) {
	exported, err := t.append(ctx, d, key)
	if err != nil {
		return Exported{}, fmt.Errorf("append to trail %s: %w", t.dir, err)
	}
	return exported, nil
}

func (t *Trail) append(ctx context.Context, d Draft, key sshsig.Key) (_ Exported, err error) {
	lock := flock.New(filepath.Join(t.dir, lockFile))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return Exported{}, fmt.Errorf("lock it: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := t.load(); err != nil {
		return Exported{}, err
	}
	c, err := readJournal(d.Journal)
	if err != nil {
		return Exported{}, fmt.Errorf("read the journal: %w", err)
	}
	if exported, ok, err := t.Find(c.events[0].Opening.Session); ok || err != nil {
		return exported, err
	}
	r, err := t.complete(d, c, key)
	if err != nil {
		return Exported{}, err
	}
	files, err := seal(&r, d.Journal, c, key)
	if err != nil {
		return Exported{}, err
	}
	if err := ctx.Err(); err != nil {
		return Exported{}, err
	}
	if err := writeFolder(t.dir, r.Name(), files); err != nil {
		return Exported{}, fmt.Errorf("write record %s: %w", r.Name(), err)
	}
	f := folder{seq: r.Trail.Seq, rotation: r.Rotation.ID, name: r.Name()}
	digest := digestOf(files[recordFile])
	t.folders = append(t.folders, f)
	t.head = Head{Trail: t.id, Seq: f.seq, Digest: digest}
	if err := t.writeHead(); err != nil {
		return Exported{}, fmt.Errorf("write HEAD: %w", err)
	}
	return t.exported(f, digest), nil
}

// complete derives the record and gives it its place, signer and time.
func (t *Trail) complete(d Draft, c copied, key sshsig.Key) (Record, error) {
	r, err := compose(c)
	if err != nil {
		return Record{}, err
	}
	switch {
	case !idPattern.MatchString(r.Rotation.ID):
		return Record{}, fmt.Errorf("session id %q cannot name a folder", r.Rotation.ID)
	case c.events[0].Opening.Trail != t.id:
		return Record{}, fmt.Errorf("session %s was opened for trail %s, not for %s", r.Rotation.ID, c.events[0].Opening.Trail, t.id)
	case d.Signer == "":
		return Record{}, errors.New("the signer's principal is missing")
	}
	r.Trail = Link{ID: t.id, Seq: t.head.Seq + 1, PrevSHA256: t.head.Digest}
	r.Policy, r.CreatedAt, r.Tool = d.Policy, stamp(d.CreatedAt), d.Tool
	r.Signer = Signer{Principal: d.Signer, Key: key.Fingerprint()}
	if r.CreatedAt < r.Rotation.FinishedAt {
		return Record{}, fmt.Errorf("the clock says %s and the journal ends at %s", r.CreatedAt, r.Rotation.FinishedAt)
	}
	if last, ok, err := t.Last(); err != nil {
		return Record{}, err
	} else if ok && r.CreatedAt < last.CreatedAt {
		return Record{}, fmt.Errorf("the clock says %s and the last record was made at %s", r.CreatedAt, last.CreatedAt)
	}
	return r, nil
}

// seal renders the report, fixes the digests in the record and signs it.
func seal(r *Record, journal []byte, c copied, key sshsig.Key) (map[string][]byte, error) {
	r.Journal.FileSHA256 = digestOf(journal)
	report := render(*r, c)
	r.Report = Twin{Name: reportFile, SHA256: digestOf(report), Renderer: renderer}
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
