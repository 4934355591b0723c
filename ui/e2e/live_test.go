//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/steps/program/programtest"
)

// customer is an operator of a company's own account: at a terminal in which
// the time is that of a clock.
type customer struct {
	*operator
	company company
	clock   clock
	asked   map[string]bool // requests that were signed
}

// sits seats the company's operator at a terminal.
func (c company) sits(k clock, w, h int) *customer {
	c.t.Helper()
	// What the shell finds as keyturn is this test, as the program with the clock.
	self, err := os.Executable()
	require.NoError(c.t, err)
	bin := c.t.TempDir()
	require.NoError(c.t, os.Symlink(self, filepath.Join(bin, "keyturn")))
	path := "PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH")
	x := openTerminal(c.t, c.person, w, h, append(c.tokens(), path, clockEnv+"="+string(k))...)
	x.live = true
	return &customer{
		operator: &operator{terminal: x, person: c.person, w: w, h: h, secrets: &programtest.Secrets{}, keep: func(*programtest.Secrets) {}},
		company:  c, clock: k, asked: map[string]bool{},
	}
}

// opens types a command and the passphrase of the vault, and waits for a text
// on the program's screen.
func (o *customer) opens(command, shown string) {
	o.t.Helper()
	o.types(command + "\r")
	o.waits("the question for the passphrase", func(f string) bool {
		return strings.HasSuffix(strings.TrimRight(f, " \n"), ":") && strings.Contains(f, "Passphrase of the vault in ")
	})
	o.types(passphrase + "\r")
	o.waits("the program's screen", func(f string) bool {
		head, _, _ := strings.Cut(f, "\n")
		return strings.Contains(head, "orders") && strings.Contains(f, shown)
	})
	o.full = true
	o.seen.look(o.t, o.shell())
}

var request = regexp.MustCompile(`request-[0-9a-f]{8}\.txt`)

// asksForSignature says that the second person's signature is wanted.
func (o *customer) asksForSignature(f frame) bool {
	return f.shows("Where is the second person's signature?") && request.MatchString(string(f)) && !o.asked[request.FindString(string(f))]
}

var opensLater = regexp.MustCompile(`● .*opens (in \d|soon)`)

// waitsForTime says that nothing can be done before another day.
func waitsForTime(f frame) bool {
	return opensLater.MatchString(string(f)) || strings.Contains(f.status(), "needs more time")
}

// goesOn goes on with the session until the screen shows what is asked for, and
// has the second person sign meanwhile. Time that has to pass passes by rest.
func (o *customer) goesOn(until func(frame) bool, rest func()) frame {
	o.t.Helper()
	for {
		f := o.walk(func(f frame) bool { return until(f) || o.asksForSignature(f) || waitsForTime(f) })
		switch {
		case until(f):
			return f
		case o.asksForSignature(f):
			name := request.FindString(string(f))
			o.company.signs(name)
			o.asked[name] = true
		default:
			rest()
		}
	}
}

// leavesForADay closes the program, and comes back to it a day later in a
// window of another size.
func (o *customer) leavesForADay(w, h int) {
	o.t.Helper()
	back := o.returnsWith(o.leaves(3))
	o.resize(w, h)
	o.types("clear\r")
	o.waits("the shell at its new size", func(f string) bool { return strings.Count(f, "\n") == h-1 && prompted(f) })
	o.clock.passes(o.t, 24*time.Hour)
	o.opens(back, "Quarterly rotation · day ")
}

// staysForADay leaves the program open over night.
func (o *customer) staysForADay() {
	o.t.Helper()
	o.clock.passes(o.t, 24*time.Hour)
	o.types("r")
	o.waits("that time has passed", func(f string) bool { return !waitsForTime(frame(f)) })
}

// matrix is the table of a step that works on several targets, with a column
// for each environment.
var matrix = regexp.MustCompile(`Target +staging +production *\n` +
	`[^\n]* orders-api +\w+ +\w+ *\n[^\n]* payments-api +\w+ +\w+ *\n[^\n]* storefront +\w+ +\w+ *\n`)

// A person rotates the keys of three projects in two environments as if the
// stand-in were Vercel: at a terminal, with signatures that OpenSSH makes for
// the second person, and with days that pass while the program is closed or
// waits.
func TestQuarterlyOfACompanyInATerminal(t *testing.T) {
	t.Parallel()
	k := newClock(t)
	c := newCompany(t, k.now)
	c.movesIn()
	o := c.sits(k, 120, 40)
	o.opens("keyturn --vault file", "1  Quarterly rotation")
	o.types("1")

	sizes := [][2]int{{80, 24}, {200, 60}, {120, 40}}
	days := 0
	f := o.goesOn(isOver("Quarterly rotation"), func() {
		require.Less(t, days, 20, "the session does not come to its end")
		if size := sizes[days/2%len(sizes)]; days%2 == 0 {
			o.leavesForADay(size[0], size[1])
		} else {
			o.staysForADay()
		}
		days++
	})
	require.True(t, f.shows("25 passed, 0 passed over, of 25"), "%s", f)
	require.Greater(t, days, 2*len(sizes), "each size was worked at")
	require.Len(t, o.asked, 2, "approvals")
	o.types("\x1b")
	o.sees("this session is finished")
	o.leaves(0)

	t.Run("the screen shows each project in each environment", func(t *testing.T) {
		require.Regexp(t, matrix, strings.Join(o.frames, "\n\n"))
	})
	t.Run("the screen says when it is time to look again", func(t *testing.T) {
		seen := strings.Join(o.frames, "\n\n")
		require.Regexp(t, `look again [A-Z][^\n]* UTC, in \d+ `, seen)
		require.Contains(t, seen, "it is time to look again, since ")
		require.NotRegexp(t, `look again [^\n]* ago`, seen)
	})
	t.Run("what cannot be undone wanted the key's id", func(t *testing.T) {
		require.Contains(t, strings.Join(o.frames, "\n\n"), "Type v1 to go on.")
	})
	t.Run("the record verifies", func(t *testing.T) {
		requireVerified(t, filepath.Join(c.live(), "trail"), c.roster())
	})
	t.Run("nothing speaks of a sandbox", func(t *testing.T) {
		require.NotContains(t, strings.ToLower(string(o.everything())), "sandbox")
		reports, err := filepath.Glob(filepath.Join(c.live(), "trail", "000001-*", "*.md"))
		require.NoError(t, err)
		require.Len(t, reports, 1)
		text, err := os.ReadFile(reports[0])
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(text)), "sandbox")
		require.NoDirExists(t, c.sandbox())
	})
	t.Run("no secret is seen anywhere", func(t *testing.T) {
		c.keys(o.secrets)
		o.requireNoLeak(t, "staging/v1", "staging/v2", "production/v1", "production/v2", "bypass/payments-api",
			"signing/operator", "passphrase")
		var tokens programtest.Secrets
		tokens.Add("vercel token", c.world.VercelToken())
		tokens.Add("log token", c.world.LogToken())
		require.Empty(t, tokens.In(o.everything()), "on the screen")
		found, _, err := tokens.InFiles(c.home)
		require.NoError(t, err)
		require.Empty(t, found)
	})
	t.Run("the doctor finds the new key everywhere, and the clock that the days went by", func(t *testing.T) {
		said := c.runs("", nil, "--vault", "file", "doctor").stdout
		for _, project := range []string{"orders-api", "payments-api", "storefront"} {
			require.Contains(t, said, "ok     keys of "+project+" in staging: HMAC_SECRET_V2, each in preview, development\n")
			require.Contains(t, said, "ok     keys of "+project+" in production: HMAC_SECRET_V2, each in production\n")
		}
		require.Regexp(t, `wrong  clock: this machine is \d+h\d+m\d+s behind Vercel`, said)
	})
}

func TestDoctorWithASecretService(t *testing.T) {
	inSecretService(t, func() {
		c := newCompany(t, nil)
		r := c.runs("", bus(), "--vault", "keychain", "doctor", "--config", c.file())
		require.Equal(t, 1, r.code, "%s%s", r.stdout, r.stderr)
		require.Regexp(t, `(?m)^ok     vault: .*[Kk]eychain.*: a test item was written, read and deleted$`, r.stdout)
		requireFixes(t, r.stdout)
		requireNoFileVault(t, c.live())
	})
}
