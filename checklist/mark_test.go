package checklist_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// The texts are format: a later version must read what this one left behind.
func TestMarks(t *testing.T) {
	t.Parallel()
	m := checklist.Mark{Session: "quarterly-20260302-7f3a", Item: "add-staging", Round: 1}
	assert.Equal(t, "quarterly-20260302-7f3a add-staging #2", m.String())
	assert.Equal(t, "keyturn quarterly-20260302-7f3a add-staging #2", m.Comment())
	slot := m
	slot.Slot = "custom:qa"
	assert.Equal(t, "quarterly-20260302-7f3a add-staging #2 custom:qa", slot.String())
	for _, want := range []checklist.Mark{m, slot} {
		got, ok := checklist.ParseMark(want.String())
		require.True(t, ok)
		assert.Equal(t, want, got)
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"a sentence":        "made by hand yesterday",
		"no round":          "s add",
		"a round of 0":      "s add #0",
		"a round of words":  "s add #two",
		"a round with more": "s add #1x",
		"a number alone":    "s add 1",
		"a zero before":     "s add #01",
		"a blank behind":    "s add #1 ",
		"five parts":        "s add #1 preview more",
		"a row's comment":   m.Comment(),
		"a round below 0":   "s add #-1",
	} {
		_, ok := checklist.ParseMark(text)
		assert.False(t, ok, name)
	}
}

func TestWhatAMarkReplaces(t *testing.T) {
	t.Parallel()
	m := checklist.Mark{Session: "s", Item: "add", Round: 2}
	for text, want := range map[string]bool{
		"s add #1": true, "s add #2": true,
		"s add #3": false, "s add #4": false, // the present one, and one to come
		"s other #1": false, "t add #1": false, "s add #1 custom:qa": false, "s adds #1": false, "by hand": false,
	} {
		assert.Equal(t, want, m.Replaces(text), text)
	}
}
