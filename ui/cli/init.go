package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/checklist"
	"keyturn/steps/config"
	"keyturn/steps/program"
)

// initialize writes a configuration file from the answers to a few questions.
func (a *app) initialize() *cobra.Command {
	var api string
	cmd := &cobra.Command{
		Use: "init", Short: "Write a configuration file by asking", Args: wrongUsage(cobra.NoArgs),
		Long: `Asks for the service, the team, the projects and their addresses, and writes a
commented keyturn.toml into this folder, or the file that --config names. An empty
answer takes what is in brackets. With a Vercel token (VERCEL_TOKEN, or one that
keyturn login vercel has stored) the projects are offered. Nothing at Vercel is
changed, and no file is ever replaced.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.writeConfig(cmd.Context(), api) },
	}
	cmd.Flags().StringVar(&api, "api", "", "base `URL` of the API, where it is not Vercel's own")
	return cmd
}

func (a *app) writeConfig(ctx context.Context, api string) error {
	path := a.flags.Config
	if path == "" {
		path = config.FileName
	}
	if err := program.MayWriteConfig(path); err != nil {
		return err
	}
	if want := config.Check("vercel.api", api); api != "" && want != "" {
		return &program.UsageError{Err: fmt.Errorf("flag --api: %s", want)}
	}
	flags := a.flags
	flags.Config, flags.Sandbox = "", true // whatever is configured is not what is being written
	o, err := flags.Options()
	if err != nil {
		return err
	}
	o.Explain = func(text string) { fmt.Fprintln(a.errOut, text) }
	i := &interview{in: bufio.NewReader(a.in), out: a.errOut, draft: config.Draft{API: api}}
	if i.survey, err = program.NewSurvey(ctx, o, api); err != nil {
		fmt.Fprintf(a.errOut, "The Vercel token could not be used, so that nothing can be offered: %v\n", err)
	}
	if err := i.all(ctx); err != nil {
		return err
	}
	if err := program.WriteConfig(path, i.draft); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s is written.\n", path)
	next := "keyturn"
	if a.flags.Config != "" {
		next += " --config " + path
	}
	for _, t := range i.draft.Targets {
		if t.Protected {
			fmt.Fprintf(a.out, "Next: %s login bypass %s\n", next, t.Project)
		}
	}
	if i.survey.Username == "" && i.draft.Mode != config.ModeDashboard {
		fmt.Fprintf(a.out, "Next: %s login vercel\n", next)
	}
	fmt.Fprintf(a.out, "Next: %s login key staging/ID and production/ID, for the keys that are in service, such as staging/v1\n", next)
	fmt.Fprintf(a.out, "Next: %s doctor\n", next)
	return nil
}

// interview asks, line by line: the same on a terminal, for a screen reader and
// from a pipe.
type interview struct {
	in     *bufio.Reader
	out    io.Writer
	survey program.Survey
	draft  config.Draft
}

func (i *interview) all(ctx context.Context) error {
	return firstError(
		func() (err error) {
			i.draft.Service, err = i.ask("What is rotated? A name for people and records", serviceHere(), field("service"))
			return err
		},
		func() (err error) {
			i.draft.Operator, err = i.ask("Who runs it? Your name as in allowed_signers", program.SystemPrincipal(), field("operator"))
			return err
		},
		i.mode,
		i.team,
		func() error { return i.projects(ctx) },
		func() (err error) {
			i.draft.RequestLog, err = i.ask("The base URL of the log of signed requests", none, orNone(field("request_log.url")))
			i.draft.RequestLog = given(i.draft.RequestLog)
			return err
		},
	)
}

func firstError(parts ...func() error) error {
	for _, part := range parts {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// none is the answer to what there need not be.
const none = "none"

func given(answer string) string {
	if answer == none {
		return ""
	}
	return answer
}

func orNone(check func(string) string) func(string) string {
	return func(s string) string {
		if s == none {
			return ""
		}
		return check(s)
	}
}

func field(path string) func(string) string {
	return func(s string) string { return config.Check(path, s) }
}

// ask asks until the answer is right. An empty one, and the end of the input,
// take what is usual.
func (i *interview) ask(question, usual string, check func(string) string) (string, error) {
	for {
		fmt.Fprint(i.out, question)
		if usual != "" {
			fmt.Fprintf(i.out, " [%s]", usual)
		}
		fmt.Fprint(i.out, ": ")
		line, err := i.in.ReadString('\n')
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		answer := strings.TrimSpace(line)
		if ended {
			fmt.Fprintln(i.out)
		}
		if answer == "" {
			answer = usual
		}
		want := check(answer)
		if want == "" {
			return answer, nil
		}
		if ended {
			return "", checklist.WithHint(fmt.Errorf("%s: %s", strings.ToLower(question), want), "nothing was written; run keyturn init again")
		}
		fmt.Fprintf(i.out, "  %s\n", want)
	}
}

// confirm asks for a yes or a no, which is usual.
func (i *interview) confirm(question string) (bool, error) {
	answer, err := i.ask(question+" (y/n)", "n", func(s string) string {
		if slices.Contains([]string{"y", "yes", "n", "no"}, strings.ToLower(s)) {
			return ""
		}
		return "want y or n"
	})
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}

// mode asks who makes the changes.
func (i *interview) mode() error {
	if i.draft.API != "" {
		return nil
	}
	answer, err := i.ask("Who changes things at Vercel: api for Keyturn, with a token; dashboard for you, with Keyturn telling what to press",
		config.ModeAPI, field("vercel.mode"))
	if answer == config.ModeDashboard {
		i.draft.Mode = answer
	}
	return err
}

// team asks for the team, offering those of the token.
func (i *interview) team() (err error) {
	if i.draft.Mode == config.ModeDashboard {
		i.draft.Team, err = i.ask("What do the dashboard's addresses have behind vercel.com/: the slug of the team, or of your account", "", field("vercel.team"))
		return err
	}
	usual := none
	if i.survey.Username != "" {
		fmt.Fprintf(i.out, "The Vercel token belongs to %s.\n", i.survey.Username)
	}
	if len(i.survey.Teams) > 0 {
		usual = i.survey.Teams[0]
		fmt.Fprintf(i.out, "It reaches the teams %s.\n", strings.Join(i.survey.Teams, ", "))
	}
	answer, err := i.ask("The Vercel team, by id or slug; none for a personal account", usual, orNone(field("vercel.team")))
	i.draft.Team = given(answer)
	return err
}

// projects asks which projects hold the keys, and about each.
func (i *interview) projects(ctx context.Context) error {
	found, err := i.survey.Projects(ctx, i.draft.Team)
	if err != nil {
		fmt.Fprintf(i.out, "The projects could not be listed: %v\n", err)
	}
	question, usual := "The projects that hold the keys, by id or name, separated by commas", ""
	if len(found) > 0 {
		fmt.Fprintln(i.out, "These projects are there:")
		for n, name := range found {
			fmt.Fprintf(i.out, "  %d. %s\n", n+1, name)
		}
		question, usual = "Which of them hold the keys? Numbers or names, separated by commas", "1"
		if len(found) > 1 {
			usual = "1-" + strconv.Itoa(len(found))
		}
	}
	answer, err := i.ask(question, usual, func(s string) string {
		_, want := chosen(s, found)
		return want
	})
	if err != nil {
		return err
	}
	names, _ := chosen(answer, found)
	for _, name := range names {
		if err := i.project(name); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(i.draft.Targets, func(t config.Target) bool { return t.Role != config.RoleSigner }) {
		return checklist.WithHint(errors.New("all projects only sign"),
			"nothing was written; name the project that verifies too: without one nothing proves a key")
	}
	return nil
}

// chosen reads names, numbers of what was found, and ranges of numbers.
func chosen(answer string, found []string) (names []string, want string) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for part := range strings.SplitSeq(answer, ",") {
		part = strings.TrimSpace(part)
		from, to, ok := numbers(part)
		switch {
		case part == "":
		case slices.Contains(found, part):
			add(part)
		case ok && len(found) > 0 && (from < 1 || to > len(found) || from > to):
			return nil, fmt.Sprintf("want numbers from 1 to %d", len(found))
		case ok && len(found) > 0:
			for n := from; n <= to; n++ {
				add(found[n-1])
			}
		default:
			if want := config.Check("targets[].project", part); want != "" {
				return nil, want
			}
			add(part)
		}
	}
	if len(names) == 0 {
		return nil, "want one project at least"
	}
	return names, ""
}

// numbers reads 3 or 3-5.
func numbers(text string) (from, to int, ok bool) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	to, err = strconv.Atoi(last)
	return from, to, err == nil
}

// project asks about one project.
func (i *interview) project(name string) error {
	t := config.Target{Project: name}
	var err error
	if t.Role, err = i.ask("What does "+name+" do with the keys: verifier, signer or both", config.RoleVerifier, field("targets[].role")); err != nil {
		return err
	}
	if t.Role != config.RoleSigner {
		if t.Probe.Staging, err = i.ask("A route of its staging that verifies signatures", i.address(name, true), field("targets[].probe.staging")); err != nil {
			return err
		}
		other := func(s string) string {
			if s == t.Probe.Staging {
				return "want another address than that of staging"
			}
			return config.Check("targets[].probe.production", s)
		}
		if t.Probe.Production, err = i.ask("The same route of its production", i.address(name, false), other); err != nil {
			return err
		}
		if t.Protected, err = i.confirm("Is Vercel's deployment protection in front of it?"); err != nil {
			return err
		}
	}
	i.draft.Targets = append(i.draft.Targets, t)
	return nil
}

var hostLabel = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// address guesses a project's address as Vercel makes it, "" where it cannot be
// guessed (Vercel, "Accessing deployments through generated URLs").
func (i *interview) address(project string, staging bool) string {
	host := project
	if staging {
		host += "-git-staging"
		if scope := i.scope(); scope != "" {
			host += "-" + scope
		}
	}
	if strings.HasPrefix(project, "prj_") || !hostLabel.MatchString(host) {
		return ""
	}
	return "https://" + host + ".vercel.app/api/test"
}

// scope is the team or user that Vercel puts into an address.
func (i *interview) scope() string {
	if i.draft.Team != "" && !strings.HasPrefix(i.draft.Team, "team_") {
		return i.draft.Team
	}
	return i.survey.Username
}

var notInService = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// serviceHere names the service after the working folder.
func serviceHere() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	name := strings.Trim(notInService.ReplaceAllString(filepath.Base(dir), "-"), "-._")
	if config.Check("service", name) != "" {
		return ""
	}
	return name
}
