package steps_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/vault"
)

const (
	posting  = "Post this to Slack?"
	looking  = "Is the message in the channel?"
	byHand   = "Have you posted this to"
	incident = "notify" // the item of each checklist that tells people
)

func choose(question, say string) checklisttest.Reply {
	return checklisttest.Reply{Item: incident, Kind: checklist.Choose, Contains: question, Say: say}
}

func confirm(say string) checklisttest.Reply {
	return checklisttest.Reply{Item: incident, Kind: checklist.Confirm, Contains: byHand, Say: say}
}

func emergencyDesk(t *testing.T) *desk {
	t.Helper()
	return newDesk(t, checklist.Emergency(false), incident, map[string]checklist.Evidence{
		"declare": {Summary: "v1 is compromised", Facts: map[string]string{
			checklist.FactCompromisedSince: "2026-03-02T07:30:00Z", checklist.FactKnownBy: "it was in a <public> gist",
		}},
		"older-deployments": {Summary: "none of 3 older deployments accepts v1"},
	})
}

func TestTellWithoutAWebhook(t *testing.T) {
	t.Parallel()
	d := emergencyDesk(t)
	_, err := d.run(t, incident, confirm(checklist.No))
	require.ErrorContains(t, err, "the message for #security and on-call has not been posted")
	assert.Contains(t, checklist.Hint(err), "run the item again")

	script, err := d.run(t, incident, confirm(checklist.Yes))
	require.NoError(t, err)
	q := script.Asked()[0]
	assert.Contains(t, q.Copy, "SECURITY: HMAC key v1 of orders is compromised and has been revoked")
	assert.Contains(t, q.Copy, "- compromised since Mon 2 Mar 2026 07:30 UTC\n- known by: it was in a <public> gist\n")
	assert.Contains(t, q.Copy, "- older deployments: none of 3 older deployments accepts v1")
	assert.Equal(t, q.Copy, q.Body)
	assert.Equal(t, checklisttest.Operator+" says that the message for #security and on-call was posted", d.summary(t, incident))
	assert.Empty(t, d.kinds(incident, checklist.MessagePost))
}

func TestTellByAWebhook(t *testing.T) {
	t.Parallel()
	d := emergencyDesk(t)
	channel := d.join(t)
	script, err := d.run(t, incident, choose(posting, "post"))
	require.NoError(t, err)
	require.Len(t, channel.got(), 1)
	assert.Contains(t, channel.got()[0], "it was in a &lt;public&gt; gist")
	assert.Contains(t, script.Asked()[0].Body, "it was in a <public> gist", "it was shown before")
	assert.Equal(t, "the message for #security and on-call is in Slack", d.summary(t, incident))
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Done}, d.kinds(incident, checklist.MessagePost))
	d.mustNotHold(t, script, webhookSecret)
}

func TestTellByHandAlthoughThereIsAWebhook(t *testing.T) {
	t.Parallel()
	d := emergencyDesk(t)
	channel := d.join(t)
	_, err := d.run(t, incident, choose(posting, "hand"), confirm(checklist.Yes))
	require.NoError(t, err)
	assert.Empty(t, channel.got())
	assert.Contains(t, d.summary(t, incident), "says that")
}

func TestALostAnswerIsLookedUpInTheChannel(t *testing.T) {
	t.Parallel()

	t.Run("the message arrived", func(t *testing.T) {
		t.Parallel()
		d := emergencyDesk(t)
		channel := d.join(t, "")
		script, err := d.run(t, incident, choose(posting, "post"), choose(looking, "yes"))
		require.NoError(t, err)
		assert.Len(t, channel.got(), 1, "it is not posted twice")
		assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Unknown, checklist.Done}, d.kinds(incident, checklist.MessagePost))
		assert.Contains(t, d.summary(t, incident), "is in Slack")
		d.mustNotHold(t, script, webhookSecret)
	})

	t.Run("it did not, and is posted again", func(t *testing.T) {
		t.Parallel()
		d := emergencyDesk(t)
		channel := d.join(t, "", "")
		_, err := d.run(t, incident, choose(posting, "post"), choose(looking, "no"), choose(looking, "no"))
		require.NoError(t, err)
		assert.Len(t, channel.got(), 3)
	})

	t.Run("the operator leaves, and is asked first on coming back", func(t *testing.T) {
		t.Parallel()
		d := emergencyDesk(t)
		channel := d.join(t, "")
		_, err := d.run(t, incident, choose(posting, "post"), checklisttest.Leave(incident))
		require.ErrorIs(t, err, checklist.ErrCancelled)
		d.reopen(t)
		_, err = d.run(t, incident, choose(looking, "yes"))
		require.NoError(t, err)
		assert.Len(t, channel.got(), 1)
		assert.Contains(t, d.summary(t, incident), "is in Slack")
	})

	t.Run("what is posted and not written down is not posted again", func(t *testing.T) {
		t.Parallel()
		d := emergencyDesk(t)
		channel := d.join(t)
		d.Config.Steps.(checklisttest.Steps)["notify-emergency"] = stopBehind{d.step(t, "notify-emergency")}
		d.reopen(t)
		_, err := d.run(t, incident, choose(posting, "post"))
		require.ErrorIs(t, err, checklist.ErrCancelled)
		d.Config.Steps.(checklisttest.Steps)["notify-emergency"] = d.step(t, "notify-emergency").(stopBehind).Step
		d.reopen(t)
		_, err = d.run(t, incident)
		require.NoError(t, err)
		assert.Len(t, channel.got(), 1)
	})
}

// step returns a step of the desk's catalog.
func (d *desk) step(t *testing.T, name string) checklist.Step {
	t.Helper()
	step, ok := d.Config.Steps.Step(name)
	require.True(t, ok)
	return step
}

func TestARefusedMessageIsSentByHand(t *testing.T) {
	t.Parallel()
	d := emergencyDesk(t)
	channel := d.join(t, "404 no_service")
	script, err := d.run(t, incident, choose(posting, "post"), confirm(checklist.Yes))
	require.NoError(t, err)
	assert.Len(t, channel.got(), 1)
	asked := script.Asked()[1]
	assert.Contains(t, asked.Body, "Slack did not take it: ")
	assert.Contains(t, asked.Body, "the webhook answered 404: no_service")
	assert.NotContains(t, asked.Copy, "no_service", "only the message is copied")
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Unmade}, d.kinds(incident, checklist.MessagePost))
	assert.Contains(t, d.summary(t, incident), "says that")
	d.mustNotHold(t, script, webhookSecret)
}

func TestAWebhookThatCannotBeUsedHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d := emergencyDesk(t)
	address, err := keygen.NewCredential("http://hooks.slack.com/services/T0/B0/" + webhookSecret)
	require.NoError(t, err)
	_, err = d.outside.Vault.Put(t.Context(), "slack/webhook", address, vault.PutOptions{})
	require.NoError(t, err)
	script, err := d.run(t, incident, confirm(checklist.Yes))
	require.NoError(t, err)
	assert.Contains(t, script.Asked()[0].Body, "The webhook cannot be used: the webhook is not an https address")
	d.mustNotHold(t, script, webhookSecret)
}

func TestTheTeamIsToldOfARollback(t *testing.T) {
	t.Parallel()
	d := newDesk(t, checklist.Rollback(), incident, map[string]checklist.Evidence{
		"name-trouble": {Summary: "checkout gets 401; since 9:00; for checkout"}, "decide": {Summary: "the rotation goes on"},
	})
	channel := d.join(t)
	_, err := d.run(t, incident, choose(posting, "post"))
	require.NoError(t, err)
	assert.Contains(t, channel.got()[0], "HMAC key v1 of orders is in service again")
	assert.Contains(t, channel.got()[0], "- trouble: checkout gets 401; since 9:00; for checkout")
	assert.Contains(t, channel.got()[0], "- how it goes on: the rotation goes on")
}

func TestTheReviewMeetingTellsThatTheRotationIsComplete(t *testing.T) {
	t.Parallel()
	const item = "review-meeting"
	d := newDesk(t, checklist.Quarterly(7), item, nil)
	channel := d.join(t)
	_, err := d.run(t, item,
		checklisttest.Reply{Item: item, Kind: checklist.Write, Say: "batch-import is deployed by hand"},
		checklisttest.Reply{Item: item, Kind: checklist.Choose, Contains: posting, Say: "post"})
	require.NoError(t, err)
	assert.Contains(t, channel.got()[0], "HMAC key rotation of orders is complete: v2 is the only key in use")
	assert.Contains(t, channel.got()[0], "- open: batch-import is deployed by hand")
	assert.Equal(t, "open issues left by the review meeting: 1; the message for the team is in Slack", d.summary(t, item))
	assert.Equal(t, []string{"batch-import is deployed by hand"}, d.engine.Session().State(item).Evidence.Issues, "the other answer is none")
}
