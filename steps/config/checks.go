package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"keyturn/keygen/sshsig"
	"keyturn/steps/httpclient"
)

var (
	servicePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	teamPattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	projectPattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)
	headerPattern  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$") // token, RFC 9110 section 5.6.2
)

func matches(pattern *regexp.Regexp, what string) func(string) string {
	return func(s string) string {
		if pattern.MatchString(s) {
			return ""
		}
		return "want " + what
	}
}

func oneOf(choices ...string) func(string) string {
	return func(s string) string {
		if slices.Contains(choices, s) {
			return ""
		}
		last := len(choices) - 1
		return `want "` + strings.Join(choices[:last], `", "`) + `" or "` + choices[last] + `"`
	}
}

func between(low, high int64) func(int64) string {
	return func(n int64) string {
		if n >= low && n <= high {
			return ""
		}
		return fmt.Sprintf("want a whole number from %d to %d", low, high)
	}
}

func aPath(s string) string {
	switch {
	case strings.TrimSpace(s) == "", strings.ContainsRune(s, 0):
		return `want a path, absolute or relative to this file`
	case strings.HasPrefix(s, "~"), strings.HasPrefix(s, "$"):
		return "write the path out: ~ and $ are not expanded"
	}
	return ""
}

// aPrincipal accepts what a roster can hold: the name of whoever signs is
// compared with it exactly, so that one it cannot hold never verifies.
func aPrincipal(s string) string {
	if sshsig.ValidPrincipal(s) {
		return ""
	}
	if name := strings.ToLower(strings.Join(strings.Fields(s), "-")); sshsig.ValidPrincipal(name) {
		return "want one lower-case word, as allowed_signers has it: write " + quoted(name)
	}
	return `want a principal as in allowed_signers, one lower-case word such as "alice@example.com"`
}

func aProject(s string) string {
	return matches(projectPattern, `a Vercel project's id or name, such as "orders-api"`)(s)
}

func aHeader(s string) string {
	return matches(headerPattern, `a header name, such as "X-HMAC-KeyId"`)(s)
}

func aSeparator(s string) string {
	if s != "" && len(s) <= 8 && strings.IndexFunc(s, unusable) < 0 {
		return ""
	}
	return `want 1 to 8 visible ASCII characters or line breaks, such as "|"`
}

func unusable(r rune) bool { return r != '\n' && (r <= ' ' || r > '~') }

func theFields(fields []string) string {
	names := []string{"body", "method", "nonce", "path", "timestamp"}
	if slices.Equal(slices.Sorted(slices.Values(fields)), names) {
		return ""
	}
	return `want each of "method", "path", "timestamp", "nonce" and "body" once, in the order they are signed`
}

// aBaseURL accepts the address of an API that gets a token.
func aBaseURL(s string) string {
	u, want := secureURL(s, `such as "https://api.example.com"`)
	switch {
	case want != "":
		return want
	case u.RawQuery != "" || u.ForceQuery:
		return "want a URL without a query: what follows ? is not used"
	}
	return ""
}

// aProbeURL accepts the address of a route that verifies signatures.
func aProbeURL(exampleHost string) func(string) string {
	return func(s string) string {
		u, want := secureURL(s, `such as "https://`+exampleHost+`/api/test"`)
		switch {
		case want != "":
			return want
		case u.Path == "" || u.Path == "/":
			return `want the path of a route that verifies signatures too, such as "https://` + shown(u.Host) + `/api/test"`
		}
		return ""
	}
}

// secureURL accepts https, and http on loopback.
func secureURL(s, example string) (*url.URL, string) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, "want an https URL, " + example
	case u.User != nil: // findSecrets has reported it
		return nil, "want a URL without user and password"
	case u.Fragment != "":
		return nil, "want a URL without #, which is never sent"
	case !httpclient.Secure(u):
		return nil, `want https: http is for loopback only, write "https://` + shown(u.Host+u.Path) + `"`
	}
	return u, ""
}
