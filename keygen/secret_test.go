package keygen_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

// good is a secret that only tests use.
const good = "3f9a0c4177deb210a86e5bd90f2c7714e6b3c85d1a094f27d2e8b6017c5a93fe"

func mustParse(t testing.TB, text string) keygen.Secret {
	t.Helper()
	s, err := keygen.ParseSecret(text)
	require.NoError(t, err)
	return s
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	s, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9a-f]{64}$`, s.Reveal())
	assert.False(t, s.IsZero())
	other, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	assert.False(t, s.Equal(other))
}

func TestGenerateWritesWhatItReads(t *testing.T) {
	t.Parallel()
	raw, err := hex.DecodeString(good)
	require.NoError(t, err)
	s, err := keygen.Generate(bytes.NewReader(raw))
	require.NoError(t, err)
	assert.True(t, s.Equal(mustParse(t, good)))
	s, err = keygen.Generate(iotest.OneByteReader(bytes.NewReader(raw)))
	require.NoError(t, err)
	assert.True(t, s.Equal(mustParse(t, good)), "in small pieces")
}

func TestGenerateRefusesABadSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("no entropy")
	for what, source := range map[string]io.Reader{
		"an error":     iotest.ErrReader(broken),
		"too short":    bytes.NewReader(make([]byte, 31)),
		"only zeros":   bytes.NewReader(make([]byte, 32)),
		"one byte":     strings.NewReader(strings.Repeat("\x5c", 32)),
		"it is closed": strings.NewReader(""),
	} {
		s, err := keygen.Generate(source)
		require.Error(t, err, what)
		assert.True(t, s.IsZero(), what)
	}
	_, err := keygen.Generate(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	_, err = keygen.Generate(bytes.NewReader(make([]byte, 31)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestParseSecretRefuses(t *testing.T) {
	t.Parallel()
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	for what, c := range map[string]struct{ text, says string }{
		"nothing":                      {"", "is empty"},
		"a line ending":                {good + "\n", "white space"},
		"a space before":               {" " + good, "white space"},
		"a no-break space":             {good + "\u00a0", "white space"},
		"one digit too few":            {good[1:], "63 characters, want 64"},
		"one too many":                 {good + "0", "65 characters"},
		"quotes":                       {`"` + good + `"`, "66 characters"},
		"quotes inside the length":     {`"` + good[2:] + `"`, "not hex digits"},
		"upper case":                   {strings.ToUpper(good), "upper-case"},
		"one upper-case digit":         {good[:63] + "E", "upper-case"},
		"a letter that is no digit":    {"g" + good[1:], "not hex digits"},
		"a NUL":                        {"\x00" + good[1:], "not hex digits"},
		"base64 of 48 bytes":           {base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 48)), "not hex digits"},
		"zeros":                        {strings.Repeat("0", 64), "pattern"},
		"one byte repeated":            {strings.Repeat("5c", 32), "pattern"},
		"a word repeated":              {strings.Repeat("deadbeef", 8), "pattern"},
		"halves that are equal":        {good[:32] + good[:32], "pattern"},
		"a period that does not fit":   {strings.Repeat("3f9a0c4177deb", 5)[:64], "pattern"},
		"counting bytes up":            {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "pattern"},
		"counting bytes down":          {"1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100", "pattern"},
		"counting bytes over the end":  {"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f", "pattern"},
		"counting in threes":           {"000306090c0f1215181b1e2124272a2d303336393c3f4245484b4e5154575a5d", "pattern"},
		"counting digits":              {strings.Repeat("0123456789abcdef", 4), "pattern"},
		"few digits":                   {"0110100110010110100101100110100110010110011010010110100110010110", "pattern"},
		"the runbook's way of writing": {"a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2", "pattern"},
		"the same, digit first":        {"1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b", "pattern"},
		"the hash of nothing":          {sum(""), "pattern"},
		"the hash of a line ending":    {sum("\n"), "pattern"},
		"the hash of a default":        {sum("changeme"), "pattern"},
	} {
		s, err := keygen.ParseSecret(c.text)
		require.ErrorContains(t, err, c.says, what)
		assert.True(t, s.IsZero(), what)
		if len(c.text) > 2 {
			assert.NotContains(t, err.Error(), c.text, what)
		}
	}
	assert.Equal(t, good, mustParse(t, good).Reveal())
}

func TestRandomSecretsAreNeverCalledWeak(t *testing.T) {
	t.Parallel()
	for range 20_000 {
		_, err := keygen.Generate(rand.Reader)
		require.NoError(t, err)
	}
}

// credential is one that only tests use. Its characters are those that JSON,
// HTML, URLs and quoting change.
const credential = `https://hooks.example.test/T0/B0?a="<&>\'%20ü`

func mustCredential(t testing.TB, text string) keygen.Secret {
	t.Helper()
	s, err := keygen.NewCredential(text)
	require.NoError(t, err)
	return s
}

// bothKinds runs a test with an HMAC secret and with a credential.
func bothKinds(t *testing.T, test func(t *testing.T, s keygen.Secret)) {
	t.Helper()
	for kind, s := range map[string]keygen.Secret{
		"hmac": mustParse(t, good), "credential": mustCredential(t, credential), "a short credential": mustCredential(t, "hunter2"),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// holder has a secret where fmt can reach it only by reflection, and no
// method of Secret is called.
type holder struct {
	name    string
	secret  keygen.Secret
	pointer *keygen.Secret
	list    []keygen.Secret
	byName  map[string]keygen.Secret
	any     any
	Shown   keygen.Secret
}

func disguises(t testing.TB, s keygen.Secret) []string {
	t.Helper()
	text := s.Reveal()
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	forms := []string{
		text, strings.ToUpper(text), text[:min(len(text), 16)], strings.Trim(string(quoted), `"`),
		hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))), // %x of the text
		base64.RawStdEncoding.EncodeToString([]byte(text)), url.QueryEscape(text),
		strings.Trim(fmt.Sprint([]byte(text)), "[]"), // %d of the text
	}
	if s.Kind() == keygen.KindHMAC {
		raw, err := hex.DecodeString(text)
		require.NoError(t, err)
		forms = append(forms, string(raw), base64.RawStdEncoding.EncodeToString(raw))
	}
	return forms
}

func requireRedacted(t testing.TB, s keygen.Secret, out, how string) {
	t.Helper()
	for _, d := range disguises(t, s) {
		require.False(t, strings.Contains(out, d), "%s shows the secret", how)
	}
}

func TestEveryVerbIsRedacted(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, s keygen.Secret) {
		h := holder{
			name: "holder", secret: s, pointer: &s, list: []keygen.Secret{s},
			byName: map[string]keygen.Secret{"s": s}, any: s, Shown: s,
		}
		values := map[string]any{
			"secret": s, "pointer": &s, "list": []keygen.Secret{s}, "map": map[string]keygen.Secret{"s": s},
			"struct": h, "pointer to struct": &h, "list of structs": []holder{h}, "error": fmt.Errorf("sign: %v", s),
		}
		for _, verb := range "vTtbcdoOqxXUeEfFgGspwz" {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "80", ".3", "-80.80"} {
				for what, value := range values {
					format := "%" + flags + string(verb)
					requireRedacted(t, s, fmt.Sprintf(format, value), format+" of a "+what)
				}
			}
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			assert.Equal(t, "[redacted]", fmt.Sprintf(verb, s), verb)
			assert.Equal(t, "[redacted]", fmt.Sprintf(verb, &s), verb)
		}
		assert.Equal(t, "[redacted]", fmt.Sprint(s))
		assert.Equal(t, "[redacted]", s.String())
		assert.Equal(t, "[redacted]", s.GoString())
		assert.Equal(t, "[redacted]", fmt.Sprint(keygen.Secret{}), "nor whether there is one")
	})
}

func TestEncodersAreRedacted(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, s keygen.Secret) {
		type public struct {
			Name   string
			Secret keygen.Secret
			Ptr    *keygen.Secret
			Any    any
		}
		p := public{Name: "n", Secret: s, Ptr: &s, Any: s}

		out, err := json.Marshal(p)
		require.NoError(t, err)
		assert.JSONEq(t, `{"Name":"n","Secret":"[redacted]","Ptr":"[redacted]","Any":"[redacted]"}`, string(out))
		out, err = json.Marshal(map[string]keygen.Secret{"s": s})
		require.NoError(t, err)
		requireRedacted(t, s, string(out), "JSON of a map")
		text, err := s.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, "[redacted]", string(text))

		var b bytes.Buffer
		require.NoError(t, template.Must(template.New("").Parse(`{{.}} {{.Secret}} {{printf "%x" .Secret}}`)).Execute(&b, p))
		requireRedacted(t, s, b.String(), "a template")
	})
}

func TestLogsAreRedacted(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, s keygen.Secret) {
		h := holder{name: "holder", secret: s, pointer: &s, any: s, Shown: s}
		for what, handler := range map[string]func(io.Writer) slog.Handler{
			"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
			"JSON": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		} {
			var b bytes.Buffer
			log := slog.New(handler(&b))
			log.With("with", s).WithGroup("g").Info("hello", "secret", s, "pointer", &s, "struct", h, "list", []keygen.Secret{s},
				slog.Group("group", slog.Any("secret", s)))
			requireRedacted(t, s, b.String(), what)
			assert.Contains(t, b.String(), "[redacted]", what)
		}
	})
}

func TestGobRefusesASecret(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, s keygen.Secret) {
		for what, value := range map[string]any{
			"a secret": s, "a pointer": &s, "a struct": struct{ Secret keygen.Secret }{s}, "a list": []keygen.Secret{s},
		} {
			var b bytes.Buffer
			require.ErrorIs(t, gob.NewEncoder(&b).Encode(value), keygen.ErrRedacted, what)
			requireRedacted(t, s, b.String(), "gob of "+what)
		}
	})
}

func TestASecretIsNotDecodedByAccident(t *testing.T) {
	t.Parallel()
	var into struct{ Secret keygen.Secret }
	err := json.Unmarshal([]byte(`{"Secret":"`+good+`"}`), &into)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), good)
	assert.True(t, into.Secret.IsZero())
}

func TestEqual(t *testing.T) {
	t.Parallel()
	s := mustParse(t, good)
	assert.True(t, s.Equal(s))
	assert.True(t, s.Equal(mustParse(t, strings.Clone(good))), "the text counts, not where it lies")
	assert.True(t, keygen.Secret{}.Equal(keygen.Secret{}))
	assert.False(t, s.Equal(keygen.Secret{}))
	assert.False(t, keygen.Secret{}.Equal(s))
	assert.False(t, s.Equal(mustParse(t, "0"+good[1:])), "first digit")
	assert.False(t, s.Equal(mustParse(t, good[:63]+"f")), "last digit")
}

// TestEqualTakesConstantTime reads the source: a measurement would be either
// slow or wrong now and then.
func TestEqualTakesConstantTime(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "secret.go", nil, 0)
	require.NoError(t, err)
	var compares, others int
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv == nil || f.Name.Name != "Equal" {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "subtle" && n.Sel.Name == "ConstantTimeCompare" {
					compares++
				}
			case *ast.BinaryExpr:
				if lit, ok := n.Y.(*ast.BasicLit); !ok || lit.Value != "1" {
					others++
				}
			}
			return true
		})
	}
	assert.Equal(t, 1, compares)
	assert.Zero(t, others, "another comparison beside it")
}

func FuzzParseSecret(f *testing.F) {
	for _, s := range []string{good, "", good + "\n", strings.ToUpper(good), strings.Repeat("0", 64), `"` + good + `"`, good[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := keygen.ParseSecret(text)
		if err != nil {
			require.True(t, s.IsZero())
			if len(text) >= 16 {
				require.NotContains(t, err.Error(), text)
			}
			return
		}
		require.Equal(t, text, s.Reveal())
		require.Len(t, text, 64)
		raw, err := hex.DecodeString(text)
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(raw), text)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", s, s, s), text)
	})
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		if _, err := keygen.Generate(rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}
