package requestlog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"keyturn/keygen"
)

var hour0 = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return hour0.Add(time.Duration(n) * time.Hour) }

func key(id string) *string { return &id }

// ok and refused make rows of one sender.
func ok(h int, sender string, id *string, count int) Row {
	return Row{Bucket: hour(h), Project: "orders", Sender: sender, KeyID: id, Status: 200, Count: count}
}

func refused(h int, sender string, id *string, status int, reason string, count int) Row {
	return Row{Bucket: hour(h), Project: "orders", Sender: sender, KeyID: id, Status: status, Error: reason, Count: count}
}

func TestUsage(t *testing.T) {
	t.Parallel()

	t.Run("shares and series of each key", func(t *testing.T) {
		t.Parallel()
		d := Usage(Log{Rows: []Row{
			ok(0, "checkout", key("v1"), 30), ok(0, "billing", key("v2"), 10), ok(2, "billing", key("v2"), 40),
			refused(2, "checkout", key("v1"), 403, "bad signature", 10), refused(1, "x", nil, 401, "missing header", 5),
			{Bucket: hour(2), KeyID: key("v2"), Status: 500, Count: 5},
		}})
		assert.Equal(t, Distribution{
			Total: 100, Accepted: 85, Refused: 15, Start: hour(0), Hours: 3,
			Keys: []KeyUsage{
				{KeyID: NoKeyID, Total: 5, Refused: 5, Share: 0.05, Series: []int{0, 5, 0}, LastSeen: hour(1)},
				{KeyID: "v2", Total: 55, Accepted: 55, Share: 0.55, AcceptedShare: 55.0 / 85, Series: []int{10, 0, 45}, LastSeen: hour(2)},
				{KeyID: "v1", Total: 40, Accepted: 30, Refused: 10, Share: 0.4, AcceptedShare: 30.0 / 85, Series: []int{30, 0, 10}, LastSeen: hour(2)},
			},
		}, d)
		assert.InDelta(t, 0.4, d.Of("v1").Share, 1e-9)
		assert.True(t, d.WithoutKeyID().Loud())
		assert.Equal(t, KeyUsage{KeyID: "v9", Series: []int{0, 0, 0}}, d.Of("v9"), "a key without requests has a series too")
	})

	t.Run("V1, v1 and a blank around it are one key; an empty one is none", func(t *testing.T) {
		t.Parallel()
		d := Usage(Log{Rows: []Row{ok(0, "a", key("V1"), 1), ok(0, "a", key(" v1 "), 2), ok(0, "a", key(""), 4), ok(0, "a", key("  "), 8), ok(0, "a", nil, 16)}})
		assert.Equal(t, 3, d.Of("v1").Total)
		assert.Equal(t, 28, d.WithoutKeyID().Total)
		assert.Equal(t, NoKeyID, d.Keys[0].KeyID)
	})

	t.Run("an empty log has no shares", func(t *testing.T) {
		t.Parallel()
		d := Usage(Log{})
		assert.Equal(t, Distribution{}, d)
		assert.Zero(t, d.Of("v1").Share)
	})

	t.Run("equal keys come in the order of their names", func(t *testing.T) {
		t.Parallel()
		d := Usage(Log{Rows: []Row{ok(0, "a", key("v3"), 1), ok(0, "a", key("v1"), 1), ok(0, "a", key("v2"), 1)}})
		assert.Equal(t, []string{"v1", "v2", "v3"}, []string{d.Keys[0].KeyID, d.Keys[1].KeyID, d.Keys[2].KeyID})
	})

	t.Run("one row of long ago does not fill the memory", func(t *testing.T) {
		t.Parallel()
		d := Usage(Log{Rows: []Row{ok(0, "a", key("v1"), 1), {Bucket: time.Time{}, KeyID: key("v1"), Status: 200, Count: 1}}})
		assert.Equal(t, maxHours, d.Hours)
		assert.Equal(t, 2, d.Total)
		assert.Equal(t, 1, d.Of("v1").Series[maxHours-1])
	})
}

func TestSignatureFailure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		reason string
		want   bool
	}{
		{401, "missing header X-HMAC-Signature", true},
		{403, "Signature mismatch", true},
		{403, "unknown key id v9", true},
		{401, "stale timestamp", true},
		{401, "nonce seen before", true},
		{403, "HMAC verification failed", true},
		{403, "user may not refund", false},
		{403, "", false},
		{200, "signature", false},
		{500, "signature service down", false},
	} {
		assert.Equal(t, test.want, Row{Status: test.status, Error: test.reason}.SignatureFailure(), "%d %s", test.status, test.reason)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()

	t.Run("each hour, the worst and the last", func(t *testing.T) {
		t.Parallel()
		f := FailuresOf(Log{Until: hour(4).Add(10 * time.Minute), Rows: []Row{
			ok(0, "a", key("v1"), 1000),
			refused(0, "a", key("v1"), 403, "bad signature", 60), refused(0, "b", nil, 401, "missing header: key id", 41),
			refused(2, "a", key("v1"), 403, "bad signature", 7), refused(2, "a", key("v1"), 403, "not an admin", 500),
			refused(2, "a", key("v1"), 403, "", 3),
		}})
		assert.Equal(t, Failures{
			Total: 108, Worst: Hour{hour(0), 101}, Last: Hour{hour(4), 0},
			Hours:  []Hour{{hour(0), 101}, {hour(1), 0}, {hour(2), 7}, {hour(3), 0}, {hour(4), 0}},
			ByKey:  []NamedSum{{"v1", 67}, {NoKeyID, 41}},
			Causes: []NamedSum{{"bad signature", 67}, {"missing header: key id", 41}}, Unexplained: 3,
		}, f)
		assert.True(t, f.Alert())
	})

	t.Run("the threshold itself is no alert", func(t *testing.T) {
		t.Parallel()
		assert.False(t, FailuresOf(Log{Until: hour(1), Rows: []Row{refused(0, "a", nil, 403, "signature", FailureThreshold)}}).Alert())
		assert.True(t, FailuresOf(Log{Until: hour(1), Rows: []Row{refused(0, "a", nil, 403, "signature", FailureThreshold+1)}}).Alert())
		assert.False(t, FailuresOf(Log{Until: hour(2), Rows: []Row{
			refused(0, "a", nil, 403, "signature", 60), refused(1, "a", nil, 403, "signature", 60),
		}}).Alert(), "two hours are not added up")
	})

	t.Run("a log that ends on the hour ends with the hour before", func(t *testing.T) {
		t.Parallel()
		f := FailuresOf(Log{Until: hour(2), Rows: []Row{refused(1, "a", nil, 403, "signature", 9)}})
		assert.Equal(t, Hour{hour(1), 9}, f.Last)
	})

	t.Run("an empty log", func(t *testing.T) {
		t.Parallel()
		f := FailuresOf(Log{Until: hour(2)})
		assert.Zero(t, f.Total)
		assert.Empty(t, f.Hours)
		assert.Equal(t, Hour{Start: hour(1)}, f.Last)
		assert.NotPanics(t, func() { FailuresOf(Log{}) })
	})
}

func TestStragglers(t *testing.T) {
	t.Parallel()
	log := Log{Rows: []Row{
		ok(0, "checkout", key("v1"), 5), ok(3, "checkout", key("v2"), 50),
		ok(1, "billing", key("V1"), 7), refused(2, "billing", key("v1"), 403, "unknown key id", 2),
		{Bucket: hour(2), Project: "invoices", Sender: "billing", KeyID: key("v1"), Status: 200, Count: 1},
		ok(2, "", key("v1"), 1), ok(9, "ghost", key("v1"), 0), ok(4, "nokey", nil, 3),
	}}
	assert.Equal(t, []Straggler{
		{Sender: "billing", Projects: []string{"invoices", "orders"}, Total: 10, Accepted: 8, Refused: 2, LastSeen: hour(2)},
		{Sender: "(unnamed sender)", Projects: []string{"orders"}, Total: 1, Accepted: 1, LastSeen: hour(2)},
		{Sender: "checkout", Projects: []string{"orders"}, Total: 5, Accepted: 5, LastSeen: hour(0)},
	}, Stragglers(log, "v1"))
	assert.Empty(t, Stragglers(log, keygen.Default))
	assert.Equal(t, "billing", Stragglers(log.Since(hour(1).Add(time.Minute)), "v1")[0].Sender)
	assert.Len(t, Stragglers(log.Since(hour(1)), "v1"), 2, "who moved before is out of it")
	assert.Len(t, Stragglers(log.Of("invoices"), "v1"), 1)
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	log := Log{Until: hour(2), Rows: []Row{ok(0, "a", nil, 1), ok(1, "a", nil, 1), ok(2, "a", nil, 0)}}
	assert.Equal(t, Freshness{Until: hour(2), Age: StaleAfter, LastRow: hour(1)}, FreshnessOf(log, hour(2).Add(StaleAfter)))
	assert.True(t, FreshnessOf(log, hour(2).Add(StaleAfter+1)).Stale)
	assert.Zero(t, FreshnessOf(log, hour(0)).Age, "a log ahead of this clock is not of a negative age")
	assert.True(t, FreshnessOf(Log{Until: hour(2)}, hour(2)).Empty)
}
