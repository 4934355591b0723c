package probe

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"
)

const (
	maxErrorText  = 160 // characters of a service's error that are kept
	maxHeaderText = 80  // characters of a header that are kept
)

// deploymentHeader names the deployment that answered.
const deploymentHeader = "X-Deployment-Id"

// readResult takes from an answer what a report may hold. Everything in an
// answer is the service's to choose, so all of it is cleaned.
func readResult(resp *http.Response, body []byte, latency time.Duration, secrets censor) result {
	res := result{
		Status:     resp.StatusCode,
		Latency:    latency,
		Deployment: secrets.clean([]byte(resp.Header.Get(deploymentHeader)), maxHeaderText),
		Location:   secrets.clean([]byte(resp.Header.Get("Location")), maxHeaderText),
		Blocked:    blockedBy(resp),
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		res.Date = date
	}
	if res.Status < 200 || res.Status > 299 {
		res.Error = secrets.clean(errorText(resp.Header.Get("Content-Type"), body), maxErrorText)
	}
	return res
}

// blockedBy recognises the answers that Vercel gives in place of the service.
// They are 401 and 403 as well, and would pass for a refused signature.
func blockedBy(resp *http.Response) string {
	if resp.Header.Get("X-Vercel-Mitigated") != "" {
		return "Vercel's firewall"
	}
	for _, cookie := range resp.Cookies() {
		if cookie.Name == "_vercel_sso_nonce" {
			return "Vercel's deployment protection"
		}
	}
	return ""
}

// errorText finds the service's own words in an answer: the usual fields of a
// JSON object, the title of a page, or else all of it.
func errorText(contentType string, body []byte) []byte {
	if words := jsonError(body); words != "" {
		return []byte(words)
	}
	if strings.Contains(contentType, "html") {
		lower := strings.ToLower(string(body))
		start := strings.Index(lower, "<title>")
		end := strings.Index(lower, "</title>")
		// Lowering may change lengths outside ASCII; then the offsets lie.
		if start >= 0 && end > start && len(lower) == len(body) {
			return body[start+len("<title>") : end]
		}
		return []byte("a web page")
	}
	return body
}

// jsonError returns the text of {"error": "…"}, {"error": {"message": "…"}} or
// {"message": "…"}, and "" for anything else.
func jsonError(body []byte) string {
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	var text string
	if json.Unmarshal(answer.Error, &text) == nil && text != "" {
		return text
	}
	var nested struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer.Error, &nested) == nil && nested.Message != "" {
		return nested.Message
	}
	return answer.Message
}

// printable keeps what a terminal shows as text: no control or format
// characters, so no escape sequences and no reversed text, no broken UTF-8,
// and single spaces only.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// shorten cuts s to n characters, the last of them an ellipsis.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return strings.TrimRight(string(runes[:n-1]), " ") + "…"
}
