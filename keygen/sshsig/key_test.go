package sshsig_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/keygen/sshsig"
)

func TestNewKey(t *testing.T) {
	t.Parallel()

	t.Run("is the Ed25519 key of RFC 8032's seed", func(t *testing.T) {
		// RFC 8032, section 7.1, test 1.
		seed, err := keygen.ParseSecret("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
		require.NoError(t, err)
		key, err := sshsig.NewKey(seed)
		require.NoError(t, err)
		assert.Equal(t, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea operator", key.PublicLine("operator"))
		public, err := sshsig.ParsePublicKey(key.PublicLine(""))
		require.NoError(t, err)
		assert.Equal(t, key.Fingerprint(), public.Fingerprint())
	})

	t.Run("refuses an empty seed", func(t *testing.T) {
		_, err := sshsig.NewKey(keygen.Secret{})
		require.EqualError(t, err, "make signing key: the seed is empty")
		assert.True(t, sshsig.Key{}.IsZero())
		_, err = sshsig.Sign(sshsig.Key{}, sshsig.NamespaceRecord, nil)
		require.EqualError(t, err, "sign: no signing key")
	})
}

func TestKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	seed, err := keygen.ParseSecret("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	require.NoError(t, err)
	key, err := sshsig.NewKey(seed)
	require.NoError(t, err)

	type holder struct{ key sshsig.Key } // fmt cannot call methods of unexported fields
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+verb+verb, key, &key, holder{key})
	}
	require.NoError(t, json.NewEncoder(&shown).Encode(map[string]any{"key": key}))
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("key", "key", key)
	for _, leak := range []string{"9d61b19d", "9D61B19D", "157 97 177", "0x9d, 0x61", "nWGxne"} {
		assert.NotContains(t, shown.String(), leak)
	}
	require.ErrorIs(t, gob.NewEncoder(&shown).Encode(key), keygen.ErrRedacted)
}
