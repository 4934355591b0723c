package record

import "keyturn/checklist"

// Pinned is a record that is in the trail, with how much of the journal it pins:
// the number of events, and the SHA-256 of the last of them in hex.
type Pinned struct {
	Exported
	Events  int
	Journal string
}

// Evidence says where the record is and how it is verified, by a command that
// begins as given.
func (p Pinned) Evidence(command string) checklist.Evidence {
	return checklist.Evidence{
		Summary:  "The record is signed: " + p.Dir,
		Tables:   []checklist.Table{{Title: "Head line, for a ticket or a chat: it shows a cut trail", Columns: []string{"Head"}, Rows: [][]string{{p.Head}}}},
		Commands: []string{command + " verify " + checklist.ShellWord(p.Dir)},
	}
}
