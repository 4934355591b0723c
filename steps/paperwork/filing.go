package paperwork

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/paper"
)

// Filing is a document that a session leaves, as a step: the operator adds what
// they noticed, sees what would be written, and agrees.
type Filing struct {
	Papers
	summary  string
	question func(*checklist.Session) string // after what was noticed; nil to ask nothing
	effect   checklist.EffectCode
	path     func(dir string, s *checklist.Session) string
	plan     func(templates paper.Templates, path, mark string, d paper.Document) (paper.Draft, error)
	// traffic says that the request log is to be read for the document.
	traffic bool
	// once says that the document is not written anew when the item is done
	// again: people work on it.
	once bool
}

// askedIssues is the question what was noticed.
func askedIssues() checklist.Asked { return checklist.Asked{ID: "issues"} }

func decisionsPath(dir string) string { return filepath.Join(dir, "decisions.md") }

// Decisions adds an entry to docs/decisions.md: when, who, why, which keys, and
// what was noticed.
func Decisions(p Papers, question func(*checklist.Session) string) Filing {
	return Filing{
		Papers: p, summary: "Update the documentation", question: question, effect: checklist.DocumentDecisions,
		path: func(dir string, _ *checklist.Session) string { return decisionsPath(dir) },
		plan: func(t paper.Templates, path, mark string, d paper.Document) (paper.Draft, error) {
			entry, err := t.RenderDecision(d)
			if err != nil {
				return paper.Draft{}, err
			}
			return paper.PlanAppend(path, "Decisions", mark, entry)
		},
	}
}

// IncidentLog adds an entry to docs/incidents.md.
func IncidentLog(p Papers) Filing {
	return Filing{
		Papers: p, summary: "Update the incident log", question: forIncidentLog, effect: checklist.DocumentIncident,
		path: func(dir string, _ *checklist.Session) string { return filepath.Join(dir, "incidents.md") },
		plan: func(t paper.Templates, path, mark string, d paper.Document) (paper.Draft, error) {
			entry, err := t.RenderIncident(d)
			if err != nil {
				return paper.Draft{}, err
			}
			return paper.PlanAppend(path, "Incident log", mark, entry)
		},
	}
}

// PostMortem drafts a document in docs/post-mortems, for people to complete.
func PostMortem(p Papers) Filing {
	return Filing{
		Papers: p, summary: "Draft the post-mortem", effect: checklist.DocumentPostMortem, traffic: true, once: true,
		path: func(dir string, s *checklist.Session) string {
			return filepath.Join(dir, "post-mortems", s.OpenedAt.UTC().Format("2006-01-02")+"-"+s.ID()+".md")
		},
		plan: func(t paper.Templates, path, mark string, d paper.Document) (paper.Draft, error) {
			text, err := t.RenderPostMortem(d)
			if err != nil {
				return paper.Draft{}, err
			}
			return paper.PlanCreate(path, mark, text)
		},
	}
}

func (f Filing) Where(sc *checklist.Scope) string { return f.path(f.Documents, sc.Session) }

// mark is how the entry of this session, and of this round, is found again.
func (f Filing) mark(sc *checklist.Scope) string {
	round := sc.Round()
	if f.once {
		round = 0
	}
	return paper.Mark(sc.Session.ID(), round)
}

func (f Filing) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: f.summary, Risk: checklist.Look}
	if f.question != nil {
		plan.Actions = append(plan.Actions, checklist.Action{Words: "ask you: " + f.question(sc.Session)})
	}
	plan.Actions = append(plan.Actions, checklist.Action{Words: "show what would be written to " + f.Where(sc)},
		checklist.Action{Words: "write it once you agree"})
	return plan, nil
}

// Check finds the entry: it is written behind the answers, so that none is
// wanted again.
func (f Filing) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return paper.Marked(f.Where(sc), f.mark(sc))
}

func (f Filing) Do(ctx context.Context, sc *checklist.Scope) error {
	noticed := ""
	if f.question != nil {
		a, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Write, Asked: askedIssues(), Optional: true, Title: f.question(sc.Session),
		})
		if err != nil {
			return err
		}
		noticed = strings.TrimSpace(a.Text)
	}
	d, err := f.document(ctx, sc, noticed)
	if err != nil {
		return err
	}
	if f.traffic {
		d.Impact = f.impact(ctx, sc)
	}
	draft, err := f.plan(f.Paper, f.Where(sc), f.mark(sc), d)
	if errors.Is(err, paper.ErrExists) {
		return checklist.WithHint(err, "move that file away, or rename it, then run the item again")
	}
	if err != nil {
		return err
	}
	return f.agree(ctx, sc, draft)
}

func IssuesEncountered(s *checklist.Session) string {
	if s.Checklist.ID == checklist.KindRollback {
		return "What was the cause? (empty for not known)"
	}
	return "Issues encountered? (empty for none)"
}

func IssuesOfDrill(*checklist.Session) string { return "Issues of the drill? (empty for none)" }

func forIncidentLog(*checklist.Session) string {
	return "What else belongs into the incident log? (empty for nothing)"
}

// agree shows a draft and writes it once the operator agrees.
func (f Filing) agree(ctx context.Context, sc *checklist.Scope, draft paper.Draft) error {
	diff, err := draft.Diff()
	if err != nil {
		return err
	}
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: checklist.Asked{ID: "agree"}, Default: checklist.Yes, Title: "Write this to " + draft.Path + "?", Body: diff, Copy: diff,
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(fmt.Errorf("%s was not written: %w", draft.Path, checklist.ErrDeclined),
			"run the item again to see it again; it can be edited once it is written")
	}
	effect := checklist.Effect{Code: f.effect, Object: draft.Path}
	err = sc.Effect(ctx, effect, func(context.Context) (checklist.Result, error) { return checklist.Result{}, draft.Write() })
	if errors.Is(err, paper.ErrChanged) {
		return checklist.WithHint(err, "nothing was written; run the item again to see it against what is there now")
	}
	return err
}

func (f Filing) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	written, err := paper.Marked(f.Where(sc), f.mark(sc))
	if err != nil {
		return checklist.Evidence{}, fmt.Errorf("read the document back: %w", err)
	}
	if !written {
		return checklist.Evidence{}, fmt.Errorf("%s has nothing of this session", f.Where(sc))
	}
	evidence := checklist.Evidence{Summary: f.Where(sc) + " has the entry of this session"}
	if f.once {
		evidence.Summary = f.Where(sc) + " is there for you to complete"
	}
	if f.question != nil {
		evidence.Issues = answered(sc, askedIssues())
	}
	return evidence, nil
}

// answered returns the operator's last answer to a question, if it has a text.
func answered(sc *checklist.Scope, question checklist.Asked) []string {
	if text := strings.TrimSpace(sc.Answer(question)); text != "" {
		return []string{text}
	}
	return nil
}
