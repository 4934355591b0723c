package config

import (
	"math"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// rule is what the schema says of one field. Exactly one check is set.
type rule struct {
	path     string // such as "targets[].project"
	required bool
	text     func(string) string // returns what is wanted instead, "" if it is right
	number   func(int64) string
	list     func([]string) string
	truth    bool
}

// rules are the fields of the file. They and the struct tags of Config say the
// same twice; a test compares them.
func rules() []rule {
	return []rule{
		{path: "service", required: true, text: matches(servicePattern, `a name of letters, digits, ".", "_" and "-", such as "orders"`)},
		{path: "vault", text: oneOf(VaultAuto, VaultKeychain, VaultFile)},
		{path: "operator", required: true, text: aPrincipal},
		{path: "rotation_days", number: between(2, 366)},
		{path: "dual_key_days", number: between(1, 90)},
		{path: "documents", text: aPath},

		{path: "vercel.team", text: matches(teamPattern, `a team's id or slug, such as "team_abc123" or "acme"`)},
		{path: "vercel.api", text: aBaseURL},
		{path: "vercel.mode", text: oneOf(ModeAPI, ModeDashboard)},

		{path: "targets[].project", required: true, text: aProject},
		{path: "targets[].role", text: oneOf(RoleVerifier, RoleSigner, RoleBoth)},
		{path: "targets[].type", text: oneOf(TypeSensitive, TypeEncrypted)},
		{path: "targets[].protected", truth: true},
		{path: "targets[].staging", list: theSlots("staging")},
		{path: "targets[].production", list: theSlots(production)},
		{path: "targets[].probe.staging", required: true, text: aProbeURL("staging.example.com")},
		{path: "targets[].probe.production", required: true, text: aProbeURL("example.com")},

		{path: "request_log.url", text: aBaseURL},

		{path: "profile.name", text: matches(servicePattern, `a name of letters, digits, ".", "_" and "-", such as "hmac-v1"`)},
		{path: "profile.key_id_header", text: aHeader},
		{path: "profile.timestamp_header", text: aHeader},
		{path: "profile.nonce_header", text: aHeader},
		{path: "profile.signature_header", text: aHeader},
		{path: "profile.separator", text: aSeparator},
		{path: "profile.fields", list: theFields},
		{path: "profile.timestamp", text: oneOf("iso", "unix", "unixms")},
		{path: "profile.body", text: oneOf("raw", "sha256hex")},
		{path: "profile.encoding", text: oneOf("hex", "base64")},
		{path: "profile.sign_query", truth: true},

		{path: "approval.required", number: between(1, 10)},
		{path: "approval.allowed_signers", text: aPath},

		{path: "paper.decisions", text: aPath},
		{path: "paper.incident", text: aPath},
		{path: "paper.post_mortem", text: aPath},
	}
}

// tables are the tables of the file, and whether there is one or a list.
var tables = map[string]unstable.Kind{
	"vercel":          unstable.Table,
	"targets":         unstable.ArrayTable,
	"targets[].probe": unstable.Table,
	"request_log":     unstable.Table,
	"profile":         unstable.Table,
	"approval":        unstable.Table,
	"paper":           unstable.Table,
}

// wrong returns why the entry does not fit the rule, "" if it does.
func (r rule) wrong(e entry) string {
	switch {
	case r.text != nil:
		if e.kind != unstable.String {
			return `want a text in quotes`
		}
		return r.text(e.text)
	case r.number != nil:
		n, ok := e.number()
		if !ok {
			n = math.MinInt64 // outside every range
		}
		return r.number(n)
	case r.list != nil:
		if e.kind != unstable.Array || !e.plain {
			return r.list(nil)
		}
		return r.list(e.items)
	}
	if e.kind != unstable.Bool {
		return "want true or false"
	}
	return ""
}

// wantTable returns what is wanted of a table that is something else.
func wantTable(schema string, kind unstable.Kind) string {
	_, name, ofTarget := cutLast(schema)
	switch {
	case kind == unstable.ArrayTable:
		return "want [[" + name + "]], once for each"
	case ofTarget:
		return "want " + name + ` = { staging = "https://…", production = "https://…" }`
	}
	return "want the table [" + name + "]"
}

// suggestion returns the known name next to the unknown one, else the table
// that it belongs into, else all known ones.
func suggestion(e entry, rules []rule) string {
	var names []string
	elsewhere := ""
	for _, r := range rules {
		table, name, _ := cutLast(r.path)
		if name == e.name && elsewhere == "" {
			elsewhere = table
		}
		if rest, here := strings.CutPrefix(r.path, prefixOf(e.table)); here {
			name, _, _ := strings.Cut(rest, ".")
			names = append(names, strings.TrimSuffix(name, "[]"))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	best, distance := "", 3
	for _, name := range names {
		if d := editDistance(strings.ToLower(e.name), name); d < distance {
			best, distance = name, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case elsewhere != "":
		return "it belongs into [" + strings.ReplaceAll(elsewhere, "[]", "") + "]"
	}
	return "remove it; known here: " + strings.Join(names, ", ")
}

func prefixOf(table string) string {
	if table == "" {
		return ""
	}
	return table + "."
}

func cutLast(path string) (table, name string, ok bool) {
	i := strings.LastIndex(path, ".")
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// editDistance is the Levenshtein distance of two names, which are cut to what
// a name can reasonably have.
func editDistance(a, b string) int {
	const most = 40
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
