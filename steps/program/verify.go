package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// Verify checks trails and records against a roster file. When rosterFile is
// "", the allowed_signers beside the first path's trail is taken, and beside
// reports that: an auditor brings their own. Each witness is a head line that
// was seen outside; the trail that it names must be among the paths.
func Verify(ctx context.Context, paths []string, rosterFile string, witnesses ...string) (report record.Report, beside string, err error) {
	heads, err := parseHeads(witnesses)
	if err != nil {
		return report, "", &UsageError{err}
	}
	for _, path := range paths {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return report, "", checklist.WithHint(fmt.Errorf("verify %s: there is no such file or folder", path),
				"name the folder of a trail, or that of one record in it")
		}
	}
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
	report, err = record.VerifyTrail(ctx, paths, record.Options{Roster: roster, Requests: approval.Fields, Witnesses: heads})
	if err == nil {
		err = compared(report, heads)
	}
	return report, beside, err
}

func parseHeads(lines []string) ([]record.Head, error) {
	var heads []record.Head
	for _, line := range lines {
		h, err := record.ParseHead(line)
		if err != nil {
			return nil, checklist.WithHint(err, "a witness is the line that the end of a session, or the file HEAD of the trail, had at the time")
		}
		heads = append(heads, h)
	}
	return heads, nil
}

// compared returns an error if a head was compared with no trail: who brings a
// witness must not be left to think that it agreed.
func compared(report record.Report, heads []record.Head) error {
	for _, h := range heads {
		if !slices.ContainsFunc(report.Verified, func(v record.Verified) bool { return !v.Single && v.Trail == h.Trail }) {
			return &UsageError{checklist.WithHint(fmt.Errorf("the witness %q is of a trail that is not here", h.Line()),
				"name the folder of that trail; a record without its trail cannot be compared")}
		}
	}
	return nil
}

// rosterBeside looks for allowed_signers in the folders above a trail or a
// record.
func rosterBeside(path string) (string, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the roster: %w", err)
	}
	for range 3 {
		file := filepath.Join(dir, rosterName)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the roster: %w", err)
		}
		dir = filepath.Dir(dir)
	}
	return "", &UsageError{checklist.WithHint(fmt.Errorf("find the roster: no allowed_signers beside %s", path), "name yours with --roster FILE")}
}
