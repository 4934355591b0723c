package vercel

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// leaks are the forms in which the secret and the token must never be seen.
func leaks(t *testing.T) []string {
	t.Helper()
	raw, err := hex.DecodeString(testSecret)
	require.NoError(t, err)
	return []string{
		testSecret, strings.ToUpper(testSecret), testSecret[:20], testSecret[40:], string(raw),
		base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
		base64.RawStdEncoding.EncodeToString([]byte(testSecret)), testToken,
	}
}

func assertClean(t *testing.T, text string) {
	t.Helper()
	for _, leak := range leaks(t) {
		assert.NotContains(t, text, leak)
	}
	assert.NotContains(t, text, "\x1b")
}

// TestNoErrorShowsASecret lets a server send back, in every place that an error
// could quote, whatever it got.
func TestNoErrorShowsASecret(t *testing.T) {
	t.Parallel()
	raw, err := hex.DecodeString(testSecret)
	require.NoError(t, err)
	echo := "\x1b[31m" + testSecret + " " + strings.ToUpper(testSecret) + " " + base64.StdEncoding.EncodeToString(raw) + " " +
		base64.URLEncoding.EncodeToString(raw) + " " + base64.StdEncoding.EncodeToString([]byte(testSecret)) + " Bearer " + testToken
	everywhere := map[string]any{
		"code": echo, "message": echo, "envVarKey": echo, "id": echo, "key": echo, "value": echo, "target": echo,
	}
	answers := map[string]reply{
		"plain text":       says(400, echo),
		"a login page":     says(200, "<html>"+echo),
		"a failed row":     says(201, map[string]any{"created": everywhere, "failed": []any{map[string]any{"error": everywhere}}}),
		"a created row":    says(201, map[string]any{"created": everywhere, "failed": []any{}}),
		"a value of shape": says(201, `{"created":[[`+fmt.Sprintf("%q", testSecret)+`]],"failed":[]}`),
		"a header":         says(400, "", "Retry-After", testSecret, "Location", "/"+testSecret),
		"a cut connection": drops(),
	}
	for _, status := range []int{302, 400, 401, 403, 404, 409, 429, 500, 503} {
		answers[fmt.Sprint(status)] = says(status, map[string]any{"error": everywhere})
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{Team: "team_1", HTTP: httpclient.Options{Timeout: time.Second}}, answer)
			_, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
			require.Error(t, err)
			for _, text := range everyForm(err) {
				assertClean(t, text)
			}
			assertClean(t, hintOf(err))
			assertClean(t, strings.Join(w.waits, "\n"))
		})
	}
}

// everyForm renders an error and each error within it in every way.
func everyForm(err error) []string {
	if err == nil {
		return nil
	}
	forms := []string{err.Error(), fmt.Sprintf("%v %+v %#v %s %q", err, err, err, err, err)}
	if data, jsonErr := json.Marshal(err); jsonErr == nil {
		forms = append(forms, string(data))
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		forms = append(forms, everyForm(wrapped.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			forms = append(forms, everyForm(inner)...)
		}
	}
	return forms
}

func TestSecretsRedactThemselves(t *testing.T) {
	t.Parallel()
	token, err := httpclient.ParseToken(testToken)
	require.NoError(t, err)
	client, err := New(Options{Token: token})
	require.NoError(t, err)
	type hidden struct {
		token keygen.Secret
		value Value
	}
	value := NewValue(testSecret)
	for _, thing := range []any{
		token, &token, value, &value, hidden{token, value}, &hidden{token, value}, Options{Token: token}, client, *client,
		CreateBody{Value: value}, []keygen.Secret{token}, map[string]Value{"x": value},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			assertClean(t, fmt.Sprintf(verb, thing))
		}
		var buffer bytes.Buffer
		slog.New(slog.NewTextHandler(&buffer, nil)).InfoContext(context.Background(), "x", "thing", thing)
		assertClean(t, buffer.String())
	}
	data, err := json.Marshal(value)
	require.NoError(t, err)
	assert.Equal(t, `"`+testSecret+`"`, string(data), "a value is in clear on the wire and only there")
	var back Value
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, testSecret, back.Reveal())
	assert.Empty(t, Value{}.Reveal())
	err = json.Unmarshal([]byte(`["`+testSecret+`"]`), &back)
	require.Error(t, err)
	assertClean(t, err.Error())
}

func FuzzAnswers(f *testing.F) {
	for _, seed := range []any{
		AnswerVariables([]Variable{row}), AnswerCreate(row), AnswerDeployments([]Deployment{preview, production}),
		AnswerDeployment(production), ErrorBody{Error: ErrorDetail{Code: "c", Limit: &Limit{ResetMs: 1}}},
	} {
		data, err := json.Marshal(seed)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"envs":[{"target":{},"createdAt":1e400}],"pagination":{"next":{}}}`))
	f.Add([]byte(`{"deployments":[null,{"alias":[1]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var variables variablesJSON
		if json.Unmarshal(data, &variables) == nil {
			for _, v := range variables.Rows {
				assert.NotEmpty(t, v.ID)
				assert.NotEmpty(t, v.Key)
			}
		}
		var created createdJSON
		_ = json.Unmarshal(data, &created)
		var deployments deploymentsJSON
		if json.Unmarshal(data, &deployments) == nil {
			for _, d := range deployments.Deployments {
				if d, err := d.deployment(); err == nil {
					assert.NotEmpty(t, d.ID)
					assert.NotEqual(t, TargetPreview, d.Target)
				}
			}
		}
		_ = parseErrorDetail(data)
	})
}

var _ http.Handler = (*world)(nil)
