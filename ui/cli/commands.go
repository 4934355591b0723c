package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/sandbox"
	"keyturn/ui/plain"
)

// status prints what the home screen shows.
func (a *app) status() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show keys, sessions and when the next rotation is due", Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			o, err := p.Overview(cmd.Context())
			if err := errors.Join(err, p.Close()); err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.out, o)
			}
			plain.Overview(a.out, o)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printJSON prints an overview for programs, for whom an empty list is a list.
func printJSON(out io.Writer, o checklist.Overview) error {
	o.Keys, o.Sessions = append([]checklist.KeyStatus{}, o.Keys...), append([]checklist.Summary{}, o.Sessions...)
	o.Offers, o.Problems = append([]checklist.Offer{}, o.Offers...), append([]string{}, o.Problems...)
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(o)
}

// doctor tries everything that a session will need.
func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Try everything that a session will need", Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := a.options()
			if err != nil {
				return err
			}
			findings, err := program.Examine(cmd.Context(), o)
			if err != nil {
				return err
			}
			bad := 0
			for _, f := range findings {
				word := "ok"
				if !f.OK {
					word = "wrong"
					bad++
				}
				fmt.Fprintf(a.out, "%-6s %s: %s\n", word, f.What, f.Said)
				if f.Fix != "" {
					fmt.Fprintf(a.out, "       fix: %s\n", f.Fix)
				}
			}
			if bad == 1 {
				return errors.New("one thing is not as a session needs it")
			}
			if bad > 0 {
				return fmt.Errorf("%d things are not as a session needs them", bad)
			}
			return nil
		},
	}
}

// rehearse walks a whole checklist on a fresh sandbox, unattended.
func (a *app) rehearse() *cobra.Command {
	var fault string
	cmd := &cobra.Command{
		Use: "rehearse [quarterly|drill|emergency|rollback]", Short: "Walk a whole checklist on a fresh sandbox, unattended",
		Args: wrongUsage(cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs)), ValidArgs: []string{"quarterly", "drill", "emergency", "rollback"},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "quarterly"
			if len(args) > 0 {
				name = args[0]
			}
			f, err := sandbox.ParseFault(fault)
			if err != nil {
				return &program.UsageError{Err: fmt.Errorf("flag --fault: %w", err)}
			}
			return a.rehearseNow(cmd, name, f)
		},
	}
	var names []string
	for _, f := range sandbox.Faults() {
		names = append(names, string(f.Name))
	}
	cmd.Flags().StringVar(&fault, "fault", "", "let the sandbox go wrong, `NAME` is one of "+strings.Join(names, ", "))
	return cmd
}

func (a *app) rehearseNow(cmd *cobra.Command, name string, fault sandbox.Fault) error {
	t := plain.NewTranscript(a.out, plain.Unattended)
	done, err := program.Rehearse(cmd.Context(), program.RehearseOptions{
		Flags: a.flags, Checklist: name, Fault: fault, Operator: t, Say: t.Say, Know: t.Know,
		Explain: func(text string) { t.Say("%s", text) },
	})
	if err != nil && done.Dir != "" {
		return checklist.WithHint(err, "nothing real was touched; the sandbox's state is in %s", done.Dir)
	}
	if err != nil { // before there was a sandbox
		return err
	}
	a.milestones(done.Session)
	trail := filepath.Join(done.Dir, "trail")
	fmt.Fprintf(a.out, "\nThe rehearsal is over: session %s is %s in %s.\n", done.Session.ID(), done.Session.Outcome, done.Took)
	fmt.Fprintf(a.out, "Verify its signed record with\n  keyturn verify --roster %s %s\n", checklist.ShellWord(filepath.Join(done.Dir, "allowed_signers")), checklist.ShellWord(trail))
	return nil
}

// milestones prints when each milestone of a session was reached.
func (a *app) milestones(s *checklist.Session) {
	all := s.Milestones()
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(a.out, "\nMilestones, within %s of the declaration at %s:\n", s.Checklist.Limit, s.OpenedAt.UTC().Format(time.RFC3339))
	for _, m := range all {
		words := "not reached"
		switch {
		case m.At.IsZero():
		case m.Late > 0:
			words = fmt.Sprintf("after %s, late by %s", m.After.Round(time.Second), m.Late.Round(time.Second))
		default:
			words = fmt.Sprintf("after %s, %s before the limit", m.After.Round(time.Millisecond), (-m.Late).Round(time.Second))
		}
		fmt.Fprintf(a.out, "  %s: %s\n", m.Name, words)
	}
}
