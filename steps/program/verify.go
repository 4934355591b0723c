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

// Audit is what an auditor brings. None of it is taken from the trail.
type Audit struct {
	// Roster is a file; the allowed_signers beside the first path's trail if empty.
	Roster string
	// Witnesses are head lines that were seen outside.
	Witnesses []string
	// Approvals is how many second persons a change of production needs, where a
	// session did not demand more.
	Approvals int
	// Files are what audits of emergencies exported, to be found in the records.
	Files []string
	// Progress is called after each record, by one goroutine; nil for nobody.
	Progress func(done, total int)
}

// Verify is Audit.Verify with a roster file and witnesses.
func Verify(ctx context.Context, paths []string, rosterFile string, witnesses ...string) (report record.Report, beside string, err error) {
	return Audit{Roster: rosterFile, Witnesses: witnesses}.Verify(ctx, paths)
}

// Verify checks trails and records, a trail with those that go on after it. A
// roster that was found beside the records is returned in beside: an auditor
// brings their own.
func (a Audit) Verify(ctx context.Context, paths []string) (report record.Report, beside string, err error) {
	heads, err := parseHeads(a.Witnesses)
	if err != nil {
		return report, "", &UsageError{err}
	}
	if paths, err = withSuccessors(paths); err != nil {
		return report, "", err
	}
	if a.Roster == "" {
		if beside, err = rosterBeside(paths[0]); err != nil {
			return report, "", err
		}
		a.Roster = beside
	}
	data, err := os.ReadFile(a.Roster)
	if err != nil {
		return report, beside, &UsageError{fmt.Errorf("read the roster: %w", err)}
	}
	roster, err := sshsig.ParseRoster(a.Roster, data)
	if err != nil {
		return report, beside, &UsageError{err}
	}
	files, err := readAuditFiles(ctx, a.Files)
	if err != nil {
		return report, beside, err
	}
	report, err = record.VerifyTrail(ctx, paths, record.Options{
		Roster: roster, Requests: approval.Texts{}, Witnesses: heads, ApprovalsRequired: a.Approvals,
		AuditFiles: files, Progress: a.Progress,
	})
	return report, beside, err
}

// withSuccessors adds the trails that go on after those that are named.
func withSuccessors(paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, checklist.WithHint(fmt.Errorf("verify %s: there is no such file or folder", path),
				"name the folder of a trail, or that of one record in it")
		}
		lineage, err := record.Lineage(filepath.Clean(path))
		if err != nil {
			return nil, fmt.Errorf("verify %s: %w", path, err)
		}
		for _, one := range lineage {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// readAuditFiles comes before the records, of which there may be many: a file that
// cannot be read is wrong usage.
func readAuditFiles(ctx context.Context, paths []string) ([]record.AuditFile, error) {
	var files []record.AuditFile
	for _, path := range paths {
		f, err := record.ReadAuditFile(ctx, path)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, &UsageError{checklist.WithHint(err, "name the file itself, as the audit exported it or as it was sent to you: no folder and no link")}
		}
		files = append(files, f)
	}
	return files, nil
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
