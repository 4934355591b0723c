package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"time"

	"keyturn/keygen"
)

// This file computes what the company's clients have sent. Nothing of it is
// stored: each number follows from the world's seed, the deployments that served
// and the faults that were in force, so that the past reads the same every time.

const (
	// A client leaves the old key so long after a new one is first served.
	firstMove = 6 * time.Hour
	lastMove  = 96 * time.Hour
	// A client whose key is refused is moved by its owner so long afterwards.
	firstRescue = 10 * time.Minute
	lastRescue  = 50 * time.Minute

	stragglerName   = "partner-sync"
	testAgentName   = "test-agent"
	testAgentPeriod = time.Minute // between two of its requests
)

// client is a sender that signs its requests and calls every project.
type client struct {
	name       string
	production int // requests an hour, more or less
	staging    int
}

func (c client) perHour(environment string) int {
	if environment == Production {
		return c.production
	}
	return c.staging
}

func clients() []client {
	return []client{
		{"checkout", 420, 70},
		{"mobile-gateway", 300, 50},
		{"billing-worker", 90, 15},
		{stragglerName, 60, 10},
		{"reports", 24, 6},
		{"cron", 12, 4},
	}
}

// noise is a failure that happens now and then, whatever the keys: together
// fewer than 10 an hour in an environment.
type noise struct {
	sender  string
	err     string
	perHour uint64 // at most
}

// scannerName is a stranger who signs nothing.
const scannerName = "internet-scan"

func noises() []noise {
	return []noise{
		{"mobile-gateway", signatureMismatch, 2}, // old app versions that re-encode the body
		{"cron", timestampOutside, 1},            // a machine whose clock drifts
		{scannerName, missingHeader, 1},
	}
}

// outcome is how the service answered.
type outcome struct {
	status int
	err    string
}

// stage is a stretch of time in which one deployment served, with the keys that
// clients may sign with there, the one they should prefer first.
type stage struct {
	serving
	keys []keygen.KeyID
}

// span is a stretch of time in which a client signed with one key and got one
// answer.
type span struct {
	period
	key     keygen.KeyID // "" is none
	outcome outcome
}

// traffic adds to the log what was sent to a project in an environment.
func (s *state) traffic(project Project, environment string, now time.Time, log *collector) {
	stages := s.stages(project.ID, environment, now)
	if len(stages) == 0 {
		return
	}
	habits := map[string][]span{scannerName: {{period: period{From: stages[0].From, To: stages[len(stages)-1].To}}}}
	for _, c := range clients() {
		habits[c.name] = s.habit(c, environment, stages)
		for _, sp := range habits[c.name] {
			log.addSpread(project.Name, c.name, sp, func(bucket time.Time) int {
				const least, most = 80, 121 // percent of the usual rate
				percent := least + s.draw(most-least, "rate", environment, project.Name, c.name, hourName(bucket))
				return c.perHour(environment) * int(percent) / 100
			})
		}
	}
	for _, n := range noises() {
		for _, sp := range habits[n.sender] {
			if sp.outcome.status >= http.StatusBadRequest {
				continue // it fails already
			}
			sp.outcome = outcome{http.StatusForbidden, n.err}
			log.addSpread(project.Name, n.sender, sp, func(bucket time.Time) int {
				return int(s.draw(n.perHour+1, "noise", environment, project.Name, n.sender, hourName(bucket)))
			})
		}
	}
	if environment == Staging {
		for _, sp := range s.testAgentHabit(stages) {
			log.addPeriodic(project.Name, testAgentName, sp, testAgentPeriod)
		}
	}
}

// stages returns the servings up to and including now with the keys of each.
func (s *state) stages(project, environment string, now time.Time) []stage {
	var stages []stage
	for _, sv := range s.servings(project, environment, now) {
		if sv.To.IsZero() {
			sv.To = now.Add(1)
		}
		st := stage{serving: sv}
		for name := range sv.deployment.Env {
			id, ours := keygen.ParseVariable(name)
			if ours && id != keygen.Test && !sv.gone && s.works(sv.deployment, id) {
				st.keys = append(st.keys, id)
			}
		}
		slices.SortFunc(st.keys, func(a, b keygen.KeyID) int { return cmp.Compare(rank(b), rank(a)) })
		stages = append(stages, st)
	}
	return stages
}

// rank orders the keys that a client may sign with: a later version before an
// earlier one, then default, then emergency.
func rank(id keygen.KeyID) int {
	switch id {
	case keygen.Default:
		return 0
	case keygen.Emergency:
		return -1
	}
	return id.Version()
}

// answers returns how a stage answers a well-signed request.
func (s *state) answers(st stage, id keygen.KeyID) outcome {
	_, held := st.deployment.Env[id.Variable()]
	switch {
	case st.gone:
		return outcome{http.StatusNotFound, "deployment not found"}
	case !held:
		return outcome{http.StatusForbidden, unknownKeyID}
	case !s.works(st.deployment, id):
		return outcome{http.StatusForbidden, signatureMismatch}
	}
	return outcome{status: http.StatusOK}
}

// habit follows a client through the stages. It moves to a better key some time
// after that is first served, and to any that is served soon after its own is
// refused.
func (s *state) habit(c client, environment string, stages []stage) []span {
	m := mover{state: s, client: c, environment: environment, current: "v1", planned: map[keygen.KeyID]time.Time{}}
	for i, st := range stages {
		switch {
		case i > 0:
			m.plan(st, stages[i-1])
		case len(st.keys) > 0:
			m.current = st.keys[0]
		}
		m.walk(st)
	}
	return m.spans
}

// mover is a client on its way through the stages.
type mover struct {
	state       *state
	client      client
	environment string

	current      keygen.KeyID
	planned      map[keygen.KeyID]time.Time // moves to come
	refusedSince time.Time                  // zero while the current key is served
	spans        []span
}

// plan decides when to move to each key that begins to be served, and forgets
// the plans for those that are not served any more.
func (m *mover) plan(st, before stage) {
	for id := range m.planned {
		if !slices.Contains(st.keys, id) {
			delete(m.planned, id)
		}
	}
	for _, id := range st.keys {
		if !slices.Contains(before.keys, id) {
			m.planned[id] = st.From.Add(m.wait("move", id, firstMove, lastMove))
		}
	}
}

// walk adds the client's spans of one stage.
func (m *mover) walk(st stage) {
	at := st.From
	for {
		switch {
		case slices.Contains(st.keys, m.current):
			m.refusedSince = time.Time{}
		case m.refusedSince.IsZero():
			m.refusedSince = at
		}
		to, when, ok := m.nextMove(st, at)
		if !ok || !when.Before(st.To) {
			break
		}
		m.add(st, at, when)
		m.current, at = to, when
	}
	m.add(st, at, st.To)
}

// nextMove returns the next key of the client and the time of the move.
func (m *mover) nextMove(st stage, at time.Time) (to keygen.KeyID, when time.Time, ok bool) {
	for _, id := range st.keys {
		planned, is := m.planned[id]
		if is && rank(id) > rank(m.current) && (!ok || planned.Before(when)) {
			to, when, ok = id, planned, true
		}
	}
	if !m.refusedSince.IsZero() && len(st.keys) > 0 {
		best := st.keys[0]
		rescue := m.refusedSince.Add(m.wait("rescue", best, firstRescue, lastRescue))
		if !ok || rescue.Before(when) {
			to, when, ok = best, rescue, true
		}
	}
	if !ok {
		return "", time.Time{}, false
	}
	if when.Before(at) {
		when = at
	}
	when, ok = m.heldBack(to, when)
	return to, when, ok
}

// heldBack puts off a move for as long as the straggler fault is in force; it is
// false if that has no end yet.
func (m *mover) heldBack(to keygen.KeyID, when time.Time) (time.Time, bool) {
	if m.client.name != stragglerName {
		return when, true
	}
	for _, p := range m.state.Straggling {
		if !p.contains(when) {
			continue
		}
		if p.To.IsZero() {
			return time.Time{}, false
		}
		when = p.To.Add(m.wait("lifted", to, firstRescue, lastRescue))
	}
	return when, true
}

func (m *mover) add(st stage, from, to time.Time) {
	if from.Before(to) {
		m.spans = append(m.spans, span{period{from, to}, m.current, m.state.answers(st, m.current)})
	}
}

// wait draws a time between least and most, the same for both projects, since a
// client has one configuration.
func (m *mover) wait(what string, id keygen.KeyID, least, most time.Duration) time.Duration {
	seconds := uint64((most - least) / time.Second)
	return least + time.Duration(m.state.draw(seconds, what, m.environment, m.client.name, string(id)))*time.Second
}

// testAgentHabit is that of the drill's agent: it signs with the key test from
// the moment it is served, otherwise with the best key there is.
func (s *state) testAgentHabit(stages []stage) []span {
	var spans []span
	for _, st := range stages {
		key := keygen.KeyID("v1")
		if len(st.keys) > 0 {
			key = st.keys[0]
		}
		if _, held := st.deployment.Env[keygen.Test.Variable()]; held && !st.gone {
			key = keygen.Test
		}
		spans = append(spans, span{st.period, key, s.answers(st, key)})
	}
	return spans
}

// draw returns a number below limit that depends on nothing but the world's seed
// and the words.
func (s *state) draw(limit uint64, words ...string) uint64 {
	text := make([]byte, 0, 128)
	text = append(text, s.Seed...)
	for _, word := range words {
		text = append(text, '|')
		text = append(text, word...)
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:8]) % limit
}

func hourName(bucket time.Time) string { return strconv.FormatInt(bucket.Unix()/3600, 10) }

// addSpread adds the requests of a span, of which perHour tells how many a whole
// hour has; they are spread evenly over it.
func (c *collector) addSpread(project, sender string, sp span, perHour func(bucket time.Time) int) {
	c.eachHour(sp.period, func(bucket, from, to time.Time) {
		n := int64(perHour(bucket))
		upTo := func(t time.Time) int64 { return n * int64(t.Sub(bucket)) / int64(bucketLength) }
		c.add(bucket, project, sender, string(sp.key), sp.outcome, int(upTo(to)-upTo(from)))
	})
}

// addPeriodic adds the requests of a sender that sends one at the beginning of a
// span, and then one in each period.
func (c *collector) addPeriodic(project, sender string, sp span, every time.Duration) {
	before := func(t time.Time) int64 { return int64((t.Sub(sp.From) + every - 1) / every) }
	c.eachHour(sp.period, func(bucket, from, to time.Time) {
		c.add(bucket, project, sender, string(sp.key), sp.outcome, int(before(to)-before(from)))
	})
}

// eachHour visits the hours of a period, cut to what the log was asked for.
func (c *collector) eachHour(p period, visit func(bucket, from, to time.Time)) {
	from, end := p.From, p.To
	if from.Before(c.since) {
		from = c.since
	}
	if end.After(c.until) {
		end = c.until
	}
	for from.Before(end) {
		bucket := from.Truncate(bucketLength)
		to := bucket.Add(bucketLength)
		if to.After(end) {
			to = end
		}
		visit(bucket, from, to)
		from = to
	}
}
