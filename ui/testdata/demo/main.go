// Demo is the interface on a stand-in desk, for a look and for tests in a
// terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"keyturn/checklist"
	"keyturn/ui"
	"keyturn/ui/internal/standin"
	"keyturn/ui/termguard"
)

func main() {
	termguard.Restore()
	desk := standin.New()
	desk.Pace = 3 * time.Second
	if pace, err := time.ParseDuration(os.Getenv("DEMO_PACE")); err == nil {
		desk.Pace = pace
	}
	if os.Getenv("DEMO_PANIC") == "task" {
		desk.Steps["review"] = standin.Panicking("the-secret-of-the-panic")
	}
	if os.Getenv("DEMO_FAIL") != "" {
		desk.Steps[os.Getenv("DEMO_FAIL")] = standin.Failing()
	}
	opts := ui.Options{
		Sandbox: true, Service: "orders", Start: os.Getenv("DEMO_START"), CrashDir: os.Getenv("DEMO_CRASH"),
		Theme: os.Getenv("DEMO_THEME"), Glyphs: os.Getenv("DEMO_GLYPHS"),
		Load: func(context.Context) (ui.Desk, error) {
			switch os.Getenv("DEMO_PANIC") {
			case "load":
				panic("the-secret-of-the-panic")
			case "overview":
				return panicking{desk}, nil
			}
			if os.Getenv("DEMO_LOAD") == "fails" {
				return nil, checklist.WithHint(errors.New("open the vault: the keychain is locked"), "unlock it and press r")
			}
			return desk, nil
		},
	}
	result, err := ui.Run(context.Background(), opts)
	if result.Return != "" {
		fmt.Println("The session waits. To return:", result.Return)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		if hint := checklist.Hint(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(1)
	case result.Signal != 0:
		os.Exit(128 + result.Signal)
	case result.Interrupted:
		os.Exit(130)
	case result.Return != "":
		os.Exit(3)
	}
}

// panicking panics in a command.
type panicking struct{ *standin.Desk }

func (panicking) Overview(context.Context) (checklist.Overview, error) {
	panic("the-secret-of-the-panic")
}
