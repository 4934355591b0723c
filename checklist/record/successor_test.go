package record_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
)

// ahead makes a trail whose last record was made by a clock that was ahead.
func ahead(t testing.TB) *record.Trail {
	t.Helper()
	trail := mustRecords(t, 2)
	s := newStage(t, trail, "drill", "rot-2099")
	s.now = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	s.run()
	return trail
}

// succession is what two people sign so that another trail goes on after one.
func succession(t testing.TB, trail *record.Trail) record.Succession {
	t.Helper()
	s, err := trail.Succession(alice, "the clock was ahead: \u20ac 2099", day0.AddDate(0, 3, 0))
	require.NoError(t, err)
	return s
}

func signHead(t testing.TB, who, text string) string {
	t.Helper()
	armor, err := sshsig.Sign(mustKey(t, who), sshsig.NamespaceHead, []byte(text))
	require.NoError(t, err)
	return armor
}

func succeed(t testing.TB, trail *record.Trail) *record.Trail {
	t.Helper()
	s := succession(t, trail)
	next, err := trail.Succeed(t.Context(), s, signHead(t, alice, s.Text()), signHead(t, bob, s.Text()), roster(t))
	require.NoError(t, err)
	return next
}

func TestSuccessor(t *testing.T) {
	t.Parallel()
	trail := ahead(t)
	late := newStage(t, trail, "quarterly", "rot-4") // opened before, and recorded after
	late.now = day0.AddDate(0, 3, 0)
	late.stops = true
	late.run()
	_, err := trail.Append(t.Context(), late.draft(), mustKey(t, alice))
	require.ErrorIs(t, err, record.ErrClock)

	next := succeed(t, trail)
	assert.Equal(t, trail.Dir()+"-2", next.Dir())
	assert.Equal(t, trail.ID(), next.ID(), "fingerprints stay comparable")
	assert.Equal(t, trail.Head(), next.Head())
	lineage, err := record.Lineage(trail.Dir())
	require.NoError(t, err)
	assert.Equal(t, []string{trail.Dir(), next.Dir()}, lineage)

	_, err = next.Append(t.Context(), late.draft(), mustKey(t, alice))
	require.NoError(t, err)
	newStage(t, next, "drill", "rot-5").run()
	assert.Equal(t, []string{"000004-rot-4", "000005-rot-5"}, recordsIn(t, next.Dir()))
	assert.Equal(t, 5, mustTrail(t, next.Dir()).Head().Seq)
	one, err := next.Record(5)
	require.NoError(t, err)
	assert.Equal(t, "rot-5", one.Rotation.ID)
	_, err = next.Record(3)
	require.ErrorContains(t, err, "has no record 3")

	found, ok, err := next.Find("rot-2")
	require.NoError(t, err)
	require.True(t, ok, "the records before are not forgotten")
	assert.Equal(t, filepath.Join(trail.Dir(), "000002-rot-2"), found.Dir)
	_, ok, err = next.Find("rot-9")
	require.NoError(t, err)
	assert.False(t, ok)

	_, err = trail.Append(t.Context(), newStopped(t, trail, "rot-6").draft(), mustKey(t, alice))
	require.ErrorContains(t, err, "trail-2 goes on after it")
	assert.Contains(t, checklist.Hint(err), "append to the newest one")

	t.Run("verified alone", func(t *testing.T) {
		report, err := verify(t, next.Dir())
		require.NoError(t, err)
		assert.Equal(t, []record.Finding{{Class: record.ClassPredecessor, Words: "the trail that ended with record 3 was not given, so its records were not checked"}}, report.Findings())
		assert.Contains(t, report.String(), "  + Predecessor: "+alice+" and "+bob+" signed that this trail goes on after record 3 of the one before.")
	})
	t.Run("verified with the one before", func(t *testing.T) {
		for _, paths := range [][]string{{trail.Dir(), next.Dir()}, {next.Dir(), trail.Dir()}} {
			report, err := record.VerifyTrail(t.Context(), paths, options(t))
			require.NoError(t, err)
			assert.Empty(t, report.Findings())
		}
	})
	t.Run("with witnesses of both", func(t *testing.T) {
		o := options(t)
		o.Witnesses = []record.Head{{Trail: trail.ID(), Seq: 2, Digest: digest(read(t, trail.Dir(), "000002-rot-2", "record.json"))}, mustTrail(t, next.Dir()).Head()}
		report, err := record.VerifyTrail(t.Context(), []string{trail.Dir(), next.Dir()}, o)
		require.NoError(t, err)
		assert.Empty(t, report.Findings())
		report, err = record.VerifyTrail(t.Context(), []string{next.Dir()}, o)
		require.NoError(t, err)
		assert.Len(t, report.Findings(record.ClassPredecessor), 1, "a witness of the part that is not here")
		assert.Equal(t, record.ClassWitness, report.Findings(record.ClassPredecessor)[0].Class)
	})
	t.Run("by stock tools", func(t *testing.T) {
		run := stockCheck(t).run
		out, err := run(t, next.Dir())
		require.NoError(t, err, out)
		assert.Contains(t, out, "goes on after record 3, sha256:"+trail.Head().Digest+", as "+alice+" and "+bob+" signed\nOK 2 records\n")
	})
	t.Run("has a successor of its own", func(t *testing.T) {
		third := succeed(t, mustTrail(t, next.Dir()))
		assert.Equal(t, trail.Dir()+"-3", third.Dir())
		report, err := record.VerifyTrail(t.Context(), []string{trail.Dir(), next.Dir(), third.Dir()}, options(t))
		require.NoError(t, err)
		assert.Empty(t, report.Findings())
	})
}

func newStopped(t testing.TB, trail *record.Trail, id string) *stage {
	s := newStage(t, trail, "drill", id)
	s.stops = true
	return s.run()
}

func TestSucceedRefuses(t *testing.T) {
	t.Parallel()
	trail := ahead(t)
	good := succession(t, trail)
	for name, tc := range map[string]struct {
		change               func(*record.Succession)
		byOperator, bySecond string
		want                 string
	}{
		"one person for two":          {bySecond: alice, want: alice + " has signed already: a second person has to"},
		"somebody for the operator":   {byOperator: carol, want: "it is by " + carol + ", and the text names " + alice},
		"a stranger":                  {bySecond: "mallory@example.com", want: "predecessor.2.sig: key is not in the roster"},
		"a key that is valid no more": {bySecond: dave, want: "is valid until"},
		"another head":                {change: func(s *record.Succession) { s.Head = digest("x") }, want: "and its head is"},
		"an earlier record":           {change: func(s *record.Succession) { s.Records-- }, want: "and its head is"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			if tc.change != nil {
				tc.change(&s)
			}
			signer := func(who, usual string) string {
				if who == "" {
					who = usual
				}
				return signHead(t, who, s.Text())
			}
			_, err := trail.Succeed(t.Context(), s, signer(tc.byOperator, alice), signer(tc.bySecond, bob), roster(t))
			require.ErrorContains(t, err, tc.want)
			assert.NoDirExists(t, trail.Dir()+"-2")
		})
	}
	_, err := trail.Succession(alice, "two\nlines", day0)
	require.ErrorContains(t, err, "the reason is one line")
	_, err = trail.Succession(alice, "  ", day0)
	require.Error(t, err)
	_, err = emptyTrail(t).Succession(alice, "no need", day0)
	require.ErrorContains(t, err, "has no record that another could go on after")

	succeed(t, trail)
	s := good
	_, err = trail.Succeed(t.Context(), s, signHead(t, alice, s.Text()), signHead(t, bob, s.Text()), roster(t))
	require.ErrorContains(t, err, "trail-2 goes on after it")
}

// What a successor says of the trail before cannot be changed.
func TestForgedSuccessors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attack     func(t *testing.T, old, next *record.Trail)
		file, want string
		script     string
	}{
		"another head": {func(t *testing.T, _, next *record.Trail) {
			write(t, replacing(t, "Records: 3", "Records: 2")(read(t, next.Dir(), "predecessor")), next.Dir(), "predecessor")
		}, "predecessor.1.sig", "does not match", "BAD predecessor signature"},
		"a text that is none": {func(t *testing.T, _, next *record.Trail) { write(t, "yes\n", next.Dir(), "predecessor") }, "predecessor", "it is no text by which", "BAD predecessor"},
		"one person's signature twice": {func(t *testing.T, _, next *record.Trail) {
			write(t, read(t, next.Dir(), "predecessor.1.sig"), next.Dir(), "predecessor.2.sig")
		}, "predecessor.2.sig", "has signed already", "BAD predecessor: two people must sign it"},
		"a signature less": {func(t *testing.T, _, next *record.Trail) { write(t, "", next.Dir(), "predecessor.2.sig") }, "predecessor.2.sig", "", "BAD predecessor"},
		"a predecessor of another trail": {func(t *testing.T, _, next *record.Trail) {
			other := "00000000-0000-4000-8000-000000000000"
			s, err := record.ParseSuccession(strings.Replace(read(t, next.Dir(), "predecessor"), next.ID(), other, 1))
			require.NoError(t, err)
			write(t, s.Text(), next.Dir(), "predecessor")
			write(t, signHead(t, alice, s.Text()), next.Dir(), "predecessor.1.sig")
			write(t, signHead(t, bob, s.Text()), next.Dir(), "predecessor.2.sig")
		}, "predecessor", "it is about trail 0000", "BAD predecessor: it is of another trail"},
		"the trail before goes on": {func(t *testing.T, old, _ *record.Trail) {
			s := newStopped(t, old, "rot-9")
			d := s.draft()
			d.CreatedAt = time.Date(2099, 2, 1, 0, 0, 0, 0, time.UTC)
			require.NoError(t, record.AppendUnverified(old, d, mustKey(t, alice)))
		}, "predecessor", "it names record 3", ""},
		"the trail before was rewritten": {func(t *testing.T, old, _ *record.Trail) {
			forgeRecord(t, old, "000003-rot-2099", nil, func(r *record.Record) { r.Tool = "another" })
		}, "predecessor", "it names record 3 with the digest", ""},
		"a session of the trail before comes again": {func(t *testing.T, old, next *record.Trail) {
			s := newStopped(t, next, "rot-1")
			d := s.draft()
			d.CreatedAt = day0.AddDate(1, 0, 0)
			require.NoError(t, record.AppendUnverified(next, d, mustKey(t, alice)))
		}, "record.json", "record 000001-rot-1 is about the same session", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := ahead(t)
			next := succeed(t, old)
			tc.attack(t, old, next)
			_, err := record.VerifyTrail(t.Context(), []string{old.Dir(), next.Dir()}, options(t))
			var failure *record.Failure
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, tc.file, failure.File, failure)
			assert.Contains(t, failure.Reason, tc.want)
			if tc.script != "" {
				out, err := stockCheck(t).run(t, next.Dir())
				require.Error(t, err)
				assert.Contains(t, out, tc.script)
			}
		})
	}
}

// A successor is there as a whole or not at all.
func TestOpenSuccessor(t *testing.T) {
	t.Parallel()
	next := succeed(t, ahead(t))
	write(t, "x", next.Dir(), "predecessor")
	_, err := record.OpenTrail(next.Dir())
	require.ErrorIs(t, err, record.ErrDamaged)
	assert.Equal(t, "trail-2", filepath.Base(next.Dir()))
}
