package target

import (
	"sync"

	"keyturn/checklist"
)

// The states of a place.
const (
	cellWaiting = "-"
	cellWorking = "working"
	cellDone    = "done"
	cellFailed  = "failed"
)

// Board shows how a step comes on with its targets: one row a target, one
// column an environment, one state a place.
type Board struct {
	scope  *checklist.Scope
	places []Place

	mu     sync.Mutex
	states map[string]string // by Place.String()
}

func NewBoard(sc *checklist.Scope, places []Place) *Board {
	return &Board{scope: sc, places: places, states: map[string]string{}}
}

// Work does something for a place and shows its state before and after.
func (b *Board) Work(c Place, words string, do func() error) error {
	b.Set(c, cellWorking, words)
	err := do()
	if err != nil {
		b.Set(c, cellFailed, words)
		return err
	}
	b.Set(c, cellDone, words)
	return nil
}

func (b *Board) Set(c Place, state, words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[c.String()] = state
	done := 0
	for _, s := range b.states {
		if s == cellDone {
			done++
		}
	}
	text := words + " " + c.String()
	if state != cellWorking { // who hears lines sees no table
		text += ": " + state
	}
	b.scope.Report(checklist.Progress{Words: text, Done: done, Total: len(b.places), Table: b.table()})
}

// table lays the places out. The caller holds mu.
func (b *Board) table() *checklist.Table {
	t := &checklist.Table{Title: "Targets", Columns: []string{"Target"}}
	column := map[checklist.Environment]int{}
	row := map[string]int{}
	for _, c := range b.places {
		if _, ok := column[c.Environment]; !ok {
			column[c.Environment] = len(t.Columns)
			t.Columns = append(t.Columns, string(c.Environment))
		}
	}
	for _, c := range b.places {
		i, ok := row[c.Target.Project]
		if !ok {
			i = len(t.Rows)
			row[c.Target.Project] = i
			t.Rows = append(t.Rows, make([]string, len(t.Columns)))
			t.Rows[i][0] = c.Target.Name
		}
		state := b.states[c.String()]
		if state == "" {
			state = cellWaiting
		}
		t.Rows[i][column[c.Environment]] = state
	}
	return t
}
