package hosting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// inventory fingerprints every variable of every target, except the rows of one
// key: taken with the plan and again afterwards, it proves that nothing else moved.
// What it returns for a target is format: the plan that it is compared with may be
// one of an earlier version.
func (a *API) inventory(l Listing, except keygen.KeyID) map[string]string {
	digests := map[string]string{}
	for _, t := range a.Targets {
		others := others(l.variables[t.Project], except)
		lines := make([]string, len(others))
		for i, v := range others {
			lines[i] = fmt.Sprintf("%s %s %s %v %s %v %d", v.ID, v.Key, v.Type, v.Target, v.GitBranch, v.CustomEnvironmentIDs, v.UpdatedAt)
		}
		slices.Sort(lines)
		sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
		digests[t.Name] = fmt.Sprintf("%d rows sha256:%s", len(lines), hex.EncodeToString(sum[:]))
	}
	return digests
}

func others(variables []vercel.Variable, except keygen.KeyID) []vercel.Variable {
	return slices.DeleteFunc(slices.Clone(variables), func(v vercel.Variable) bool { return v.Key == except.Variable() })
}

// CompareInventory implements Hosting: it adds to the evidence what the plan's
// inventory was and what it is now. Somebody else's change meanwhile is an issue, not a failure: it is
// named, and the item did what it should.
func (a *API) CompareInventory(ctx context.Context, sc *checklist.Scope, except keygen.KeyID, evidence *checklist.Evidence) error {
	if len(plannedInventory(sc)) == 0 {
		return nil
	}
	now, err := a.variables(ctx, a.Targets)
	if err == nil {
		a.compareInventory(sc, now, except, evidence)
	}
	return err
}

// plannedInventory is the inventory of the item's plan, if it has one.
func plannedInventory(sc *checklist.Scope) map[string]string {
	if plan := sc.Session.State(sc.Item.ID).Plan; plan != nil {
		return plan.Inventory
	}
	return nil
}

// compareInventory is CompareInventory with variables that were listed already.
func (a *API) compareInventory(sc *checklist.Scope, l Listing, except keygen.KeyID, evidence *checklist.Evidence) {
	before := plannedInventory(sc)
	if len(before) == 0 {
		return
	}
	now := a.inventory(l, except)
	table := checklist.Table{Title: "All other variables", Columns: []string{"Target", "Before", "After"}}
	for _, t := range a.Targets {
		verdict := "the same"
		if now[t.Name] != before[t.Name] {
			verdict = now[t.Name]
			changed := changedSince(l.variables[t.Project], except, sc.Session.OpenedAt)
			evidence.Issues = append(evidence.Issues,
				fmt.Sprintf("other variables of %s changed meanwhile, not by this session%s", t.Name, checklist.Suffix(": ", changed)))
		}
		table.Rows = append(table.Rows, []string{t.Name, before[t.Name], verdict})
	}
	evidence.Tables = append(evidence.Tables, table)
}

// changedSince names the variables that were updated after a time.
func changedSince(variables []vercel.Variable, except keygen.KeyID, since time.Time) string {
	var names []string
	for _, v := range others(variables, except) {
		if at := time.UnixMilli(v.UpdatedAt); at.After(since) {
			names = append(names, v.Key+" "+strings.Join(v.Target, "+"))
		}
	}
	return strings.Join(names, ", ")
}
