package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"keyturn/checklist"
)

// Options are what a journal needs from its surroundings.
type Options struct {
	// Clock tells the time for the lock's words and for a recovery's event.
	Clock func() time.Time
	// By is the operator's principal.
	By string
}

var _ checklist.Journal = (*File)(nil)

// File is a journal in a file. Its methods may be called from several
// goroutines.
type File struct {
	path   string
	holder string // who writes; empty when it is us
	lock   *lock  // nil when somebody else writes

	mu     sync.Mutex
	disk   disk // nil once closed
	events []checklist.Event
	chain  checklist.Chain
	size   int64 // of the whole lines, in bytes
	broken error // why nothing can be appended any more
}

// disk is what a journal needs of an open file; see ownfile.File.
type disk interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Check() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// Create begins the journal of a new session in its own folder below dir. The
// error wraps fs.ErrExist when there is such a session already.
func Create(dir, sessionID string, o Options) (*File, error) {
	f, err := create(dir, sessionID, o)
	if err != nil {
		return nil, fmt.Errorf("create journal of session %q: %w", sessionID, err)
	}
	return f, nil
}

func create(dir, sessionID string, o Options) (*File, error) {
	if err := checkSessionID(sessionID); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	session := filepath.Join(dir, sessionID)
	if err := os.Mkdir(session, 0o700); err != nil {
		return nil, err
	}
	l, holder, err := takeLock(session, o)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return nil, fmt.Errorf("it is held by %s", holder)
	}
	path := filepath.Join(session, fileName)
	d, err := openFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	// The file's name, and the session's, must outlive a crash as well.
	if err := errors.Join(d.Sync(), syncDir(session), syncDir(dir)); err != nil {
		return nil, errors.Join(err, d.Close(), l.release())
	}
	return &File{path: path, lock: l, disk: d, chain: checklist.NewChain()}, nil
}

// Open comes back to a session's journal. When somebody else writes to it, the
// journal is read-only, holds what had been written by now, and Holder says
// who that is; otherwise a torn last line is dropped, and an event says so.
//
// The error wraps fs.ErrNotExist when there is no such session, and ErrEmpty
// when its journal holds no event; damage is a *DamagedError.
func Open(dir, sessionID string, o Options) (*File, error) {
	f, err := open(dir, sessionID, o)
	if err != nil {
		return nil, fmt.Errorf("open journal of session %q: %w", sessionID, err)
	}
	return f, nil
}

func open(dir, sessionID string, o Options) (_ *File, err error) {
	if err := checkSessionID(sessionID); err != nil {
		return nil, err
	}
	session := filepath.Join(dir, sessionID)
	path := filepath.Join(session, fileName)
	if _, err := os.Lstat(path); err != nil { // before a lock file is made
		return nil, err
	}
	l, holder, err := takeLock(session, o)
	if err != nil {
		return nil, err
	}
	mode := os.O_RDWR
	if l == nil {
		mode = os.O_RDONLY
	}
	d, err := openFile(path, mode, 0)
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close(), l.release())
		}
	}()
	c, err := readContent(d, path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, holder: holder, lock: l, disk: d, events: c.events, chain: c.chain, size: c.size}
	if len(c.torn) > 0 && l != nil {
		if err := f.recover(c.torn, o); err != nil {
			return nil, fmt.Errorf("recover from a torn last line: %w", err)
		}
	}
	return f, nil
}

func readContent(r io.Reader, path string) (content, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return content{}, err
	}
	c, err := parse(text, path)
	if err == nil && len(c.events) == 0 {
		err = &emptyError{path: path}
	}
	return c, err
}

// Append implements checklist.Journal. It heeds no cancelling, since an event
// reports what has happened. After an error the journal is as it was before;
// only one that was lost while the event was written may end with the event.
// On a read-only journal the error wraps checklist.ErrReadOnly, and on a lost
// one it is a *checklist.LostError.
func (f *File) Append(_ context.Context, e checklist.Event) (checklist.Event, error) {
	if f.holder != "" {
		return checklist.Event{}, fmt.Errorf("append to journal %s: %w: it is driven by %s", f.path, checklist.ErrReadOnly, f.holder)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e, line, next, err := f.chain.Seal(e)
	if err != nil {
		return checklist.Event{}, fmt.Errorf("append to journal %s: %w", f.path, err)
	}
	if err := f.write(line); err != nil {
		return checklist.Event{}, fmt.Errorf("append event %d to journal %s: %w", e.Seq, f.path, err)
	}
	f.add(e, next, len(line))
	return e, nil
}

// Check implements checklist.Journal.
func (f *File) Check() error {
	if f.holder != "" {
		return nil // others write to it all the time
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.check(f.size)
}

func (f *File) add(e checklist.Event, next checklist.Chain, length int) {
	f.events = append(f.events, e)
	f.chain = next
	f.size += int64(length)
}

// write puts a line behind the others, durably or not at all.
//
// The journal is checked before, so that nothing is written into what somebody
// else wrote, and once more after the line is on the disk: a file that was moved
// away takes lines as well as ever, and an effect that was written down only
// there must not be made.
func (f *File) write(line []byte) error {
	if err := f.check(f.size); err != nil {
		return err
	}
	_, err := f.disk.WriteAt(line, f.size)
	if err == nil {
		err = f.disk.Sync()
	}
	if err == nil {
		return f.check(f.size + int64(len(line)))
	}
	if back := errors.Join(f.disk.Truncate(f.size), f.disk.Sync()); back != nil {
		f.broken = checklist.WithHint(
			errors.Join(fmt.Errorf("%w; the torn line could not be taken back", err), back),
			"mend the disk and open the session again, which drops the torn line")
		return f.broken
	}
	return checklist.WithHint(fmt.Errorf("%w; the journal is as it was before", err),
		"make room on the disk, then run the item again")
}

// recover replaces a torn last line by an event that says so. It writes over
// the torn bytes before it cuts them off, so that another crash meanwhile
// leaves a torn line again and the loss cannot go unsaid.
func (f *File) recover(torn []byte, o Options) error {
	e, line, next, err := f.chain.Seal(checklist.Event{
		Kind: checklist.Recovered, At: o.Clock().Truncate(time.Millisecond), By: o.By, Torn: checklist.LineDigest(torn),
		Text: fmt.Sprintf("a torn last line of %d bytes was dropped", len(torn)),
	})
	if err != nil {
		return err
	}
	if _, err := f.disk.WriteAt(line, f.size); err != nil {
		return err
	}
	if err := errors.Join(f.disk.Truncate(f.size+int64(len(line))), f.disk.Sync()); err != nil {
		return err
	}
	f.add(e, next, len(line))
	return nil
}

// Events implements checklist.Journal.
func (f *File) Events() []checklist.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

// Bytes returns the journal exactly as it is on the disk, without a torn last
// line, for a record.
func (f *File) Bytes() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk == nil {
		return nil, fmt.Errorf("read journal %s: %w", f.path, fs.ErrClosed)
	}
	text := make([]byte, f.size)
	if _, err := f.disk.ReadAt(text, 0); err != nil {
		return nil, fmt.Errorf("read journal %s: %w", f.path, err)
	}
	return text, nil
}

// Holder implements checklist.Journal. It says who wrote when the journal was
// opened, as "pid 12 on HOST since TIME by PRINCIPAL".
func (f *File) Holder() string { return f.holder }

// Path returns the journal's file.
func (f *File) Path() string { return f.path }

// Close gives the journal up to other writers. Closing it again does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk == nil {
		return nil
	}
	err := errors.Join(f.disk.Close(), f.lock.release())
	f.disk = nil
	if err != nil {
		return fmt.Errorf("close journal %s: %w", f.path, err)
	}
	return nil
}
