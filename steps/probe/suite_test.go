package probe_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/probe"
)

// world is a service that holds v1 and v2, and the suite that proves it.
func world(t *testing.T) (*service, probe.Suite) {
	t.Helper()
	v1, v2 := mustSecret(t, "v1"), mustSecret(t, "v2")
	s := newService(t, map[string]string{"v1": v1.Reveal(), "v2": v2.Reveal()})
	return s, probe.Suite{
		Prober: newProber(t), Name: "orders-api, staging", URL: s.URL + "/api/test",
		New:              &probe.Key{ID: "v2", Secret: v2, Expect: probe.Accepted},
		Old:              &probe.Key{ID: "v1", Secret: v1, Expect: probe.Accepted},
		WrongEnvironment: mustSecret(t, "v2 of production"),
	}
}

func mustRun(t *testing.T, suite probe.Suite) probe.Report {
	t.Helper()
	report, err := suite.Run(t.Context(), nil)
	require.NoError(t, err)
	return report
}

func verdicts(report probe.Report) map[string]probe.Verdict {
	all := map[string]probe.Verdict{}
	for _, row := range report.Rows {
		all[row.Name] = row.Verdict
	}
	return all
}

var everyControl = []string{
	"tampered body", "tampered path", "tampered nonce", "wrong key", "empty key", "unknown key id",
	"unknown id, empty key", "stale timestamp", "future timestamp", "replayed nonce", "missing signature",
	"other environment's key",
}

func TestSuitePassesAGoodService(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	var steps []string
	report, err := suite.Run(t.Context(), func(done, total int, now string) {
		steps = append(steps, fmt.Sprintf("%d/%d %s", done, total, now))
	})
	require.NoError(t, err)
	assert.False(t, report.Failed(), report.Table(120))
	assert.True(t, report.Anchored())
	assert.False(t, report.Bypassed())
	assert.Nil(t, report.Diagnosis)
	assert.Empty(t, report.Notes)
	assert.Equal(t, []string{"dpl_one"}, report.Deployments())
	require.Len(t, report.Rows, 2+len(everyControl))
	assert.Equal(t, "new key v2", report.Rows[0].Name)
	assert.Equal(t, "old key v1", report.Rows[1].Name)
	for i, name := range everyControl {
		row := report.Rows[i+2]
		assert.Equal(t, name, row.Name)
		assert.Equal(t, probe.GotRefused, row.Got, name)
	}
	assert.Equal(t, "0/14 new key v2", steps[0])
	assert.Equal(t, "13/14 other environment's key", steps[len(steps)-1])
	assert.Equal(t, len(report.Rows), report.Sent)

	// Whatever is signed, only the harmless request is ever sent.
	for i, r := range s.requests {
		assert.Equal(t, "/api/test", r.RequestURI)
		assert.Equal(t, probe.DefaultBody, s.bodies[i])
		assert.Equal(t, probe.UserAgent, r.UserAgent())
	}
}

// A brief suite still sees a deployment that holds another value, or none.
func TestBriefSuite(t *testing.T) {
	t.Parallel()
	_, suite := world(t)
	suite.Brief = true
	report := mustRun(t, suite)
	assert.False(t, report.Failed(), report.Table(120))
	var names []string
	for _, row := range report.Rows {
		names = append(names, row.Name)
	}
	assert.Equal(t, []string{
		"new key v2", "old key v1", "tampered body", "wrong key", "empty key", "unknown key id", "other environment's key",
	}, names)
}

func TestEachControlIsRefusedForItsOwnReason(t *testing.T) {
	t.Parallel()
	_, suite := world(t)
	report := mustRun(t, suite)
	for name, why := range map[string]string{
		"tampered body": "signature does not match", "tampered path": "signature does not match",
		"tampered nonce": "signature does not match", "wrong key": "signature does not match",
		"empty key": "signature does not match", "other environment's key": "signature does not match",
		"unknown key id": "unknown key id v999999", "unknown id, empty key": "unknown key id v999999",
		"stale timestamp": "timestamp outside the window", "future timestamp": "timestamp outside the window",
		"replayed nonce": "nonce seen before", "missing signature": "missing signature header",
	} {
		assert.Equal(t, why, rowOf(t, report, name).Detail, name)
	}
}

func TestServiceThatAcceptsEverythingFailsEveryControl(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.instead = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	report := mustRun(t, suite)
	assert.True(t, report.Failed())
	assert.True(t, report.Bypassed())
	for _, name := range everyControl {
		row := rowOf(t, report, name)
		assert.Equal(t, probe.Failed, row.Verdict, name)
		assert.NotEmpty(t, row.Detail, name)
	}
	assert.Contains(t, rowOf(t, report, "empty key").Detail, "AUTHENTICATION BYPASS")
}

func TestServiceThatLeavesOneCheckOutFailsItsControl(t *testing.T) {
	t.Parallel()
	tests := []struct {
		check string
		fails []string
	}{
		{"time", []string{"stale timestamp", "future timestamp"}},
		{"nonce", []string{"replayed nonce"}},
		{"signature", []string{"tampered body", "tampered path", "tampered nonce", "wrong key", "empty key", "other environment's key"}},
	}
	for _, tt := range tests {
		t.Run(tt.check, func(t *testing.T) {
			t.Parallel()
			s, suite := world(t)
			s.skip = func(check string, _ *http.Request) bool { return check == tt.check }
			var failed []string
			for _, row := range mustRun(t, suite).Rows {
				if row.Verdict != probe.OK {
					failed = append(failed, row.Name)
				}
			}
			assert.Equal(t, tt.fails, failed)
		})
	}
}

func TestServiceThatRefusesEverythingProvesNothing(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.instead = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	suite.Old.Expect = probe.Refused
	report := mustRun(t, suite)
	assert.True(t, report.Failed())
	assert.False(t, report.Anchored())
	assert.Equal(t, probe.Failed, report.Rows[0].Verdict)
	assert.Equal(t, probe.Inconclusive, rowOf(t, report, "old key v1").Verdict, "refusing the old key proves nothing here")
	for _, name := range everyControl {
		row := rowOf(t, report, name)
		assert.Equal(t, probe.GotNotSent, row.Got, name)
		assert.Equal(t, probe.Inconclusive, row.Verdict, name)
		assert.Empty(t, row.Curl)
	}
	require.Len(t, report.Notes, 1)
	assert.Contains(t, report.Notes[0], "controls prove nothing")
	require.NotNil(t, report.Diagnosis)
	assert.Equal(t, probe.FaultUnknown, report.Diagnosis.Fault)
}

func TestOldKeyAfterRemoval(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	suite.Old.Expect = probe.Refused

	still := mustRun(t, suite)
	assert.Equal(t, probe.Failed, rowOf(t, still, "old key v1").Verdict)
	assert.Contains(t, rowOf(t, still, "old key v1").Detail, "still accepts key v1")

	delete(s.keys, "v1")
	gone := mustRun(t, suite)
	assert.False(t, gone.Failed(), gone.Table(120))
	assert.Equal(t, "unknown key id v1", rowOf(t, gone, "old key v1").Detail)
}

func TestRemovedKeyThatLeavesAHole(t *testing.T) {
	t.Parallel()
	for missing, row := range map[string]string{"=": "empty key as v1", "undefined": `"undefined" key as v1`} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			s, suite := world(t)
			delete(s.keys, "v1")
			s.missing = missing
			suite.Old.Expect = probe.Refused
			report := mustRun(t, suite)
			assert.True(t, report.Bypassed())
			assert.Equal(t, probe.Failed, rowOf(t, report, row).Verdict)
			assert.Contains(t, rowOf(t, report, row).Detail, "AUTHENTICATION BYPASS")
		})
	}
}

func TestSuiteWithASingleKey(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	suite.Old, suite.WrongEnvironment = nil, keygen.Secret{}
	suite.New.ID = keygen.Test
	s.keys["test"] = suite.New.Secret.Reveal()
	assert.False(t, mustRun(t, suite).Failed())

	delete(s.keys, "test")
	suite.New.Expect = probe.Refused
	report := mustRun(t, suite)
	assert.False(t, report.Failed(), report.Table(120))
	assert.False(t, report.Anchored())
	require.Len(t, report.Notes, 1)
	assert.Contains(t, report.Notes[0], "can not be told from those of a service that refuses everything")
	assert.Equal(t, probe.OK, rowOf(t, report, "empty key as test").Verdict)
}

func TestAnswersThatProveNothing(t *testing.T) {
	t.Parallel()
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		got    probe.Outcome
		detail string
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com/api/test", http.StatusTemporaryRedirect)
		}, probe.GotRedirect, "redirected to https://example.com/api/test"},
		{"not found", status(404), probe.GotNotFound, "nothing is served at this path"},
		{"bad request", status(400), probe.GotOther, "status 400 is neither"},
		{"rate limited", status(429), probe.GotLimited, "try again later"},
		{"broken", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "boom \x1b[31mred\u202e", http.StatusInternalServerError)
		}, probe.GotServerError, "(it said: boom [31mred)"},
		{"protected preview", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "_vercel_sso_nonce=abc; Path=/; Secure; HttpOnly")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "<html><head><title>Authentication Required</title></head>")
		}, probe.GotBlocked, "Vercel's deployment protection answered in the service's place (it said: Authentication Required)"},
		{"firewall", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Vercel-Mitigated", "deny")
			w.WriteHeader(http.StatusForbidden)
		}, probe.GotBlocked, "Vercel's firewall answered"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, probe.GotNoAnswer, "no answer from the service: the connection was closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, suite := world(t)
			s.instead = tt.answer
			suite.Old.Expect = probe.Refused // these answers are no refusal either
			report := mustRun(t, suite)
			assert.True(t, report.Failed())
			for _, row := range report.Rows[:2] {
				assert.Equal(t, probe.Inconclusive, row.Verdict)
				assert.Equal(t, tt.got, row.Got)
				assert.Contains(t, row.Detail, tt.detail)
			}
			assert.Nil(t, report.Diagnosis, "nothing was refused, so there is nothing to diagnose")
		})
	}
}

func TestControlThatBreaksTheServiceIsNotRefused(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.refuse = func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusInternalServerError) }
	report := mustRun(t, suite)
	assert.True(t, report.Failed())
	assert.Equal(t, probe.OK, verdicts(report)["new key v2"])
	for _, name := range everyControl {
		assert.Equal(t, probe.Inconclusive, verdicts(report)[name], name)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.instead = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	suite.Prober.Timeout = 20 * time.Millisecond
	row, err := suite.Prober.Probe(t.Context(), probe.Target{URL: suite.URL}, *suite.New)
	require.NoError(t, err)
	assert.Equal(t, probe.Inconclusive, row.Verdict)
	assert.Equal(t, "no answer from the service: timed out after 20ms", row.Detail)
}

func TestAnswerOfAnotherDeployment(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	suite.Deployment = "dpl_two"
	report := mustRun(t, suite)
	assert.True(t, report.Failed())
	assert.Equal(t, probe.Inconclusive, report.Rows[0].Verdict)
	assert.Equal(t, "answered by deployment dpl_one, not by dpl_two", report.Rows[0].Detail)

	s.deployment = ""
	report = mustRun(t, suite)
	assert.False(t, report.Failed())
	require.Len(t, report.Notes, 1)
	assert.Contains(t, report.Notes[0], "dpl_two is not proved")
}

func TestCancelledRunKeepsWhatWasAsked(t *testing.T) {
	t.Parallel()
	_, suite := world(t)
	ctx, cancel := context.WithCancel(t.Context())
	report, err := suite.Run(ctx, func(done, _ int, _ string) {
		if done == 3 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Len(t, report.Rows, 3)
}

func TestSuiteRefusesBadInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*probe.Suite)
		want   string
	}{
		{"no prober", func(s *probe.Suite) { s.Prober = nil }, "no prober"},
		{"no clock", func(s *probe.Suite) { s.Prober.Now = nil }, "no clock"},
		{"no randomness", func(s *probe.Suite) { s.Prober.Random = nil }, "no source of randomness"},
		{"randomness that ends", func(s *probe.Suite) { s.Prober.Random = strings.NewReader("") }, "EOF"},
		{"no address", func(s *probe.Suite) { s.URL = "" }, "want http:// or https://"},
		{"password in the address", func(s *probe.Suite) { s.URL = "https://me:hunter2@example.com" }, "does not belong in it"},
		{"method", func(s *probe.Suite) { s.Method = "TRACE" }, "want GET, POST"},
		{"NUL in the body", func(s *probe.Suite) { s.Body = []byte{0} }, "NUL"},
		{"no key", func(s *probe.Suite) { s.New, s.Old = nil, nil }, "neither a new nor an old key"},
		{"key id", func(s *probe.Suite) { s.New.ID = "V2" }, `key id "V2"`},
		{"no secret", func(s *probe.Suite) { s.New.Secret = keygen.Secret{} }, "no secret"},
		{"no expectation", func(s *probe.Suite) { s.New.Expect = "" }, "want accepted or refused"},
		{"same id", func(s *probe.Suite) { s.New.ID = "v1" }, "the same id"},
		{"same secret", func(s *probe.Suite) { s.New.Secret = s.Old.Secret }, "hold the same secret"},
		{"same in both environments", func(s *probe.Suite) { s.WrongEnvironment = s.New.Secret }, "in both environments"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, suite := world(t)
			tt.change(&suite)
			_, err := suite.Run(t.Context(), nil)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.keys["v2"] = suite.New.Secret.Reveal() + "\n"
	report := mustRun(t, suite)
	for i := range report.Rows {
		report.Rows[i].Latency = 3 * time.Millisecond
	}
	for _, width := range []int{0, 60, 66, 80, 120} {
		for line := range strings.Lines(report.Table(width)) {
			assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), max(width, 60), "width %d: %q", width, line)
		}
	}
	assert.Equal(t, `verdict probe                   expect   got          status time
FAILED  new key v2              accepted refused      403    3ms
    signature does not match
ok      old key v1              accepted accepted     200    3ms
ok      tampered body           refused  refused      403    3ms
`, strings.Join(strings.SplitAfter(report.Table(80), "\n")[:5], ""))
	assert.Contains(t, report.Table(80), "diagnosis: the service holds HMAC_SECRET_V2 with a newline (\\n) after it\nfix: remove")
	assert.Contains(t, report.Table(80), "\nserved by: dpl_one\n")
}
