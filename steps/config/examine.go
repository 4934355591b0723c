package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// examination collects the problems of one file. Paths are as shown.
type examination struct {
	file     string
	rules    []rule
	problems Problems
	secret   map[int]bool     // lines with a secret: nothing more is said of them
	strange  map[string]bool  // tables that are unknown or no tables: nothing is said of their fields
	given    map[string]int   // the lines of all keys and tables, right or wrong
	right    map[string]entry // the fields that fit their rule
	targets  []int            // the lines of the targets
}

// examine returns every mistake of the file, and the line of each key.
func examine(file string, data []byte) (Problems, map[string]int) {
	x := &examination{
		file: file, rules: rules(), secret: map[int]bool{}, strange: map[string]bool{},
		given: map[string]int{}, right: map[string]entry{},
	}
	entries := walk(data)
	x.findSecrets(data, entries)
	broken := x.findSyntax(data)
	known := map[string]rule{}
	for _, r := range x.rules {
		known[r.path] = r
	}
	for _, e := range entries {
		x.check(e, known)
	}
	if !broken { // else a field may be missing because it comes later
		x.findMissing()
	}
	x.compareDays()
	x.compareTargets()
	x.compareRoles()
	x.compareMode(broken)
	return x.problems.sorted(), x.given
}

func (x *examination) add(line int, field, found, fix string) {
	x.problems = append(x.problems, Problem{File: x.file, Line: line, Field: field, Found: found, Fix: fix})
}

// check judges one entry.
func (x *examination) check(e entry, known map[string]rule) {
	schema := e.schema()
	if _, again := x.given[e.path]; !again {
		x.given[e.path] = e.line
	}
	if schema == "targets" && e.kind == unstable.ArrayTable {
		x.targets = append(x.targets, e.line)
	}
	if x.inStrange(e) {
		x.strange[e.path] = true
		return
	}
	if x.secret[e.line] && !e.isTable() {
		return
	}
	wantKind, isTable := tables[schema]
	r, isField := known[schema]
	switch {
	case isTable && e.kind != wantKind:
		x.strange[e.path] = true
		x.add(e.line, e.path, e.kindName(), wantTable(schema, wantKind))
	case isTable:
	case !isField:
		x.strange[e.path] = true
		found := "an unknown field"
		if e.isTable() {
			found = "an unknown table"
		}
		x.add(e.line, e.path, found, suggestion(e, x.rules))
	default:
		if want := r.wrong(e); want != "" {
			x.strange[e.path] = true
			x.add(e.line, e.path, e.kindName(), want)
			return
		}
		x.right[e.path] = e
	}
}

var lastIndex = regexp.MustCompile(`\[\d+\]$`)

// inStrange reports whether the entry is in a table of which enough was said.
func (x *examination) inStrange(e entry) bool {
	return x.strange[e.in] || x.strange[lastIndex.ReplaceAllString(e.in, "")]
}

// findMissing reports required fields that are not there.
func (x *examination) findMissing() {
	for _, r := range x.rules {
		rest, ofTarget := strings.CutPrefix(r.path, "targets[].")
		switch {
		case !r.required:
		case ofTarget:
			for i, line := range x.targets {
				target := fmt.Sprintf("targets[%d]", i)
				if strings.HasPrefix(rest, "probe.") && !x.needsProbe(target) {
					continue
				}
				x.missing(line, target+"."+rest, r)
			}
		default:
			x.missing(1, r.path, r)
		}
	}
	if _, given := x.given["targets"]; !given {
		x.add(1, "targets", "nothing", `add a [[targets]] with project = "…" for each Vercel project that holds the keys`)
	}
}

// missing reports the field if it is not there, at the line of its table where
// that is there, else at the given line.
func (x *examination) missing(line int, path string, r rule) {
	table, _, _ := cutLast(path)
	if _, given := x.given[path]; given || x.strange[table] || x.strange["targets"] && table != "" {
		return
	}
	if at, given := x.given[table]; given {
		line = at
	}
	x.add(line, path, "nothing", "add it: "+r.text(""))
}

// compareDays reports a dual-key period that does not end before the next
// rotation.
func (x *examination) compareDays() {
	dual, given := x.right["dual_key_days"]
	days, _ := dual.number()
	rotation := int64(defaultRotationDays)
	if e, other := x.right["rotation_days"]; other {
		rotation, _ = e.number()
	}
	if given && days >= rotation {
		x.add(dual.line, dual.path, dual.kindName(), fmt.Sprintf("want fewer days than rotation_days, which is %d", rotation))
	}
}

// compareTargets reports targets that are right alone and wrong together.
func (x *examination) compareTargets() {
	projects := map[string]string{}
	for i := range x.targets {
		target := fmt.Sprintf("targets[%d]", i)
		staging, hasStaging := x.right[target+".probe.staging"]
		production, hasProduction := x.right[target+".probe.production"]
		if hasStaging && hasProduction && staging.text == production.text {
			x.add(production.line, production.path, "the URL of staging", "want that of production: each environment is proved by itself")
		}
		x.compareSlots(target)
		project, ok := x.right[target+".project"]
		if first, twice := projects[project.text]; ok && twice {
			x.add(project.line, project.path, "the project of "+first+" again", "name each project once")
		} else if ok {
			projects[project.text] = target
		}
	}
}

// compareMode reports what the dashboard has no address for: it goes by the names
// of teams and projects. Behind broken syntax, a team may still come.
func (x *examination) compareMode(broken bool) {
	mode, given := x.right["vercel.mode"]
	if !given || mode.text != ModeDashboard {
		return
	}
	team, hasTeam := x.right["vercel.team"]
	_, tried := x.given["vercel.team"]
	switch {
	case hasTeam && strings.HasPrefix(team.text, "team_"):
		x.add(team.line, team.path, team.kindName(), `want the slug in dashboard mode, such as "acme": the dashboard's addresses have it behind vercel.com/`)
	case !tried && !broken:
		x.add(mode.line, "vercel.team", "nothing", `add the slug of the team, or of your personal account, in dashboard mode: the dashboard's addresses have it behind vercel.com/`)
	}
	if api, ok := x.right["vercel.api"]; ok {
		x.add(api.line, api.path, api.kindName(), "leave it out in dashboard mode: no API is called")
	}
	for i := range x.targets {
		if project, ok := x.right[fmt.Sprintf("targets[%d].project", i)]; ok && strings.HasPrefix(project.text, "prj_") {
			x.add(project.line, project.path, project.kindName(), "want the name in dashboard mode: the dashboard's addresses have no ids")
		}
	}
}
