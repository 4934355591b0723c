package record

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"keyturn/keygen/sshsig"
)

// Forge signs the record in a folder anew, as its signer could: with another
// journal, from which it is derived again if it can be, and with a change of its
// own. It returns the digest of the new record.json.
func Forge(dir string, key sshsig.Key, journal []byte, change func(*Record)) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return "", err
	}
	r, err := decode(text)
	if err != nil {
		return "", err
	}
	if journal == nil {
		if journal, err = os.ReadFile(filepath.Join(dir, journalFile)); err != nil {
			return "", err
		}
	}
	report, err := os.ReadFile(filepath.Join(dir, reportFile))
	if err != nil {
		return "", err
	}
	r.Journal.FileSHA256 = digestOf(journal)
	if c, err := readJournal(journal); err == nil {
		r.Journal.Events, r.Journal.HeadSHA256 = len(c.events), c.head()
		if derived, s, err := derive(c); err == nil {
			derived.Trail, derived.Policy, derived.Signer, derived.CreatedAt, derived.Tool = r.Trail, r.Policy, r.Signer, r.CreatedAt, r.Tool
			derived.Journal.FileSHA256 = r.Journal.FileSHA256
			r = derived
			report = (&page{Record: r, session: s, events: c.events}).render()
		}
	}
	r.Report = Twin{Name: reportFile, SHA256: digestOf(report)}
	if change != nil {
		change(&r)
	}
	if text, err = r.encode(); err != nil {
		return "", err
	}
	armor, err := sshsig.Sign(key, sshsig.NamespaceRecord, text)
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{recordFile: text, signatureFile: []byte(armor), reportFile: report, journalFile: journal} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return digestOf(text), nil
}

// AppendUnverified is Append without what keeps it from writing a record that
// does not verify.
func AppendUnverified(t *Trail, d Draft, key sshsig.Key) (err error) {
	l, err := t.lock(context.Background())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	c, err := readJournal(d.Journal)
	if err != nil {
		return err
	}
	r, s, err := t.complete(d, c, key)
	if err != nil {
		return err
	}
	files, err := seal(&r, s, d.Journal, c, key)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(t.dir, r.Name()), 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(t.dir, r.Name(), name), content, 0o600); err != nil {
			return err
		}
	}
	t.folders = append(t.folders, folder{seq: r.Trail.Seq, rotation: r.Rotation.ID, name: r.Name()})
	t.head = Head{Trail: t.id, Seq: r.Trail.Seq, Digest: digestOf(files[recordFile])}
	return t.writeHead(l)
}

// Digests are those of a file as it is, with its lines ended by LF, and by CRLF.
func (a AuditFile) Digests() [3]string { return [3]string{a.digest, a.asLF, a.asCRLF} }
