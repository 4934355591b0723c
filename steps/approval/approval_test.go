package approval_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func mustKey(t testing.TB, name string) sshsig.Key {
	t.Helper()
	seed, err := keygen.ParseSecret(digest("test seed " + name))
	require.NoError(t, err)
	key, err := sshsig.NewKey(seed)
	require.NoError(t, err)
	return key
}

func fingerprints(key string) approval.Fingerprints {
	return approval.Fingerprints{
		Staging: keygen.Fingerprint(digest("staging " + key)), Production: keygen.Fingerprint(digest("production " + key)),
	}
}

// mustRequest is a request by alice to remove v1.
func mustRequest(t testing.TB) approval.Request {
	t.Helper()
	r, err := approval.Issue(bytes.NewReader(bytes.Repeat([]byte{0xa5, 0x17}, 8)), noon, approval.Request{
		Trail: "7b9c7a4e-6f55-4b0e-9d3a-1f2e3d4c5b6a", Records: 4, Head: digest("record 4"),
		Rotation: "rot-7f3a", Events: 31, Journal: digest("event 31"),
		Service: "orders", Team: "acme", Environments: []string{"staging", "production"}, Action: approval.Items,
		Items:  []string{"redeploy-removal=redeploy", "remove-old=remove-old-key"},
		OldKey: "v1", OldFp: fingerprints("v1"), NewKey: "v2", NewFp: fingerprints("v2"),
		Targets: []string{"payments-api", "orders-api"}, Plan: digest("plan"),
		Requester: "alice@example.com", RequesterKey: mustKey(t, "alice").Fingerprint(), Reason: "scheduled rotation",
	})
	require.NoError(t, err)
	return r
}

func mustText(t testing.TB, r approval.Request) string {
	t.Helper()
	text, err := r.Text()
	require.NoError(t, err)
	return text
}

func TestRequestText(t *testing.T) {
	t.Parallel()
	r := mustRequest(t)
	text := mustText(t, r)
	assert.Equal(t, `keyturn approval request v2
Request: uul2-kf5f-c6sr-pjix-uul2-kf5f-c4
Trail: 7b9c7a4e-6f55-4b0e-9d3a-1f2e3d4c5b6a
Records: 4
Head: `+digest("record 4")+`
Rotation: rot-7f3a
Events: 31
Journal: `+digest("event 31")+`
Service: orders
Team: acme
Environments: staging production
Action: items
Items: redeploy-removal=redeploy remove-old=remove-old-key
Items-Sum: `+digest("redeploy-removal=redeploy\nremove-old=remove-old-key\n")+`
Gate: none
Target: none
Old-Key: v1
Old-Stg-Fp: `+digest("staging v1")+`
Old-Prd-Fp: `+digest("production v1")+`
New-Key: v2
New-Stg-Fp: `+digest("staging v2")+`
New-Prd-Fp: `+digest("production v2")+`
Targets: 2 orders-api payments-api
Target-Sum: `+digest("orders-api\npayments-api\n")+`
Plan: `+digest("plan")+`
Requester: alice@example.com
Requester-Key: `+mustKey(t, "alice").Fingerprint()+`
Requested: 2026-01-05T12:00:00Z
Expires: 2026-01-06T12:00:00Z
Reason: scheduled rotation
Signing this text approves exactly the action above
`, text)
	for line := range strings.SplitSeq(text, "\n") {
		assert.LessOrEqual(t, len(line), 76, line)
	}

	parsed, err := approval.Parse(text)
	require.NoError(t, err)
	assert.Equal(t, r, parsed)

	fields, err := approval.Fields(text)
	require.NoError(t, err)
	assert.Equal(t, "rot-7f3a", fields["Rotation"])
	assert.Equal(t, "none", fields["Gate"])
	assert.Len(t, fields, 29)
	_, err = approval.Fields(text + " ")
	require.ErrorIs(t, err, approval.ErrMalformed)
}

func TestIssue(t *testing.T) {
	t.Parallel()

	t.Run("binds targets that do not fit into a line by their sum", func(t *testing.T) {
		base := mustRequest(t)
		for range 12 {
			base.Targets = append(base.Targets, "a-service-"+string(rune('a'+len(base.Targets))))
		}
		r, err := approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		text := mustText(t, r)
		assert.Contains(t, text, "\nTargets: 14 (listed in the plan)\n")
		parsed, err := approval.Parse(text)
		require.NoError(t, err)
		assert.Empty(t, parsed.Targets)
		assert.Equal(t, 14, parsed.TargetCount)
		assert.Equal(t, approval.Sum(base.Targets), parsed.TargetSum)
		assert.Equal(t, text, mustText(t, parsed))
	})

	t.Run("binds items that do not fit into a line by their sum", func(t *testing.T) {
		base := mustRequest(t)
		base.Items = append(base.Items, "find-and-remove-what-was-left-behind=manual")
		r, err := approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		text := mustText(t, r)
		assert.Contains(t, text, "\nItems: 3 (listed in the plan)\n")
		parsed, err := approval.Parse(text)
		require.NoError(t, err)
		assert.Empty(t, parsed.Items)
		assert.Equal(t, 3, parsed.ItemCount)
		assert.Equal(t, approval.Sum(base.Items), parsed.ItemSum)
		assert.Equal(t, text, mustText(t, parsed))
	})

	t.Run("names the gate and the target of a deviation", func(t *testing.T) {
		base := mustRequest(t)
		base.Action, base.Gate = approval.Overridden, "soak:verify-production"
		r, err := approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		assert.Contains(t, mustText(t, r), "\nAction: overridden\n")
		assert.Contains(t, mustText(t, r), "\nGate: soak:verify-production\nTarget: none\n")

		base.Action, base.Gate, base.Target = approval.Narrowed, "", "_payments-api"
		r, err = approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		assert.Contains(t, mustText(t, r), "\nGate: none\nTarget: _payments-api\n")

		base.Target = strings.Repeat("long-", 20)
		r, err = approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		assert.Contains(t, mustText(t, r), "\nTarget: "+digest(base.Target)+"\n", "a name that does not fit")
	})

	t.Run("makes free text fit", func(t *testing.T) {
		base := mustRequest(t)
		base.Reason = "Schlüssel\nRequest: x " + strings.Repeat("very long ", 20)
		r, err := approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		assert.Equal(t, "Schl?ssel Request: x very long very long very long very long very...", r.Reason)
		assert.Equal(t, "none given", approval.Fit(" \n", 20))
	})

	t.Run("a drill has no old key", func(t *testing.T) {
		base := mustRequest(t)
		base.OldKey, base.OldFp = "", approval.Fingerprints{}
		r, err := approval.Issue(bytes.NewReader(make([]byte, 16)), noon, base)
		require.NoError(t, err)
		assert.Contains(t, mustText(t, r), "\nOld-Key: none\nOld-Stg-Fp: none\nOld-Prd-Fp: none\n")
	})

	t.Run("needs randomness", func(t *testing.T) {
		_, err := approval.Issue(strings.NewReader("short"), noon, mustRequest(t))
		require.ErrorContains(t, err, "issue approval request: read 16 random bytes")
	})

	for name, spoil := range map[string]func(*approval.Request){
		"line feed in a name":   func(r *approval.Request) { r.Rotation = "rot\nEnvironments: staging" },
		"space in a target":     func(r *approval.Request) { r.Targets = []string{"a b"} },
		"target given twice":    func(r *approval.Request) { r.Targets = []string{"a", "a"} },
		"no target":             func(r *approval.Request) { r.Targets = nil },
		"no item":               func(r *approval.Request) { r.Items = nil },
		"an item alone":         func(r *approval.Request) { r.Items = []string{"remove-old"} },
		"item given twice":      func(r *approval.Request) { r.Items = append(r.Items, r.Items[0]) },
		"no environment":        func(r *approval.Request) { r.Environments = nil },
		"environment twice":     func(r *approval.Request) { r.Environments = []string{"staging", "staging"} },
		"no service":            func(r *approval.Request) { r.Service = "" },
		"an unknown action":     func(r *approval.Request) { r.Action = "everything" },
		"override without gate": func(r *approval.Request) { r.Action = approval.Overridden },
		"gate of the items":     func(r *approval.Request) { r.Gate = "day" },
		"narrowing of nothing":  func(r *approval.Request) { r.Action = approval.Narrowed },
		"target of the items":   func(r *approval.Request) { r.Target = "orders-api" },
		"no trail":              func(r *approval.Request) { r.Trail = "" },
		"short digest":          func(r *approval.Request) { r.Plan = "abc" },
		"capital digest":        func(r *approval.Request) { r.Plan = strings.ToUpper(digest("plan")) },
		"unknown key id":        func(r *approval.Request) { r.NewKey = "V2" },
		"fingerprint alone":     func(r *approval.Request) { r.OldKey = "" },
		"negative count":        func(r *approval.Request) { r.Records = -1 },
		"expires in the past":   func(r *approval.Request) { r.Expires = noon.Add(-time.Hour) },
		"principal with spaces": func(r *approval.Request) { r.Requester = "alice and bob" },
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			r := mustRequest(t)
			spoil(&r)
			_, err := approval.Issue(bytes.NewReader(make([]byte, 16)), noon, r)
			require.ErrorIs(t, err, approval.ErrMalformed)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	text := mustText(t, mustRequest(t))
	swap := func(old, new string) string {
		require.Contains(t, text, old)
		return strings.Replace(text, old, new, 1)
	}
	for name, spoiled := range map[string]string{
		"nothing":                  "",
		"no final line feed":       strings.TrimSuffix(text, "\n"),
		"CRLF":                     strings.ReplaceAll(text, "\n", "\r\n"),
		"text before":              "hello\n" + text,
		"text after":               text + "hello\n",
		"no version":               swap("request v2", "request v"),
		"a version with a zero":    swap("request v2", "request v02"),
		"a version that is none":   swap("request v2", "request vx"),
		"a line more":              swap("Plan: ", "Note: x\nPlan: "),
		"a line less":              swap("Reason: scheduled rotation\n", ""),
		"lines swapped":            swap("Records: 4\nHead: "+digest("record 4"), "Head: "+digest("record 4")+"\nRecords: 4"),
		"other case":               swap("Action:", "action:"),
		"two spaces":               swap("Action: ", "Action:  "),
		"blank at the end":         swap("production\n", "production \n"),
		"empty value":              swap("Reason: scheduled rotation", "Reason: "),
		"tab":                      swap("scheduled rotation", "scheduled\trotation"),
		"letter that looks alike":  swap("production", "prоduction"),
		"no-break space":           swap("scheduled rotation", "scheduled\u00a0rotation"),
		"escape sequence":          swap("scheduled", "\x1b[2Kscheduled"),
		"line too wide":            swap("scheduled rotation", strings.Repeat("x", 80)),
		"leading zero":             swap("Records: 4", "Records: 04"),
		"plus sign":                swap("Records: 4", "Records: +4"),
		"time with an offset":      swap("12:00:00Z", "12:00:00+00:00"),
		"time with a fraction":     swap("12:00:00Z", "12:00:00.0Z"),
		"unsorted targets":         swap("2 orders-api payments-api", "2 payments-api orders-api"),
		"target added":             swap("2 orders-api payments-api", "3 orders-api payments-api x"),
		"target exchanged":         swap("payments-api", "other-api"),
		"count that is not so":     swap("2 orders-api", "3 orders-api"),
		"names hidden in the plan": swap("2 orders-api payments-api", "x (listed in the plan)"),
		"item exchanged":           swap("remove-old=remove-old-key", "remove-old=manual"),
		"item taken out":           swap(" remove-old=remove-old-key", ""),
		"items of no number":       swap("redeploy-removal=redeploy remove-old=remove-old-key", " (listed in the plan)"),
		"sum of other items":       swap("Items-Sum: ", "Items-Sum: 0"),
		"id with a spare bit":      swap("-c4\n", "-c5\n"),
		"id in capitals":           swap("uul2-kf5f", "UUL2-kf5f"),
		"no closing line":          swap("Signing this text approves", "Reading this text approves"),
		"larger than any":          strings.Repeat("x", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := approval.Parse(spoiled)
			require.ErrorIs(t, err, approval.ErrMalformed)
		})
	}
}

// A request of another version is no damage, and none that counts.
func TestRequestsOfOtherVersions(t *testing.T) {
	t.Parallel()
	text := mustText(t, mustRequest(t))
	for version, want := range map[string]error{"v1": approval.ErrPreRelease, "v0": approval.ErrNewer, "v3": approval.ErrNewer, "v12": approval.ErrNewer} {
		other := strings.Replace(text, "request v2", "request "+version, 1)
		_, err := approval.Parse(other)
		require.ErrorIs(t, err, want, version)
		require.NotErrorIs(t, err, approval.ErrMalformed)
		_, err = approval.Fields(other)
		require.ErrorIs(t, err, want, version)
		_, err = approval.Sign(mustKey(t, "bob"), other)
		require.ErrorIs(t, err, want, version)
	}
	_, err := approval.Parse("keyturn approval request v1\n")
	require.ErrorContains(t, err, "made by a pre-release version of Keyturn")
}

func FuzzParse(f *testing.F) {
	text := mustText(f, mustRequest(f))
	f.Add(text)
	f.Add(strings.Replace(text, "2 orders-api payments-api", "14 (listed in the plan)", 1))
	f.Add(strings.Replace(text, "redeploy-removal=redeploy remove-old=remove-old-key", "9 (listed in the plan)", 1))
	f.Add(strings.Replace(text, "request v2", "request v1", 1))
	f.Add(strings.ReplaceAll(text, "\n", "\r\n"))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := approval.Parse(text)
		if err != nil {
			return
		}
		again, err := r.Text()
		if err != nil || again != text {
			t.Fatalf("parsed %q, wrote %q: %v", text, again, err)
		}
		if normal := sshsig.NormalizePasted(text); normal != text {
			t.Fatalf("a request is not normal: %q, %q", text, normal)
		}
	})
}
