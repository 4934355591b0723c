package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// Verify checks trails and records against a roster file. When rosterFile is
// "", the allowed_signers beside the first path's trail is taken, and beside
// reports that: an auditor brings their own.
func Verify(ctx context.Context, paths []string, rosterFile string) (report record.Report, beside string, err error) {
	if rosterFile == "" {
		if beside, err = rosterBeside(paths[0]); err != nil {
			return report, "", err
		}
		rosterFile = beside
	}
	data, err := os.ReadFile(rosterFile)
	if err != nil {
		return report, beside, &UsageError{fmt.Errorf("read the roster: %w", err)}
	}
	roster, err := sshsig.ParseRoster(rosterFile, data)
	if err != nil {
		return report, beside, &UsageError{err}
	}
	report, err = record.VerifyTrail(ctx, paths, record.Options{Roster: roster, Requests: approval.Fields})
	return report, beside, err
}

// rosterBeside looks for allowed_signers in the folders above a trail or a
// record.
func rosterBeside(path string) (string, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the roster: %w", err)
	}
	for range 3 {
		file := filepath.Join(dir, "allowed_signers")
		if _, err := os.Stat(file); err == nil {
			return file, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the roster: %w", err)
		}
		dir = filepath.Dir(dir)
	}
	return "", &UsageError{checklist.WithHint(fmt.Errorf("find the roster: no allowed_signers beside %s", path), "name yours with --roster FILE")}
}
