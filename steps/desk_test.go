package steps_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps"
	"keyturn/steps/httpclient"
	"keyturn/steps/notify"
	"keyturn/steps/requestlog"
	"keyturn/vault"
)

// desk is a session whose paper is real, and whose other items only say what
// they were told to.
type desk struct {
	*checklisttest.World
	outside *steps.Outside
	engine  *checklist.Engine
	log     *deskLog
}

// ofPaper are the names of the steps that are real at a desk.
var ofPaper = []string{
	"notify-window", "notify-emergency", "notify-rollback", "review-meeting", "document", "document-drill", "incident-log", "post-mortem", "schedule-next",
}

// newDesk opens a session of c without gates and passes all items before one,
// each on its day. said is what each of those says, by item.
func newDesk(t *testing.T, c checklist.Checklist, first string, said map[string]checklist.Evidence) *desk {
	t.Helper()
	for p := range c.Phases {
		c.Phases[p].Items = slices.Clone(c.Phases[p].Items)
		for i := range c.Phases[p].Items {
			c.Phases[p].Items[i].Gates, c.Phases[p].Items[i].Patience = nil, 0
		}
	}
	d := &desk{World: checklisttest.NewWorld(t, c), log: &deskLog{}}
	d.outside = &steps.Outside{
		Vault: vault.NewMemory(d.Clock.Now), Documents: t.TempDir(), Log: d.log, Sessions: journalOf{d.Config.Journal},
		Webhook: notify.Options{HTTP: httpclient.Options{Sleep: func(context.Context, time.Duration) error { return nil }}},
	}
	real, catalog := steps.NewCatalog(d.outside), checklisttest.StepsFor(c)
	for _, i := range c.Items() {
		if evidence, ok := said[i.ID]; ok {
			catalog[i.Step] = &checklisttest.Step{OnVerify: checklisttest.Proving(evidence, nil)}
		}
	}
	for _, name := range ofPaper {
		catalog[name], _ = real.Step(name)
	}
	d.Config.Steps = catalog
	d.reopen(t)
	for _, i := range c.Items() {
		if opens := d.engine.Session().NextOpens(d.Clock.Now()); opens.After(d.Clock.Now()) {
			d.Clock.Set(opens)
		}
		if i.ID == first {
			return d
		}
		if slices.Contains(ofPaper, i.Step) {
			require.NoError(t, d.engine.PassOver(t.Context(), i.ID, "not part of this test", checklisttest.NewScript(t)))
			continue
		}
		d.Clock.Advance(time.Minute)
		require.NoError(t, d.engine.Run(t.Context(), i.ID, checklisttest.NewScript(t)), i.ID)
	}
	t.Fatalf("no item %s", first)
	return nil
}

func (d *desk) reopen(t *testing.T) {
	t.Helper()
	d.engine = d.Engine(t)
}

// run does one item with the replies that are expected, and returns the script.
func (d *desk) run(t *testing.T, item string, replies ...checklisttest.Reply) (*checklisttest.Script, error) {
	t.Helper()
	script := checklisttest.NewScript(t, replies...)
	return script, d.engine.Run(t.Context(), item, script)
}

// summary returns what proved that an item is done.
func (d *desk) summary(t *testing.T, item string) string {
	t.Helper()
	st := d.engine.Session().State(item)
	require.NotNil(t, st.Evidence)
	return st.Evidence.Summary
}

// kinds returns how an item's effect stands in the journal.
func (d *desk) kinds(item string, code checklist.EffectCode) []checklist.Kind {
	var kinds []checklist.Kind
	for _, e := range d.Config.Journal.Events() {
		if e.Item == item && e.Effect != nil && e.Effect.Code == code {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// mustNotHold checks that nothing that was asked or journalled has a text.
func (d *desk) mustNotHold(t *testing.T, script *checklisttest.Script, secret string) {
	t.Helper()
	text, err := json.Marshal(d.Config.Journal.Events())
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)
	text, err = json.Marshal(script.Asked())
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)
}

// journalOf is the realm's sessions as far as paper needs them.
type journalOf struct{ journal checklist.Journal }

func (j journalOf) Events(context.Context, string) ([]checklist.Event, error) {
	return j.journal.Events(), nil
}
func (journalOf) Session(context.Context, string) (*checklist.Session, error) { return nil, nil }
func (journalOf) Compromised(context.Context, keygen.KeyID, checklist.Environment) (string, bool, error) {
	return "", false, nil
}
func (journalOf) RolledBack(context.Context, string, string, string, map[string]string) error {
	return nil
}
func (journalOf) Abandon(context.Context, string, string) error { return nil }

// deskLog is a request log that always says the same.
type deskLog struct {
	rows []requestlog.Row
	err  error
}

func (l *deskLog) Read(_ context.Context, _ string, _, until time.Time) (requestlog.Log, error) {
	return requestlog.Log{Until: until, Rows: l.rows}, l.err
}

const webhookSecret = "XXXXwebhookSecretXXXX"

// slackChannel is a webhook on loopback that takes every message, and gives the
// answers in turn; "" hangs up.
type slackChannel struct {
	mu       sync.Mutex
	answers  []string
	messages []string
}

// join puts a webhook into the desk's vault.
func (d *desk) join(t *testing.T, answers ...string) *slackChannel {
	t.Helper()
	c := &slackChannel{answers: answers}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	address, err := keygen.NewCredential(server.URL + "/services/T0/B0/" + webhookSecret)
	require.NoError(t, err)
	_, err = d.outside.Vault.Put(t.Context(), "slack/webhook", address, vault.PutOptions{})
	require.NoError(t, err)
	return c
}

// ServeHTTP implements http.Handler. A number at the beginning of an answer is
// its status.
func (c *slackChannel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Text string }
	_ = json.NewDecoder(r.Body).Decode(&body) // a wrong one is seen as an empty message
	c.mu.Lock()
	c.messages = append(c.messages, body.Text)
	answer := "ok"
	if len(c.answers) > 0 {
		answer, c.answers = c.answers[0], c.answers[1:]
	}
	c.mu.Unlock()
	if answer == "" {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	if rest, ok := strings.CutPrefix(answer, "404 "); ok {
		w.WriteHeader(http.StatusNotFound)
		answer = rest
	}
	_, _ = io.WriteString(w, answer)
}

func (c *slackChannel) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}
