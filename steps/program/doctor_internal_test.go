package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An ssh-keygen that takes a good signature for a bad one is found by what it
// knows, not by what it calls itself.
func TestTheDoctorTriesSSHKeygen(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	assert.True(t, sshKeygenAt(t.Context(), path).OK)

	old := filepath.Join(t.TempDir(), "ssh-keygen")
	require.NoError(t, os.WriteFile(old, []byte("#!/bin/sh\necho 'Invalid \"verify-time\" option' >&2\nexit 255\n"), 0o700))
	f := sshKeygenAt(t.Context(), old)
	assert.False(t, f.OK)
	assert.Contains(t, f.Said, "does not know times that end in Z")
	assert.Contains(t, f.Fix, "OpenSSH 9.1")
}
