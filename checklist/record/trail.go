package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"keyturn/vault/durable"
)

const (
	idFile         = "id"
	headFile       = "HEAD"
	lockFile       = ".lock"
	attributesFile = ".gitattributes"

	// attributes keep git from changing line ends, which every digest covers.
	attributes = "* -text\n"
)

// ErrDamaged says that a trail is not as Append left it. Nothing is repaired
// then: VerifyTrail says where it was changed.
var ErrDamaged = errors.New("trail is damaged")

// Trail is a folder of records. Several programs may append to one trail: each
// takes the folder's lock.
type Trail struct {
	dir     string
	id      string
	base    Head // the last record of the trail before; of no record where there is none
	folders []folder
	head    Head
}

// folder is one record's place.
type folder struct {
	seq      int
	rotation string
	name     string
}

// OpenTrail opens the trail in dir, and begins one when dir is missing or
// empty. What a crash during Append left behind is put right. An error wraps
// ErrDamaged when records or HEAD were changed by somebody else.
func OpenTrail(dir string) (*Trail, error) {
	t, err := openTrail(dir)
	if err != nil {
		return nil, fmt.Errorf("open trail %s: %w", dir, err)
	}
	return t, nil
}

func openTrail(dir string) (*Trail, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	t := &Trail{dir: dir}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	l, err := t.lock(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(t.load(l), l.Release()); err != nil {
		return nil, err
	}
	return t, nil
}

// load reads the folder anew, and puts right what a crash left.
func (t *Trail) load(l *lock) error {
	id, err := loadID(t.dir)
	if err != nil {
		return err
	}
	t.id = id
	if err := durable.RemoveRemains(t.dir); err != nil {
		return err
	}
	if t.base, err = baseOf(t.dir, id); err != nil {
		return err
	}
	listing, err := listTrail(t.dir, t.base.Seq)
	if err != nil {
		return err
	}
	t.folders = listing.folders
	return t.loadHead(l)
}

func loadID(dir string) (string, error) {
	path := filepath.Join(dir, idFile)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if begun, err := hasRecords(dir); err != nil {
			return "", err
		} else if begun {
			return "", fmt.Errorf("%w: it has records and no file %s", ErrDamaged, idFile)
		}
		made, err := uuid.NewRandom()
		if err != nil {
			return "", fmt.Errorf("make an id: %w", err)
		}
		if err := durable.WriteFile(filepath.Join(dir, attributesFile), []byte(attributes)); err != nil {
			return "", err
		}
		return made.String(), durable.WriteFile(path, []byte(made.String()+"\n"))
	}
	if err != nil {
		return "", fmt.Errorf("read file %s: %w", idFile, err)
	}
	return parseID(text)
}

func parseID(text []byte) (string, error) {
	id, err := uuid.ParseBytes(bytes.TrimSuffix(text, []byte("\n")))
	if err != nil || id.String()+"\n" != string(text) {
		return "", fmt.Errorf("%w: file %s holds no UUID and a line feed", ErrDamaged, idFile)
	}
	return id.String(), nil
}

// loadHead compares HEAD with the last record, and writes it when a crash came
// between the record and HEAD, or before the first HEAD.
func (t *Trail) loadHead(l *lock) error {
	t.head = Head{Trail: t.id, Seq: t.base.Seq, Digest: t.base.Digest}
	prev := ""
	if n := len(t.folders); n > 0 {
		text, err := readFile(filepath.Join(t.dir, t.folders[n-1].name, recordFile))
		if err != nil {
			return err
		}
		last, err := decode(text)
		switch {
		case ofAnotherVersion(err):
			return fmt.Errorf("%s: %w", t.folders[n-1].name, err)
		case err != nil:
			return fmt.Errorf("%w: %s: %w", ErrDamaged, t.folders[n-1].name, err)
		}
		prev = last.Trail.PrevSHA256
		t.head.Seq, t.head.Digest = t.folders[n-1].seq, digestOf(text)
	}
	stored, err := t.storedHead()
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(t.folders) == 0:
		return t.writeHead(l)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it has records and no file %s", ErrDamaged, headFile)
	case err != nil:
		return err
	case stored == t.head:
		return nil
	case stored.Trail == t.id && stored.Seq == t.head.Seq-1 && stored.Digest == prev:
		return t.writeHead(l)
	case stored.Seq > t.head.Seq:
		return fmt.Errorf("%w: HEAD names record %d and the last one is %d", ErrDamaged, stored.Seq, t.head.Seq)
	}
	return fmt.Errorf("%w: HEAD does not name the last record, %d", ErrDamaged, t.head.Seq)
}

func (t *Trail) storedHead() (Head, error) {
	text, err := readFile(filepath.Join(t.dir, headFile))
	if err != nil {
		return Head{}, fmt.Errorf("read %s: %w", headFile, err)
	}
	head, err := ParseHead(string(text))
	if err != nil {
		return Head{}, fmt.Errorf("%w: HEAD: %w", ErrDamaged, err)
	}
	return head, nil
}

func (t *Trail) writeHead(l *lock) error {
	if err := l.check(); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(t.dir, headFile), []byte(t.head.Line()+"\n"))
}

// ID returns the trail's id, a UUID made on first use.
func (t *Trail) ID() string { return t.id }

// Dir returns the trail's folder.
func (t *Trail) Dir() string { return t.dir }

// Head names the last record, as of OpenTrail or the last Append.
func (t *Trail) Head() Head { return t.head }

// Records reads all records, oldest first, without verifying them.
func (t *Trail) Records() ([]Record, error) {
	records := make([]Record, 0, len(t.folders))
	for _, f := range t.folders {
		r, err := t.read(f)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// Last reads the newest record without verifying it; ok is false when there is
// none.
func (t *Trail) Last() (last Record, ok bool, err error) {
	if len(t.folders) == 0 {
		return Record{}, false, nil
	}
	last, err = t.read(t.folders[len(t.folders)-1])
	return last, err == nil, err
}

// Record reads the record at a place of the trail, counted from 1 for the first of
// all, without verifying it.
func (t *Trail) Record(seq int) (Record, error) {
	i := seq - t.base.Seq - 1
	if i < 0 || i >= len(t.folders) {
		return Record{}, fmt.Errorf("trail %s has no record %d", t.dir, seq)
	}
	return t.read(t.folders[i])
}

func (t *Trail) read(f folder) (Record, error) {
	text, err := readFile(filepath.Join(t.dir, f.name, recordFile))
	if err != nil {
		return Record{}, fmt.Errorf("read record %s: %w", f.name, err)
	}
	r, err := decode(text)
	if err != nil {
		return Record{}, fmt.Errorf("read record %s: %w", f.name, err)
	}
	return r, nil
}

// Find returns the record of a session, in this trail or in one that it goes on
// after; ok is false when there is none.
func (t *Trail) Find(rotation string) (exported Exported, ok bool, err error) {
	dir, folders := t.dir, t.folders
	for {
		for _, f := range folders {
			if f.rotation != rotation {
				continue
			}
			text, err := readFile(filepath.Join(dir, f.name, recordFile))
			if err != nil {
				return Exported{}, false, fmt.Errorf("read record %s: %w", f.name, err)
			}
			return t.exported(dir, f, digestOf(text)), true, nil
		}
		if dir, folders, err = t.before(dir); err != nil || dir == "" {
			return Exported{}, false, err
		}
	}
}

// before returns the folder of the trail that the one in dir goes on after, with
// its records; "" where there is none, or where it is not here.
func (t *Trail) before(dir string) (string, []folder, error) {
	if base, err := baseOf(dir, t.id); err != nil || base.Seq == 0 {
		return "", nil, err
	}
	previous := previousDir(dir)
	if previous == dir { // it was given another name
		return "", nil, nil
	}
	base, err := baseOf(previous, t.id)
	if err != nil {
		return "", nil, err
	}
	l, err := listTrail(previous, base.Seq)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	return previous, l.folders, err
}

func (t *Trail) exported(dir string, f folder, digest string) Exported {
	return Exported{
		Dir: filepath.Join(dir, f.name), Seq: f.seq, Digest: digest,
		Head: Head{Trail: t.id, Seq: f.seq, Digest: digest}.Line(),
	}
}
