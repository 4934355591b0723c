package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/steps"
	"keyturn/steps/program"
)

// trail has what can be done to a trail of records beside appending to it.
func (a *app) trail() *cobra.Command {
	cmd := &cobra.Command{Use: "trail", Short: "Go on after a record whose clock was ahead", Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(a.succeed())
	return cmd
}

const succeedHelp = `A record that was made by a clock that was ahead lets no other follow before that
time has come. A successor trail goes on after it: in a folder of its own, with the
same id, and with the old head as the digest before its first record. You and a
second person sign that it may.

First say why, which writes the text that both sign:

  keyturn trail succeed --reason TEXT

Then bring the second person's signature of it:

  keyturn trail succeed --signature FILE
`

// succeed begins the trail that goes on after this one, in two steps.
func (a *app) succeed() *cobra.Command {
	var reason, signature string
	cmd := &cobra.Command{
		Use: "succeed", Short: "Begin the trail that goes on after this one", Long: succeedHelp, Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (reason == "") == (signature == "") {
				return &program.UsageError{Err: checklist.WithHint(errors.New("want either --reason or --signature"), "%s --help says when which", cmd.CommandPath())}
			}
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return errors.Join(a.succeedIn(cmd, p, reason, signature), p.Close())
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why another trail is to go on, in one line of `TEXT`")
	cmd.Flags().StringVar(&signature, "signature", "", "`FILE` with the second person's signature")
	return cmd
}

func (a *app) succeedIn(cmd *cobra.Command, p *program.Program, reason, signature string) error {
	if reason != "" {
		path, err := p.ProposeSuccessor(reason)
		if err != nil {
			return err
		}
		if !p.Sandbox() {
			fmt.Fprintf(a.out, "Send the second person %s. They sign exactly that text with\n\n  ssh-keygen -Y sign -f KEY -n %s %s\n\nThen run\n\n  %s --signature FILE\n",
				steps.ShellWord(path), sshsig.NamespaceHead, filepath.Base(path), cmd.CommandPath())
			return nil
		}
	}
	dir, err := p.Succeed(cmd.Context(), signature)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Records are appended to %s from now on. Keep the trail before it: both are verified together.\n", dir)
	return nil
}
