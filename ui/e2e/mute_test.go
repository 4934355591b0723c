//go:build unix

package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// firstFrameLimit is how long a person looks at nothing, at most.
const firstFrameLimit = 500 * time.Millisecond

// A terminal that answers nothing gets its first frame as soon as any other.
// The best of some tries counts, since the machine has other tests to run.
func TestMuteTerminalGetsItsFirstFrame(t *testing.T) {
	for _, term := range []string{"xterm-256color", "screen", ""} {
		t.Run("TERM="+term, func(t *testing.T) {
			best := patience
			for try := 0; try < 5 && best >= firstFrameLimit; try++ {
				best = min(best, firstFrame(t, term))
			}
			t.Logf("first frame after %s", best.Round(time.Millisecond))
			assert.Less(t, best, firstFrameLimit)
		})
	}
}

func firstFrame(t *testing.T, term string) time.Duration {
	t.Helper()
	p := newPerson(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, "--vault", "file")
	cmd.Env = p.environ("TERM=" + term)
	start := time.Now()
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	require.NoError(t, err)
	defer func() { _ = terminal.Close() }()
	var seen bytes.Buffer
	took := time.Duration(0)
	for buf := make([]byte, 32<<10); took == 0 || !bytes.Contains(seen.Bytes(), []byte("Rotate in")); {
		n, err := terminal.Read(buf)
		require.NoError(t, err, "%q", seen.String())
		seen.Write(buf[:n])
		if took == 0 && bytes.Contains(seen.Bytes(), []byte("SANDBOX")) && bytes.Contains(seen.Bytes(), []byte("quit")) {
			took = time.Since(start)
		}
	}
	_, err = io.WriteString(terminal, "q")
	require.NoError(t, err)
	if _, err := io.Copy(io.Discard, terminal); err != nil && !errors.Is(err, syscall.EIO) { // what Linux says at the end
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Wait())
	return took
}
