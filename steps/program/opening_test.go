package program_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/config"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// rosterFile is the roster of the company's service.
func (c *company) rosterFile() string {
	return filepath.Join(c.options.State, "live", "orders", "allowed_signers")
}

// enrol adds a line to the roster.
func (c *company) enrol(m sshsig.Member) {
	c.t.Helper()
	m.Key = anyKey(c.t)
	line, err := m.RosterLine()
	require.NoError(c.t, err)
	text, err := os.ReadFile(c.rosterFile())
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(c.rosterFile(), append(text, line+"\n"...), 0o600))
}

// anyKey is the public half of a key of its own.
func anyKey(t *testing.T) sshsig.PublicKey {
	t.Helper()
	seed, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	key, err := sshsig.NewKey(seed)
	require.NoError(t, err)
	return key.Public()
}

// More approvers than there are keep a rotation from beginning, since it could
// not end, and nothing that a service in danger needs.
func TestTooFewApprovers(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn() // bob may approve
	text, err := os.ReadFile(c.file)
	require.NoError(t, err)
	c.configure(string(text) + "\n[approval]\nrequired = 3\n")
	line := strings.Count(string(text), "\n") + 3
	now := c.world.Clock().Now()
	c.enrol(sshsig.Member{Principal: "carol@example.com", Namespaces: []string{sshsig.NamespaceRecord}})                                             // may not approve
	c.enrol(sshsig.Member{Principal: "dave@example.com", Namespaces: []string{sshsig.NamespaceApproval}, ValidBefore: now.Add(-24 * time.Hour)})     // any more
	c.enrol(sshsig.Member{Principal: "alice@example.com", Namespaces: []string{sshsig.NamespaceApproval}, ValidAfter: now.Add(-240 * time.Hour)})    // is the operator
	c.enrol(sshsig.Member{Principal: "erin@example.com", Namespaces: []string{sshsig.NamespaceApproval, sshsig.NamespaceRecord}, Comment: "laptop"}) // the second one

	p := c.open()
	says := fmt.Sprintf("%s:%d: approval.required: found 3; %s lists only bob@example.com and erin@example.com besides alice@example.com who may approve now", c.file, line, c.rosterFile())
	_, err = p.Begin(t.Context(), "quarterly", c.operator())
	var usage *program.UsageError
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, says)
	require.ErrorContains(t, err, "or require 2")
	requireProblem(t, p, says)
	begin(t, p, "drill", c.operator()) // asks for no approval
	op := c.operator()
	begin(t, p, "emergency", op)
	assert.Contains(t, op.Heard(), "approval.required: found 3")

	c.enrol(sshsig.Member{Principal: "frank@example.com", Namespaces: []string{sshsig.NamespaceApproval}})
	begin(t, p, "quarterly", c.operator())
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, o.Problems)

	require.NoError(t, os.Remove(c.rosterFile()))
	requireProblem(t, p, "the roster, which lists who may approve, cannot be read")
}

// The operator is told at the opening what the roster will not let them do.
func TestARosterLineThatEndsTooEarly(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return time.Date(2026, 11, 24+n, 0, 0, 0, 0, time.UTC) }
	both := `namespaces="keyturn-record,keyturn-approval"`
	for name, tc := range map[string]struct {
		options []string // of the operator's lines
		says    string   // "" for nothing
	}{
		"no end":                    {[]string{both}, ""},
		"the end of the last day":   {[]string{both + `,valid-before="` + day(10).Format("20060102Z") + `"`}, ""},
		"the middle of it":          {[]string{both + `,valid-before="20261203120000Z"`}, "line 1 of ROSTER, which lets operator@sandbox sign records, ends on 3 Dec 2026 12:00 UTC, and the last day of the session on 4 Dec 2026 00:00 UTC"},
		"the second day":            {[]string{both + `,valid-before="` + day(2).Format("20060102Z") + `"`}, "ends on 26 Nov 2026 00:00 UTC"},
		"yesterday":                 {[]string{both + `,valid-before="` + day(-1).Format("20060102Z") + `"`}, "ends on 23 Nov 2026"},
		"an end, beside another":    {[]string{both + `,valid-before="` + day(2).Format("20060102Z") + `"`, both}, ""},
		"two ends":                  {[]string{both + `,valid-before="` + day(2).Format("20060102Z") + `"`, both + `,valid-before="` + day(5).Format("20060102Z") + `"`}, "line 2 of ROSTER, which lets operator@sandbox sign records, ends on 29 Nov 2026"},
		"a beginning that is later": {[]string{both + `,valid-after="` + day(2).Format("20060102Z") + `"`}, "only from 26 Nov 2026 00:00 UTC on"},
		"approvals alone":           {[]string{`namespaces="keyturn-approval"`}, "has no line that lets operator@sandbox sign records"},
		"nobody":                    {nil, "has no line that lets operator@sandbox sign records"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{RealNow: func() time.Time { return at }})
			var text strings.Builder
			for _, options := range tc.options {
				fmt.Fprintf(&text, "operator@sandbox %s %s\n", options, anyKey(t).Line(""))
			}
			require.NoError(t, os.WriteFile(p.RosterPath(), []byte(text.String()), 0o600))
			op := &programtest.Operator{}
			begin(t, p, "quarterly", op)
			o, err := p.Overview(t.Context())
			require.NoError(t, err)
			if tc.says == "" {
				assert.NotContains(t, op.Heard(), "sign records")
				assert.Empty(t, o.Problems)
				return
			}
			says := strings.Replace(tc.says, "ROSTER", p.RosterPath(), 1)
			assert.Contains(t, op.Heard(), says, "at the opening")
			require.Len(t, o.Problems, 1, "and as long as the session lasts")
			assert.Contains(t, o.Problems[0], says)
		})
	}
}

// A clock that went back could add no record to the trail.
func TestAClockBehindTheTrail(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	p := c.open()
	e, err := p.Begin(t.Context(), "drill", c.operator())
	require.NoError(t, err)
	require.NoError(t, e.Abandon(t.Context(), "made for a test", c.operator()))
	require.NoError(t, e.Close())
	now := c.world.Clock().Now
	c.options.RealNow = func() time.Time { return now().Add(-time.Hour) }
	p = c.open()
	for _, id := range []string{"quarterly", "drill"} {
		_, err = p.Begin(t.Context(), id, c.operator())
		require.ErrorContains(t, err, "and the newest record, 000001-"+e.Session().ID()+", was made at")
		assert.Contains(t, checklist.Hint(err), "set the clock of this machine")
	}
	requireProblem(t, p, "the clock says")
	for _, id := range []string{"emergency", "rollback"} {
		op := c.operator()
		begin(t, p, id, op)
		assert.Contains(t, op.Heard(), "going on, although the clock says")
	}
	c.options.RealNow = now
	begin(t, c.open(), "quarterly", c.operator())
}

// An operator that a roster cannot hold is refused where the file is read.
func TestAnOperatorThatNoRosterHolds(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	text, err := os.ReadFile(c.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.file, []byte(strings.Replace(string(text), "alice@", "Alice@", 1)), 0o600))
	_, err = program.Flags{Config: c.file, State: c.options.State}.Options()
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	assert.Equal(t, "operator", problems[0].Field)
	assert.Equal(t, 2, problems[0].Line)
	assert.Contains(t, problems[0].Fix, `write "alice@example.com"`)
}
