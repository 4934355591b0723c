package probe_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/probe"
)

// forms returns the ways in which a secret might be written.
func forms(s keygen.Secret) map[string]string {
	text := s.Reveal()
	raw, _ := hex.DecodeString(text)
	escaped, nodeBuffer, latin1 := "", "<Buffer", ""
	for _, c := range raw {
		latin1 += string(rune(c))
	}
	for _, c := range []byte(text) {
		escaped += fmt.Sprintf(`\u%04x`, c)
		nodeBuffer += fmt.Sprintf(" %02x", c)
	}
	inJSON, _ := json.Marshal(string(raw))
	return map[string]string{
		"hex":                    text,
		"upper-case hex":         strings.ToUpper(text),
		"raw bytes":              string(raw),
		"base64 of the text":     base64.StdEncoding.EncodeToString([]byte(text)),
		"base64 of the bytes":    base64.StdEncoding.EncodeToString(raw),
		"base64url of the bytes": base64.RawURLEncoding.EncodeToString(raw),
		"base64 of a longer text": base64.StdEncoding.EncodeToString(
			[]byte(`{"key":"` + text + `"}`)),
		"JSON-escaped text":  escaped,
		"JSON-escaped bytes": strings.Trim(string(inJSON), `"`),
		"bytes as Latin-1":   latin1,
		"Go-quoted bytes":    strings.Trim(strconv.Quote(string(raw)), `"`),
		"percent-encoded":    "%" + strings.TrimSuffix(strings.ReplaceAll(pairs(text), ":", "%"), "%"),
		"hex of the text":    hex.EncodeToString([]byte(text)),
		"Node buffer":        nodeBuffer,
		"pairs":              strings.TrimSuffix(pairs(text), ":"),
		"half":               text[:32],
		"split by controls":  text[:20] + "\x00" + text[20:],
	}
}

func pairs(s string) string {
	out := ""
	for i := 0; i < len(s); i += 2 {
		out += s[i:i+2] + ":"
	}
	return out
}

// assertNoSecret searches for long pieces too, since a cut leaves those.
func assertNoSecret(t *testing.T, what, output string, secrets ...keygen.Secret) {
	t.Helper()
	lower := strings.ToLower(output)
	for _, s := range secrets {
		for name, form := range forms(s) {
			if name == "base64 of a longer text" {
				form = form[16 : len(form)-8] // without what only frames the secret
			}
			for i := 0; i+24 <= len(form); i += 4 {
				if piece := form[i : i+24]; strings.Contains(lower, strings.ToLower(piece)) {
					t.Errorf("%s holds the secret as %s", what, name)
					break
				}
			}
		}
	}
}

func everything(t *testing.T, report probe.Report) string {
	t.Helper()
	asJSON, err := json.Marshal(report)
	require.NoError(t, err)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%+v\n%#v\n%s\n", report, report, asJSON)
	if report.Diagnosis != nil {
		fmt.Fprintf(&b, "%+v\n", *report.Diagnosis)
	}
	for _, width := range []int{60, 80, 200} {
		b.WriteString(report.Table(width))
	}
	return b.String()
}

func TestNoSecretLeavesEvenWhenTheServiceTellsIt(t *testing.T) {
	t.Parallel()
	for name := range forms(mustSecret(t, "v2")) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, suite := world(t)
			secrets := []keygen.Secret{suite.New.Secret, suite.Old.Secret, suite.WrongEnvironment}
			s.keys["v2"] += "\n"
			answers := 0
			s.refuse = func(w http.ResponseWriter, _ string) {
				answers++
				form := forms(secrets[answers%len(secrets)])[name]
				w.Header().Set("X-Deployment-Id", strings.Map(func(r rune) rune {
					if r < ' ' || r > '~' {
						return '.'
					}
					return r
				}, form))
				w.WriteHeader(http.StatusForbidden)
				switch body := "want " + form + " got something else"; answers % 3 {
				case 0:
					fmt.Fprintf(w, `{"error":"%s"}`, body)
				case 1:
					_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": body}})
				default:
					fmt.Fprint(w, body)
				}
			}
			report := mustRun(t, suite)
			require.NotNil(t, report.Diagnosis)
			assert.Equal(t, probe.FaultNewline, report.Diagnosis.Fault)
			assertNoSecret(t, "report", everything(t, report), secrets...)
		})
	}
}

func TestNoSecretInAGoodReport(t *testing.T) {
	t.Parallel()
	_, suite := world(t)
	report := mustRun(t, suite)
	assertNoSecret(t, "report", everything(t, report), suite.New.Secret, suite.Old.Secret, suite.WrongEnvironment)
	assertNoSecret(t, "suite", fmt.Sprintf("%+v %#v", suite, *suite.New), suite.New.Secret, suite.Old.Secret, suite.WrongEnvironment)
}

func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.Close()
	report := mustRun(t, suite)
	assert.Equal(t, probe.GotNoAnswer, report.Rows[0].Got)
	assertNoSecret(t, "report", everything(t, report), suite.New.Secret, suite.Old.Secret)

	suite.Old.Secret = suite.New.Secret
	_, err := suite.Run(t.Context(), nil)
	require.Error(t, err)
	assertNoSecret(t, "error", err.Error(), suite.New.Secret)
}
