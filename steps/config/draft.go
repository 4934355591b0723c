package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"text/template"
)

// Draft is what a new configuration file says besides its comments.
type Draft struct {
	Service, Operator string
	Team              string // "" for a personal account
	API               string // "" for Vercel's own
	Mode              string // "" for ModeAPI
	Targets           []Target
	RequestLog        string // URL; "" if there is none
}

// Check returns what is wanted of a field's text instead, "" if it is right.
// The field is named by its place, such as "targets[].probe.staging".
func Check(field, text string) string {
	for _, r := range rules() {
		if r.path == field && r.text != nil {
			return r.text(text)
		}
	}
	return "want a field of " + FileName
}

// Text returns the file, with comments for whoever reads it next. It is checked
// as any file is: the error is Problems, which name the file as name.
func (d Draft) Text(name string) ([]byte, error) {
	var b bytes.Buffer
	if err := draftTemplate.Execute(&b, d); err != nil {
		return nil, err
	}
	if _, err := Parse(name, b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// quoteTOML writes a text as a basic string, which is like one of JSON but for
// the solidus, which is not escaped here (TOML 1.0, String).
func quoteTOML(text string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(text)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func quoteList(texts []string) (string, error) {
	var items []string
	for _, text := range texts {
		item, err := quoteTOML(text)
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	return "[" + strings.Join(items, ", ") + "]", nil
}

var draftTemplate = template.Must(template.New("keyturn.toml").Funcs(template.FuncMap{
	"toml": quoteTOML,
	"list": quoteList,
	// usual reports slots that need not be written.
	"usual": func(environment string, slots []string) bool {
		return len(slots) == 0 || slices.Equal(slots, defaultSlots(environment))
	},
}).Parse(`# The configuration of Keyturn. It holds no secret: keys and tokens are in the
# vault, and one that is found here is refused. Every mistake is reported with
# its line; "keyturn doctor" then tries what is written here.

# The name of what is rotated, for people and records.
service = {{toml .Service}}

# Who runs it, as allowed_signers names them. keyturn doctor prints the line
# that lets them sign.
operator = {{toml .Operator}}

# Where keys and tokens are kept: auto, keychain or file.
# vault = "auto"

# The age from which a key is due, and for how long both keys are valid.
# rotation_days = 90
# dual_key_days = 7

# The folder that holds decisions.md and incidents.md, relative to this file.
# documents = "docs"

# mode says who changes things at Vercel: "api" for Keyturn, or "dashboard" for
# you, with Keyturn telling what to press. The token of the API is not written
# here: keyturn login vercel, or VERCEL_TOKEN.
[vercel]
{{- if .Mode}}
mode = {{toml .Mode}}
{{- else}}
# mode = "api"
{{- end}}
{{- if .Team}}
team = {{toml .Team}}
{{- else}}
# Leave it out for a personal account.
# team = "acme"
{{- end}}
{{- if .API}}
api = {{toml .API}}
{{- end}}

# One [[targets]] for each Vercel project that holds the keys.
#   role        verifier (verifies signatures, and is probed), signer (signs, and
#               cannot be asked about a key) or both
#   staging     where the keys of staging live: preview, development,
#               preview:BRANCH, custom:SLUG; as it is if left out
#   production  the same of production: production, custom:SLUG
#   type        sensitive or encrypted; if left out, sensitive wherever Vercel
#               allows it, which is everywhere but in development
#   protected   true if Vercel's deployment protection is in front of it; the
#               secret that passes it is stored by keyturn login bypass PROJECT
#   probe       a route of each environment that verifies signatures
{{- range .Targets}}

[[targets]]
project = {{toml .Project}}
role = {{if .Role}}{{toml .Role}}{{else}}"verifier"{{end}}
{{if usual "staging" .Staging}}# staging = ["preview", "development"]{{else}}staging = {{list .Staging}}{{end}}
{{if usual "production" .Production}}# production = ["production"]{{else}}production = {{list .Production}}{{end}}
{{- if .Type}}
type = {{toml .Type}}
{{- end}}
protected = {{.Protected}}
{{- if .Probe.Staging}}
probe.staging = {{toml .Probe.Staging}}
{{- end}}
{{- if .Probe.Production}}
probe.production = {{toml .Probe.Production}}
{{- end}}
{{- end}}

# The log of signed requests, which says who uses which key. Without it the
# items that watch the traffic cannot be done. Its token: KEYTURN_LOG_TOKEN.
{{- if .RequestLog}}
[request_log]
url = {{toml .RequestLog}}
{{- else}}
# [request_log]
# url = "https://logs.example.com"
{{- end}}

# How requests are signed, where it differs from hmac-v1: header names, the
# order of the fields, formats.
# [profile]
# key_id_header = "X-HMAC-KeyId"

# Who must agree to a change of production, besides the operator.
# [approval]
# required = 1
# allowed_signers = "allowed_signers"
`))
