package notify

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func on(day int, clock string) time.Time {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return time.Time{}
	}
	return time.Date(2026, 8, day, t.Hour(), t.Minute(), 0, 0, time.UTC)
}

func orders() About {
	return About{
		Service: "orders", Session: "quarterly-20260825-7f3a", Operator: "alice@example.com",
		Targets: []string{"orders-api", "billing-api"}, Environments: []string{"staging", "production"},
	}
}

func inSandbox() About {
	a := orders()
	a.Sandbox = true
	return a
}

// TestMessages holds each message as it is read.
func TestMessages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message Message
		want    string
	}{
		"window": {
			Window(Rotation{About: orders(), Old: "v1", New: "v2", Production: on(26, "00:00"), Removal: on(31, "00:00"), End: on(31, "00:00")}), `
HMAC key rotation of orders: v1 to v2
- Wed 26 Aug 2026: v2 is added to production; v1 stays valid
- until Mon 31 Aug 2026: move every client to key id v2
- Mon 31 Aug 2026: v1 is removed
- Mon 31 Aug 2026: done
Services: orders-api, billing-api.
Questions to alice@example.com (session quarterly-20260825-7f3a). Never post a key here.`,
		},
		"completion on the sandbox": {
			Completed(Completion{About: inSandbox(), Old: "v1", New: "v2", Refused: on(30, "09:31"), Next: on(31, "00:00"), Issues: []string{"batch-import is deployed by hand"}}), `
[SANDBOX: nothing real is changed]
HMAC key rotation of orders is complete: v2 is the only key in use
- v1 is refused in staging and production of orders-api, billing-api since Sun 30 Aug 2026 09:31 UTC
- the next rotation is due on Mon 31 Aug 2026
- open: batch-import is deployed by hand
Questions to alice@example.com (session quarterly-20260825-7f3a). Never post a key here.`,
		},
		"emergency": {
			Emergency(Compromise{
				About: orders(), Key: "v1", New: "v2", Declared: on(25, "14:30"), Since: on(25, "11:05"), KnownBy: "GitHub's secret scanning",
				Refused: on(25, "14:41"), Accepted: on(25, "15:04"), Findings: []string{"older deployments: 1 accepted v1, and was deleted"},
			}), `
SECURITY: HMAC key v1 of orders is compromised and has been revoked
- declared Tue 25 Aug 2026 14:30 UTC by alice@example.com
- compromised since Tue 25 Aug 2026 11:05 UTC
- known by: GitHub's secret scanning
- refused in staging and production of orders-api, billing-api since Tue 25 Aug 2026 14:41 UTC: whoever still signs with v1 gets an error
- sign with key id v2: it is accepted since Tue 25 Aug 2026 15:04 UTC
- older deployments: 1 accepted v1, and was deleted
Questions to alice@example.com (session quarterly-20260825-7f3a). Never post a key here.`,
		},
		"emergency that is not over": {
			Emergency(Compromise{About: inSandbox(), Key: "v1", New: "v2", Declared: on(25, "14:30")}), `
[SANDBOX: nothing real is changed]
SECURITY: HMAC key v1 of orders is compromised and is being revoked
- declared Tue 25 Aug 2026 14:30 UTC by alice@example.com
- NOT yet refused everywhere in staging and production of orders-api, billing-api
- v2 is not accepted yet: another message follows
Questions to alice@example.com (session quarterly-20260825-7f3a). Never post a key here.`,
		},
		"rollback": {
			RolledBack(Return{About: orders(), Parent: "quarterly-20260820-0001", Old: "v1", New: "v2", Accepted: on(25, "15:04"), Trouble: "checkout gets 401", Decision: "resume once checkout signs with v2"}), `
HMAC key v1 of orders is in service again: the rotation was rolled back
- rolled back: quarterly-20260820-0001
- trouble: checkout gets 401
- v1 is accepted in staging and production of orders-api, billing-api since Tue 25 Aug 2026 15:04 UTC
- how it goes on: resume once checkout signs with v2
Questions to alice@example.com (session quarterly-20260825-7f3a). Never post a key here.`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, strings.TrimPrefix(c.want, "\n"), c.message.String())
		})
	}
}

func TestUntrustedTextStaysText(t *testing.T) {
	t.Parallel()
	a := orders()
	a.Operator = "<!channel>"
	m := RolledBack(Return{About: a, Old: "v1", Trouble: "a & b <https://evil.example|click>\n- forged line\x1b[2J\u202e " + strings.Repeat("0aF", 40)})
	text := m.Mrkdwn()
	assert.Contains(t, text, "- trouble: a &amp; b &lt;https://evil.example|click&gt; - forged line(U+001B)[2J(U+202E) [redacted]\n")
	assert.Contains(t, text, "Questions to &lt;!channel&gt;")
	assert.NotContains(t, text, "<")
	assert.Contains(t, m.String(), "a & b <https", "what is pasted is not escaped: Slack does that")
}

// TestNoMessageCanHoldASecret looks at every type from which a message is made:
// text, key ids, times, and nothing that could carry a secret along.
func TestNoMessageCanHoldASecret(t *testing.T) {
	t.Parallel()
	var visit func(path string, typ reflect.Type)
	visit = func(path string, typ reflect.Type) {
		switch {
		case typ == reflect.TypeFor[time.Time](), typ.Kind() == reflect.String, typ.Kind() == reflect.Bool:
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.String:
		case typ.Kind() == reflect.Struct && typ.PkgPath() == "keyturn/steps/notify":
			for i := range typ.NumField() {
				visit(path+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		default:
			t.Errorf("%s is a %s, which could hold a secret", path, typ)
		}
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Message](), reflect.TypeFor[Rotation](), reflect.TypeFor[Completion](), reflect.TypeFor[Compromise](), reflect.TypeFor[Return](),
	} {
		visit(typ.Name(), typ)
	}
}
