package paperwork

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
)

// ReviewMeeting keeps what the review meeting decided, and tells the team that
// the rotation is complete.
type ReviewMeeting struct{ Messenger }

func (m ReviewMeeting) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Keep what the review meeting decided", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "ask you for open issues, which the next rotation reads first"},
		{Words: "draft a message that the rotation is complete, for you to post, or to post to Slack once you agree"},
	}}, nil
}

func (m ReviewMeeting) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return posted(sc, ToTeam), nil
}

func (m ReviewMeeting) Do(ctx context.Context, sc *checklist.Scope) error {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Write, Asked: askedIssues(), Title: "What should the next rotation look at? (empty for nothing)", Optional: true,
	})
	if err != nil {
		return err
	}
	var issues []string
	if text := strings.TrimSpace(a.Text); text != "" {
		issues = append(issues, text)
	}
	return m.tell(ctx, sc, ToTeam, completionMessage(sc, issues))
}

func (m ReviewMeeting) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	issues := answered(sc, askedIssues())
	return checklist.Evidence{
		Summary: fmt.Sprintf("open issues left by the review meeting: %d; %s", len(issues), toldWords(sc, ToTeam)), Issues: issues,
	}, nil
}
