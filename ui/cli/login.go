package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/program"
)

// maxLine is in bytes: more than any credential has.
const maxLine = 2 * keygen.MaxCredential

// The words that name what is stored together with the argument that follows.
const (
	bypass = "bypass"
	key    = "key"
)

// login stores a credential in the vault.
func (a *app) login() *cobra.Command {
	ask := func(prompt string) func(context.Context) (keygen.Secret, error) {
		return func(ctx context.Context) (keygen.Secret, error) { return a.askCredential(ctx, prompt) }
	}
	var foreign program.ForeignKey
	var made string
	cmd := a.account(account{
		name: "login", short: "Store a credential in the vault: slack (a webhook's address), vercel (a token), bypass PROJECT, key ENVIRONMENT/ID or signing-key",
		alone: []string{program.SigningKey},
		named: map[string]string{bypass: "PROJECT", key: "ENVIRONMENT/ID"},
		long: `Asks for the credential without showing it, or reads one line from the
standard input when that is not a terminal. A Vercel token is tried; a webhook's
address is only looked at, since trying it would post to people. The secret of
bypass PROJECT passes the deployment protection of a target that is protected. A
key that is in service and was made elsewhere is stored by its environment and id,
such as key production/v1, before its first rotation; --made says when it was made.
Nothing is asked for a signing-key: it makes one of your own where the roster knows
another that this vault does not have, and prints the line for the roster.`,
		do: func(ctx context.Context, o program.Options, args []string) ([]string, error) {
			if args[0] != key && (made != "" || foreign.Replace) {
				return nil, &program.UsageError{Err: errors.New("flags --made and --replace are for login key")}
			}
			if made != "" {
				var err error
				if foreign.Made, err = time.Parse(time.DateOnly, made); err != nil || foreign.Made.After(time.Now()) {
					return nil, &program.UsageError{Err: fmt.Errorf("flag --made: %q: want a day that is over, such as 2026-08-27", made)}
				}
			}
			if args[0] == program.SigningKey {
				return program.NewSigningKey(ctx, o)
			}
			if args[0] == key {
				return program.StoreKey(ctx, o, args[1], foreign, ask("Value of the key "+args[1]))
			}
			account := accountOf(args)
			return program.Login(ctx, o, account, ask(account.Asks()))
		},
	})
	cmd.Flags().StringVar(&made, "made", "", "the `DAY` on which a key was made, such as 2026-08-27")
	cmd.Flags().BoolVar(&foreign.Replace, "replace", false, "let a key take the place of what was stored under its name before")
	return cmd
}

// logout deletes a credential from the vault.
func (a *app) logout() *cobra.Command {
	return a.account(account{
		name: "logout", short: "Delete a stored credential from the vault: slack, vercel or bypass PROJECT",
		named: map[string]string{bypass: "PROJECT"},
		do: func(ctx context.Context, o program.Options, args []string) ([]string, error) {
			return program.Logout(ctx, o, accountOf(args))
		},
	})
}

func accountOf(args []string) program.Account {
	if args[0] == bypass {
		return program.Bypass(args[1])
	}
	return program.Account(args[0])
}

// account is a command on one account, which tells what it did.
type account struct {
	name, short, long string
	named             map[string]string // accounts that take an argument, and what it is
	alone             []string          // what is no account and takes none
	do                func(ctx context.Context, o program.Options, args []string) ([]string, error)
}

func (a *app) account(c account) *cobra.Command {
	var names, shown []string
	for _, account := range program.Accounts() {
		names = append(names, string(account))
	}
	names = append(names, c.alone...)
	shown = append(shown, names...)
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		names, shown = append(names, name), append(shown, name+" "+c.named[name])
	}
	return &cobra.Command{
		Use: c.name + " " + strings.Join(shown, "|"), Short: c.short, Long: c.long, ValidArgs: names,
		Args: wrongUsage(func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && c.named[args[0]] != "" {
				return cobra.ExactArgs(2)(cmd, args)
			}
			return cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)(cmd, args)
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.options()
			if err != nil {
				return err
			}
			said, err := c.do(cmd.Context(), o, args)
			for _, sentence := range said {
				fmt.Fprintln(a.out, sentence)
			}
			return err
		},
	}
}

// askCredential reads one line, hidden where a person types it.
func (a *app) askCredential(ctx context.Context, prompt string) (keygen.Secret, error) {
	line, err := a.readHidden(ctx, prompt)
	defer clear(line)
	if err != nil {
		return keygen.Secret{}, err
	}
	text := strings.TrimSpace(string(line))
	if text == "" {
		return keygen.Secret{}, checklist.WithHint(errors.New("nothing was entered"), "nothing was changed")
	}
	return keygen.NewCredential(text)
}

func (a *app) readHidden(ctx context.Context, prompt string) ([]byte, error) {
	if f, ok := a.in.(*os.File); ok && isTerminal(f) {
		return program.AskHidden(ctx, f, a.errOut, prompt)
	}
	lines := bufio.NewReader(io.LimitReader(a.in, maxLine))
	line, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return line, fmt.Errorf("read the standard input: %w", err)
	}
	if _, err := lines.Peek(1); err == nil {
		return line, checklist.WithHint(errors.New("the standard input has more than one line"), "nothing was changed")
	}
	return line, nil
}
