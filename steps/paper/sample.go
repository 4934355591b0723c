package paper

import "time"

// samples are the documents on which a template is tried: one that has
// everything, and one that has hardly anything.
func samples() []Document {
	opened := time.Date(2026, 8, 25, 14, 30, 0, 0, time.UTC)
	full := Document{
		Session: "emergency-20260825-7f3a", Kind: "emergency", Title: "Emergency revocation", Service: "orders", Sandbox: true,
		Person: "alice@example.com", Reason: "a sample", Parent: "quarterly-20260820-0001",
		Targets: []Text{"orders-api", "billing-api"}, Environments: []Text{"staging", "production"}, Old: "v1", New: "v2",
		Keys:   []Key{{"production", "old", "v1", "3f9a 0c41 77de b210"}},
		Opened: opened, Now: opened.Add(time.Hour), Limit: time.Hour, NextRotation: opened.AddDate(0, 0, 90),
		Reached: []Reached{
			{What: "compromised key refused", At: opened.Add(10 * time.Minute), After: 10 * time.Minute, Late: -50 * time.Minute},
			{What: "new key accepted", At: opened.Add(70 * time.Minute), After: 70 * time.Minute, Late: 10 * time.Minute},
			{What: "everybody told"},
		},
		Approvals:  []Approval{{opened, "bob@example.com", "the removal"}},
		Compromise: &Compromise{Since: opened.Add(-2 * time.Hour), KnownBy: "a log", NewKeyFirst: true},
		Findings:   []Finding{{"See who breaks", "one sender"}},
		Impact: &Impact{
			From: opened.Add(-2 * time.Hour), Until: opened.Add(time.Hour),
			Environments: []Traffic{{Environment: "production", Requests: 100, OldAccepted: 10, OldRefused: 5, NewAccepted: 80, Unnamed: 5, Failures: 5, WorstHour: opened, WorstHourFailures: 5, Alert: 100}},
			Senders:      []Sender{{"production", "checkout", 10, 5, opened}},
		},
		Deviations: []Deviation{{opened, "alice@example.com", "passed over an item", "no time", "bob@example.com"}},
		Issues:     []Text{"an item failed"}, Noticed: "nothing else",
		TimeLine: []Event{{opened, "alice@example.com", "opened"}},
	}
	return []Document{full, {Session: "drill-20260825-7f3a", Opened: opened, Now: opened}}
}
