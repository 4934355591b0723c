package emergency

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/traffic"
	"keyturn/vault/durable"
)

// Audit reads what was done with the compromised key since the compromise,
// shows it, and exports it for whoever investigates. Keyturn's own probes are in
// it: a request can call itself anything.
type Audit struct {
	checklist.AskOnly
	Log requestlog.Source
	// Files is the folder that holds one folder for each session, named by its id.
	Files string
}

// The exported files, in the session's folder.
const (
	auditCSV   = "audit.csv"
	auditJSONL = "audit.jsonl"
)

// auditRow is one line of the export: the requests of an hour that have all
// else in common.
type auditRow struct {
	Environment checklist.Environment `json:"environment"`
	requestlog.Row
}

func (a Audit) folder(sc *checklist.Scope) string {
	return filepath.Join(a.Files, sc.Session.ID())
}

func (a Audit) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	since := sc.Session.Facts[checklist.FactCompromisedSince]
	return checklist.Plan{Summary: fmt.Sprintf("List every request with %s since %s", sc.Session.Key(checklist.OldKey), since), Risk: checklist.Look,
		Actions: []checklist.Action{
			{Words: "read the request logs of " + sc.EnvironmentWords()},
			{Words: fmt.Sprintf("write %s and %s to %s", auditCSV, auditJSONL, a.folder(sc))},
		}}, nil
}

func (a Audit) Do(ctx context.Context, sc *checklist.Scope) error {
	since, err := time.Parse(time.RFC3339, sc.Session.Facts[checklist.FactCompromisedSince])
	if err != nil {
		return fmt.Errorf("read the time of the compromise: %w", err)
	}
	id := sc.Session.Key(checklist.OldKey)
	rows, err := a.read(ctx, sc, id, since)
	if err != nil {
		return err
	}
	table, err := csvOf(rows)
	if err != nil {
		return err
	}
	lines, err := jsonLinesOf(rows)
	if err != nil {
		return err
	}
	effect := checklist.Effect{Code: checklist.AuditExport, Key: id, Object: a.folder(sc)}
	return sc.Effect(ctx, effect, func(context.Context) (checklist.Result, error) {
		result := checklist.Result{Note: fmt.Sprintf("%d rows", len(rows))}
		if err := durable.MkdirAll(a.folder(sc)); err != nil {
			return result, err
		}
		return result, errors.Join(
			durable.WriteFile(filepath.Join(a.folder(sc), auditCSV), table),
			durable.WriteFile(filepath.Join(a.folder(sc), auditJSONL), lines))
	})
}

// read returns the rows of the key in every environment of the session, the
// oldest first.
func (a Audit) read(ctx context.Context, sc *checklist.Scope, id keygen.KeyID, since time.Time) ([]auditRow, error) {
	var rows []auditRow
	for _, e := range sc.Environments() {
		log, err := a.Log.Read(ctx, string(e), since, sc.Now())
		if err != nil {
			return nil, fmt.Errorf("read the request log of %s: %w", e, err)
		}
		if err := a.accept(ctx, sc, e, log); err != nil {
			return nil, err
		}
		for _, r := range log.Rows {
			if r.Key() == string(id) {
				rows = append(rows, auditRow{e, r})
			}
		}
	}
	slices.SortFunc(rows, func(a, b auditRow) int {
		return cmp.Or(a.Bucket.Compare(b.Bucket), strings.Compare(string(a.Environment), string(b.Environment)), strings.Compare(a.Project, b.Project),
			strings.Compare(a.Sender, b.Sender), cmp.Compare(a.Status, b.Status), strings.Compare(a.Error, b.Error))
	})
	return rows, nil
}

// The answers to whether the audit goes on with a log that says nothing.
const (
	silentGoOn = "go-on"
	silentStop = "stop"
)

// askedSilent is that question about an environment's log.
func askedSilent(e checklist.Environment) checklist.Asked {
	return checklist.Asked{ID: "silent", About: string(e)}
}

// accept asks whether to go on with a log that proves nothing, such as that of
// a staging service that nobody uses.
func (a Audit) accept(ctx context.Context, sc *checklist.Scope, e checklist.Environment, log requestlog.Log) error {
	silent := traffic.RequireFresh(log, sc.Now())
	if silent == nil {
		return nil
	}
	answer, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Asked: askedSilent(e), Default: silentStop,
		Title: fmt.Sprintf("The request log of %s proves nothing. Go on without it?", e), Body: silent.Error(),
		Choices: []checklist.Choice{
			{ID: silentStop, Label: "No, mend the log first"},
			{ID: silentGoOn, Label: "Yes", Help: "the record names it as an open issue"},
		},
	})
	if err == nil && answer.Text != silentGoOn {
		err = fmt.Errorf("%s: %w", e, silent)
	}
	return err
}

func csvOf(rows []auditRow) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true // RFC 4180
	_ = w.Write([]string{"environment", "hour", "project", "sender", "key_id", "status", "error", "count"})
	for _, r := range rows {
		key := ""
		if r.KeyID != nil {
			key = *r.KeyID
		}
		_ = w.Write([]string{
			string(r.Environment), r.Bucket.UTC().Format(time.RFC3339), inCell(r.Project), inCell(r.Sender), inCell(key),
			strconv.Itoa(r.Status), inCell(r.Error), strconv.Itoa(r.Count),
		})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// inCell keeps a spreadsheet from taking a stranger's text for a formula.
func inCell(text string) string {
	if strings.ContainsAny(text[:min(len(text), 1)], "=+-@\t\r") {
		return "'" + text
	}
	return text
}

func jsonLinesOf(rows []auditRow) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Verify reads the export back and shows what it says.
func (a Audit) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}}
	var lines []byte
	for file, fact := range map[string]string{auditCSV: checklist.FactAuditCSV, auditJSONL: checklist.FactAuditJSONL} {
		text, err := os.ReadFile(filepath.Join(a.folder(sc), file))
		if err != nil {
			return evidence, fmt.Errorf("read the export back: %w", err)
		}
		if file == auditJSONL {
			lines = text
		}
		sum := sha256.Sum256(text)
		evidence.Facts[fact] = hex.EncodeToString(sum[:])
	}
	rows, err := readJSONLines(lines)
	if err != nil {
		return evidence, fmt.Errorf("read the export back: %w", err)
	}
	table, total := auditTable(sc.Session.Key(checklist.OldKey), rows)
	evidence.Tables = []checklist.Table{table, {
		Title: "Export", Columns: []string{"File", "SHA-256"}, Rows: [][]string{
			{filepath.Join(a.folder(sc), auditCSV), evidence.Facts[checklist.FactAuditCSV]},
			{filepath.Join(a.folder(sc), auditJSONL), evidence.Facts[checklist.FactAuditJSONL]},
		},
	}}
	for _, e := range sc.Environments() {
		if sc.Answer(askedSilent(e)) == silentGoOn {
			evidence.Issues = append(evidence.Issues, fmt.Sprintf("the request log of %s proved nothing when it was audited", e))
		}
	}
	evidence.Summary = fmt.Sprintf("%d requests named %s since %s, from %d senders; %s are Keyturn's own probes",
		total, sc.Session.Key(checklist.OldKey), sc.Session.Facts[checklist.FactCompromisedSince], senders(rows), probe.UserAgent)
	return evidence, nil
}

func readJSONLines(text []byte) ([]auditRow, error) {
	var rows []auditRow
	dec := json.NewDecoder(bytes.NewReader(text))
	for dec.More() {
		var r auditRow
		if err := dec.Decode(&r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func senders(rows []auditRow) int {
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.Sender] = true
	}
	return len(seen)
}

// auditTable adds up the rows of each sender and answer, the busiest first.
func auditTable(id keygen.KeyID, rows []auditRow) (table checklist.Table, total int) {
	type group struct {
		environment    checklist.Environment
		sender, answer string
	}
	type sum struct {
		group
		first, last time.Time
		count       int
	}
	sums := map[group]*sum{}
	for _, r := range rows {
		g := group{r.Environment, cmp.Or(r.Sender, "(unnamed sender)"), strings.TrimSpace(strconv.Itoa(r.Status) + " " + r.Error)}
		s := sums[g]
		if s == nil {
			s = &sum{group: g, first: r.Bucket}
			sums[g] = s
		}
		s.last = r.Bucket // the rows are sorted
		s.count += r.Count
		total += r.Count
	}
	all := make([]*sum, 0, len(sums))
	for _, s := range sums {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(string(a.environment), string(b.environment)),
			strings.Compare(a.sender, b.sender), strings.Compare(a.answer, b.answer))
	})
	table = checklist.Table{
		Title:   fmt.Sprintf("Requests with %s, counted by the hour", id),
		Columns: []string{"Environment", "Sender", "Answer", "Requests", "First hour", "Last hour"},
	}
	for _, s := range all {
		table.Rows = append(table.Rows, []string{
			string(s.environment), s.sender, s.answer, strconv.Itoa(s.count), s.first.UTC().Format("2 Jan 15:04"), s.last.UTC().Format("2 Jan 15:04"),
		})
	}
	return table, total
}
