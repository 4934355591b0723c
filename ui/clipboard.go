package ui

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

const (
	// oscMost is about what terminals take in one OSC 52; more is dropped by
	// some without a word.
	oscMost = 74_000
	// clipboardWait is how long a clipboard program may take.
	clipboardWait = 3 * time.Second
)

// copied says which way a text was copied, or why not.
type copied struct {
	way string
	err error
}

// clipboard knows the ways out of this terminal.
type clipboard struct {
	env    environment
	out    io.Writer
	lookup func(string) (string, error) // exec.LookPath
}

func newClipboard(env environment, out io.Writer) clipboard {
	return clipboard{env: env, out: out, lookup: exec.LookPath}
}

// program returns a command that takes a text for the clipboard, best first.
// Inside tmux a plain OSC 52 does not reach tmux's own buffer; over ssh a
// program would fill the clipboard of the wrong machine.
func (c clipboard) program() []string {
	var candidates [][]string
	remote := c.env.Getenv("SSH_TTY") != "" || c.env.Getenv("SSH_CONNECTION") != ""
	if c.env.Getenv("TMUX") != "" {
		candidates = append(candidates, []string{"tmux", "load-buffer", "-w", "-"})
	}
	if !remote {
		switch {
		case runtime.GOOS == "darwin":
			candidates = append(candidates, []string{"pbcopy"})
		case runtime.GOOS == "windows":
			candidates = append(candidates, []string{"clip.exe"})
		case c.env.Getenv("WAYLAND_DISPLAY") != "":
			candidates = append(candidates, []string{"wl-copy"})
		case c.env.Getenv("DISPLAY") != "":
			candidates = append(candidates, []string{"xclip", "-selection", "clipboard"}, []string{"xsel", "--clipboard", "--input"})
		}
	}
	for _, candidate := range candidates {
		if _, err := c.lookup(candidate[0]); err == nil {
			return candidate
		}
	}
	return nil
}

// copy takes a text out by a program, or else by asking the terminal, which
// does not say whether it did.
func (c clipboard) copy(ctx context.Context, text string) tea.Cmd {
	return safe("copying", func() tea.Msg {
		program := c.program()
		if program == nil {
			return c.ask(text)
		}
		ctx, cancel := context.WithTimeout(ctx, clipboardWait)
		defer cancel()
		cmd := exec.CommandContext(ctx, program[0], program[1:]...)
		cmd.Env = c.env
		cmd.Stdin = strings.NewReader(text)
		cmd.WaitDelay = time.Second // xclip stays, with our pipes
		if err := cmd.Run(); err != nil {
			return c.ask(text)
		}
		return copied{way: "copied with " + program[0]}
	})
}

func (c clipboard) ask(text string) copied {
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	if len(encoded) > oscMost {
		return copied{err: fmt.Errorf("copy %d bytes: too long for this terminal", len(text))}
	}
	if _, err := io.WriteString(c.out, "\x1b]52;c;"+encoded+"\a"); err != nil {
		return copied{err: fmt.Errorf("copy: %w", err)}
	}
	return copied{way: "handed to the terminal to copy (OSC 52)"}
}
