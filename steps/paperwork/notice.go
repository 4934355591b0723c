package paperwork

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/checklist"
	"keyturn/steps/notify"
	"keyturn/vault"
)

// webhookItem is where the vault keeps the address of the team's webhook.
const webhookItem vault.Name = "slack/webhook"

// audience is whom a message is for, as a code.
type audience string

const (
	ToTeam     audience = "team"
	ToSecurity audience = "security"
)

// String names the audience for people.
func (a audience) String() string {
	switch a {
	case ToTeam:
		return "the team"
	case ToSecurity:
		return "#security and on-call"
	}
	return string(a)
}

// Messenger sends messages, by the webhook that the vault keeps or by the operator.
type Messenger struct {
	Vault vault.Vault
	// Webhook has the details of the team's webhook, whose address is in the vault;
	// the zero value has the defaults.
	Webhook notify.Options
}

// Notice is a message to people, as a step: posted to the team's webhook where
// there is one, else by the operator.
type Notice struct {
	Messenger
	To      audience
	Message func(*checklist.Scope) notify.Message
}

func (n Notice) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Tell " + n.To.String(), Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "draft a message for you to post, or to post to Slack once you agree:\n" + n.Message(sc).String()},
	}}, nil
}

func (n Notice) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return posted(sc, n.To), nil
}

func (n Notice) Do(ctx context.Context, sc *checklist.Scope) error {
	return n.tell(ctx, sc, n.To, n.Message(sc))
}

func (n Notice) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	return checklist.Evidence{Summary: toldWords(sc, n.To)}, nil
}

// The answers to how a message is sent, and to whether it arrived.
const (
	sendPost   = "post"
	sendByHand = "hand"

	arrivedYes = "yes"
	arrivedNo  = "no"
)

// postEffect is the posting of an item's message. Each round of an item has its
// own, so that one that was posted is not taken for the next.
func postEffect(sc *checklist.Scope, to audience) checklist.Effect {
	return checklist.Effect{Code: checklist.MessagePost, Object: string(to), Round: sc.Round()}
}

// posted reports whether Slack took the item's message.
func posted(sc *checklist.Scope, to audience) bool {
	return postEffect(sc, to).Among(sc.Made())
}

// toldWords says how people were told.
func toldWords(sc *checklist.Scope, to audience) string {
	if posted(sc, to) {
		return fmt.Sprintf("the message for %s is in Slack", to)
	}
	by := sc.Session.Opening.Operator
	for _, a := range sc.Session.State(sc.Item.ID).Answers {
		if *a.Question == askedPosted() {
			by = a.By // who may have taken the session over
		}
	}
	return fmt.Sprintf("%s says that the message for %s was posted", by, to)
}

// tell sends a message, or lets the operator send it.
func (ms Messenger) tell(ctx context.Context, sc *checklist.Scope, to audience, m notify.Message) error {
	hook, err := ms.webhook(ctx, sc)
	if hook == nil {
		note := ""
		if err != nil { // nobody waits for a webhook to be mended
			note = "The webhook cannot be used: " + err.Error() + ".\n\n"
		}
		return ms.byHand(ctx, sc, to, note, m)
	}
	if postEffect(sc, to).Among(sc.Pending()) {
		if arrived, err := ms.lookInChannel(ctx, sc, m); err != nil || arrived {
			return err
		}
	}
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Asked: checklist.Asked{ID: "send"}, Title: "Post this to Slack?", Body: m.String(), Copy: m.String(), Default: sendPost,
		Choices: []checklist.Choice{
			{ID: sendPost, Label: "Post it now", Help: "through the webhook that the vault keeps"},
			{ID: sendByHand, Label: "Post it by hand", Help: "such as to another channel; you confirm that you have"},
		},
	})
	switch {
	case err != nil:
		return err
	case a.Text == sendByHand:
		return ms.byHand(ctx, sc, to, "", m)
	case a.Text != sendPost:
		return fmt.Errorf("%q is none of the choices", a.Text)
	}
	return ms.post(ctx, sc, hook, to, m)
}

// post posts a message. Where its answer is lost, the operator looks in the
// channel; it is not posted again before they have said that it is not there.
func (ms Messenger) post(ctx context.Context, sc *checklist.Scope, hook *notify.Slack, to audience, m notify.Message) error {
	for {
		err := sc.Effect(ctx, postEffect(sc, to), func(ctx context.Context) (checklist.Result, error) {
			return checklist.Result{}, lostMessage(hook.Post(ctx, m))
		})
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case !errors.Is(err, checklist.ErrUnknown):
			return ms.byHand(ctx, sc, to, "Slack did not take it: "+err.Error()+".\n\n", m)
		}
		if arrived, err := ms.lookInChannel(ctx, sc, m); err != nil || arrived {
			return err
		}
	}
}

// lostMessage marks an answer that Slack did not give for the engine.
func lostMessage(err error) error {
	if errors.Is(err, notify.ErrUnknown) {
		return fmt.Errorf("%w: %w", checklist.ErrUnknown, err)
	}
	return err
}

// lookInChannel asks whether a message arrived whose answer was lost.
func (ms Messenger) lookInChannel(ctx context.Context, sc *checklist.Scope, m notify.Message) (arrived bool, err error) {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Asked: checklist.Asked{ID: "arrived"}, Title: "Is the message in the channel?",
		Body: "It was sent to Slack, and the answer was lost. Look in the channel for:\n\n" + m.String(),
		Choices: []checklist.Choice{
			{ID: arrivedYes, Label: "Yes, it is there"},
			{ID: arrivedNo, Label: "No, it is not there", Help: "then it is posted again"},
		},
	})
	if err == nil && a.Text != arrivedYes && a.Text != arrivedNo {
		err = fmt.Errorf("%q is none of the choices", a.Text)
	}
	return a.Text == arrivedYes, err
}

// askedPosted is the question whether the operator has posted a message.
func askedPosted() checklist.Asked { return checklist.Asked{ID: "posted"} }

// byHand lets the operator send a message and say so.
func (ms Messenger) byHand(ctx context.Context, sc *checklist.Scope, to audience, note string, m notify.Message) error {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: askedPosted(), Default: checklist.No,
		Title: fmt.Sprintf("Have you posted this to %s?", to),
		Body:  note + m.String(), Copy: m.String(),
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(fmt.Errorf("the message for %s has not been posted", to), "post the message, then run the item again")
	}
	return nil
}

// webhook returns the team's webhook, and nil where the vault keeps none or it
// cannot be used.
func (m Messenger) webhook(ctx context.Context, sc *checklist.Scope) (*notify.Slack, error) {
	address, _, err := m.Vault.Get(ctx, webhookItem)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	options := m.Webhook
	options.LoopbackOnly = sc.Session.Opening.Sandbox
	options.HTTP.OnWait = func(_ context.Context, reason string, until time.Time) {
		sc.Report(checklist.Progress{Words: "waiting to " + reason, Until: until})
	}
	options.HTTP.BeforeWrite = checklist.MayChange
	return notify.NewSlack(address, options)
}

// about is what every message says.
func about(s *checklist.Session) notify.About {
	a := notify.About{
		Service: s.Setup().Service, Session: s.ID(), Sandbox: s.Opening.Sandbox, Operator: s.Opening.Operator, Targets: s.Setup().TargetNames(),
	}
	for _, e := range s.Environments() {
		a.Environments = append(a.Environments, string(e))
	}
	return a
}

func WindowMessage(sc *checklist.Scope) notify.Message {
	s := sc.Session
	return notify.Window(notify.Rotation{
		About: about(s), Old: s.Opening.Old, New: s.Opening.New,
		Production: localDay(s, 1), Removal: localDay(s, s.Checklist.LastDay()-1), End: localDay(s, s.Checklist.LastDay()),
	})
}

func completionMessage(sc *checklist.Scope, issues []string) notify.Message {
	s := sc.Session
	return notify.Completed(notify.Completion{
		About: about(s), Old: s.Opening.Old, New: s.Opening.New,
		Refused: s.State(checklist.ItemVerifyRemoval).PassedAt, Next: NextRotation(s), Issues: issues,
	})
}

func EmergencyMessage(sc *checklist.Scope) notify.Message {
	s := sc.Session
	c := notify.Compromise{
		About: about(s), Key: s.Opening.Old, New: s.Opening.New, Declared: s.OpenedAt,
		Refused: s.State(checklist.ItemProveRevoked).PassedAt, Accepted: s.State(checklist.ItemNewKeyInService).PassedAt,
	}
	if known := compromise(s); known != nil {
		c.Since, c.KnownBy = known.Since, s.Facts[checklist.FactKnownBy]
	}
	if st := s.State(checklist.ItemOlderDeployments); st.Evidence != nil {
		c.Findings = append(c.Findings, "older deployments: "+cut(st.Evidence.Summary))
	}
	return notify.Emergency(c)
}

func RollbackMessage(sc *checklist.Scope) notify.Message {
	s := sc.Session
	r := notify.Return{
		About: about(s), Parent: s.Opening.Parent, Old: s.Opening.Old, New: s.Opening.New,
		Accepted: s.State(checklist.ItemVerifyOld).PassedAt, Trouble: s.Opening.Reason,
	}
	if st := s.State(checklist.ItemNameTrouble); st.Evidence != nil {
		r.Trouble = cut(st.Evidence.Summary)
	}
	if st := s.State(checklist.ItemDecide); st.Evidence != nil {
		r.Decision = cut(st.Evidence.Summary)
	}
	return notify.RolledBack(r)
}
