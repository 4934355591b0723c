package steps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keyturn/checklist"
)

// document adds an entry to docs/decisions.md: when, who, why, which keys, and
// what was noticed.
type document struct {
	ask
	*Outside
}

func decisionsPath(dir string) string { return filepath.Join(dir, "decisions.md") }

func (d document) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Update the documentation", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "ask you for issues encountered"}, {Words: "add an entry to " + decisionsPath(d.Documents)},
	}}, nil
}

func (d document) Do(ctx context.Context, sc *checklist.Scope) error {
	return d.document(ctx, sc, "Issues encountered")
}

func (d document) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	if err := d.documented(sc); err != nil {
		return checklist.Evidence{}, err
	}
	return checklist.Evidence{
		Summary: decisionsPath(d.Documents) + " has the entry of this session", Issues: answeredIssues(sc),
	}, nil
}

// document asks for issues and appends the entry, once for each session.
func (o *Outside) document(ctx context.Context, sc *checklist.Scope, title string) error {
	a, err := sc.Ask(ctx, checklist.Question{Kind: checklist.Write, Optional: true, Title: title + "? (empty for none)"})
	if err != nil {
		return err
	}
	path := decisionsPath(o.Documents)
	effect := checklist.Effect{Name: "document.append", Words: "add an entry to " + path}
	return sc.Effect(ctx, effect, func(context.Context) (string, error) {
		return "", appendOnce(path, entryMark(sc), decisionEntry(sc, a.Text))
	})
}

func (o *Outside) documented(sc *checklist.Scope) error {
	text, err := os.ReadFile(decisionsPath(o.Documents))
	if err != nil {
		return fmt.Errorf("read the entry back: %w", err)
	}
	if !strings.Contains(string(text), entryMark(sc)) {
		return fmt.Errorf("%s has no entry of this session", decisionsPath(o.Documents))
	}
	return nil
}

// entryMark is how an entry is found again; Markdown does not show it.
func entryMark(sc *checklist.Scope) string { return "<!-- keyturn " + sc.Session.ID() + " -->" }

func decisionEntry(sc *checklist.Scope, issues string) string {
	s := sc.Session
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n## %s: %s\n\n", entryMark(sc), sc.Now().Format("2006-01-02"), s.Checklist.Title)
	if s.Opening.Sandbox {
		b.WriteString("- **Sandbox: nothing real was changed.**\n")
	}
	fmt.Fprintf(&b, "- Session: %s\n- Person: %s\n- Reason: %s\n", s.ID(), markdown(s.Opening.Operator), markdown(s.Opening.Reason))
	for _, r := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
		for _, e := range s.Environments() {
			if f := s.Fingerprint(e, r); f != "" {
				fmt.Fprintf(&b, "- %s key of %s: %s, fingerprint %s\n", strings.ToUpper(string(r[:1]))+string(r[1:]), e, s.Key(r), f.Short())
			}
		}
	}
	for _, d := range s.Deviations {
		fmt.Fprintf(&b, "- Deviation: %s (%s)\n", markdown(d.What), markdown(d.Reason))
	}
	if strings.TrimSpace(issues) == "" {
		issues = "none"
	}
	fmt.Fprintf(&b, "- Issues: %s\n", markdown(issues))
	return b.String()
}

// markdown makes free text harmless inside a line of Markdown.
func markdown(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "#", `\#`, "|", `\|`,
	).Replace(text)
}

// appendOnce appends an entry to a file unless the file holds its mark. The
// file is replaced atomically, and made with its folder when it is missing.
func appendOnce(path, mark, entry string) error {
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = []byte("# Decisions\n")
	case err != nil:
		return err
	case strings.Contains(string(old), mark):
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".decisions-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once it was renamed
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	_, err = temp.Write(append(old, entry...))
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", temp.Name(), err)
	}
	return os.Rename(temp.Name(), path)
}
