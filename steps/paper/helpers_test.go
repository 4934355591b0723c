package paper

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update to write it")
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), strings.ReplaceAll(text, "\r\n", "\n"))
}

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
)

// at returns a time of 25 August 2026, plus days.
func at(days int, clock string) time.Time {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		return time.Time{}
	}
	return time.Date(2026, 8, 25+days, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// documents are four sessions as they happen.
func documents() map[string]Document {
	return map[string]Document{
		"quarterly": quarterlyDocument(), "drill": drillDocument(), "emergency": emergencyDocument(), "rollback": rollbackDocument(),
	}
}

func quarterlyDocument() Document {
	return Document{
		Session: "quarterly-20260825-7f3a", Kind: "quarterly", NeedsApproval: true, Title: "Quarterly rotation", Service: "orders",
		Person: alice, Reason: "scheduled: quarterly rotation",
		Targets: []Text{"orders-api", "billing-api"}, Environments: []Text{"staging", "production"}, Old: "v1", New: "v2",
		Keys: []Key{
			{"staging", "old", "v1", "a21f 99b0 6c3d 1e47"}, {"production", "old", "v1", "3f9a 0c41 77de b210"},
			{"staging", "new", "v2", "5dab cd83 eb7f 3179"}, {"production", "new", "v2", "90e2 4b17 c5f8 06ad"},
		},
		Opened: at(0, "09:12:00"), Now: at(8, "10:05:00"), NextRotation: at(91, "09:40:00"),
		Reached: []Reached{
			{What: "new key accepted in staging", At: at(1, "09:20:31"), After: 24*time.Hour + 8*time.Minute + 31*time.Second},
			{What: "new key accepted in production", At: at(1, "09:48:02"), After: 24*time.Hour + 36*time.Minute + 2*time.Second},
			{What: "old key refused", At: at(8, "09:31:10"), After: 8*24*time.Hour + 19*time.Minute + 10*time.Second},
		},
		Approvals: []Approval{
			{at(1, "09:35:00"), bob, "Approval by a second person"}, {at(8, "09:22:00"), bob, "Approval of the removal"},
		},
		Deviations: []Deviation{{at(8, "09:25:00"), alice, "gate metric/old-key-requests overridden for Remove old key", "batch-import moves tomorrow, its owner agreed to the outage", bob}},
		Issues:     []Text{"Test in staging failed: orders-api refused the new key with 401 \"unknown key\"; nothing was changed"},
		Noticed:    "batch-import is deployed by hand; ask its owner earlier next time",
		Impact: &Impact{
			From: at(0, "09:00:00"), Until: at(8, "10:05:00"),
			Environments: []Traffic{{Environment: "production", Requests: 241_806, OldAccepted: 120_004, OldRefused: 31, NewAccepted: 121_771, Failures: 31, WorstHour: at(8, "09:00:00"), WorstHourFailures: 31, Alert: 100}},
			Senders:      []Sender{{"production", "batch-import", 812, 31, at(8, "09:00:00")}},
		},
		TimeLine: []Event{
			{at(0, "09:12:00"), alice, "opened: scheduled: quarterly rotation"},
			{at(1, "09:20:31"), alice, "Test in staging: 24 of 24 probes are as expected"},
			{at(8, "09:31:10"), alice, "Verify old key refused, new key accepted: 32 of 32 probes are as expected"},
		},
	}
}

func drillDocument() Document {
	return Document{
		Session: "drill-20260825-11c0", Kind: "drill", Title: "Staging drill", Service: "orders",
		Person: alice, Reason: "scheduled: staging drill", Sandbox: true,
		Targets: []Text{"orders-api"}, Environments: []Text{"staging"}, Old: "v2", New: "test",
		Keys:   []Key{{"staging", "new", "test", "c0de 81aa 3b5c 7741"}},
		Opened: at(0, "14:00:00"), Now: at(0, "14:21:40"),
		Reached: []Reached{
			{What: "test key accepted", At: at(0, "14:06:12"), After: 6*time.Minute + 12*time.Second},
			{What: "test key refused", At: at(0, "14:15:55"), After: 15*time.Minute + 55*time.Second},
		},
		TimeLine: []Event{
			{at(0, "14:00:00"), alice, "opened: scheduled: staging drill"},
			{at(0, "14:06:12"), alice, "Verify signatures work: 12 of 12 probes are as expected"},
		},
	}
}

func emergencyDocument() Document {
	return Document{
		Session: "emergency-20260825-e9d2", Kind: "emergency", NeedsApproval: true, Title: "Emergency revocation", Service: "orders",
		Person: alice, Reason: "v1 was in a public gist",
		Targets: []Text{"orders-api", "billing-api"}, Environments: []Text{"staging", "production"}, Old: "v1", New: "v2",
		Keys: []Key{
			{"staging", "compromised", "v1", "a21f 99b0 6c3d 1e47"}, {"production", "compromised", "v1", "3f9a 0c41 77de b210"},
			{"staging", "new", "v2", "5dab cd83 eb7f 3179"}, {"production", "new", "v2", "90e2 4b17 c5f8 06ad"},
		},
		Opened: at(0, "14:30:00"), Now: at(0, "15:52:00"), Limit: time.Hour,
		Reached: []Reached{
			{What: "compromised key refused", At: at(0, "14:41:20"), After: 11*time.Minute + 20*time.Second, Late: -(48*time.Minute + 40*time.Second)},
			{What: "new key accepted", At: at(0, "15:34:05"), After: time.Hour + 4*time.Minute + 5*time.Second, Late: 4*time.Minute + 5*time.Second},
		},
		Compromise: &Compromise{
			Since: at(0, "11:05:00"), KnownBy: "GitHub's secret scanning mailed us; <https://gist.example.com/x> is gone now",
			AuditCSV:   "5dabcd83eb7f31794446f1016d3abb157e9e583e4227d7f1e01543d94c4357d5",
			AuditJSONL: "0c41b21077de3f9a4446f1016d3abb157e9e583e4227d7f1e01543d94c4357d5",
		},
		Findings: []Finding{
			{"See who breaks", "v1 has 38.2% of the requests of the last hour: checkout (1204), batch-import (61); the key is revoked at once"},
			{"Find older deployments that still accept it", "1 of 6 older deployments accepted v1 at its own address, and was deleted"},
			{"Audit requests since the compromise", "48 requests with v1 came from 2 senders that are not ours"},
		},
		Issues: []Text{"Redeploy failed: deployment of billing-api ended in ERROR: Command \"npm run build\" exited with 1; changed so far: HMAC_SECRET_V1 was removed"},
		Impact: &Impact{
			From: at(0, "11:00:00"), Until: at(0, "15:50:00"),
			Environments: []Traffic{
				{Environment: "staging", Requests: 1208, OldAccepted: 312, OldRefused: 4, NewAccepted: 40, Unnamed: 2, Failures: 6, WorstHour: at(0, "14:00:00"), WorstHourFailures: 4, Alert: 100},
				{Environment: "production", Requests: 15_310, OldAccepted: 5231, OldRefused: 644, NewAccepted: 1301, Failures: 644, WorstHour: at(0, "14:00:00"), WorstHourFailures: 471, Alert: 100},
			},
			Senders: []Sender{
				{"production", "checkout", 4870, 602, at(0, "15:00:00")},
				{"production", "curl/8.5 | <script>alert(1)</script>", 48, 12, at(0, "14:00:00")},
			},
		},
		TimeLine: []Event{
			{at(0, "14:30:00"), alice, "opened: v1 was in a public gist"},
			{at(0, "14:33:10"), alice, "Declare the compromise: v1 is compromised since 25 Aug 2026 11:05 UTC"},
			{at(0, "14:35:42"), alice, "remove HMAC_SECRET_V1 from production of orders-api (env_1)"},
			{at(0, "14:41:20"), alice, "Prove the compromised key refused: 16 of 16 probes are as expected"},
			{at(0, "15:34:05"), alice, "Prove the new key accepted: 16 of 16 probes are as expected"},
		},
	}
}

func rollbackDocument() Document {
	return Document{
		Session: "rollback-20260902-04b1", Kind: "rollback", Title: "Rollback", Service: "orders", Parent: "quarterly-20260825-7f3a",
		Person: alice, Reason: "checkout gets 401 since the old key was removed",
		Targets: []Text{"orders-api"}, Environments: []Text{"staging", "production"}, Old: "v1", New: "v2",
		Keys: []Key{
			{"production", "old", "v1", "3f9a 0c41 77de b210"}, {"production", "new", "v2", "90e2 4b17 c5f8 06ad"},
		},
		Opened: at(8, "09:40:00"), Now: at(8, "10:12:00"),
		Reached: []Reached{{What: "old key accepted again", At: at(8, "09:51:30"), After: 11*time.Minute + 30*time.Second}},
		Findings: []Finding{
			{"Name the trouble", "checkout gets 401 since the old key was removed"},
			{"Investigate", "214 signatures were refused in the hour of 2 Sep 09:00, all with v1 from checkout"},
			{"Decide: resume or abandon", "resume: quarterly-20260825-7f3a goes on once checkout signs with v2"},
		},
		Noticed: "checkout pins its key id in a build argument",
		Impact:  &Impact{From: at(8, "09:00:00"), Until: at(8, "10:12:00"), Unknown: "read the request log of production: the server answered 503 service unavailable"},
		TimeLine: []Event{
			{at(8, "09:40:00"), alice, "opened: checkout gets 401 since the old key was removed"},
			{at(8, "09:51:30"), alice, "Verify the old key is accepted: 8 of 8 probes are as expected"},
		},
	}
}
