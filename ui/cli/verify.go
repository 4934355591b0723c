package cli

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/steps/program"
)

// garbagePercent is how much garbage may gather while records are verified, in
// percent of what is in use: ten thousand records stay below 150 MB with it.
const garbagePercent = 200

// verify checks records, and says what was checked and what was not.
func (a *app) verify() *cobra.Command {
	var audit program.Audit
	var allow []string
	var asReport bool
	cmd := &cobra.Command{
		Use: "verify PATH...", Short: "Verify a trail of records, or one record", Long: verifyHelp(), Args: wrongUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			var allowed []record.Class
			for _, name := range allow {
				class, err := record.ParseClass(name)
				if err != nil {
					return &program.UsageError{Err: checklist.WithHint(fmt.Errorf("flag --allow: %w", err), "%s --help names the classes", cmd.CommandPath())}
				}
				allowed = append(allowed, class)
			}
			// Much of what is read is garbage at once and little is kept: let more of it
			// gather before it is collected. The process ends after this.
			debug.SetGCPercent(garbagePercent)
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			meter := a.meter(time.Now)
			audit.Progress = meter.step
			report, beside, err := audit.Verify(ctx, paths)
			meter.clear()
			if ctx.Err() != nil {
				return checklist.WithHint(&exit{code: codeInterrupted, text: "verification was interrupted" + meter.reached() + "; nothing was concluded"},
					"run the same command again: verifying changes nothing")
			}
			if err != nil {
				return err
			}
			fmt.Fprint(a.out, report)
			if beside != "" {
				fmt.Fprintf(a.errOut, "warning: the roster was found beside the records, at %s; an auditor brings their own with --roster FILE\n", beside)
			}
			if asReport {
				if err := a.reports(paths); err != nil {
					return err
				}
			}
			return verdict(report, allowed)
		},
	}
	cmd.Flags().StringVar(&audit.Roster, "roster", "", "allowed_signers `FILE` that says who may sign")
	cmd.Flags().StringArrayVar(&audit.Witnesses, "witness", nil, "head `LINE` of the trail that was kept outside it; may be given several times")
	cmd.Flags().IntVar(&audit.Approvals, "approvals", 1, "how many second persons, `N`, must agree to a change of production, where a session did not demand more")
	cmd.Flags().StringArrayVar(&audit.Files, "audit", nil, "`FILE` that the audit of an emergency exported, to be compared with the digests in the records; may be given several times")
	cmd.Flags().StringArrayVar(&allow, "allow", nil, "accept what was not checked and is of this `CLASS`; may be given several times")
	cmd.Flags().BoolVar(&asReport, "report", false, "print each record that was named, or the last one of a trail, in the words of this version")
	return cmd
}

func verifyHelp() string {
	var b strings.Builder
	b.WriteString(`Verify checks signatures, order and contents of records against your roster, and
says what it checked. What does not hold is refused, and the exit code is 1.

Something may be neither refused nor checked. The exit code is 1 then too, unless
you accept its class with --allow CLASS:

`)
	for _, class := range record.Classes() {
		fmt.Fprintf(&b, "  %-12s %s\n", class, class.Words())
	}
	b.WriteString(`
The exit code is 5 where all was checked and holds, and an emergency still lacks
the approval of a second person. What no verification of these files can show,
such as whether times are true, is printed, and changes no exit code.

The files that an audit exported are no part of a record, which states only their
digests. Name them with --audit FILE: each must be, byte for byte, what a record
says that its audit exported. An example:

  keyturn verify --roster allowed_signers --audit audit.csv --audit audit.jsonl trail
`)
	return b.String()
}

// verdict is the error by which a verification ends, if it ends with one.
func verdict(report record.Report, allowed []record.Class) error {
	if findings := report.Findings(allowed...); len(findings) > 0 {
		var flags []string
		for _, f := range findings {
			if flag := "--allow " + string(f.Class); !slices.Contains(flags, flag) {
				flags = append(flags, flag)
			}
		}
		return checklist.WithHint(&exit{code: codeFailed, text: counted(len(findings), "thing was", "things were") + " not checked"},
			"put it right, or accept it with %s", strings.Join(flags, " "))
	}
	if missing := report.Missing(); len(missing) > 0 {
		return checklist.WithHint(&exit{code: codeUnapproved, text: counted(len(missing), "emergency lacks", "emergencies lack") + " the approval of a second person"},
			"go on with the session: its last item asks for it")
	}
	return nil
}

func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// reports prints records for people.
func (a *app) reports(paths []string) error {
	for _, path := range paths {
		text, err := record.ReadReport(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "\n%s", text)
	}
	return nil
}
