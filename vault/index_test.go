package vault

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

const goodIndex = `{
  "format": "keyturn-vault-index/v1",
  "store": "keychain:keyturn",
  "records": [
    {"name": "production/v2", "version": 1, "status": "archived", "created": "2026-11-24T09:00:00Z", "archived": "2026-11-25T09:00:00Z", "ref": "production/v2/1"},
    {"name": "production/v2", "version": 2, "status": "active", "created": "2026-11-25T09:00:00Z", "ref": "production/v2/2"},
    {"name": "slack/webhook", "version": 1, "status": "sealed", "created": "2026-11-24T09:00:00Z", "sealed": "2026-11-25T09:00:00Z", "kind": "credential", "seal_note": "compromised", "ref": "slack/webhook/1"},
    {"name": "staging/v2", "version": 1, "status": "pending", "created": "2026-11-24T09:00:00Z", "ref": "staging/v2/1", "late": true}
  ]
}`

func TestDecodeIndex(t *testing.T) {
	t.Parallel()
	x, err := decodeIndex([]byte(goodIndex))
	require.NoError(t, err)
	assert.Len(t, x.Records, 4)
	assert.Equal(t, 3, x.nextVersion("production/v2"))
	assert.Equal(t, 1, x.nextVersion("production/v3"))

	for what, change := range map[string][2]string{
		"another format":      {"index/v1", "index/v2"},
		"an unknown field":    {`"late"`, `"secret"`},
		"an unknown status":   {`"pending"`, `"lost"`},
		"a bad name":          {`"staging/v2", "version"`, `"../v2", "version"`},
		"version zero":        {`"version": 2`, `"version": 0`},
		"a version twice":     {`"version": 2`, `"version": 1`},
		"names out of order":  {`"staging/v2", "version"`, `"alpha/v2", "version"`},
		"no reference":        {`"ref": "staging/v2/1"`, `"ref": ""`},
		"an unknown kind":     {`"late": true`, `"kind": "password"`},
		"a bad fingerprint":   {`"late": true`, `"fingerprint": "3f9a"`},
		"a time that is none": {"2026-11-25T09:00:00Z", "yesterday"},
		"a second value":      {"  ]\n}", "  ]\n} {}"},
		"a cut end":           {"  ]\n}", "  ]"},
	} {
		changed := strings.Replace(goodIndex, change[0], change[1], 1)
		require.NotEqual(t, goodIndex, changed, what)
		_, err := decodeIndex([]byte(changed))
		assert.Error(t, err, what)
	}
}

func FuzzDecodeIndex(f *testing.F) {
	f.Add([]byte(goodIndex))
	f.Add([]byte(`{"format":"keyturn-vault-index/v1","store":"file","records":null}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(``))
	f.Add([]byte(`[1,2]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := decodeIndex(data)
		if err != nil {
			return
		}
		// What is accepted survives being written and read again.
		again, err := json.Marshal(x)
		require.NoError(t, err)
		y, err := decodeIndex(again)
		require.NoError(t, err)
		require.Len(t, y.Records, len(x.Records))
		for i, r := range x.Records {
			require.Equal(t, r.entry().Name, y.Records[i].Name)
			require.True(t, r.Created.Equal(y.Records[i].Created))
		}
	})
}

func FuzzUnpack(f *testing.F) {
	hmac := record{Name: "staging/v2", Version: 1}
	credential := hmac
	credential.Kind = keygen.KindCredential
	f.Add([]byte(`{"format":"keyturn-vault-item/v1","name":"staging/v2","version":1,"created":"0001-01-01T00:00:00Z","fingerprint":"","note":"","secret":"x"}`))
	f.Add([]byte(`{"format":"keyturn-vault-item/v1","name":"staging/v2","version":1,"created":"0001-01-01T00:00:00Z","fingerprint":"","note":"","kind":"credential","secret":"x"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		for _, r := range []record{hmac, credential} {
			secret, err := unpack(plain, r)
			if err != nil {
				require.True(t, secret.IsZero())
				continue
			}
			require.Equal(t, r.Kind, secret.Kind())
		}
	})
}

func TestDamagedIndexIsReportedAndLeftAlone(t *testing.T) {
	t.Parallel()
	o := sandboxOptions(t)
	v := MustOpen(t, o)
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	path := filepath.Join(o.Dir, indexName)
	damaged := []byte(`{"format": "keyturn-vault-index/v1", "rec`)
	require.NoError(t, os.WriteFile(path, damaged, 0o600))

	_, err := v.Put(t.Context(), "staging/v3", MustSecret(t), PutOptions{})
	require.ErrorIs(t, err, ErrDamaged)
	assert.Contains(t, err.Error(), path)
	requireHint(t, err, "not changed")
	_, _, err = v.Get(t.Context(), "staging/v2")
	require.ErrorIs(t, err, ErrDamaged)
	_, err = v.List(t.Context())
	require.ErrorIs(t, err, ErrDamaged)
	_, err = Open(t.Context(), o)
	require.ErrorIs(t, err, ErrDamaged)
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, damaged, now)
}

func TestReadersDoNotWaitForAWriter(t *testing.T) {
	t.Parallel()
	o := sandboxOptions(t)
	v := MustOpen(t, o)
	secret := MustSecret(t)
	MustPut(t, v, "staging/v2", secret, PutOptions{})
	other := flock.New(filepath.Join(o.Dir, lockName))
	require.NoError(t, other.Lock())
	t.Cleanup(func() { _ = other.Unlock() })

	found, _, err := v.Get(t.Context(), "staging/v2")
	require.NoError(t, err)
	requireSecret(t, secret, found)
	assert.Len(t, MustList(t, v), 1)

	ctx, cancel := context.WithTimeout(t.Context(), 3*lockRetry)
	defer cancel()
	_, err = v.Archive(ctx, "staging/v2", "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWriterGivesUpOnALockThatIsHeld(t *testing.T) {
	t.Parallel()
	f := indexFile{dir: t.TempDir(), wait: 3 * lockRetry}
	held, err := f.lock(t.Context())
	require.NoError(t, err)
	_, err = f.lock(t.Context())
	require.ErrorIs(t, err, ErrBusy)
	requireHint(t, err, "nothing was changed")
	require.NoError(t, held.Release())
	held, err = f.lock(t.Context())
	require.NoError(t, err)
	require.NoError(t, held.Release())
}

func TestRemainsOfACrashAreRemoved(t *testing.T) {
	t.Parallel()
	o := sandboxOptions(t)
	remains := filepath.Join(o.Dir, ".unfinished-123")
	require.NoError(t, os.WriteFile(remains, []byte("half"), 0o600))
	MustOpen(t, o)
	assert.NoFileExists(t, remains)
}

func TestEntryTimesAreThoseOfTheClock(t *testing.T) {
	t.Parallel()
	o := sandboxOptions(t)
	zone := time.FixedZone("CET", 3600)
	o.Clock = func() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 123, zone) }
	put := MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
	assert.Equal(t, time.Date(2026, 11, 24, 9, 0, 0, 123, time.UTC), put.Created)
	assert.Equal(t, []Entry{put}, MustList(t, MustOpen(t, o)))
}
