package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script, which documents how the command line
// behaves. Besides the usual commands of testscript there are:
//
//	exits CODE PROGRAM [ARG...]   runs it and asserts the exit code
//	returns CODE                  runs the command that the last output says
//	                              one returns with
//	session VAR CHECKLIST         sets VAR to the session's journal
//	damage FILE LINE              changes a character in the middle of a line
//	tear FILE BYTES               cuts bytes off the end
func TestScripts(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the scripts pipe text with a shell")
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			work := filepath.Join(e.WorkDir, "a folder") // a name that a shell must be told about
			e.Cd = work
			e.Setenv("PATH", filepath.Dir(binary)+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "home", "state"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "home", "config"))
			e.Setenv("SANDBOX", filepath.Join(e.WorkDir, "home", "state", "keyturn", "sandbox"))
			return os.Mkdir(work, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "returns": returns, "session": session, "damage": damage, "tear": tear,
		},
	})
}

func exits(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		s.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	code := 0
	var exit *exec.ExitError
	switch err := s.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		s.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		s.Fatalf("the exit code is %d, want %s", code, args[0])
	}
}

func returns(s *testscript.TestScript, neg bool, args []string) {
	said := returnCommand.FindStringSubmatch(s.ReadFile("stdout") + s.ReadFile("stderr"))
	if neg || len(args) != 1 || said == nil {
		s.Fatalf("usage: returns CODE, after a command that says how to return")
	}
	exits(s, false, []string{args[0], "sh", "-c", said[1] + " --plain"})
}

func session(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		s.Fatalf("usage: session VAR CHECKLIST")
	}
	found, err := filepath.Glob(filepath.Join(s.Getenv("SANDBOX"), "sessions", args[1]+"-*", "journal.jsonl"))
	s.Check(err)
	if len(found) != 1 {
		s.Fatalf("there are %d sessions", len(found))
	}
	s.Setenv(args[0], found[0])
}

func damage(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		s.Fatalf("usage: damage FILE LINE")
	}
	n, err := strconv.Atoi(args[1])
	s.Check(err)
	path := s.MkAbs(args[0])
	lines := strings.SplitAfter(s.ReadFile(path), "\n")
	line := []byte(lines[n-1])
	at := bytes.Index(line, []byte(`"kind":"`)) + len(`"kind":"`)
	line[at] ^= 1
	lines[n-1] = string(line)
	s.Check(os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600))
}

func tear(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		s.Fatalf("usage: tear FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	s.Check(err)
	path := s.MkAbs(args[0])
	text := s.ReadFile(path)
	s.Check(os.WriteFile(path, []byte(text[:len(text)-n]), 0o600))
}
