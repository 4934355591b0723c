package record

import (
	"os"
	"path/filepath"
)

// progress counts the records that were checked, over all paths.
type progress struct {
	report      func(done, total int)
	done, total int
}

// newProgress counts the records that lie in paths. What it cannot read it leaves
// out: the verification says why.
func newProgress(paths []string, report func(done, total int)) progress {
	p := progress{report: report}
	if report == nil {
		return p
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Join(path, recordFile)); err == nil {
			p.total++
			continue
		}
		entries, _ := os.ReadDir(path) // what was listed before an error still counts
		for _, e := range entries {
			if e.IsDir() && folderPattern.MatchString(e.Name()) {
				p.total++
			}
		}
	}
	return p
}

// step is called after each record.
func (p *progress) step() {
	if p.report == nil {
		return
	}
	p.done++
	p.report(p.done, max(p.done, p.total)) // records may be added meanwhile
}
