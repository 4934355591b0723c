package probe_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/probe"
)

// mustHave returns the path of a program that a test compares with.
func mustHave(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
		t.Fatalf("%s is required and not installed", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

// The vector of the deployed scheme, spelled out once more.
const (
	vectorKey       = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	vectorText      = `POST|/api/test|2026-01-02T03:04:05.678Z|123e4567-e89b-42d3-a456-426614174000|{"ping":true}`
	vectorSignature = "95b630917a3ae0b513f46f13475b2a04ce58bc8df5dfb451809af5f7d30e28ec"
)

func signVector(p probe.Profile) string {
	return p.Sign([]byte(vectorKey), "post", "/api/test", "2026-01-02T03:04:05.678Z",
		"123e4567-e89b-42d3-a456-426614174000", []byte(`{"ping":true}`))
}

func TestSignKnownVector(t *testing.T) {
	t.Parallel()
	assert.Equal(t, vectorSignature, signVector(probe.HMACV1()))
	require.NoError(t, probe.HMACV1().Validate())
}

func TestSignAgreesWithOpenSSL(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), mustHave(t, "openssl"), "dgst", "-sha256", "-hmac", vectorKey)
	cmd.Stdin = strings.NewReader(vectorText)
	out, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, vectorSignature, string(bytes.TrimSpace(out[bytes.LastIndexByte(out, ' ')+1:])))
}

func TestSignAgreesWithNode(t *testing.T) {
	t.Parallel()
	node := mustHave(t, "node")
	const script = `const [encoding, key, text] = process.argv.slice(1);
process.stdout.write(require('crypto').createHmac('sha256', key).update(text).digest(encoding))`
	for _, encoding := range []probe.Encoding{probe.EncodingHex, probe.EncodingBase64} {
		out, err := exec.CommandContext(t.Context(), node, "-e", script, string(encoding), vectorKey, vectorText).Output()
		require.NoError(t, err)
		p := probe.HMACV1()
		p.Encoding = encoding
		assert.Equal(t, string(out), signVector(p), "encoding %s", encoding)
	}
}

func TestSignHonoursEverySetting(t *testing.T) {
	t.Parallel()
	settings := map[string]func(*probe.Profile){
		"separator": func(p *probe.Profile) { p.Separator = "\n" },
		"order": func(p *probe.Profile) {
			p.Fields = []probe.Field{probe.FieldTimestamp, probe.FieldNonce, probe.FieldMethod, probe.FieldPath, probe.FieldBody}
		},
		"body":     func(p *probe.Profile) { p.Body = probe.BodySHA256Hex },
		"encoding": func(p *probe.Profile) { p.Encoding = probe.EncodingBase64 },
	}
	for name, change := range settings {
		p := probe.HMACV1()
		change(&p)
		assert.NotEqual(t, vectorSignature, signVector(p), name)
		assert.Error(t, p.Validate(), "%s: the vector must not fit any more", name)
		p.Vector = nil
		assert.NoError(t, p.Validate(), name)
	}
}

func TestProfileValidateRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*probe.Profile)
		want   string
	}{
		{"no header", func(p *probe.Profile) { p.NonceHeader = "" }, `nonce header "" is not a header name`},
		{"line end in a header", func(p *probe.Profile) { p.NonceHeader = "X\r\nY" }, "is not a header name"},
		{"letters beyond ASCII", func(p *probe.Profile) { p.NonceHeader = "X-Schlüssel" }, "is not a header name"},
		{"a header twice", func(p *probe.Profile) { p.NonceHeader = "x-hmac-ts" }, "used for both the timestamp and the nonce"},
		{"a reserved header", func(p *probe.Profile) { p.SignatureHeader = "Content-Length" }, "is reserved by HTTP"},
		{"no separator", func(p *probe.Profile) { p.Separator = "" }, "separator is empty"},
		{"a field left out", func(p *probe.Profile) { p.Fields = p.Fields[1:] }, "want method, path, timestamp, nonce and body"},
		{"a field twice", func(p *probe.Profile) { p.Fields[0] = probe.FieldBody }, "each once"},
		{"timestamp", func(p *probe.Profile) { p.Timestamp = "rfc822" }, "want iso, unix or unixms"},
		{"body", func(p *probe.Profile) { p.Body = "md5" }, "want raw or sha256hex"},
		{"encoding", func(p *probe.Profile) { p.Encoding = "base32" }, "want hex or base64"},
		{"vector", func(p *probe.Profile) { p.Vector.Signature = "95b6" }, "the known vector signs to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := probe.HMACV1()
			tt.change(&p)
			assert.ErrorContains(t, p.Validate(), tt.want)
		})
	}
}

func TestHMACV1IsNotShared(t *testing.T) {
	t.Parallel()
	p := probe.HMACV1()
	p.Fields[0], p.Vector.Key = probe.FieldBody, "changed"
	assert.NoError(t, probe.HMACV1().Validate())
}

func FuzzSign(f *testing.F) {
	f.Add([]byte("key"), "post", "/api/test?x=1", "2026", "nonce", []byte(`{"ping":true}`), "|", "method", "raw", "hex")
	f.Add([]byte{}, "", "", "", "", []byte(nil), "", "", "", "")
	f.Add([]byte{0xff}, "\x00", "||", "\xff", "é", []byte{0}, "\n", "body", "sha256hex", "base64")
	f.Fuzz(func(t *testing.T, key []byte, method, path, ts, nonce string, body []byte, separator, field, form, encoding string) {
		p := probe.HMACV1()
		p.Separator, p.Body, p.Encoding = separator, probe.BodyForm(form), probe.Encoding(encoding)
		p.Fields = append(p.Fields, probe.Field(field))
		_ = p.Validate()
		first := p.Sign(key, method, path, ts, nonce, body)
		if first == "" || first != p.Sign(key, method, path, ts, nonce, body) {
			t.Fatal("a signature is empty or differs from one time to the next")
		}
	})
}
