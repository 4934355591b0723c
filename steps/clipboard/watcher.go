package clipboard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	// ready is what a watcher says to the process that started it.
	ready = "ready\n"
	// watcherLimit is how long a watcher may take until it says so.
	watcherLimit = 10 * time.Second
)

// watcher is the process that outlives this one.
type watcher struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed after err is set
	err    error         // nil: it has cleared
}

// startWatcher returns when the watcher has understood its ticket and waits.
func startWatcher(ctx context.Context, o Options, t ticket) (*watcher, error) {
	if len(o.Watcher) == 0 {
		return nil, errors.New("no command is known for it")
	}
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(o.Watcher[0], o.Watcher[1:]...) // no context: it must outlive them all
	cmd.Env = o.environment()
	cmd.Stdin = bytes.NewReader(text)
	cmd.SysProcAttr = detached(t.Way == byTerminal)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w := &watcher{cmd: cmd, exited: make(chan struct{})}
	said := make(chan string, 1)
	go w.follow(out, said)
	ctx, cancel := context.WithTimeout(ctx, watcherLimit)
	defer cancel()
	select {
	case line := <-said:
		if line == ready {
			return w, nil
		}
		err = errors.New("it did not say that it stands by")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	w.stop()
	if line := fmt.Sprint(w.err); w.err != nil {
		err = fmt.Errorf("%w (%s)", err, line)
	}
	return nil, err
}

// follow reads what the process says first, and waits for its end.
func (w *watcher) follow(out io.Reader, said chan<- string) {
	line, _ := bufio.NewReader(io.LimitReader(out, int64(len(ready)))).ReadString('\n') // a shorter line is the wrong one
	said <- line
	w.err = w.cmd.Wait()
	close(w.exited)
}

// hasCleared reports that the watcher has done its work.
func (w *watcher) hasCleared() bool {
	select {
	case <-w.exited:
		return w.err == nil
	default:
		return false
	}
}

// stop ends the process if it still runs, and waits for that. It is killed: a
// signal that it could handle would make it clear.
func (w *watcher) stop() {
	_ = w.cmd.Process.Kill() // an error means that it has ended
	<-w.exited
}
