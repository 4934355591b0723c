package journal

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// holdVariable makes the test binary a process that holds a journal: it opens
// the session "rot" in the folder that the variable names, says how that went,
// and waits for its standard input to end.
const holdVariable = "KEYTURN_JOURNAL_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		f, err := Open(dir, "rot", Options{Clock: options().Clock, By: "grace@example.com"})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("held by %q\n", f.Holder())
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // without Close: a process that just ends frees the lock as well
	}
	os.Exit(m.Run())
}

// mustHold starts a process that holds the journal.
func mustHold(t *testing.T, dir string) (holder *exec.Cmd, leave io.Closer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), holdVariable+"="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held by \"\"\n", said)
	return cmd, in
}

func TestOneWriterASession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"until it ends":      func(_ *exec.Cmd, leave io.Closer) error { return leave.Close() },
		"until it is killed": func(holder *exec.Cmd, _ io.Closer) error { return holder.Process.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, mustCreate(t, dir).Close())
			holder, leave := mustHold(t, dir)
			who := fmt.Sprintf("pid %d on ", holder.Process.Pid)

			f, err := Open(dir, "rot", options())
			require.NoError(t, err)
			assert.Contains(t, f.Holder(), who)
			assert.Contains(t, f.Holder(), " since 2026-03-02T09:00:00Z by grace@example.com")
			assert.Len(t, f.Events(), 3, "it can be read meanwhile")
			_, err = f.Append(t.Context(), note("me too"))
			require.ErrorIs(t, err, checklist.ErrReadOnly)
			require.ErrorContains(t, err, "grace@example.com")
			require.NoError(t, f.Close())
			now, err := Holder(dir, "rot")
			require.NoError(t, err)
			assert.Contains(t, now, who)

			require.NoError(t, end(holder, leave))
			_ = holder.Wait() // says that it was killed, where it was
			now, err = Holder(dir, "rot")
			require.NoError(t, err)
			assert.Empty(t, now)
			f, err = Open(dir, "rot", options())
			require.NoError(t, err)
			assert.Empty(t, f.Holder())
			_, err = f.Append(t.Context(), note("my turn"))
			require.NoError(t, err)
			require.NoError(t, f.Close())
		})
	}
}

func TestASecondOpeningInTheSameProcessIsReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustCreate(t, dir)
	second, err := Open(dir, "rot", options())
	require.NoError(t, err)
	defer second.Close()
	assert.Contains(t, second.Holder(), fmt.Sprintf("pid %d on ", os.Getpid()))

	t.Run("and leaves a torn tail, which may be a line in the making", func(t *testing.T) {
		_, err := first.disk.WriteAt([]byte(`{"seq":4`), first.size)
		require.NoError(t, err)
		before, err := os.ReadFile(first.Path())
		require.NoError(t, err)
		third, err := Open(dir, "rot", options())
		require.NoError(t, err)
		defer third.Close()
		assert.Len(t, third.Events(), 3)
		text, err := third.Bytes()
		require.NoError(t, err)
		assert.Equal(t, threeLines(t), text)
		after, err := os.ReadFile(first.Path())
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})
}

func TestHolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustCreate(t, dir)
	who, err := Holder(dir, "rot")
	require.NoError(t, err)
	assert.Contains(t, who, "by ada@example.com")

	require.NoError(t, os.Remove(filepath.Join(dir, "rot", holderName)))
	who, err = Holder(dir, "rot")
	require.NoError(t, err)
	assert.Equal(t, "another process", who, "the lock counts, not the words")

	require.NoError(t, f.Close())
	require.NoError(t, f.Close(), "closing again does nothing")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rot", holderName), []byte("pid 1 on elsewhere\n"), 0o600))
	who, err = Holder(dir, "rot")
	require.NoError(t, err)
	assert.Empty(t, who, "the lock counts, not the words")

	who, err = Holder(dir, "missing")
	require.NoError(t, err)
	assert.Empty(t, who)
}
