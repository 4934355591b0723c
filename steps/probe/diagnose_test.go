package probe_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/probe"
)

func TestDiagnosisNamesTheFault(t *testing.T) {
	t.Parallel()
	stored := func(how func(secret string) string) func(*service, *probe.Suite) {
		return func(s *service, suite *probe.Suite) { s.keys["v2"] = how(suite.New.Secret.Reveal()) }
	}
	tests := []struct {
		name    string
		arrange func(*service, *probe.Suite)
		fault   probe.Fault
		words   string
	}{
		{"empty", stored(func(string) string { return "" }), probe.FaultEmpty, "AUTHENTICATION BYPASS"},
		{"undefined", stored(func(string) string { return "undefined" }), probe.FaultUndefined, "AUTHENTICATION BYPASS"},
		{"newline", stored(func(s string) string { return s + "\n" }), probe.FaultNewline, `a newline (\n)`},
		{"Windows line end", stored(func(s string) string { return s + "\r\n" }), probe.FaultNewline, `(\r\n)`},
		{"carriage return", stored(func(s string) string { return s + "\r" }), probe.FaultNewline, `carriage return`},
		{"escaped newline", stored(func(s string) string { return s + `\n` }), probe.FaultNewline, "a backslash and an n"},
		{"double quotes", stored(func(s string) string { return `"` + s + `"` }), probe.FaultQuotes, "double quotes"},
		{"single quotes", stored(func(s string) string { return "'" + s + "'" }), probe.FaultQuotes, "single quotes"},
		{"blank after", stored(func(s string) string { return s + " " }), probe.FaultSpaces, "a blank after it"},
		{"blank before", stored(func(s string) string { return " " + s }), probe.FaultSpaces, "a blank before it"},
		{"blanks around", stored(func(s string) string { return " " + s + " " }), probe.FaultSpaces, "blanks around it"},
		{"tab", stored(func(s string) string { return s + "\t" }), probe.FaultSpaces, "a tab after it"},
		{"upper case", stored(strings.ToUpper), probe.FaultUpperCase, "upper-case"},
		{"byte order mark", stored(func(s string) string { return "\ufeff" + s }), probe.FaultMark, "byte order mark"},
		{"assignment", stored(func(s string) string { return "HMAC_SECRET_V2=" + s }), probe.FaultAssignment, "its own name"},
		{"decoded", func(s *service, _ *probe.Suite) { s.decodes = true }, probe.FaultDecoded, "decodes HMAC_SECRET_V2 from hex"},
		{"other environment", func(s *service, suite *probe.Suite) { s.keys["v2"] = suite.WrongEnvironment.Reveal() },
			probe.FaultOtherEnvironment, "the other environment's value"},
		{"old value", func(s *service, suite *probe.Suite) { s.keys["v2"] = suite.Old.Secret.Reveal() },
			probe.FaultOldValue, "the value of key v1"},
		{"clock", func(s *service, suite *probe.Suite) {
			s.now = time.Now // as the Date header of its answers
		}, probe.FaultClock, "this machine's clock is"},
		{"Unix milliseconds", func(s *service, _ *probe.Suite) { s.unixms = true }, probe.FaultProfile, "timestamp = unixms"},
		{"base64", func(s *service, _ *probe.Suite) { s.base64 = true }, probe.FaultProfile, "encoding = base64"},
		{"query", func(s *service, suite *probe.Suite) { s.signQuery = true; suite.URL += "?region=eu" }, probe.FaultProfile, "sign_query = true"},
		{"not served", func(s *service, _ *probe.Suite) { delete(s.keys, "v2") }, probe.FaultNotServed, "made without HMAC_SECRET_V2"},
		{"typo", stored(func(s string) string { return "0" + s[:63] }), probe.FaultOtherValue, "holds another value"},
		{"nothing known", func(s *service, _ *probe.Suite) { clear(s.keys) }, probe.FaultUnknown, "no key was accepted"},
		{"no words", func(s *service, _ *probe.Suite) {
			delete(s.keys, "v2")
			s.refuse = func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusForbidden) }
		}, probe.FaultUnknown, "other keys are accepted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, suite := world(t)
			tt.arrange(s, &suite)
			report := mustRun(t, suite)
			assert.True(t, report.Failed())
			require.NotNil(t, report.Diagnosis, report.Table(120))
			d := *report.Diagnosis
			assert.Equal(t, tt.fault, d.Fault)
			assert.Contains(t, d.Words, tt.words)
			assert.NotEmpty(t, d.Fix)
			assert.EqualValues(t, "v2", d.KeyID)
			assert.Positive(t, d.Tried)
			assert.Equal(t, tt.fault == probe.FaultEmpty || tt.fault == probe.FaultUndefined, report.Bypassed())
			assert.Equal(t, len(s.requests), report.Sent)
		})
	}
}

func TestDiagnosisStopsAtTheFirstHit(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.keys["v2"] = ""
	d := mustRun(t, suite).Diagnosis
	require.NotNil(t, d)
	assert.Equal(t, 1, d.Tried)
}

func TestDiagnosisStopsWhenTheServiceDoes(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	delete(s.keys, "v2")
	asked := 0
	s.refuse = func(w http.ResponseWriter, _ string) {
		// The keys, then the controls but the replay, then three trials.
		if asked++; asked > 1+len(everyControl)+3 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}
	d := mustRun(t, suite).Diagnosis
	require.NotNil(t, d)
	assert.Equal(t, probe.FaultUnknown, d.Fault)
	assert.Contains(t, d.Words, "the diagnosis stopped: the service limits the rate")
}

func TestRestoredOldKeyIsDiagnosedToo(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.keys["v1"] += "\n"
	d := mustRun(t, suite).Diagnosis
	require.NotNil(t, d)
	assert.EqualValues(t, "v1", d.KeyID)
	assert.Equal(t, probe.FaultNewline, d.Fault)
}
