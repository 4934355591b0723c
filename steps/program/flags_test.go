package program_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/program"
)

// What was found in a folder is named by the command that returns: from another
// folder it would lead into the sandbox.
func TestTheReturnCommandNamesTheConfigurationOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("HOME", dir)
	const text = "service = \"orders\"\noperator = \"alice\"\n[[targets]]\nproject = \"orders-api\"\n" +
		"probe = { staging = \"https://staging.example.com/api/test\", production = \"https://example.com/api/test\" }\n"
	state := filepath.Join(dir, "state")
	options := func(f program.Flags) program.Options {
		f.State = state
		o, err := f.Options()
		require.NoError(t, err)
		return o
	}
	assert.Equal(t, "keyturn --state "+state, options(program.Flags{}).Return)
	here, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("keyturn.toml", []byte(text), 0o600))
	o := options(program.Flags{})
	require.NotNil(t, o.Config)
	assert.Equal(t, "keyturn --config "+filepath.Join(here, "keyturn.toml")+" --state "+state, o.Return)
	assert.Equal(t, "keyturn --state "+state+" --sandbox", options(program.Flags{Sandbox: true}).Return)
}
