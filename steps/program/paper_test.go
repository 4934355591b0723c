package program_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/config"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// TestAMistakenTemplateIsAMistakeOfTheConfiguration opens a program whose
// configuration names a template that cannot be filled in.
func TestAMistakenTemplateIsAMistakeOfTheConfiguration(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "decisions.md")
	require.NoError(t, os.WriteFile(file, []byte("# {{.Title}}\n\n{{.Operater}}\n"), 0o600))
	state := t.TempDir()
	_, err := program.Open(t.Context(), program.Options{State: state, Config: &config.Config{Paper: config.Paper{Decisions: file}}})
	var usage *program.UsageError
	require.ErrorAs(t, err, &usage)
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 1)
	assert.Equal(t, "paper.decisions", problems[0].Field)
	assert.Equal(t, file, problems[0].File)
	assert.Equal(t, 3, problems[0].Line)
	assert.Contains(t, problems[0].Found, "can't evaluate field Operater")
	assert.Contains(t, problems[0].Fix, "Opened, Parent, Person, Reached, Reason")
	entries, err := os.ReadDir(state)
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing was begun")
}

// team is a webhook on loopback. The answer to its first message is lost.
type team struct {
	mu       sync.Mutex
	messages []string
}

func (c *team) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Text string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.messages = append(c.messages, body.Text)
	first := len(c.messages) == 1
	c.mu.Unlock()
	if first {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	_, _ = w.Write([]byte("ok"))
}

// TestTheTeamIsTold walks each checklist that tells people, with a webhook in
// the sandbox's vault.
func TestTheTeamIsTold(t *testing.T) {
	t.Parallel()
	for name, subjects := range map[string][]string{
		"quarterly": {"HMAC key rotation of acme: v1 to v2", "HMAC key rotation of acme is complete: v2 is the only key in use"},
		"emergency": {"SECURITY: HMAC key v1 of acme is compromised and has been revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, channel := open(t, program.Options{}), &team{}
			server := httptest.NewServer(channel)
			t.Cleanup(server.Close)
			address, err := keygen.NewCredential(server.URL + "/services/T0/B0/q7hXw2LkVn9RzTbC4mEyPs1d")
			require.NoError(t, err)
			_, err = p.Vault().Put(t.Context(), "slack/webhook", address, vault.PutOptions{})
			require.NoError(t, err)
			op := &programtest.Operator{Answer: func(q checklist.Question) (string, bool) {
				return "yes", q.Title == "Is the message in the channel?"
			}}
			var secrets programtest.Secrets
			require.NoError(t, secrets.AddAll(t.Context(), p)) // before any of them is sealed
			s := rehearse(t, p, name, op)
			assert.Equal(t, checklist.Finished, s.Outcome)
			require.Len(t, channel.messages, len(subjects), "each once, although an answer was lost")
			for i, subject := range subjects {
				lines := strings.Split(channel.messages[i], "\n")
				assert.Equal(t, []string{"[SANDBOX: nothing real is changed]", subject}, lines[:2])
			}
			secrets.Add("webhook", "q7hXw2LkVn9RzTbC4mEyPs1d")
			made, _, err := p.Vault().Get(t.Context(), "production/v2")
			require.NoError(t, err)
			secrets.Add("production/v2", made.Reveal())
			assert.Empty(t, secrets.In([]byte(op.Heard())))
			for _, m := range channel.messages {
				assert.Empty(t, secrets.In([]byte(m)))
			}
			found, files, err := secrets.InFiles(filepath.Join(p.Dir(), "docs"))
			require.NoError(t, err)
			assert.Empty(t, found)
			assert.NotZero(t, files)
			found, _, err = secrets.InFiles(filepath.Join(p.Dir(), "sessions"))
			require.NoError(t, err)
			assert.Empty(t, found)
		})
	}
}
