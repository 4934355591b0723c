package hosting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"keyturn/steps/vercel"
)

func TestAGlanceIsHandedOnOnceAndFresh(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	seen := map[string][]vercel.Variable{"prj_1": nil}
	for name, tc := range map[string]struct {
		show map[string][]vercel.Variable
		at   time.Time
		want bool
	}{
		"fresh":           {seen, now.Add(-time.Second), true},
		"old":             {seen, now.Add(-fresh), false},
		"of another time": {seen, now.Add(time.Hour), false},
		"taken back":      {nil, time.Time{}, false},
	} {
		g := &LastListing{}
		g.show(Listing{at: now, variables: seen})
		g.show(Listing{at: tc.at, variables: tc.show})
		_, ok := g.take(now)
		assert.Equal(t, tc.want, ok, name)
		_, ok = g.take(now)
		assert.False(t, ok, name+", a second time")
	}
	var none *LastListing
	none.show(Listing{at: now, variables: seen})
	_, ok := none.take(now)
	assert.False(t, ok)
}
