package vercel

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/httpclient"
)

// at answers with a deployment in a state.
func at(state string, change ...func(*Deployment)) reply {
	d := Deployment{ID: "dpl_1", Name: "orders", ReadyState: state, Created: 1}
	for _, c := range change {
		c(&d)
	}
	return says(200, AnswerDeployment(d))
}

func aliased(d *Deployment) { d.AliasAssigned = true }

func TestWaitReady(t *testing.T) {
	t.Parallel()

	t.Run("READY is not enough: the aliases must lead to it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, at(StateQueued), at(StateBuilding), at("SOMETHING_NEW"), at(StateReady), at(StateReady, aliased))
		var states []string
		d, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, func(d Deployment) { states = append(states, d.ReadyState) })
		require.NoError(t, err)
		assert.True(t, d.Serving())
		assert.Equal(t, []string{"QUEUED", "BUILDING", "SOMETHING_NEW", "READY", "READY"}, states)
		assert.Equal(t, []time.Duration{time.Second, time.Second, time.Second, time.Second}, w.slept)
	})

	for _, state := range []string{StateError, StateCanceled, StateBlocked, StateDeleted, "BUILD_ERROR"} {
		t.Run(state+" is the end", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, at(StateBuilding), at(state))
			_, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, nil)
			var failed *DeploymentFailedError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, &DeploymentFailedError{ID: "dpl_1", State: state}, failed)
			assert.Equal(t, "wait for deployment dpl_1: deployment dpl_1 ended as "+state, err.Error())
			assert.Contains(t, failed.Hint(), "still serves")
		})
	}

	t.Run("an alias error is the end too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, at(StateReady, func(d *Deployment) { d.AliasError = "no certificate" }))
		_, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, nil)
		var failed *DeploymentFailedError
		require.ErrorAs(t, err, &failed)
		assert.Contains(t, failed.AliasError, "no certificate")
		assert.Contains(t, failed.Hint(), "domain")
	})

	for _, test := range []struct {
		name   string
		answer reply
		want   string
		hint   string
	}{
		{"building", at(StateBuilding), "deployment dpl_1 is still BUILDING after 10s", "dashboard"},
		{"ready without aliases", at(StateReady), "deployment dpl_1 is still READY after 10s, without its aliases", "promote"},
		{"server away", says(503, ""), "deployment dpl_1 is still unread after ", "dashboard"},
	} {
		t.Run("stuck at the deadline: "+test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, test.answer)
			_, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{Deadline: 10 * time.Second, Interval: Every(4 * time.Second)}, nil)
			require.ErrorIs(t, err, ErrStuck)
			require.ErrorContains(t, err, test.want)
			assert.Contains(t, hintOf(err), test.hint)
		})
	}

	t.Run("a server that is away for a while is waited for", func(t *testing.T) {
		t.Parallel()
		away := says(503, "")
		w := newWorld(t, Options{HTTP: httpclient.Options{Tries: 2}}, at(StateBuilding), away, away, away, away, away, at(StateReady, aliased))
		_, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, nil)
		require.NoError(t, err)
	})

	t.Run("a refusal is the end", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, at(StateBuilding), refuses(403, "forbidden", "Not authorized"))
		last, err := w.client.WaitReady(t.Context(), "dpl_1", Poll{}, nil)
		require.ErrorIs(t, err, ErrForbidden)
		assert.Equal(t, StateBuilding, last.ReadyState)
	})

	t.Run("the wait can be interrupted, between two looks and during one", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(t, Options{}, at(StateBuilding))
		w.onSleep = func(int) error { cancel(); return nil }
		_, err := w.client.WaitReady(ctx, "dpl_1", Poll{}, nil)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrStuck)

		ctx, cancel = context.WithCancel(t.Context())
		w = newWorld(t, Options{}, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
		_, err = w.client.WaitReady(ctx, "dpl_1", Poll{}, nil)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestPace(t *testing.T) {
	t.Parallel()
	for elapsed, want := range map[time.Duration]time.Duration{
		0: time.Second, 14 * time.Second: time.Second, 15 * time.Second: 5 * time.Second, 59 * time.Second: 5 * time.Second,
		time.Minute: 15 * time.Second, 5*time.Minute - 1: 15 * time.Second, 5 * time.Minute: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		assert.Equal(t, want, Pace(elapsed), elapsed.String())
	}
}

func TestStuckErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := error(&StuckError{ID: "d", Err: cause})
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, ErrStuck)
}
