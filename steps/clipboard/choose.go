package clipboard

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// kind names a way, for the watcher to find the same one.
type kind string

const (
	byTmux       kind = "tmux"
	byTerminal   kind = "terminal" // OSC 52
	byWayland    kind = "wayland"
	byXclip      kind = "xclip"
	byXsel       kind = "xsel"
	byPasteboard kind = "pasteboard" // macOS
	byWindows    kind = "windows"
)

func (o Options) complete() Options {
	if o.Environ == nil {
		o.Environ = os.Getenv
	}
	if o.LookPath == nil {
		o.LookPath = exec.LookPath
	}
	if o.Terminal == nil {
		o.Terminal = openTerminal
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.GOOS == "" {
		o.GOOS = runtime.GOOS
	}
	if o.After == nil {
		o.After = time.After
	}
	return o
}

func (o Options) has(variable string) bool { return o.Environ(variable) != "" }

// remote reports that the person sits at another machine, whose clipboard the
// programs of this one do not reach.
func (o Options) remote() bool { return o.has("SSH_TTY") || o.has("SSH_CONNECTION") }

// kinds lists the ways that may lead to this person's clipboard, best first.
func (o Options) kinds() []kind {
	var all []kind
	if o.has("TMUX") {
		all = append(all, byTmux)
	}
	if !o.remote() {
		all = append(all, o.desktop()...)
	}
	return append(all, byTerminal)
}

func (o Options) desktop() []kind {
	switch o.GOOS {
	case "darwin":
		return []kind{byPasteboard}
	case "windows":
		return []kind{byWindows}
	}
	var all []kind
	if o.has("WAYLAND_DISPLAY") {
		all = append(all, byWayland)
	}
	if o.has("DISPLAY") { // XWayland too hands its clipboard on
		all = append(all, byXclip, byXsel)
	}
	return all
}

// open makes the way of a kind. The error says what is missing.
func (o Options) open(k kind) (way, error) {
	switch k {
	case byTmux:
		return newTmux(o)
	case byTerminal:
		return newTerminal(o)
	case byWayland:
		return newWayland(o)
	case byXclip:
		return newXclip(o)
	case byXsel:
		return newXsel(o)
	case byPasteboard:
		return newPasteboard(o)
	case byWindows:
		return newNative()
	}
	return nil, fmt.Errorf("the way %q to a clipboard is unknown", string(k))
}

// advice says how to get a clipboard where there is none.
func (o Options) advice() string {
	const terminal = "start Keyturn in a terminal that can copy (OSC 52)"
	switch {
	case o.remote():
		return terminal + "; over SSH, with ssh -t"
	case o.GOOS == "darwin", o.GOOS == "windows":
		return terminal
	}
	var packages []string
	if o.has("WAYLAND_DISPLAY") {
		packages = append(packages, "wl-clipboard")
	}
	if o.has("DISPLAY") {
		packages = append(packages, "xclip or xsel")
	}
	if packages == nil {
		return terminal + " or in a desktop session"
	}
	return "install " + strings.Join(packages, ", or ") + "; or " + terminal
}
