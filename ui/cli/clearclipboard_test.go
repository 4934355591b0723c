package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/steps/clipboard"
)

func TestTheCommandThatClearsTheClipboard(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	assert.NotContains(t, keyturn(t.Context(), state, "", "--help").out, clipboard.WatchCommand, "it is not for people")
	assert.Equal(t, outcome{code: codeFailed}, keyturn(t.Context(), state, "no instructions", clipboard.WatchCommand), "nobody reads what it says")
	got := keyturn(t.Context(), state, "", clipboard.WatchCommand, "now")
	assert.Equal(t, codeUsage, got.code)
}
