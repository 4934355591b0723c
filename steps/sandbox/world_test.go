package sandbox

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/vercel"
)

func TestOpenMakesTheCompany(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	assert.True(t, w.Fresh())
	assert.Equal(t, None, w.Fault())

	names := []string{}
	for _, p := range w.Projects() {
		names = append(names, p.Name)
		assert.Regexp(t, `^prj_[0-9a-f]{24}$`, p.ID)
	}
	assert.Equal(t, []string{"orders-api", "payments-api"}, names)

	seeded := w.Seeded()
	require.Len(t, seeded, 2)
	assert.False(t, seeded[Staging].Equal(seeded[Production]), "keys are not reused across environments")
	for _, project := range names {
		for environment, secret := range seeded {
			assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL(project, environment)+"/api/test", "v1", secret))
		}
	}

	t.Run("every address is on loopback", func(t *testing.T) {
		for _, address := range []string{w.VercelURL(), w.LogURL(), w.ServiceURL("orders-api", Staging)} {
			assert.True(t, strings.HasPrefix(address, "http://127.0.0.1:"), address)
		}
	})
	t.Run("the keys are 88 days old", func(t *testing.T) {
		for _, project := range names {
			rows := MustList(t, w, project)
			targets := []string{}
			for _, row := range rows {
				targets = append(targets, row.Type+" "+row.Target[0])
				assert.Equal(t, "HMAC_SECRET_V1", row.Key)
				assert.Equal(t, w.Clock().Now().Add(-88*24*time.Hour).UnixMilli(), row.CreatedAt)
			}
			assert.ElementsMatch(t, []string{"sensitive preview", "encrypted development", "sensitive production"}, targets)
		}
	})
}

func TestReopenGivesTheSameWorld(t *testing.T) {
	t.Parallel()
	real := newRealClock()
	options := testOptions(t)
	options.RealNow = real.Now
	w := MustOpen(t, options)
	v2 := MustSecret(t)
	MustAdd(t, w, "orders-api", Production, "v2", v2)
	made := MustRedeploy(t, w, "orders-api", Production)
	MustAdvance(t, w, 10*24*time.Hour)
	address := w.ServiceURL("orders-api", Production) + "/api/test"
	replayed := newProbe(w, address, "v2", v2).signed()
	require.Equal(t, http.StatusOK, replayed.send(t).status)
	require.NoError(t, w.SetFault(DeploymentStuck))
	before := struct {
		projects           []Project
		rows               any
		now                time.Time
		vercelURL, service string
		token, logToken    string
		log                logAnswer
	}{
		w.Projects(), MustList(t, w, "orders-api"), w.Clock().Now(), w.VercelURL(), w.ServiceURL("orders-api", Production),
		w.VercelToken(), w.LogToken(), MustReadLog(t, w, Production, w.Clock().Now().Add(-12*24*time.Hour)),
	}
	seeded := w.Seeded()

	w = MustReopen(t, w)
	assert.False(t, w.Fresh())
	assert.Equal(t, before.projects, w.Projects())
	assert.Equal(t, before.now, w.Clock().Now())
	assert.Equal(t, before.vercelURL, w.VercelURL(), "the ports were free")
	assert.Equal(t, before.service, w.ServiceURL("orders-api", Production))
	assert.True(t, before.token == w.VercelToken() && before.logToken == w.LogToken(), "the tokens are the same")
	assert.Equal(t, DeploymentStuck, w.Fault())
	assert.Equal(t, vercel.StateReady, MustShow(t, w, made.ID).ReadyState)
	assert.Equal(t, before.log, MustReadLog(t, w, Production, w.Clock().Now().Add(-12*24*time.Hour)))
	for environment, secret := range seeded {
		assert.True(t, secret.Equal(w.Seeded()[environment]))
	}

	again := replayed.send(t)
	assert.Equal(t, http.StatusForbidden, again.status)
	assert.Contains(t, string(again.body), nonceReplayed, "the nonce is remembered")
	assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v2", v2))

	t.Run("on other ports where the old ones are taken", func(t *testing.T) {
		taken, err := serve(t.Context(), 0, http.NotFoundHandler())
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, taken.close()) })
		require.NoError(t, w.update(func(s *state, _ time.Time) error {
			s.Ports.Vercel = taken.port
			return nil
		}))
		w = MustReopen(t, w)
		assert.NotEqual(t, taken.port, w.vercel.port)
		assert.Equal(t, http.StatusOK, api(t, w, http.MethodGet, "/v2/user", "").status)
	})
}

func TestARealClockThatWasSetBackDoesNotTurnTheWorldBack(t *testing.T) {
	t.Parallel()
	real := newRealClock()
	options := testOptions(t)
	options.RealNow = real.Now
	w := MustOpen(t, options)
	MustAdvance(t, w, time.Hour)
	before := w.Clock().Now()
	real.Add(-24 * time.Hour)
	w = MustReopen(t, w)
	assert.Equal(t, before, w.Clock().Now())
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T) (Options, string) {
		options := testOptions(t)
		w := MustOpen(t, options)
		require.NoError(t, w.Close())
		w.vercel, w.log, w.service, w.lock = nil, nil, nil, nil
		return options, filepath.Join(options.Dir, worldFile)
	}
	spoil := func(change func([]byte) []byte) func(*testing.T, *Options, string) {
		return func(t *testing.T, _ *Options, path string) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, change(data), 0o600))
		}
	}
	tests := map[string]struct {
		spoil func(t *testing.T, options *Options, path string)
		want  error
	}{
		"another seal":         {func(t *testing.T, o *Options, _ string) { o.Seal = MustSecret(t) }, ErrWrongSeal},
		"an empty file":        {spoil(func([]byte) []byte { return nil }), ErrDamaged},
		"a cut file":           {spoil(func(b []byte) []byte { return b[:len(b)/2] }), ErrDamaged},
		"something after it":   {spoil(func(b []byte) []byte { return append(b, "{}"...) }), ErrDamaged},
		"another format":       {spoil(func(b []byte) []byte { return []byte(strings.Replace(string(b), worldFormat, "other/1", 1)) }), ErrDamaged},
		"a changed clear part": {spoil(func(b []byte) []byte { return []byte(strings.Replace(string(b), "orders-api", "orders-apj", 1)) }), ErrDamaged},
		"an unknown field":     {spoil(func(b []byte) []byte { return []byte(strings.Replace(string(b), `{"format"`, `{"more":1,"format"`, 1)) }), ErrDamaged},
		"a changed secret": {spoil(func(b []byte) []byte {
			s := string(b)
			i := strings.Index(s, `"secrets":"`) + len(`"secrets":"`) + 40
			flipped := "A"
			if s[i] == 'A' {
				flipped = "B"
			}
			return []byte(s[:i] + flipped + s[i+1:])
		}), ErrDamaged},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options, path := closed(t)
			test.spoil(t, &options, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = Open(t.Context(), options)
			require.ErrorIs(t, err, test.want)
			assert.Contains(t, err.Error(), path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before, after, "the file is left as it was")
		})
	}
	t.Run("no seal", func(t *testing.T) {
		t.Parallel()
		_, err := Open(t.Context(), Options{Dir: t.TempDir()})
		assert.ErrorContains(t, err, "no seal given")
	})
	t.Run("an unknown fault", func(t *testing.T) {
		t.Parallel()
		options := testOptions(t)
		options.Fault = "gremlins"
		_, err := Open(t.Context(), options)
		assert.ErrorContains(t, err, `fault "gremlins": want one of none, api-429`)
	})
	t.Run("a world in use", func(t *testing.T) {
		t.Parallel()
		options := testOptions(t)
		MustOpen(t, options)
		_, err := Open(t.Context(), options)
		assert.ErrorIs(t, err, ErrInUse)
	})
	t.Run("a cancelled context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Open(ctx, testOptions(t))
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// A change that cannot be saved must not be answered as made, nor be seen.
func TestAChangeThatCannotBeSavedIsNotMade(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	before := MustList(t, w, "orders-api")
	// A folder in the file's place fails the write even for root.
	require.NoError(t, os.Remove(w.path()))
	require.NoError(t, os.Mkdir(w.path(), 0o700))
	r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", rowBody("v2", MustSecret(t), vercel.TypeSensitive, vercel.TargetPreview))
	assert.Equal(t, http.StatusInternalServerError, r.status)
	assert.Equal(t, before, MustList(t, w, "orders-api"))
	require.NoError(t, os.Remove(w.path()))
	MustAdd(t, w, "orders-api", Staging, "v2", MustSecret(t))
}

func TestClosingTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	w, err := Open(t.Context(), testOptions(t))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.NoError(t, w.Close())
}

// Whatever happens in a world, its folder holds no secret that can be read, and
// what it answers holds none either, but for the one call made for that.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	options := testOptions(t)
	w := MustOpen(t, options)
	planted := MustSecret(t)
	answers := []byte{}
	for _, project := range []string{"orders-api", "payments-api"} {
		for _, target := range []string{vercel.TargetProduction, vercel.TargetPreview} {
			body := rowBody("v2", planted, vercel.TypeSensitive, target)
			answers = append(answers, api(t, w, http.MethodPost, "/v10/projects/"+project+"/env", body).body...)
			answers = append(answers, api(t, w, http.MethodPost, "/v10/projects/"+project+"/env", body).body...) // refused
		}
		answers = append(answers, api(t, w, http.MethodPost, "/v10/projects/"+project+"/env", rowBody("v2", planted, vercel.TypeEncrypted, vercel.TargetDevelopment)).body...)
		MustRedeploy(t, w, project, Production)
		for _, row := range MustList(t, w, project) {
			answers = append(answers, fmt.Sprintf("%+v", row)...)
			if row.Type == vercel.TypeSensitive {
				answers = append(answers, api(t, w, http.MethodGet, "/v1/projects/"+project+"/env/"+row.ID, "").body...)
				answers = append(answers, api(t, w, http.MethodPatch, "/v9/projects/"+project+"/env/"+row.ID, fmt.Sprintf(`{"value":%q}`, planted.Reveal())).body...)
			}
		}
	}
	MustAdvance(t, w, time.Hour)
	sent := newProbe(w, w.ServiceURL("orders-api", Production)+"/api/test", "v2", planted).signed()
	require.Equal(t, http.StatusOK, sent.send(t).status)

	secrets := map[string]string{
		"planted": planted.Reveal(), "seal": options.Seal.Reveal(), "token": w.VercelToken(), "log token": w.LogToken(),
		"staging seed": w.Seeded()[Staging].Reveal(), "production seed": w.Seeded()[Production].Reveal(),
	}
	files, err := os.ReadDir(options.Dir)
	require.NoError(t, err)
	haystacks := map[string][]byte{"the answers": answers}
	for _, f := range files {
		path := filepath.Join(options.Dir, f.Name())
		haystacks[f.Name()], err = os.ReadFile(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			info, err := f.Info()
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
		}
	}
	require.Contains(t, haystacks, worldFile)
	for where, haystack := range haystacks {
		for what, secret := range secrets {
			for form, needle := range formsOf(t, secret) {
				assert.False(t, strings.Contains(string(haystack), needle), "%s holds the %s as %s", where, what, form)
			}
		}
	}
}

func formsOf(t *testing.T, secret string) map[string]string {
	t.Helper()
	raw, err := hex.DecodeString(secret)
	require.NoError(t, err)
	return map[string]string{
		"text": secret, "upper case": strings.ToUpper(secret), "raw bytes": string(raw),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 of raw bytes": base64.StdEncoding.EncodeToString(raw),
	}
}

func TestSecretsThatNothingRefersToAreForgotten(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	before := len(w.state.Load().secrets)
	row := MustAdd(t, w, "orders-api", Staging, "v2", MustSecret(t))
	require.Equal(t, before+1, len(w.state.Load().secrets))
	require.Equal(t, http.StatusOK, api(t, w, http.MethodDelete, "/v9/projects/orders-api/env/"+row.ID, "").status)
	assert.Equal(t, before, len(w.state.Load().secrets))
}

func TestClockNeverGoesBack(t *testing.T) {
	t.Parallel()
	real := newRealClock()
	options := testOptions(t)
	options.RealNow = real.Now
	w := MustOpen(t, options)
	clock := w.Clock()
	start := clock.Now()
	assert.Equal(t, real.Now(), start)
	require.NoError(t, clock.AdvanceTo(start), "to where it is")
	require.NoError(t, clock.AdvanceTo(start.Add(48*time.Hour)))
	real.Add(time.Minute)
	assert.Equal(t, start.Add(48*time.Hour+time.Minute), clock.Now())
	assert.ErrorIs(t, clock.AdvanceTo(start), ErrBackwards)
	assert.Equal(t, start.Add(48*time.Hour+time.Minute), clock.Now())
}

// FuzzDecodeState feeds files to the reader: it must refuse what it did not
// write, and never panic or quote a secret.
func FuzzDecodeState(f *testing.F) {
	seal, err := newSealer(MustSecret(f))
	require.NoError(f, err)
	secret := MustSecret(f).Reveal()
	good, err := encodeState(&state{Seed: "00", secrets: map[ref]string{"sec_1": secret}}, seal)
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"format":"keyturn-sandbox-world/1"}`))
	f.Add([]byte(`[]`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeState(data, seal)
		if err != nil {
			assert.NotContains(t, err.Error(), secret)
			return
		}
		assert.Equal(t, map[ref]string{"sec_1": secret}, s.secrets)
	})
}

// Once the lock file is gone another process can open the world; what it saves
// must not be overwritten with what this one remembers.
func TestAWorldWhoseLockIsLostSavesNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody remove a file that Go has open")
	}
	for name, lose := range map[string]func(lock string) error{
		"deleted":  os.Remove,
		"replaced": func(lock string) error { return errors.Join(os.Remove(lock), os.WriteFile(lock, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := testOptions(t)
			w := MustOpen(t, options)
			before, saved := MustList(t, w, "orders-api"), mustRead(t, w.path())
			require.NoError(t, lose(filepath.Join(options.Dir, lockFile)))
			r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", rowBody("v2", MustSecret(t), vercel.TypeSensitive, vercel.TargetPreview))
			assert.Equal(t, http.StatusInternalServerError, r.status)
			require.ErrorIs(t, w.SetFault(API429), ErrLockLost)
			assert.Equal(t, before, MustList(t, w, "orders-api"))
			assert.Equal(t, saved, mustRead(t, w.path()))

			other := MustOpen(t, options)
			MustAdd(t, other, "orders-api", Staging, "v2", MustSecret(t))
			require.ErrorIs(t, w.SetFault(API429), ErrLockLost)
			assert.Equal(t, None, other.Fault())
		})
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}
