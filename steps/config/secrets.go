package config

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// secretName finds names of fields, and of URL parameters, that hold secrets.
var secretName = regexp.MustCompile(`(?i)token|secret|passw|passphrase|credential|private|api_?key|bypass|authorization|bearer`)

var bypassName = regexp.MustCompile(`(?i)bypass`)

// secretText finds what a secret of ours looks like, wherever it stands: a
// comment is as public as a value.
var secretText = regexp.MustCompile(`[0-9A-Fa-f]{64}`)

// vercelToken finds tokens that say what they are.
var vercelToken = regexp.MustCompile(`\bvc[a-z]_[A-Za-z0-9]{16,}`)

// webhook finds the address of an incoming webhook, with which anybody can post.
var webhook = regexp.MustCompile(`hooks\.slack\.com/[a-z]+/`)

// findSecrets reports the lines that hold a secret, or would.
func (x *examination) findSecrets(data []byte, entries []entry) {
	fields := map[int]string{}
	for _, e := range entries {
		fields[e.line] = e.path
		switch {
		case !e.isTable() && secretName.MatchString(e.name):
			x.addSecret(e.line, e.path, "a field for a secret", fixFor(e))
		case e.kind == unstable.String && urlSecret(e.text):
			x.addSecret(e.line, e.path, "a URL with a secret in it", "remove it from the URL, and replace that secret if others have seen this file")
		case webhook.MatchString(e.text):
			x.addSecret(e.line, e.path, "a webhook's address", "remove it and store it with keyturn login slack; make a new one if others have seen this file")
		case vercelToken.MatchString(e.text):
			x.addSecret(e.line, e.path, "a Vercel token", fixFor(entry{table: "vercel"}))
		}
	}
	for i, line := range bytes.Split(data, []byte{'\n'}) {
		if n := i + 1; secretText.Match(line) {
			field := fields[n]
			if field == "" {
				field = "(line)"
			}
			x.addSecret(n, field, "64 hex digits, which look like a secret",
				"remove them: keys are in the vault; if others have seen this file, replace that key")
		}
	}
}

// addSecret reports one line once.
func (x *examination) addSecret(line int, field, found, fix string) {
	if !x.secret[line] {
		x.secret[line] = true
		x.add(line, field, found, fix)
	}
}

// fixFor says where the secret belongs instead.
func fixFor(e entry) string {
	const seen = ", and replace it if others have seen this file"
	switch {
	case e.table == "request_log":
		return "remove it and set " + EnvRequestLogToken + " in the environment instead" + seen
	case bypassName.MatchString(e.name):
		return "remove it, set protected = true for its target and store it with keyturn login bypass PROJECT" + seen
	case strings.HasPrefix(strings.ToUpper(e.name), "HMAC_SECRET"):
		return "remove it: keys are in the vault" + seen
	}
	return "remove it and store it with keyturn login vercel, or set " + EnvVercelToken + " in the environment" + seen
}

// urlSecret reports a URL with a password or a parameter that is named like a
// secret.
func urlSecret(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	if u.User != nil {
		return true
	}
	for name := range u.Query() {
		if secretName.MatchString(name) {
			return true
		}
	}
	return false
}

// findSyntax reports what is not TOML, and whether there is such.
func (x *examination) findSyntax(data []byte) bool {
	var any map[string]any
	err := toml.Unmarshal(data, &any)
	if err == nil {
		return false
	}
	for _, p := range decodeProblems(x.file, err) {
		if !x.secret[p.Line] {
			x.problems = append(x.problems, p)
		}
	}
	return true
}
