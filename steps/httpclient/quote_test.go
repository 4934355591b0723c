package httpclient

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

const censorSecret = "6f9a0c4177deb210a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60719"

func mustCensor(t testing.TB) Censor {
	t.Helper()
	secret, err := keygen.ParseSecret(censorSecret)
	require.NoError(t, err)
	return NewCensor(secret, keygen.Secret{})
}

func TestCleanRemovesEveryFormWhole(t *testing.T) {
	t.Parallel()
	raw, err := hex.DecodeString(censorSecret)
	require.NoError(t, err)
	inJSON, err := json.Marshal(string(raw))
	require.NoError(t, err)
	for name, form := range map[string]string{
		"text":                censorSecret,
		"upper case":          strings.ToUpper(censorSecret),
		"first half":          censorSecret[:32],
		"last half":           censorSecret[32:],
		"in groups":           censorSecret[:16] + " " + censorSecret[16:32] + ":" + censorSecret[32:],
		"split by controls":   censorSecret[:9] + "\x00" + censorSecret[9:],
		"raw":                 string(raw),
		"raw as Latin-1":      latin1(raw),
		"raw, repaired":       strings.ToValidUTF8(string(raw), "\ufffd"),
		"raw, Go-quoted":      strings.Trim(strconv.Quote(string(raw)), `"`),
		"raw, in JSON":        strings.Trim(string(inJSON), `"`),
		"base64 of the text":  base64.StdEncoding.EncodeToString([]byte(censorSecret)),
		"base64 of the bytes": strings.TrimRight(base64.StdEncoding.EncodeToString(raw), "="),
		"hex of the text":     fmt.Sprintf("%x", censorSecret),
		"hex in groups":       fmt.Sprintf("% x", censorSecret),
	} {
		got := mustCensor(t).Words(("want (" + form + ") got 1"), 200)
		// Padding and the quoting of an edge may stay; nothing else may.
		got = strings.NewReplacer("=", "", `\`, "").Replace(got)
		assert.Equal(t, "want ([redacted]) got 1", got, name)
	}
}

func TestCleanKeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"signature does not match", "unknown key id v2", "",
		"request 123e4567-e89b-42d3-a456-426614174000", "Schlüssel unbekannt: 署名が一致しません",
		censorSecret[:11],
	} {
		assert.Equal(t, text, mustCensor(t).Words((text), 200))
	}
}

func TestCleanShortensLast(t *testing.T) {
	t.Parallel()
	got := mustCensor(t).Words(("key " + censorSecret), 10)
	assert.Equal(t, "key [reda…", got)
}

func FuzzClean(f *testing.F) {
	c := mustCensor(f)
	f.Add([]byte("signature does not match"), 10)
	f.Add([]byte("key "+censorSecret), 160)
	f.Add([]byte(`{"error":{"message":"\u001b]0;title\u0007"}}`), 160)
	f.Add([]byte("\xff\xfe\u202e\x00\x1b[2J"), 3)
	f.Fuzz(func(t *testing.T, foreign []byte, limit int) {
		limit = 1 + max(limit, 0)%200
		got := c.Words(string(foreign), limit)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit {
			t.Fatalf("not clean or too long: %q", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		letters, _ := lettersOf(got)
		for i := 0; i+letterPiece <= len(letters); i++ {
			if c.pieces[letters[i:i+letterPiece]] {
				t.Fatalf("%q holds a piece of the secret", got)
			}
		}
	})
}
