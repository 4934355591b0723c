package program_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// halfway walks a checklist until an item is settled, and leaves it there.
func halfway(t *testing.T, p *program.Program, checklistID, behind string, op *programtest.Operator) *checklist.Session {
	t.Helper()
	enough := errors.New("far enough")
	r := program.Rehearsal{Program: p, Checklist: checklistID, Operator: op, Say: op.Say, BetweenItems: func(item string) error {
		if item == behind {
			return enough
		}
		return nil
	}}
	s, err := r.Run(t.Context())
	require.ErrorIs(t, err, enough)
	return s
}

// damageLine spoils a line of a session's journal, counted from 1, but for the
// key ids that it names.
func damageLine(t *testing.T, p *program.Program, session string, line int) (path string) {
	t.Helper()
	path = filepath.Join(p.Dir(), "sessions", session, "journal.jsonl")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[line-1] = bytes.Replace(lines[line-1], []byte(`"seq":`), []byte(`"sEq"`), 1)
	require.NoError(t, os.WriteFile(path, bytes.Join(lines, nil), 0o600))
	_, err = journal.Read(filepath.Join(p.Dir(), "sessions"), session)
	var why *journal.DamagedError
	require.ErrorAs(t, err, &why)
	return path
}

// begin opens a session and leaves it.
func begin(t *testing.T, p *program.Program, checklistID string, op *programtest.Operator) *checklist.Session {
	t.Helper()
	id, err := p.InProgress(checklistID)
	require.NoError(t, err)
	require.Empty(t, id)
	e, err := p.Begin(t.Context(), checklistID, op)
	require.NoError(t, err, "%s", checklist.Hint(err))
	require.NoError(t, e.Close())
	return e.Session()
}

// requireProblem checks that the overview shows a problem, and the rest as well.
func requireProblem(t *testing.T, p *program.Program, says string) {
	t.Helper()
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Contains(t, strings.Join(o.Problems, "\n"), says)
	assert.NotEmpty(t, o.Keys)
	assert.Len(t, o.Offers, 4)
}

func TestADamagedEmergencyKeepsNoOtherFromBeginning(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	lost := halfway(t, p, "emergency", "remove-compromised", &programtest.Operator{})
	path := damageLine(t, p, lost.ID(), 3)
	requireProblem(t, p, path)
	op := &programtest.Operator{}
	s := begin(t, p, "emergency", op)
	assert.NotEqual(t, lost.ID(), s.ID())
	assert.Contains(t, op.Heard(), "going on, although")
	assert.Contains(t, op.Heard(), path)
	id, err := p.InProgress("emergency")
	require.NoError(t, err)
	assert.Equal(t, s.ID(), id, "the new one is found")
}

// A rotation that is lost may have left a key half-way in service. The operator
// may set it aside; its key id stays used.
func TestADamagedRotationIsSetAside(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	lost := halfway(t, p, "quarterly", "generate", &programtest.Operator{Answer: noDrift})
	require.EqualValues(t, "v2", lost.Key(checklist.NewKey))
	damageLine(t, p, lost.ID(), 5)
	for _, name := range []string{"staging/v2", "production/v2"} { // so that only the journal knows of it
		require.NoError(t, p.Vault().Delete(t.Context(), vault.Name(name)))
	}

	_, err := p.Begin(t.Context(), "quarterly", &programtest.Operator{})
	var why *journal.DamagedError
	require.ErrorAs(t, err, &why)
	from, to := filepath.Join(p.Dir(), "sessions", lost.ID()), filepath.Join(p.Dir(), "old", "sessions", lost.ID())
	assert.Contains(t, checklist.Hint(err), "by moving the folder "+from+" to "+to)
	requireProblem(t, p, "is damaged at line 5")
	drill := begin(t, p, "drill", &programtest.Operator{})
	assert.EqualValues(t, "test", drill.Key(checklist.NewKey))
	emergency := begin(t, p, "emergency", &programtest.Operator{})
	assert.EqualValues(t, "v3", emergency.Key(checklist.NewKey), "v2 was used by the session that is lost")

	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
	require.NoError(t, os.Rename(from, to))
	s := begin(t, p, "quarterly", &programtest.Operator{})
	assert.EqualValues(t, "v3", s.Key(checklist.NewKey))
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, o.Problems)
	last := o.Sessions[len(o.Sessions)-1]
	assert.Equal(t, lost.ID(), last.ID)
	assert.Contains(t, last.Problem, "not ended, v1 to v2, 1 item passed")
}

// A journal that cannot be read does not make a key clean, where it names the
// key in an emergency; nor does any other keep a service from getting its key.
func TestARollbackBesideADamagedJournal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		checklist, behind string
		line              int
		refused           bool
	}{
		"an emergency's first line":        {"emergency", "remove-compromised", 1, true},
		"an emergency's line":              {"emergency", "remove-compromised", 3, true},
		"an emergency that had done none":  {"emergency", "declare", 3, true}, // what is lost may say otherwise
		"a drill":                          {"drill", "generate-test", 1, false},
		"a rotation that names the key":    {"quarterly", "generate", 1, false},
		"a rotation with a line that fits": {"quarterly", "generate", 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			lost := halfway(t, p, tc.checklist, tc.behind, &programtest.Operator{Answer: noDrift})
			path := damageLine(t, p, lost.ID(), tc.line)
			op := &programtest.Operator{Answer: chooses("v1")}
			if !tc.refused {
				s := begin(t, p, "rollback", op)
				assert.EqualValues(t, "v1", s.Key(checklist.OldKey))
				assert.Contains(t, op.Heard(), "going on, although")
				assert.Contains(t, op.Heard(), path)
				return
			}
			_, err := p.Begin(t.Context(), "rollback", op)
			require.ErrorContains(t, err, "v1 may be compromised in ")
			require.ErrorContains(t, err, lost.ID()+", which cannot be read, names it in an emergency")
			assert.Contains(t, checklist.Hint(err), "keyturn emergency puts a new key into service")
		})
	}
}

// A record that is damaged keeps the service's emergency from nothing, and a
// rotation from beginning until it is put back.
func TestADamagedTrail(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"its last record": "000001-SESSION/record.json", "its head": "HEAD", "its id": "id"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			first, err := program.Open(t.Context(), options(state))
			require.NoError(t, err)
			require.NoError(t, abandon(t.Context(), first, "drill", "generate-test", &programtest.Operator{}))
			_, ended := onlySession(t, first)
			require.NoError(t, first.Close())
			path := filepath.Join(first.Dir(), "trail", strings.Replace(file, "SESSION", ended[0].Opening.Session, 1))
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, text[:len(text)/2], 0o600))

			p := open(t, options(state))
			requireProblem(t, p, "trail is damaged")
			for _, c := range []string{"quarterly", "drill"} {
				_, err = p.Begin(t.Context(), c, &programtest.Operator{})
				require.ErrorContains(t, err, "trail is damaged", c)
				assert.Contains(t, checklist.Hint(err), "put back a copy of the trail")
			}
			for _, f := range p.Doctor(t.Context()) {
				assert.Equal(t, f.What != "trail" && f.What != "ssh-keygen" || f.What == "ssh-keygen" && f.OK, f.OK, "%s: %s", f.What, f.Said)
			}
			op := &programtest.Operator{}
			s := begin(t, p, "emergency", op)
			assert.Contains(t, op.Heard(), "going on, although")
			assert.Equal(t, ended[0].Opening.Trail, s.Opening.Trail, "the realm has its id")
			begin(t, p, "rollback", &programtest.Operator{})

			require.NoError(t, os.WriteFile(path, text, 0o600))
			begin(t, p, "quarterly", &programtest.Operator{})
			o, err := p.Overview(t.Context())
			require.NoError(t, err)
			assert.Empty(t, o.Problems)
		})
	}
}

// What only a damaged record names is used as well.
func TestTheKeysOfADamagedRecordAreUsed(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	first, err := program.Open(t.Context(), options(state))
	require.NoError(t, err)
	require.NoError(t, abandon(t.Context(), first, "quarterly", "generate", &programtest.Operator{Answer: noDrift}))
	s, _ := onlySession(t, first)
	for _, name := range []string{"staging/v2", "production/v2"} {
		require.NoError(t, first.Vault().Delete(t.Context(), vault.Name(name)))
	}
	require.NoError(t, first.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(first.Dir(), "sessions", s.ID())))
	path := filepath.Join(first.Dir(), "trail", "000001-"+s.ID(), "record.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append([]byte("x"), text...), 0o600))
	p := open(t, options(state))
	assert.EqualValues(t, "v3", begin(t, p, "emergency", &programtest.Operator{}).Key(checklist.NewKey))
}

// A session of another service, or of another trail, is told and not used.
func TestASessionOfAnotherFolder(t *testing.T) {
	t.Parallel()
	other, p := open(t, program.Options{}), open(t, program.Options{})
	s := halfway(t, other, "quarterly", "generate", &programtest.Operator{Answer: noDrift})
	require.NoError(t, os.MkdirAll(filepath.Join(p.Dir(), "sessions"), 0o700))
	require.NoError(t, os.CopyFS(filepath.Join(p.Dir(), "sessions", s.ID()), os.DirFS(filepath.Join(other.Dir(), "sessions", s.ID()))))
	requireProblem(t, p, "session "+s.ID()+": it was opened for acme and the trail "+s.Opening.Trail)
	begin(t, p, "quarterly", &programtest.Operator{})
}
