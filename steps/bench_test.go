package steps_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/steps/httpclient"
	"keyturn/steps/sandbox"
	"keyturn/steps/sandbox/vercelcli"
	"keyturn/steps/vercel"
)

// What Vercel is like in the benchmarks: an API call takes 50 ms, and its rate
// limits are those that its users report.
const (
	latency     = 50 * time.Millisecond
	concurrency = 8 // of the steps
)

// leaping is a clock that goes on by itself, and leaps over each wait: a wait for a
// rate limit costs no time here, and is counted.
type leaping struct {
	start time.Time

	mu      sync.Mutex
	skipped time.Duration
}

func (l *leaping) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now()
}

func (l *leaping) now() time.Time {
	return checklisttest.Morning().Add(time.Since(l.start) + l.skipped)
}

// Sleep leaps to the end of a wait. Waits at the same time are one wait.
func (l *leaping) Sleep(ctx context.Context, d time.Duration) error {
	l.mu.Lock()
	until := l.now().Add(d)
	l.mu.Unlock()
	// Who is under way meanwhile comes to an end before the clock leaps: without
	// this pause, requests that take 50 ms would seem to take a minute.
	timer := time.NewTimer(2 * latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if missing := until.Sub(l.now()); missing > 0 {
		l.skipped += missing
	}
	return ctx.Err()
}

// newMeasuredStage is a stage of many projects whose clock leaps over waits.
// Only what follows SetKnobs is slow.
func newMeasuredStage(b *testing.B, projects int, items ...string) (*stage, *leaping) {
	b.Helper()
	clock := &leaping{start: time.Now()}
	world, err := sandbox.Open(b.Context(), sandbox.Options{
		BuildTime: buildTime, RealNow: clock.Now, Account: sandbox.Account{Projects: sandbox.ManyProjects(projects)},
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, world.Close()) })
	s := &stage{sandbox: world, wire: &wire{}}
	s.outside = s.reach(b)
	token, err := httpclient.ParseToken(world.VercelToken())
	require.NoError(b, err)
	s.outside.Vercel, err = vercel.New(vercel.Options{
		API: world.VercelURL(), Token: token,
		HTTP: httpclient.Options{Now: clock.Now, Sleep: clock.Sleep, Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}},
	})
	require.NoError(b, err)
	s.outside.Poll = vercel.Poll{Deadline: time.Hour, Interval: vercel.Every(time.Minute)}
	s.stock(b)
	s.begin(b, part(b, items))
	return s, clock
}

// leastTime is what nobody can be faster than: so many calls, of which each takes
// the latency, with no more than the limit in a minute.
func leastTime(calls int) time.Duration {
	limits := sandbox.ReportedLimits()
	limit := limits[len(limits)-1] // that of calls about projects
	full := (calls - 1) / limit.Calls
	rest := calls - full*limit.Calls
	return time.Duration(full)*limit.Window + time.Duration((rest+concurrency-1)/concurrency)*latency
}

// measure runs an item, with its plan, the looks for drift and its proof, and
// reports the time that it takes beside the least that it can take: a look at
// every project, the changes, and a look after.
func measure(b *testing.B, s *stage, clock *leaping, item string, changes int) {
	b.Helper()
	s.sandbox.SetKnobs(sandbox.Knobs{Latency: latency, Limits: sandbox.ReportedLimits()})
	s.sandbox.ForgetCalls()
	began := clock.Now()
	b.StartTimer()
	require.NoError(b, s.engine.Run(b.Context(), item, &willing{}))
	b.StopTimer()
	took := clock.Now().Sub(began)
	s.sandbox.SetKnobs(sandbox.Knobs{})
	least := leastTime(2*len(s.outside.Targets) + changes)
	b.ReportMetric(took.Seconds(), "simulated-s/op")
	b.ReportMetric(least.Seconds(), "least-s/op")
	b.ReportMetric(took.Seconds()/least.Seconds(), "ratio")
	b.ReportMetric(float64(len(s.sandbox.Calls())), "calls/op")
	if len(s.outside.Targets) >= 100 { // below, the looks for drift count for more than the limits do
		require.LessOrEqual(b, took.Seconds()/least.Seconds(), 2.0)
	}
}

// BenchmarkAddKey adds a key to 100 projects with one row for each Vercel
// target, and to 5 beside a loop over Vercel's own client.
func BenchmarkAddKey(b *testing.B) {
	for _, item := range []string{"add-staging", "add-production"} {
		b.Run("100 projects/"+item, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				s, clock := newMeasuredStage(b, 100, "generate", item)
				require.NoError(b, s.engine.Run(b.Context(), "generate", &willing{}))
				measure(b, s, clock, item, len(s.addable(item)))
			}
		})
	}
	b.Run("5 projects/keyturn", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			s, clock := newMeasuredStage(b, 5, "generate", "add-production")
			require.NoError(b, s.engine.Run(b.Context(), "generate", &willing{}))
			measure(b, s, clock, "add-production", 5)
		}
	})
	b.Run("5 projects/vercel CLI", func(b *testing.B) {
		benchmarkCLI(b, func(cli *vercelcli.CLI, project string) {
			cli.MustRun(b, strings.Repeat("0123456789abcdef", 4), "env", "add", v2, "production", "--project", project, "--yes")
		})
	})
}

// BenchmarkRemoveKey removes the old key from all environments of 100 projects,
// and of 5 beside a loop over Vercel's own client.
func BenchmarkRemoveKey(b *testing.B) {
	ready := func(b *testing.B, projects int) (*stage, *leaping) {
		before := []string{"generate", "add-staging", "add-production", "redeploy-removal"}
		s, clock := newMeasuredStage(b, projects, append(before, "remove-old")...)
		for _, item := range before {
			require.NoError(b, s.engine.Run(b.Context(), item, &willing{}), item)
		}
		return s, clock
	}
	b.Run("100 projects/remove-old", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			s, clock := ready(b, 100)
			measure(b, s, clock, "remove-old", 200)
		}
	})
	b.Run("5 projects/keyturn", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			s, clock := ready(b, 5)
			measure(b, s, clock, "remove-old", 10)
		}
	})
	b.Run("5 projects/vercel CLI", func(b *testing.B) {
		benchmarkCLI(b, func(cli *vercelcli.CLI, project string) {
			for _, target := range []string{"preview", "development", "production"} {
				cli.MustRun(b, "", "env", "rm", v1, target, "--project", project, "--yes")
			}
		})
	})
}

// addable are the rows that an item adds.
func (s *stage) addable(item string) []string {
	var rows []string
	for i := range s.outside.Targets {
		rows = append(rows, strconv.Itoa(i))
		if strings.HasSuffix(item, string(checklist.Staging)) {
			rows = append(rows, strconv.Itoa(i)+" development")
		}
	}
	return rows
}

// benchmarkCLI does the same with a loop over Vercel's own client.
func benchmarkCLI(b *testing.B, one func(*vercelcli.CLI, string)) {
	b.Helper()
	vercelcli.Find(b)
	for range b.N {
		b.StopTimer()
		world, err := sandbox.Open(b.Context(), sandbox.Options{Account: sandbox.Account{
			Teams: []sandbox.Team{{Slug: "acme"}}, Projects: sandbox.ManyProjects(5),
		}})
		require.NoError(b, err)
		world.SetKnobs(sandbox.Knobs{Latency: latency, Limits: sandbox.ReportedLimits()})
		cli := vercelcli.New(b, world.VercelURL(), world.VercelToken(), "acme")
		b.StartTimer()
		for _, p := range world.Projects() {
			one(cli, p.Name)
		}
		b.StopTimer()
		b.ReportMetric(float64(len(world.Calls())), "calls/op")
		require.NoError(b, world.Close())
	}
}
