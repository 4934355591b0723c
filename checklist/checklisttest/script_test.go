package checklisttest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// recorder is a test that only counts its failures.
type recorder struct {
	testing.TB
	failures int
	cleanups []func()
}

func (r *recorder) Errorf(string, ...any) { r.failures++ }
func (r *recorder) Cleanup(f func())      { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool          { return r.failures > 0 }

func TestScript(t *testing.T) {
	t.Parallel()
	question := checklist.Question{Kind: checklist.Confirm, Item: "add", Title: "Add v2?", Body: "to staging"}
	for name, tc := range map[string]struct {
		replies  []Reply
		ask      bool
		failures int
		err      error
	}{
		"the question that was expected":  {[]Reply{Agree("add")}, true, 0, nil},
		"any question with these words":   {[]Reply{{Contains: "to staging", Say: checklist.Yes}}, true, 0, nil},
		"a question about another item":   {[]Reply{Agree("remove")}, true, 1, checklist.ErrCancelled},
		"a question of another kind":      {[]Reply{Type("add", "v2")}, true, 1, checklist.ErrCancelled},
		"a question with other words":     {[]Reply{{Contains: "production"}}, true, 1, checklist.ErrCancelled},
		"a question that nobody expected": {nil, true, 1, checklist.ErrCancelled},
		"a question that is left":         {[]Reply{Leave("add")}, true, 0, checklist.ErrCancelled},
		"a reply that nobody asked for":   {[]Reply{Refuse("add")}, false, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			s := NewScript(r, tc.replies...)
			if tc.ask {
				answer, err := s.Ask(context.Background(), question)
				require.ErrorIs(t, err, tc.err)
				if err == nil {
					assert.Equal(t, checklist.Yes, answer.Text)
				}
				assert.Equal(t, []checklist.Question{question}, s.Asked())
			}
			for _, f := range r.cleanups {
				f()
			}
			assert.Equal(t, tc.failures, r.failures)
		})
	}

	t.Run("a context that has ended", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := NewScript(t).Ask(ctx, question)
		require.ErrorIs(t, err, context.Canceled)
	})
}
