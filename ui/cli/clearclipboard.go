package cli

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"keyturn/steps/clipboard"
)

// clearClipboard is the process that clears the clipboard after a secret was
// put there. It is started by Keyturn, not by people: it opens no realm, says
// only to its starter that it stands by, and fails without a word, since nobody
// is there to read it.
func (a *app) clearClipboard() *cobra.Command {
	return &cobra.Command{
		Use: clipboard.WatchCommand, Short: "Clear the clipboard when its time is over", Hidden: true, Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			if err := clipboard.Watch(ctx, a.in, clipboard.Options{Ready: a.out}); err != nil {
				return &exit{code: codeFailed}
			}
			return nil
		},
	}
}
