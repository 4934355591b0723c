package checklist

import (
	"fmt"
	"strings"

	"keyturn/keygen"
)

// EffectCode says what an effect changes. Codes are format: they are never
// renamed and never reused. None names a platform, since the target does.
type EffectCode string

// The effects that steps make.
const (
	VariableCreate   EffectCode = "variable.create"   // Object is made: a row
	VariableDelete   EffectCode = "variable.delete"   // Object: the rows, separated by commas
	VariableNarrow   EffectCode = "variable.narrow"   // Object: a row, which loses Place and serves the rest on
	DeploymentCreate EffectCode = "deployment.create" // a redeploy with the current variables
	DeploymentDelete EffectCode = "deployment.delete" // Object: a deployment's id or address

	ProbeBurst EffectCode = "probe.burst" // Count badly signed requests

	VaultGenerate  EffectCode = "vault.generate"  // Object: the vault's name of the key, here and below
	VaultReinstate EffectCode = "vault.reinstate" // an archived key is in use again
	VaultArchive   EffectCode = "vault.archive"   // kept, and used by nothing
	VaultSeal      EffectCode = "vault.seal"      // kept as evidence
	VaultDestroy   EffectCode = "vault.destroy"   // a compromised key is gone
	VaultDelete    EffectCode = "vault.delete"    // a test key is gone

	DocumentDecisions  EffectCode = "document.decisions" // Object: the file, here and below
	DocumentIncident   EffectCode = "document.incident"
	DocumentPostMortem EffectCode = "document.post-mortem"
	DocumentCalendar   EffectCode = "document.calendar"
	AuditExport        EffectCode = "audit.export" // Object: the folder
	MessagePost        EffectCode = "message.post" // Object: whom it is for, as a code

	RecordExport      EffectCode = "record.export"
	RecordApprove     EffectCode = "record.approve"      // Object: who approved
	SessionRolledBack EffectCode = "session.rolled-back" // Object: the session that is told, here and below
	SessionAbandon    EffectCode = "session.abandon"
)

// Effect is one change to the outside world. Each one that was intended is
// done, not made or unknown in the end; one that the journal ends with is
// unknown as well. All of it but How, Result and Note says which change it is.
type Effect struct {
	Code        EffectCode   `json:"code"`
	Target      string       `json:"target,omitempty"` // a target's name
	Environment Environment  `json:"environment,omitempty"`
	Key         keygen.KeyID `json:"key,omitempty"`    // the key that it is about
	Place       string       `json:"place,omitempty"`  // the slots, separated by commas
	Object      string       `json:"object,omitempty"` // what is changed; see the codes
	Count       int          `json:"count,omitempty"`
	ByHand      bool         `json:"by_hand,omitempty"` // by the operator, whom Keyturn told what to do
	Round       int          `json:"round,omitempty"`   // of the item: see ItemState.Round

	How    How    `json:"how,omitempty"`    // done: how that is known
	Result string `json:"result,omitempty"` // done: what was made, such as a row's id
	Note   string `json:"note,omitempty"`   // done: what else is worth knowing, in words
}

// How says how it is known that an effect was made.
type How string

// The ways in which effects are known to have been made.
const (
	Made  How = "made"  // its answer said so
	Found How = "found" // its answer was lost, and a look showed it
	Gone  How = "gone"  // what it was to take away was gone already
	Said  How = "said"  // the operator says so
)

// Result is what an act made.
type Result struct {
	How  How    // Made if empty
	ID   string // of what was made
	Note string
}

// Same reports whether o is the same change, whatever came of it.
func (e Effect) Same(o Effect) bool {
	e.How, e.Result, e.Note = "", "", ""
	o.How, o.Result, o.Note = "", "", ""
	return e == o
}

// Among reports whether the same change is among effects.
func (e Effect) Among(effects []Effect) bool {
	for _, o := range effects {
		if e.Same(o) {
			return true
		}
	}
	return false
}

// Words says what the effect changes, for people.
func (e Effect) Words() string {
	words := e.what()
	if e.ByHand {
		words += ", by hand"
	}
	if e.Round > 0 {
		words += fmt.Sprintf(", round %d", e.Round+1)
	}
	return words
}

func (e Effect) what() string {
	variable := e.Key.Variable()
	switch e.Code {
	case VariableCreate:
		return fmt.Sprintf("create %s in %s %s", variable, e.Target, e.where())
	case VariableDelete:
		if e.Object == "" {
			return fmt.Sprintf("remove %s from %s %s", variable, e.Target, e.where())
		}
		return fmt.Sprintf("delete %s from %s: row %s for %s", variable, e.Target, list(e.Object), e.where())
	case VariableNarrow:
		return fmt.Sprintf("take %s from row %s of %s in %s", e.where(), e.Object, variable, e.Target)
	case DeploymentCreate:
		return fmt.Sprintf("redeploy %s %s", e.Target, e.where())
	case DeploymentDelete:
		return fmt.Sprintf("delete the older deployment %s of %s %s", e.Object, e.Target, e.Environment)
	case ProbeBurst:
		return fmt.Sprintf("send %d badly signed requests to %s %s", e.Count, e.Target, e.Environment)
	case VaultGenerate:
		return fmt.Sprintf("generate %s into the vault", e.Object)
	case VaultReinstate:
		return fmt.Sprintf("mark %s as in use again", e.Object)
	case DocumentCalendar:
		return "write the calendar " + e.Object
	case DocumentDecisions, DocumentIncident, DocumentPostMortem:
		return "write to " + e.Object
	case AuditExport:
		return fmt.Sprintf("export the requests with %s to %s", e.Key, e.Object)
	case MessagePost:
		return "post the message to " + e.Object
	case RecordExport:
		return "append the signed record to the trail"
	case RecordApprove:
		return fmt.Sprintf("put the approval by %s beside the record", list(e.Object))
	case SessionRolledBack:
		return fmt.Sprintf("tell %s that the old key is back", e.Object)
	case SessionAbandon:
		return fmt.Sprintf("abandon %s and sign its record", e.Object)
	}
	if verb, ok := strings.CutPrefix(string(e.Code), "vault."); ok {
		return fmt.Sprintf("%s %s in the vault", verb, e.Object)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Code, e.Object, e.Target, e.Environment))
}

// where names the slots, and the environment where the effect is about all of
// them.
func (e Effect) where() string {
	if e.Place == "" {
		return string(e.Environment)
	}
	return list(e.Place)
}

// list makes people's list of one that is separated by commas.
func list(commas string) string { return strings.ReplaceAll(commas, ",", ", ") }

// String is Words with what came of the effect.
func (e Effect) String() string {
	var outcome []string
	switch {
	case e.How == Found && e.Result == "":
		outcome = append(outcome, "found done")
	case e.How == Found:
		outcome = append(outcome, e.Result+", found after its answer was lost")
	case e.How == Gone:
		outcome = append(outcome, "it was gone already")
	case e.How == Said:
		outcome = append(outcome, "as the operator says")
	case e.Result != "":
		outcome = append(outcome, e.Result)
	}
	if e.Note != "" {
		outcome = append(outcome, e.Note)
	}
	if len(outcome) == 0 {
		return e.Words()
	}
	return fmt.Sprintf("%s (%s)", e.Words(), strings.Join(outcome, "; "))
}
