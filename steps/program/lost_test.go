package program_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/vercel"
)

// removal is the item of a quarterly rotation that cannot be undone.
const removal = "remove-old"

// ways to lose a session's journal, given the session's folder.
func losses() map[string]func(session string) error {
	file := func(session string) string { return filepath.Join(session, "journal.jsonl") }
	return map[string]func(string) error{
		"the folder was removed":  os.RemoveAll,
		"the folder was moved":    func(session string) error { return os.Rename(session, session+"-old") },
		"the sessions were moved": func(session string) error { return os.Rename(filepath.Dir(session), filepath.Dir(session)+"-old") },
		"the file was deleted":    func(session string) error { return os.Remove(file(session)) },
		"the file was truncated":  func(session string) error { return os.Truncate(file(session), 100) },
		"the file was linked":     func(session string) error { return os.Link(file(session), file(session)+".copy") },
		"the lock was deleted":    func(session string) error { return os.Remove(filepath.Join(session, "journal.lock")) },
		"the file was replaced": func(session string) error {
			text, err := os.ReadFile(file(session))
			return errors.Join(err, os.WriteFile(file(session)+".new", text, 0o600), os.Rename(file(session)+".new", file(session)))
		},
	}
}

// rows returns the variables of production, by project.
func rows(t *testing.T, p *program.Program) map[string][]vercel.Variable {
	t.Helper()
	all := map[string][]vercel.Variable{}
	for _, project := range p.World().Projects() {
		variables, err := api(t, p).Variables(t.Context(), project.ID)
		require.NoError(t, err)
		all[project.Name] = slices.DeleteFunc(variables, func(v vercel.Variable) bool { return !v.Serves(vercel.TargetProduction) })
	}
	return all
}

// sessionFolder returns the folder of the only session.
func sessionFolder(t *testing.T, p *program.Program) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.Dir(), "sessions", "*", "journal.jsonl"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return filepath.Dir(found[0])
}

// TestALostJournalSparesTheProductionKey loses the journal in several ways right
// before the removal of the old key, which cannot be undone: it is not removed.
func TestALostJournalSparesTheProductionKey(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody remove or rename a file that Go has open")
	}
	for name, lose := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			op := &programtest.Operator{}
			var before map[string][]vercel.Variable
			var shown int
			r := program.Rehearsal{Program: p, Checklist: "quarterly", Operator: op, Say: op.Say, Before: func(_ context.Context, item string) error {
				if item != removal {
					return nil
				}
				before, shown = rows(t, p), len(op.Events())
				return lose(sessionFolder(t, p))
			}}
			_, err := r.Run(t.Context())
			requireLost(t, err)
			require.NotNil(t, before, "it came to the removal")
			assert.Equal(t, before, rows(t, p))
			assert.Len(t, op.Events(), shown, "nothing more was written")
		})
	}
}

func requireLost(t *testing.T, err error) {
	t.Helper()
	var lost *checklist.LostError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, 1, strings.Count(err.Error(), lost.Found), "it is said once: %v", err)
	assert.Contains(t, checklist.Hint(err), "open the session again")
}

// lastLine does something in the moment when the journal has the intention of an
// effect that is not of staging alone.
type lastLine struct {
	checklist.Journal
	code checklist.EffectCode
	then func(target string)
}

func (j lastLine) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	written, err := j.Journal.Append(ctx, e)
	if err == nil && e.Kind == checklist.Intended && e.Effect.Code == j.code && e.Effect.Environment != checklist.Staging {
		j.then(e.Effect.Target)
	}
	return written, err
}

// TestTheJournalIsLookedAtBeforeTheRequest loses the journal after the intention
// was written, as it can be lost while a request waits for a rate limit. When it
// is put back the session goes on to its end.
func TestTheJournalIsLookedAtBeforeTheRequest(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody rename a folder with an open file")
	}
	for _, code := range []checklist.EffectCode{checklist.VariableCreate, checklist.VariableDelete} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			var p *program.Program
			var session, target string
			o := options(t.TempDir())
			o.WrapJournal = func(j checklist.Journal) checklist.Journal {
				return lastLine{j, code, func(of string) {
					if target == "" {
						target, session = of, sessionFolder(t, p)
						assert.NoError(t, os.Rename(session, session+"-old"))
					}
				}}
			}
			var err error
			p, err = program.Open(t.Context(), o)
			require.NoError(t, err)
			op := &programtest.Operator{}
			var before map[string][]vercel.Variable
			r := program.Rehearsal{Program: p, Checklist: "quarterly", Operator: op, Say: op.Say, Before: func(context.Context, string) error {
				before = rows(t, p)
				return nil
			}}
			_, err = r.Run(t.Context())
			requireLost(t, err)
			assert.NotContains(t, err.Error(), "not known", "nothing was sent for it")
			require.NotEmpty(t, target)
			// Of another target a request may have been under way.
			assert.Equal(t, before[target], rows(t, p)[target])
			require.NoError(t, p.Close())

			require.NoError(t, os.Rename(session+"-old", session))
			again := open(t, options(o.State))
			rehearse(t, again, "quarterly", &programtest.Operator{Answer: noDrift})
			requireEnding(t, again, "quarterly")
		})
	}
}

// TestALostJournalGetsNoRecord loses the journal after it was read for the record:
// what is signed and appended would be of a session that nobody finds.
func TestALostJournalGetsNoRecord(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody rename a folder with an open file")
	}
	var p *program.Program
	var session string
	o := options(t.TempDir())
	o.WrapJournal = func(j checklist.Journal) checklist.Journal {
		return lastLine{j, checklist.RecordExport, func(string) {
			if session == "" {
				session = sessionFolder(t, p)
				assert.NoError(t, os.Rename(session, session+"-old"))
			}
		}}
	}
	var err error
	p, err = program.Open(t.Context(), o)
	require.NoError(t, err)
	op := &programtest.Operator{}
	r := program.Rehearsal{Program: p, Checklist: "drill", Operator: op, Say: op.Say}
	_, err = r.Run(t.Context())
	requireLost(t, err)
	records, err := filepath.Glob(filepath.Join(p.Dir(), "trail", "0*"))
	require.NoError(t, err)
	assert.Empty(t, records)
	require.NoError(t, p.Close())

	require.NoError(t, os.Rename(session+"-old", session))
	again := open(t, options(o.State))
	rehearse(t, again, "drill", &programtest.Operator{Answer: noDrift})
	requireEnding(t, again, "drill")
}
