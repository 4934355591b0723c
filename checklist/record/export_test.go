package record

import (
	"os"
	"path/filepath"

	"keyturn/keygen/sshsig"
)

// Forge changes the record in dir as its signer could: with a report that fits
// and a good signature. It returns the digest of the forged record.json.
func Forge(dir string, key sshsig.Key, change func(*Record)) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return "", err
	}
	journal, err := os.ReadFile(filepath.Join(dir, journalFile))
	if err != nil {
		return "", err
	}
	r, err := decode(text)
	if err != nil {
		return "", err
	}
	c, err := readJournal(journal)
	if err != nil {
		return "", err
	}
	change(&r)
	twin := r.Report.Renderer
	files, err := seal(&r, journal, c, key)
	if err != nil {
		return "", err
	}
	if twin != renderer {
		r.Report.Renderer = twin
		if files[recordFile], err = r.encode(); err != nil {
			return "", err
		}
		armor, err := sshsig.Sign(key, sshsig.NamespaceRecord, files[recordFile])
		if err != nil {
			return "", err
		}
		files[signatureFile] = []byte(armor)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return digestOf(files[recordFile]), nil
}
