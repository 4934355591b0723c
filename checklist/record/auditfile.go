package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"keyturn/checklist"
)

// AuditFile is a file that an audit exported, or that is said to be one. It is not
// part of a record, which only states its digest.
type AuditFile struct {
	Path   string
	digest string
	// What the digest would be with other line ends: they are what programs change
	// without being told to.
	asLF, asCRLF string
}

// Matched is an audit file whose digest a record states.
type Matched struct{ Path, Record, Format string }

// export is a file that a record's audit wrote.
type export struct{ record, format, digest string }

func (e export) String() string { return fmt.Sprintf("%s of %s", e.format, e.record) }

// exportsOf returns what a session's audit exported. Where it was done several
// times, the last files took the place of those before.
func exportsOf(record string, s *checklist.Session) []export {
	var all []export
	if s == nil {
		return nil
	}
	for _, e := range []export{{record, "CSV", s.Facts[checklist.FactAuditCSV]}, {record, "JSONL", s.Facts[checklist.FactAuditJSONL]}} {
		if e.digest != "" {
			all = append(all, e)
		}
	}
	return all
}

// ReadAuditFile reads a file for Options.AuditFiles. It must be a regular file, and
// no link. It is read as a stream: it may be large.
func ReadAuditFile(ctx context.Context, path string) (_ AuditFile, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read audit file %s: %w", path, err)
		}
	}()
	f, size, err := openRegular(path, maxAudit)
	if err != nil {
		return AuditFile{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	as, lf, crlf := sha256.New(), &lineEnds{to: sha256.New(), end: []byte("\n")}, &lineEnds{to: sha256.New(), end: []byte("\r\n")}
	to, buf, read := io.MultiWriter(as, lf, crlf), make([]byte, 64<<10), int64(0)
	for {
		n, err := f.Read(buf)
		_, _ = to.Write(buf[:n]) // a hash takes all
		read += int64(n)
		switch {
		case errors.Is(err, io.EOF) && read == size:
			return AuditFile{Path: path, digest: hexOf(as), asLF: hexOf(lf.flush()), asCRLF: hexOf(crlf.flush())}, nil
		case errors.Is(err, io.EOF), read > size:
			return AuditFile{}, errChanged
		case err != nil:
			return AuditFile{}, err
		case ctx.Err() != nil:
			return AuditFile{}, ctx.Err()
		}
	}
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// lineEnds hashes a text as it would be with other line ends.
type lineEnds struct {
	to   hash.Hash
	end  []byte
	held bool // a carriage return, until what follows shows whether it ends a line
}

func (l *lineEnds) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if l.held && rest[0] != '\n' {
			l.flush()
		}
		l.held = false
		i := bytes.IndexByte(rest, '\n')
		line := rest[:max(i, 0)]
		if i < 0 {
			line = rest
		}
		if bytes.HasSuffix(line, []byte("\r")) {
			line, l.held = line[:len(line)-1], i < 0
		}
		_, _ = l.to.Write(line) // a hash takes all
		if i < 0 {
			break
		}
		_, _ = l.to.Write(l.end)
		rest = rest[i+1:]
	}
	return len(p), nil
}

// flush writes a carriage return that ended no line.
func (l *lineEnds) flush() hash.Hash {
	if l.held {
		_, _ = l.to.Write([]byte("\r"))
		l.held = false
	}
	return l.to
}

// auditFile finds the records that state a file's digest. A file that matches none
// is not what any audit of these records exported.
func (r *Report) auditFile(a AuditFile) *Failure {
	found := false
	for i := range r.Verified {
		v := &r.Verified[i]
		for _, e := range v.exports {
			if e.digest == a.digest {
				v.AuditFiles, found = append(v.AuditFiles, Matched{Path: a.Path, Record: e.record, Format: e.format}), true
			}
		}
	}
	if found {
		return nil
	}
	var compared []string
	for _, v := range r.Verified {
		for _, e := range v.exports {
			if f := a.converted(e); f != nil {
				return f
			}
			compared = append(compared, e.String())
		}
	}
	if len(compared) == 0 {
		return a.failure("no record here states the digest of an audit's export",
			"name the trail, or the record, of the emergency whose audit exported it")
	}
	return a.failure(fmt.Sprintf("its SHA-256 is %s, which no record states; it was compared with the %s", a.digest, firstOf(compared)),
		"it was changed since the export, or is of another session: a spreadsheet changes a file when it saves it. Take the file from the session's folder again, and open only a copy of it")
}

// converted is the failure of a file that differs from an export only in its line
// ends.
func (a AuditFile) converted(e export) *Failure {
	switch e.digest {
	case a.asCRLF:
		return a.failure(fmt.Sprintf("its lines no longer end in CRLF: with CRLF it is the %s, so nothing else was changed", e),
			"git with core.autocrlf or an editor does that; take the file from the session's folder again, or give its lines CRLF back, as unix2dos does")
	case a.asLF:
		return a.failure(fmt.Sprintf("its lines were made to end in CRLF: with LF it is the %s, so nothing else was changed", e),
			"git with core.autocrlf or an editor does that; take the file from the session's folder again, or take CRLF away, as dos2unix does")
	}
	return nil
}

func (a AuditFile) failure(reason, hint string) *Failure {
	return &Failure{File: a.Path, Reason: reason, Err: checklist.WithHint(errors.New(reason), "%s", hint)}
}

// firstOf names the first of many.
func firstOf(all []string) string {
	const most = 10
	if more := len(all) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), more)
	}
	return strings.Join(all, ", ")
}
