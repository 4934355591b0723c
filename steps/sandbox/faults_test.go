package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/vercel"
)

func openWith(t *testing.T, fault Fault) *World {
	t.Helper()
	options := testOptions(t)
	options.Fault = fault
	return MustOpen(t, options)
}

func TestEveryFaultIsDescribed(t *testing.T) {
	t.Parallel()
	assert.Len(t, Faults(), 10)
	for _, info := range Faults() {
		parsed, err := ParseFault(string(info.Name))
		require.NoError(t, err)
		assert.Equal(t, info.Name, parsed)
		assert.NotContains(t, info.What+info.Lifts, "\n")
		assert.NotEmpty(t, info.What)
		assert.NotEmpty(t, info.Lifts)
		assert.Equal(t, info.Name, openWith(t, info.Name).Fault())
	}
	for _, name := range []string{"", "none"} {
		parsed, err := ParseFault(name)
		require.NoError(t, err)
		assert.Equal(t, None, parsed)
	}
	_, err := ParseFault("gremlins")
	assert.Error(t, err)
}

func statuses(t *testing.T, w *World, calls int) []int {
	t.Helper()
	list := make([]int, 0, calls)
	for range calls {
		list = append(list, api(t, w, http.MethodGet, "/v2/user", "").status)
	}
	return list
}

func TestAPI429(t *testing.T) {
	t.Parallel()
	w := openWith(t, API429)
	assert.Equal(t, []int{200, 200, 429, 200, 200, 429, 200, 200, 429, 200, 200, 429, 200, 200, 200, 200}, statuses(t, w, 16))
	require.NoError(t, w.SetFault(API429))
	statuses(t, w, 2)
	r := api(t, w, http.MethodGet, "/v2/user", "")
	assert.Equal(t, "1", r.header.Get("Retry-After"))
	var body vercel.ErrorBody
	r.decode(t, &body)
	assert.Equal(t, "rate_limited", body.Error.Code)
	require.NotNil(t, body.Error.Limit)
	assert.Equal(t, w.options.RealNow().Add(time.Second).UnixMilli(), body.Error.Limit.ResetMs)
}

func TestAPI500(t *testing.T) {
	t.Parallel()
	w := openWith(t, API500)
	assert.Equal(t, []int{200, 200, 500, 500, 200, 200, 200, 500, 500, 200, 200, 200, 500, 500, 200, 200, 200, 200, 200}, statuses(t, w, 19))
	require.NoError(t, w.SetFault(API500))
	statuses(t, w, 2)
	before := len(w.state.Load().Variables)
	r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", rowBody("v2", MustSecret(t), vercel.TypeSensitive, vercel.TargetPreview))
	assert.Equal(t, http.StatusInternalServerError, r.status)
	assert.Len(t, w.state.Load().Variables, before, "it fails before the effect")
}

func TestTimeoutAfterWrite(t *testing.T) {
	t.Parallel()
	w := openWith(t, TimeoutAfterWrite)
	refusedWrite := rowBody("v1", MustSecret(t), vercel.TypeSensitive, vercel.TargetPreview)
	assert.Equal(t, http.StatusForbidden, api(t, w, http.MethodPost, "/v10/projects/orders-api/env", refusedWrite).status, "only writes that take effect")
	lost := []bool{}
	for n := range 8 {
		id := keygen.KeyID(fmt.Sprintf("v%d", n+2))
		_, err := tryAPI(t, w, http.MethodPost, "/v10/projects/orders-api/env", rowBody(id, MustSecret(t), vercel.TypeSensitive, vercel.TargetPreview))
		lost = append(lost, err != nil)
		rows := MustList(t, w, "orders-api")
		assert.Equal(t, id.Variable(), rows[len(rows)-1].Key, "it took effect")
	}
	assert.Equal(t, []bool{true, false, true, false, true, false, false, false}, lost)
}

func TestMangledValues(t *testing.T) {
	t.Parallel()
	for fault, mangle := range map[Fault]func(string) string{
		TrailingNewline: func(s string) string { return s + "\n" },
		EmptyValue:      func(string) string { return "" },
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			w := openWith(t, fault)
			v2 := rotate(t, w, Staging)
			address := w.ServiceURL("orders-api", Staging) + "/api/test"
			good := newProbe(w, address, "v2", v2).signed().send(t)
			assert.Contains(t, string(good.body), signatureMismatch)
			trial := newProbe(w, address, "v2", v2)
			trial.secret = mangle(trial.secret)
			assert.Equal(t, http.StatusOK, trial.signed().send(t).status, "a trial signature finds it out")

			t.Run("no client moves to it", func(t *testing.T) {
				at := w.Clock().Now().Add(time.Second) // after the requests above
				MustAdvance(t, w, 5*day)
				assert.Zero(t, count(MustReadLog(t, w, Staging, at), key("v2")))
			})
			t.Run("lifted, it is right after a redeploy", func(t *testing.T) {
				require.NoError(t, w.SetFault(None))
				both(w, func(project string) { MustRemove(t, w, project, Staging, "v2") })
				v2 := rotate(t, w, Staging)
				assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v2", v2))
			})
		})
	}
}

func TestDeploymentStuck(t *testing.T) {
	t.Parallel()
	w := openWith(t, DeploymentStuck)
	made := MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, 30*day)
	assert.Equal(t, vercel.StateBuilding, MustShow(t, w, made.ID).ReadyState)
	w = MustReopen(t, w)
	require.NoError(t, w.SetFault(None))
	shown := MustShow(t, w, made.ID)
	assert.Equal(t, vercel.StateReady, shown.ReadyState)
	assert.True(t, shown.AliasAssigned)
	assert.Equal(t, made.ID, MustServe(t, w, "orders-api", Staging).ID)
}

func TestDeploymentFailed(t *testing.T) {
	t.Parallel()
	w := openWith(t, DeploymentFailed)
	before := MustServe(t, w, "orders-api", Staging)
	made := MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	assert.Equal(t, vercel.StateError, MustShow(t, w, made.ID).ReadyState)
	assert.Equal(t, before.ID, MustServe(t, w, "orders-api", Staging).ID)
	assert.Equal(t, http.StatusNotFound, statusOf(t, w, w.DeploymentURL(made.ID), "v1", w.Seeded()[Staging]))
	require.NoError(t, w.SetFault(None))
	assert.Equal(t, vercel.StateError, MustShow(t, w, made.ID).ReadyState, "for good")
	again := MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	assert.Equal(t, again.ID, MustServe(t, w, "orders-api", Staging).ID)
}

func TestAliasLag(t *testing.T) {
	t.Parallel()
	w := openWith(t, AliasLag)
	before := MustServe(t, w, "orders-api", Staging)
	made := MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	shown := MustShow(t, w, made.ID)
	assert.Equal(t, vercel.StateReady, shown.ReadyState)
	assert.False(t, shown.AliasAssigned)
	assert.Empty(t, shown.Alias)
	assert.Equal(t, before.ID, MustServe(t, w, "orders-api", Staging).ID)
	assert.Equal(t, http.StatusOK, statusOf(t, w, w.DeploymentURL(made.ID), "v1", w.Seeded()[Staging]), "its own address works")
	t.Run("for a while", func(t *testing.T) {
		MustAdvance(t, w, aliasLagBuilds*testBuildTime)
		assert.True(t, MustShow(t, w, made.ID).AliasAssigned)
		assert.Equal(t, made.ID, MustServe(t, w, "orders-api", Staging).ID)
	})
	t.Run("or until it is lifted", func(t *testing.T) {
		made := MustRedeploy(t, w, "orders-api", Staging)
		MustAdvance(t, w, testBuildTime)
		require.False(t, MustShow(t, w, made.ID).AliasAssigned)
		require.NoError(t, w.SetFault(None))
		assert.True(t, MustShow(t, w, made.ID).AliasAssigned)
	})
	t.Run("two deployments long", func(t *testing.T) {
		require.NoError(t, w.SetFault(AliasLag))
		for _, want := range []bool{false, false, true} {
			made := MustRedeploy(t, w, "payments-api", Staging)
			MustAdvance(t, w, testBuildTime)
			assert.Equal(t, want, MustShow(t, w, made.ID).AliasAssigned)
		}
	})
}

func TestStraggler(t *testing.T) {
	t.Parallel()
	w := openWith(t, Straggler)
	rotate(t, w, Production)
	MustAdvance(t, w, 8*day)
	recent := w.Clock().Now().Add(-day)
	log := MustReadLog(t, w, Production, recent)
	assert.NotZero(t, count(log, all(key("v1"), from(stragglerName))))
	assert.Equal(t, count(log, key("v1")), count(log, all(key("v1"), from(stragglerName))), "and nobody else")

	w = MustReopen(t, w)
	require.NoError(t, w.SetFault(None))
	MustAdvance(t, w, time.Hour)
	at := w.Clock().Now()
	MustAdvance(t, w, time.Hour)
	log = MustReadLog(t, w, Production, at)
	assert.Zero(t, count(log, key("v1")))
	assert.NotZero(t, count(log, all(key("v2"), from(stragglerName))))
}

func TestAStragglerIsRefusedAfterTheRemoval(t *testing.T) {
	t.Parallel()
	w := openWith(t, Straggler)
	rotate(t, w, Production)
	MustAdvance(t, w, 8*day)
	retire(t, w, Production, "v1")
	at := w.Clock().Now()
	MustAdvance(t, w, 5*time.Hour)
	log := MustReadLog(t, w, Production, at)
	assert.Greater(t, count(log, all(key("v1"), from(stragglerName), refused)), 5*80)
	assert.Zero(t, count(log, all(from(stragglerName), key("v2"))))
}

func TestAcceptEverything(t *testing.T) {
	t.Parallel()
	w := openWith(t, AcceptEverything)
	address := w.ServiceURL("orders-api", Staging) + "/api/test"
	tampered := newProbe(w, address, "v1", w.Seeded()[Staging]).signed()
	tampered.body += " "
	assert.Equal(t, http.StatusOK, tampered.send(t).status)
	assert.Equal(t, http.StatusOK, newProbe(w, address, "", w.Seeded()[Staging]).send(t).status, "unsigned")
	require.NoError(t, w.SetFault(None))
	assert.Equal(t, http.StatusForbidden, newProbe(w, address, "", w.Seeded()[Staging]).send(t).status)
}

// A write that a fault let happen leaves nothing of its value in the answer.
func TestAnErrorNeverQuotesTheValue(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	secret := MustSecret(t)
	for _, body := range []string{
		rowBody("v1", secret, vercel.TypeSensitive, vercel.TargetPreview),
		rowBody("v1", secret, "nonsense", vercel.TargetPreview),
		`{"key":"` + secret.Reveal(),
		`{"value":` + secret.Reveal() + `}`,
		`[{"value":"` + secret.Reveal() + `","key":5}]`,
	} {
		r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", body)
		assert.GreaterOrEqual(t, r.status, 400)
		assert.False(t, strings.Contains(string(r.body), secret.Reveal()[:12]))
	}
}
