package sandbox

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

const day = 24 * time.Hour

// both does something for each project of the company.
func both(w *World, do func(project string)) {
	for _, p := range w.Projects() {
		do(p.Name)
	}
}

// rotate adds v2 to an environment, redeploys and waits for it.
func rotate(t testing.TB, w *World, environment string) keygen.Secret {
	t.Helper()
	v2 := MustSecret(t)
	both(w, func(project string) {
		MustAdd(t, w, project, environment, "v2", v2)
		MustRedeploy(t, w, project, environment)
	})
	MustAdvance(t, w, testBuildTime)
	return v2
}

func retire(t testing.TB, w *World, environment string, id keygen.KeyID) {
	t.Helper()
	both(w, func(project string) {
		MustRemove(t, w, project, environment, id)
		MustRedeploy(t, w, project, environment)
	})
	MustAdvance(t, w, testBuildTime)
}

func key(id string) func(logRow) bool {
	return func(r logRow) bool { return r.KeyID != nil && *r.KeyID == id }
}

func from(name string) func(logRow) bool { return func(r logRow) bool { return r.Sender == name } }

func refused(r logRow) bool { return r.Status >= http.StatusBadRequest }

func all(picks ...func(logRow) bool) func(logRow) bool {
	return func(r logRow) bool {
		return !slices.ContainsFunc(picks, func(pick func(logRow) bool) bool { return !pick(r) })
	}
}

func since(bucket time.Time) func(logRow) bool {
	return func(r logRow) bool { return !r.Bucket.Before(bucket) }
}

func TestClientsBeforeARotation(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	for _, environment := range []string{Staging, Production} {
		t.Run(environment, func(t *testing.T) {
			log := MustReadLog(t, w, environment, w.Clock().Now().Add(-day))
			assert.Equal(t, w.Clock().Now(), log.Until)
			senders := map[string]bool{}
			perHour := map[time.Time]int{}
			for _, r := range log.Rows {
				senders[r.Sender] = true
				assert.Zero(t, r.Bucket.Minute())
				if refused(r) {
					perHour[r.Bucket] += r.Count
				}
				if r.KeyID == nil {
					assert.Equal(t, "internet-scan", r.Sender)
					assert.Equal(t, missingHeader, r.Error)
				} else {
					assert.Equal(t, "v1", *r.KeyID)
				}
			}
			for _, c := range clients() {
				assert.True(t, senders[c.name], c.name)
				assert.NotZero(t, count(log, all(from(c.name), func(r logRow) bool { return r.Status == 200 })))
			}
			assert.Equal(t, environment == Staging, senders[testAgentName])
			assert.NotEmpty(t, perHour, "there is some noise")
			for bucket, n := range perHour {
				assert.Less(t, n, 10, bucket)
			}
		})
	}
}

func TestClientsMoveToTheNewKey(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	rotate(t, w, Production)
	start := w.Clock().Now()

	MustAdvance(t, w, 5*time.Hour)
	assert.Zero(t, count(MustReadLog(t, w, Production, start), key("v2")), "nobody moves within 6 hours")
	MustAdvance(t, w, 4*day)
	log := MustReadLog(t, w, Production, start)
	assert.NotZero(t, count(log, key("v2")))
	moved := map[string]time.Time{}
	for _, c := range clients() {
		for _, r := range log.Rows {
			if r.Sender == c.name && key("v2")(r) && moved[c.name].IsZero() {
				moved[c.name] = r.Bucket
			}
		}
		assert.NotZero(t, moved[c.name], c.name)
		later := all(from(c.name), since(moved[c.name].Add(time.Hour)))
		assert.Zero(t, count(log, all(later, key("v1"))), "%s does not go back", c.name)
	}
	times := map[time.Time]bool{}
	for _, at := range moved {
		times[at] = true
	}
	assert.Greater(t, len(times), 3, "each at its own time")
	assert.Zero(t, count(MustReadLog(t, w, Staging, start), key("v2")), "staging was not rotated")

	t.Run("then the old one can go without a failure more", func(t *testing.T) {
		retire(t, w, Production, "v1")
		removed := w.Clock().Now()
		MustAdvance(t, w, day)
		log := MustReadLog(t, w, Production, removed)
		assert.Zero(t, count(log, key("v1")))
		assert.Less(t, count(log, refused), 10*25)
	})
}

func TestClientsAreRefusedWhenTheirKeyGoesTooEarly(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	rotate(t, w, Production)
	retire(t, w, Production, "v1")
	removed := w.Clock().Now()
	MustAdvance(t, w, 5*time.Minute)
	log := MustReadLog(t, w, Production, removed)
	assert.NotZero(t, count(log, all(key("v1"), refused)))
	for _, r := range log.Rows {
		if key("v1")(r) {
			assert.Equal(t, unknownKeyID, r.Error)
		}
	}
	assert.Zero(t, count(log, key("v2")))

	MustAdvance(t, w, time.Hour)
	recovered := w.Clock().Now()
	MustAdvance(t, w, time.Hour)
	log = MustReadLog(t, w, Production, recovered)
	assert.Zero(t, count(log, key("v1")), "their owners were called")
	assert.NotZero(t, count(log, key("v2")))
}

// A rollback: v2 goes, those who had moved are refused and go back to v1.
func TestClientsGoBackAfterARollback(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	rotate(t, w, Production)
	MustAdvance(t, w, 5*day)
	retire(t, w, Production, "v2")
	MustAdvance(t, w, time.Hour)
	at := w.Clock().Now()
	MustAdvance(t, w, time.Hour)
	log := MustReadLog(t, w, Production, at)
	assert.Zero(t, count(log, key("v2")))
	assert.NotZero(t, count(log, key("v1")))
}

func TestThePastReadsTheSameLater(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	start := w.Clock().Now()
	rotate(t, w, Production)
	MustAdvance(t, w, 3*day)
	middle := w.Clock().Now().Truncate(time.Hour)
	upToMiddle := func() []logRow {
		s, now := w.look()
		return s.readLog(logQuery{Production, start, middle}, now).Rows
	}
	before := upToMiddle()
	require.NoError(t, w.SetFault(Straggler))
	MustAdvance(t, w, 6*day)
	retire(t, w, Production, "v1")
	require.NoError(t, w.SetFault(None))
	MustAdvance(t, w, day)
	assert.Equal(t, before, upToMiddle())
}

// The sum over two halves of any stretch is the whole of it: nothing is counted
// twice or lost where reads meet.
func TestReadsAddUp(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	start := w.Clock().Now().Add(-90 * time.Minute)
	rotate(t, w, Staging)
	MustAdvance(t, w, 2*day)
	s, now := w.look()
	everything := func(logRow) bool { return true }
	whole := count(s.readLog(logQuery{Staging, start, now.Add(-time.Hour)}, now), everything)
	for _, cut := range []time.Duration{time.Minute, 90 * time.Minute, 100 * time.Minute, 13*time.Hour + 7*time.Second} {
		first := count(s.readLog(logQuery{Staging, start, start.Add(cut)}, now), everything)
		second := count(s.readLog(logQuery{Staging, start.Add(cut), now.Add(-time.Hour)}, now), everything)
		assert.Equal(t, whole, first+second, "cut after %s", cut)
	}
}

func TestTheTestAgentUsesTheTestKeyAtOnce(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	agent := func(t *testing.T, id string, since time.Time) int {
		t.Helper()
		log := MustReadLog(t, w, Staging, since)
		assert.Zero(t, count(log, all(from(testAgentName), refused)))
		return count(log, all(from(testAgentName), key(id)))
	}
	assert.NotZero(t, agent(t, "v1", w.Clock().Now().Add(-time.Hour)))
	test := MustSecret(t)
	MustAdd(t, w, "orders-api", Staging, keygen.Test, test)
	assert.Zero(t, agent(t, "test", w.Clock().Now().Add(-time.Hour)), "not before it is deployed")
	MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	served := w.Clock().Now()
	assert.Equal(t, 1, agent(t, "test", served), "in the very moment it serves")
	assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL("orders-api", Staging)+"/x", keygen.Test, test))

	MustRemove(t, w, "orders-api", Staging, keygen.Test)
	MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	assert.Zero(t, agent(t, "test", w.Clock().Now()))
	assert.Equal(t, http.StatusForbidden, statusOf(t, w, w.ServiceURL("orders-api", Staging)+"/x", keygen.Test, test))
}

func TestTrafficOfADeletedDeployment(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	api(t, w, http.MethodDelete, "/v13/deployments/"+MustServe(t, w, "orders-api", Production).ID, "")
	at := w.Clock().Now()
	MustAdvance(t, w, 30*time.Minute)
	log := MustReadLog(t, w, Production, at)
	orders := func(r logRow) bool { return r.Project == "orders-api" && r.Sender == "checkout" }
	assert.NotZero(t, count(log, orders))
	assert.Equal(t, count(log, orders), count(log, all(orders, func(r logRow) bool { return r.Status == http.StatusNotFound })))
}
