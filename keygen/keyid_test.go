package keygen_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

func TestParseKeyID(t *testing.T) {
	t.Parallel()
	for text, variable := range map[string]string{
		"default":   "HMAC_SECRET_DEFAULT",
		"test":      "HMAC_SECRET_TEST",
		"emergency": "HMAC_SECRET_EMERGENCY",
		"v1":        "HMAC_SECRET_V1",
		"v10":       "HMAC_SECRET_V10",
		"v999999":   "HMAC_SECRET_V999999",
	} {
		id, err := keygen.ParseKeyID(text)
		require.NoError(t, err, text)
		assert.Equal(t, variable, id.Variable())
		back, ok := keygen.ParseVariable(variable)
		assert.True(t, ok, variable)
		assert.Equal(t, id, back)
	}
	for what, text := range map[string]string{
		"empty":            "",
		"upper case":       "V1",
		"version zero":     "v0",
		"a leading zero":   "v01",
		"no number":        "v",
		"a negative one":   "v-1",
		"a sign":           "v+1",
		"too many digits":  "v1000000",
		"white space":      "v1 ",
		"a line break":     "v1\n",
		"another word":     "primary",
		"part of a word":   "defaul",
		"a fraction":       "v1.5",
		"Arabic digits":    "v١",
		"the variable":     "HMAC_SECRET_V1",
		"a word and more":  "default1",
		"something before": "xv1",
	} {
		_, err := keygen.ParseKeyID(text)
		require.Error(t, err, what)
		assert.Contains(t, err.Error(), "want default, test, emergency or a version", what)
	}
}

func TestParseVariableKnowsOnlyOurs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "HMAC_SECRET", "HMAC_SECRET_", "HMAC_SECRET_v1", "hmac_secret_V1", "HMAC_SECRET_V01", "HMAC_SECRET_OLD",
		"HMAC_SECRET_V1_BACKUP", "MY_HMAC_SECRET_V1", "DATABASE_URL", "HMAC_SECRET_V1\n", "HMAC_SECRET_TEſT",
	} {
		_, ok := keygen.ParseVariable(name)
		assert.False(t, ok, name)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for id, want := range map[keygen.KeyID]int{"v1": 1, "v42": 42, "default": 0, "test": 0, "v0": 0, "": 0} {
		assert.Equal(t, want, id.Version(), string(id))
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		existing []keygen.KeyID
		want     keygen.KeyID
	}{
		"nothing yet":                {nil, "v1"},
		"only the default":           {[]keygen.KeyID{keygen.Default}, "v1"},
		"words do not count":         {[]keygen.KeyID{keygen.Default, keygen.Test, keygen.Emergency}, "v1"},
		"one version":                {[]keygen.KeyID{"v1"}, "v2"},
		"default and a version":      {[]keygen.KeyID{"default", "v2"}, "v3"},
		"in any order":               {[]keygen.KeyID{"v3", "v1", "v2"}, "v4"},
		"a gap is never filled":      {[]keygen.KeyID{"v1", "v4"}, "v5"},
		"numbers, not text":          {[]keygen.KeyID{"v9", "v10"}, "v11"},
		"the same one twice":         {[]keygen.KeyID{"v2", "v2"}, "v3"},
		"something that is no id":    {[]keygen.KeyID{"v1", "v07", "x9"}, "v2"},
		"one that was retired first": {[]keygen.KeyID{"v2"}, "v3"},
	} {
		assert.Equal(t, c.want, keygen.Next(c.existing), what)
	}
}

func FuzzParseKeyID(f *testing.F) {
	for _, s := range []string{"default", "v1", "v01", "V1", "", "v999999", "test\n", "emergency"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := keygen.ParseKeyID(s)
		if err != nil {
			require.Empty(t, id)
			return
		}
		require.Equal(t, s, string(id))
		back, ok := keygen.ParseVariable(id.Variable())
		require.True(t, ok)
		require.Equal(t, id, back)
		require.Regexp(t, `^HMAC_SECRET_[A-Z0-9]+$`, id.Variable())
	})
}

func FuzzParseVariable(f *testing.F) {
	for _, s := range []string{"HMAC_SECRET_V1", "HMAC_SECRET_DEFAULT", "HMAC_SECRET_v1", "PATH", "HMAC_SECRET_", "HMAC_SECRET_TEſT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := keygen.ParseVariable(s)
		if !ok {
			return
		}
		require.Equal(t, s, id.Variable(), "two variables for one key id")
		require.True(t, strings.HasPrefix(s, "HMAC_SECRET_"))
	})
}
