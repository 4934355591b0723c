package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"keyturn/steps/program"
)

// trail has what is done to a trail as a whole.
func (a *app) trail() *cobra.Command {
	cmd := &cobra.Command{
		Use: "trail", Short: "Let a new trail go on after one whose last record is of a wrong time", Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var reason, signature string
	succeed := &cobra.Command{
		Use: "succeed", Short: "Begin a trail that goes on after the present one",
		Long: `No record can be made before the one that it follows. Where a clock was ahead
once, the trail takes no other record until that time has come. This begins a
trail that names the last record of the present one, and goes on after it. Two
people sign that it may: the command writes the text for the second person, and
ends with their signature. Both folders stay, and are verified together.`,
		Example: `  keyturn trail succeed --reason "the clock said 2099 when record 12 was made"
  keyturn trail succeed --signature trail-successor.txt.sig`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := a.options()
			if err != nil {
				return err
			}
			said, err := program.SucceedTrail(cmd.Context(), o, reason, signature)
			for _, line := range said {
				fmt.Fprintln(a.out, line)
			}
			return err
		},
	}
	succeed.Flags().StringVar(&reason, "reason", "", "`TEXT` of one line that says why; it is what both people sign")
	succeed.Flags().StringVar(&signature, "signature", "", "`FILE` with the second person's signature")
	cmd.AddCommand(succeed)
	return cmd
}
