package clipboard_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/clipboard"
)

const (
	// patience is how long a test waits for anything that has to come.
	patience = 30 * time.Second
	// soon is when a watcher clears that a test lets come to its time.
	soon = 2 * time.Second
	// late is when a watcher would clear that a test ends before, or rings.
	late = 10 * time.Minute

	// putCommand makes this binary put the secret of a file on the clipboard
	// for some time, and stay.
	putCommand = "put-and-stay"
)

// TestMain makes this binary the program under test as well: its watcher, and a
// process that puts a secret and can be killed.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == clipboard.WatchCommand:
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		exitOn(clipboard.Watch(ctx, os.Stdin, clipboard.Options{Ready: os.Stdout}))
	case len(os.Args) == 4 && os.Args[1] == putCommand:
		exitOn(putAndStay(os.Args[2], os.Args[3]))
	default:
		os.Exit(m.Run())
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func putAndStay(file, lasting string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	secret, err := keygen.ParseSecret(string(text))
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(lasting)
	if err != nil {
		return err
	}
	c, err := clipboard.Find(clipboard.Options{Watcher: watcherCommand()})
	if err != nil {
		return err
	}
	if _, err := c.Put(context.Background(), secret, d); err != nil {
		return err
	}
	fmt.Printf("put by %d.\n", os.Getpid())
	_, err = io.Copy(io.Discard, os.Stdin) // until it is killed
	return err
}

func watcherCommand() []string { return []string{os.Args[0], clipboard.WatchCommand} }

// need skips a test where a program is missing, or fails it where none may be.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is missing", name)
			}
			t.Skipf("%s is missing", name)
		}
	}
}

func newSecret(t *testing.T) keygen.Secret {
	t.Helper()
	s, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	return s
}

func eventually(t *testing.T, condition func() bool, words ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond, words...)
}

// variables are an environment.
type variables map[string]string

func (v variables) get(name string) string { return v[name] }

func (v variables) list() []string {
	var all []string
	for name, value := range v {
		all = append(all, name+"="+value)
	}
	return all
}

// page is a terminal that a test reads, and that can be broken or missing.
type page struct {
	mu      sync.Mutex
	text    bytes.Buffer
	missing bool
	broken  bool
}

func (p *page) open() (io.WriteCloser, error) {
	if p.missing {
		return nil, errors.New("no such device or address")
	}
	return p, nil
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		return 0, errors.New("input/output error")
	}
	return p.text.Write(b)
}

func (p *page) Close() error { return nil }

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// hintOf is what an error tells a person to do.
func hintOf(t *testing.T, err error) string {
	t.Helper()
	var h interface{ Hint() string }
	require.ErrorAs(t, err, &h)
	return h.Hint()
}

func (p *page) setBroken(broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
