package checklist

import (
	"bytes"
	_ "embed" // the released skeletons
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Skeleton is what a kind of checklist demands, without its texts. A session's
// checklist has every item of one that was released, unchanged and in its order;
// what else it has is done by StepManual. So a session may follow texts of any
// version, and none can take a gate away.
type Skeleton struct {
	Kind         string         `json:"kind"`
	Grace        bool           `json:"grace,omitempty"` // an emergency's other order
	Environments []Environment  `json:"environments"`
	Limit        time.Duration  `json:"limit,omitempty"` // ns
	Items        []SkeletonItem `json:"items"`
}

// SkeletonItem is one item that a skeleton demands. A day or a soak that depends
// on the dual-key days of the opening has them left out: see AfterDualKey and
// dualKeySoak.
type SkeletonItem struct {
	ID           string        `json:"id"`
	Step         string        `json:"step"`
	Day          int           `json:"day,omitempty"`
	AfterDualKey bool          `json:"after_dual_key,omitempty"` // Day counts from the last of the dual-key days
	Environments []Environment `json:"environments,omitempty"`
	Gates        []Gate        `json:"gates,omitempty"`
	Required     bool          `json:"required,omitempty"`
	Patience     time.Duration `json:"patience,omitempty"` // ns
	PatienceFrom string        `json:"patience_from,omitempty"`
	BreakGlass   bool          `json:"break_glass,omitempty"`
	Milestone    bool          `json:"milestone,omitempty"`
	Repeat       bool          `json:"repeat,omitempty"`
}

// dualKeySoak stands in a skeleton for a soak of the opening's dual-key days.
const dualKeySoak = -1

// manyDays is more than any checklist has: what is counted from it was counted
// from the dual-key days.
const manyDays = 10_000

//go:embed skeletons.json
var releasedSkeletons []byte

// Released returns the skeletons of every checklist that was ever released.
// None is taken out or changed, so that every session and record that followed
// one goes on being understood.
func Released() []Skeleton {
	var all []Skeleton
	dec := json.NewDecoder(bytes.NewReader(releasedSkeletons))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil { // a test reads it
		return nil
	}
	return all
}

// Skeletons returns those of the checklists of this version.
func Skeletons() []Skeleton {
	all := []Skeleton{SkeletonOf(Emergency(true))}
	all[0].Grace = true
	for _, c := range All(manyDays) {
		all = append(all, SkeletonOf(c))
	}
	return all
}

// SkeletonOf returns what a checklist demands.
func SkeletonOf(c Checklist) Skeleton {
	sk := Skeleton{Kind: c.ID, Environments: c.Environments, Limit: c.Limit}
	for _, p := range c.Phases {
		for _, i := range p.Items {
			sk.Items = append(sk.Items, skeletonItem(i, p.Day))
		}
	}
	return sk
}

// skeletonItem strips an item of its texts, and of manyDays.
func skeletonItem(i Item, day int) SkeletonItem {
	bare := SkeletonItem{
		ID: i.ID, Step: i.Step, Day: day, Environments: i.Environments, Required: i.Required,
		Patience: i.Patience, PatienceFrom: i.PatienceFrom, BreakGlass: i.BreakGlass, Milestone: i.Milestone != "", Repeat: i.Repeat,
	}
	if day > manyDays {
		bare.Day, bare.AfterDualKey = day-manyDays, true
	}
	for _, g := range i.Gates {
		g.Words = ""
		if g.Kind == GateSoak && g.Days == manyDays {
			g.Days = dualKeySoak
		}
		bare.Gates = append(bare.Gates, g)
	}
	return bare
}

// SkeletonError says that a session's checklist is none that was released.
type SkeletonError struct{ Reason string }

func (e *SkeletonError) Error() string {
	return "the checklist of the session is none that Keyturn has released: " + e.Reason
}

// Hint says what to do.
func (e *SkeletonError) Hint() string {
	return "the session was made by a newer Keyturn, or its journal was changed: use that version, or begin anew"
}

// CheckSkeleton returns nil when the opening's checklist has every item of a
// skeleton, and a *SkeletonError when it has those of none.
func CheckSkeleton(o Opening, released []Skeleton) error {
	reason := fmt.Sprintf("no kind is called %q", o.Checklist.ID)
	for _, sk := range released {
		if sk.Kind != o.Checklist.ID || sk.Grace != o.Grace {
			continue
		}
		if reason = sk.differs(o); reason == "" {
			return nil
		}
	}
	return &SkeletonError{Reason: reason}
}

// differs says what of the skeleton the opening's checklist does not have, or has
// beside it, and is empty when all is as it should be.
func (sk Skeleton) differs(o Opening) string {
	c := o.Checklist
	if !slices.Equal(sk.Environments, c.Environments) || sk.Limit != c.Limit {
		return fmt.Sprintf("it acts in %v within %s, and should in %v within %s", c.Environments, c.Limit, sk.Environments, sk.Limit)
	}
	if err := c.Validate(); err != nil {
		return err.Error()
	}
	wanted := sk.Items
	for _, p := range c.Phases {
		for _, i := range p.Items {
			if i.Step == StepManual {
				continue
			}
			if len(wanted) == 0 || wanted[0].ID != i.ID {
				return fmt.Sprintf("item %q is not where it should be, or is none of the kind's", i.ID)
			}
			if why := wanted[0].differs(i, p.Day, o.Setup.DualKeyDays); why != "" {
				return why
			}
			wanted = wanted[1:]
		}
	}
	if len(wanted) > 0 {
		return fmt.Sprintf("item %q is missing", wanted[0].ID)
	}
	return ""
}

func (w SkeletonItem) differs(i Item, day, dualKeyDays int) string {
	have, want := skeletonItem(i, day), w
	if w.AfterDualKey {
		want.Day, want.AfterDualKey = w.Day+dualKeyDays, false
	}
	want.Gates = slices.Clone(w.Gates)
	for n, g := range want.Gates {
		if g.Kind == GateSoak && g.Days == dualKeySoak {
			want.Gates[n].Days = dualKeyDays
		}
	}
	// A skeleton without gates and an item with an empty list of them are one.
	if len(have.Gates) == 0 && len(want.Gates) == 0 {
		have.Gates, want.Gates = nil, nil
	}
	if len(have.Environments) == 0 && len(want.Environments) == 0 {
		have.Environments, want.Environments = nil, nil
	}
	a, b := reflect.ValueOf(have), reflect.ValueOf(want)
	for f := range a.NumField() {
		if !reflect.DeepEqual(a.Field(f).Interface(), b.Field(f).Interface()) {
			name, _, _ := strings.Cut(a.Type().Field(f).Tag.Get("json"), ",")
			return fmt.Sprintf("%s of item %q is not what it should be", name, i.ID)
		}
	}
	return ""
}

// Added returns the items of a checklist that no skeleton demands.
func (c Checklist) Added() []Item {
	var added []Item
	for i := range c.All() {
		if i.Step == StepManual {
			added = append(added, i)
		}
	}
	return added
}
