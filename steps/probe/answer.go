package probe

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keyturn/steps/httpclient"
)

const (
	maxErrorText  = 160 // characters of a service's error that are kept
	maxHeaderText = 80  // characters of a header that are kept
)

// deploymentHeader names the deployment that answered.
const deploymentHeader = "X-Deployment-Id"

// readResult takes from an answer what a report may hold. Everything in an
// answer is the service's to choose, so all of it is censored.
func readResult(a httpclient.Answer, latency time.Duration, censor httpclient.Censor) result {
	res := result{
		Status:     a.Status,
		Latency:    latency,
		Date:       a.Date,
		Deployment: censor.Name(a.Header.Get(deploymentHeader), maxHeaderText),
		Location:   censor.Name(place(a.Header.Get("Location")), maxHeaderText),
		Blocked:    blockedBy(a.Header),
	}
	if !a.Success() {
		res.Error = censor.Words(errorText(a.Header.Get("Content-Type"), a.Body), maxErrorText)
	}
	return res
}

// place is the part of an address that says where a redirect leads. Its query and
// fragment may repeat what was sent.
func place(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// blockedBy recognises the answers that Vercel gives in place of the service.
// They are 401 and 403 as well, and would pass for a refused signature.
func blockedBy(h http.Header) string {
	if h.Get("X-Vercel-Mitigated") != "" {
		return "Vercel's firewall"
	}
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		if cookie.Name == "_vercel_sso_nonce" {
			return "Vercel's deployment protection"
		}
	}
	return ""
}

// errorText finds the service's own words in an answer: the usual fields of a
// JSON object, the title of a page, or else all of it.
func errorText(contentType string, body []byte) string {
	if words := jsonError(body); words != "" {
		return words
	}
	if strings.Contains(contentType, "html") {
		lower := strings.ToLower(string(body))
		start := strings.Index(lower, "<title>")
		end := strings.Index(lower, "</title>")
		// Lowering may change lengths outside ASCII; then the offsets lie.
		if start >= 0 && end > start && len(lower) == len(body) {
			return string(body[start+len("<title>") : end])
		}
		return "a web page"
	}
	return string(body)
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
