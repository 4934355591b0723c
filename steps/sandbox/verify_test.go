package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The vector was checked with OpenSSL and with Node.
const (
	vectorKey       = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	vectorSignature = "95b630917a3ae0b513f46f13475b2a04ce58bc8df5dfb451809af5f7d30e28ec"
)

func vector() signedRequest {
	return signedRequest{
		method: "POST", path: "/api/test", body: `{"ping":true}`, keyID: "v1",
		time: "2026-01-02T03:04:05.678Z", nonce: "123e4567-e89b-42d3-a456-426614174000", signature: vectorSignature,
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	signedAt := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	// A row that has several faults is refused for the one that is checked first.
	for name, test := range map[string]struct {
		change func(*signedRequest)
		off    time.Duration
		seen   bool
		env    map[string]string
		want   string
	}{
		"the vector":                       {want: accepted},
		"a method in lower case":           {change: func(r *signedRequest) { r.method = "post" }, want: accepted},
		"an upper-case key id":             {change: func(r *signedRequest) { r.keyID = "V1" }, want: accepted},
		"no key id":                        {change: func(r *signedRequest) { r.keyID = "" }, off: time.Hour, want: missingHeader},
		"no time":                          {change: func(r *signedRequest) { r.time = "" }, want: missingHeader},
		"no nonce":                         {change: func(r *signedRequest) { r.nonce = "" }, want: missingHeader},
		"no signature":                     {change: func(r *signedRequest) { r.signature = "" }, want: missingHeader},
		"five minutes late":                {off: 5 * time.Minute, want: accepted},
		"a moment more":                    {off: 5*time.Minute + time.Millisecond, seen: true, want: timestampOutside},
		"five minutes early":               {off: -5 * time.Minute, want: accepted},
		"a moment earlier":                 {off: -5*time.Minute - time.Millisecond, want: timestampOutside},
		"a time that is none":              {change: func(r *signedRequest) { r.time = "now" }, want: timestampOutside},
		"a nonce seen before":              {seen: true, env: map[string]string{}, want: nonceReplayed},
		"an unknown key id":                {env: map[string]string{"HMAC_SECRET_V2": vectorKey}, change: func(r *signedRequest) { r.signature = "x" }, want: unknownKeyID},
		"another body":                     {change: func(r *signedRequest) { r.body += " " }, want: signatureMismatch},
		"another path":                     {change: func(r *signedRequest) { r.path += "/" }, want: signatureMismatch},
		"a signature in upper case":        {change: func(r *signedRequest) { r.signature = strings.ToUpper(r.signature) }, want: signatureMismatch},
		"a stored newline":                 {env: map[string]string{"HMAC_SECRET_V1": vectorKey + "\n"}, want: signatureMismatch},
		"an empty value":                   {env: map[string]string{"HMAC_SECRET_V1": ""}, want: signatureMismatch},
		"an empty value and the empty key": {env: map[string]string{"HMAC_SECRET_V1": ""}, change: func(r *signedRequest) { r.signature = sign("", *r) }, want: accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, env := vector(), map[string]string{"HMAC_SECRET_V1": vectorKey}
			if test.change != nil {
				test.change(&r)
			}
			if test.env != nil {
				env = test.env
			}
			seen := func(string) bool { return test.seen }
			lookup := func(variable string) (string, bool) { value, ok := env[variable]; return value, ok }
			assert.Equal(t, test.want, verify(r, signedAt.Add(test.off), seen, lookup))
		})
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	secret := w.Seeded()[Production]
	address := w.ServiceURL("orders-api", Production) + "/api/test"
	good := func() probe { return newProbe(w, address, "v1", secret) }
	for name, test := range map[string]struct {
		probe  probe
		status int
		holds  string
	}{
		"accepted":    {good().signed(), 200, `{"ok":true,"key_id":"v1","deployment":"dpl_`},
		"unsigned":    {good(), 403, missingHeader},
		"stale":       {func() probe { p := good(); p.time = "2020-01-01T00:00:00.000Z"; return p.signed() }(), 403, timestampOutside},
		"tampered":    {func() probe { p := good().signed(); p.body = `{"ping":false}`; return p }(), 403, signatureMismatch},
		"unknown key": {func() probe { p := good(); p.keyID = "v9"; return p.signed() }(), 403, unknownKeyID},
		"wrong key":   {func() probe { p := good(); p.secret = MustSecret(t).Reveal(); return p.signed() }(), 403, signatureMismatch},
		"empty key":   {func() probe { p := good(); p.secret = ""; return p.signed() }(), 403, signatureMismatch},
		"the other environment's key": {func() probe {
			p := good()
			p.secret = w.Seeded()[Staging].Reveal()
			return p.signed()
		}(), 403, signatureMismatch},
		"a path that is not clean": {newProbe(w, w.ServiceURL("orders-api", Production)+"/a//b/../c%2Fd", "v1", secret).signed(), 200, `"ok":true`},
		"the query is not signed":  {func() probe { p := good().signed(); p.address += "?a=b"; return p }(), 200, `"ok":true`},
		"without a path":           {newProbe(w, w.ServiceURL("orders-api", Production), "v1", secret).signed(), 200, `"ok":true`},
		"GET without a body":       {func() probe { p := good(); p.method, p.body = "GET", ""; return p.signed() }(), 200, `"ok":true`},
		"no such project":          {newProbe(w, w.ServiceURL("nope", Production)+"/x", "v1", secret).signed(), 404, "DEPLOYMENT_NOT_FOUND"},
		"no such environment":      {newProbe(w, w.ServiceURL("orders-api", "preview")+"/x", "v1", secret).signed(), 404, "DEPLOYMENT_NOT_FOUND"},
		"no such deployment":       {newProbe(w, w.DeploymentURL("dpl_nope")+"/x", "v1", secret).signed(), 404, "DEPLOYMENT_NOT_FOUND"},
		"too much":                 {func() probe { p := good(); p.body = strings.Repeat("x", maxBodyBytes+1); return p.signed() }(), 413, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.probe.send(t)
			assert.Equal(t, test.status, r.status)
			assert.Contains(t, string(r.body), test.holds)
			if test.status == http.StatusOK || test.status == http.StatusForbidden {
				assert.Equal(t, MustServe(t, w, "orders-api", Production).ID, r.header.Get("X-Deployment-Id"))
			}
			if test.status == http.StatusForbidden {
				assert.Contains(t, string(r.body), "signature")
			}
		})
	}
	t.Run("a nonce is good once in ten minutes", func(t *testing.T) {
		p := good().signed()
		require.Equal(t, http.StatusOK, p.send(t).status)
		assert.Contains(t, string(p.send(t).body), nonceReplayed)
		elsewhere := p
		elsewhere.address = strings.Replace(elsewhere.address, "orders-api", "payments-api", 1)
		elsewhere.path = strings.Replace(elsewhere.path, "orders-api", "payments-api", 1)
		assert.Equal(t, http.StatusOK, elsewhere.signed().send(t).status, "the other project has a memory of its own")
		MustAdvance(t, w, nonceMemory)
		p.time = w.Clock().Now().Format(time.RFC3339Nano)
		assert.Contains(t, string(p.signed().send(t).body), nonceReplayed)
		MustAdvance(t, w, time.Second)
		assert.Equal(t, http.StatusOK, p.signed().send(t).status)
	})
}

// FuzzRoute feeds paths to the router of the service.
func FuzzRoute(f *testing.F) {
	w := MustOpen(f, testOptions(f))
	s, now := w.look()
	for _, seed := range []string{"", "/", "/p", "/p/orders-api/staging", "/p/orders-api/production/x", "/d/" + s.Deployments[0].ID, "//p//", "/p/orders-api/nowhere"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if d, ok := s.route(path, now); ok {
			assert.NotEmpty(t, d.ID)
		}
	})
}
