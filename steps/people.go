package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/notify"
)

// notifyWindow drafts the announcement of the rotation and lets the operator
// say that it was sent.
type notifyWindow struct {
	ask
	*Outside
}

func (n notifyWindow) message(sc *checklist.Scope) string {
	s := sc.Session
	return notify.Window(notify.Rotation{
		Service: s.Opening.Service, Session: s.ID(), Sandbox: s.Opening.Sandbox, Operator: s.Opening.Operator,
		Old: s.Opening.Old, New: s.Opening.New, Targets: s.Opening.Targets,
		Production: s.DayOpens(1), Removal: s.DayOpens(s.Checklist.LastDay() - 1), End: s.DayOpens(s.Checklist.LastDay()),
	})
}

func (n notifyWindow) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Tell the team", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "draft a message for you to post:\n" + n.message(sc)},
	}}, nil
}

func (n notifyWindow) Do(ctx context.Context, sc *checklist.Scope) error {
	message := n.message(sc)
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Default: checklist.No, Title: "Have you posted this to the team?", Body: message, Copy: message,
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(errors.New("the team has not been told"), "post the message, then run the item again")
	}
	return nil
}

func (n notifyWindow) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	return checklist.Evidence{Summary: sc.Session.Opening.Operator + " says that the team was told"}, nil
}

// updateDefault records which name the current key goes by.
type updateDefault struct {
	look
	*Outside
}

func (u updateDefault) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Keep versioned names", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: fmt.Sprintf("look that %s is there and HMAC_SECRET_DEFAULT is not served beside it with another value", sc.Session.Key(checklist.NewKey).Variable())},
	}}, nil
}

func (u updateDefault) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Tables: []checklist.Table{{
		Title: "Keys at Vercel", Columns: []string{"Target", "Variable", "Serves"},
	}}}
	for _, t := range u.Targets {
		variables, err := u.Vercel.Variables(ctx, t.Project)
		if err != nil {
			return evidence, err
		}
		current := false
		for _, v := range ours(variables) {
			evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{t.Name, v.Key, strings.Join(v.Target, ", ")})
			current = current || v.Key == sc.Session.Key(checklist.NewKey).Variable()
		}
		if !current {
			return evidence, fmt.Errorf("%s has no %s", t.Name, sc.Session.Key(checklist.NewKey).Variable())
		}
	}
	evidence.Summary = fmt.Sprintf("%s keeps its name; the next rotation goes on from it", sc.Session.Key(checklist.NewKey))
	return evidence, nil
}

// scheduleNext fixes the date of the next rotation.
type scheduleNext struct {
	look
	*Outside
}

func (n scheduleNext) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Schedule the next rotation", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: fmt.Sprintf("%d days after the new key was added to production", sc.Session.Opening.RotationDays)},
	}}, nil
}

func (n scheduleNext) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	due := sc.Session.State("add-production").PassedAt.AddDate(0, 0, sc.Session.Opening.RotationDays).UTC()
	return checklist.Evidence{
		Summary: "the next rotation is due on " + due.Format("Monday 2 January 2006"),
		Facts:   map[string]string{"next-rotation": due.Format("2006-01-02")},
	}, nil
}

// reviewMeeting keeps what the review meeting decided.
type reviewMeeting struct {
	ask
	*Outside
}

const issuesQuestion = "What should the next rotation look at? (empty for nothing)"

func (m reviewMeeting) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Keep what the review meeting decided", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "ask you for open issues, which the next rotation reads first"},
	}}, nil
}

func (m reviewMeeting) Do(ctx context.Context, sc *checklist.Scope) error {
	_, err := sc.Ask(ctx, checklist.Question{Kind: checklist.Write, Title: issuesQuestion, Optional: true})
	return err
}

func (m reviewMeeting) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	issues := answeredIssues(sc)
	return checklist.Evidence{
		Summary: fmt.Sprintf("the review meeting left %d open issues", len(issues)), Issues: issues,
	}, nil
}

// answeredIssues returns the operator's last answer about issues, if any.
func answeredIssues(sc *checklist.Scope) []string {
	var issues []string
	for _, a := range sc.Session.State(sc.Item.ID).Answers {
		issues = nil
		if text := strings.TrimSpace(a.Text); text != "" {
			issues = []string{text}
		}
	}
	return issues
}
