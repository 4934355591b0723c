package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
)

// The checklists whose rules differ.
const (
	kindQuarterly = "quarterly"
	kindDrill     = "drill"
	kindEmergency = "emergency"
	kindRollback  = "rollback"
)

// consent says who must have agreed to a change of production.
type consent int

const (
	// nobody: production is not changed, or put back to what was approved before.
	nobody consent = iota
	// before: second persons agreed to exactly this before it was begun.
	before
	// afterwards: second persons agree to the record.
	afterwards
	// never: production cannot be changed.
	never
)

// permission lets a step make an effect.
type permission struct {
	effect  checklist.EffectCode
	keys    []checklist.Role // it is about one of these keys; none: about no key
	consent consent
	// own limits a removal to what the session itself made in that place.
	own bool
}

var (
	oldKey    = []checklist.Role{checklist.OldKey}
	newKey    = []checklist.Role{checklist.NewKey}
	backupKey = []checklist.Role{checklist.BackupKey}
)

// permissions say what each step may change, by kind of checklist and by step.
type permissions map[string]map[string][]permission

// allPermissions is the verifier's own table. Nothing in a journal can widen it:
// what it does not name is refused.
func allPermissions() permissions {
	record := []permission{{effect: checklist.RecordExport}}
	generate := []permission{{effect: checklist.VaultGenerate, keys: newKey}}
	post := []permission{{effect: checklist.MessagePost}}
	decisions := []permission{{effect: checklist.DocumentDecisions}}
	return permissions{
		kindQuarterly: {
			"generate-key":    generate,
			"notify-window":   append(post, permission{effect: checklist.DocumentCalendar}),
			"add-new-key":     adding(newKey, before),
			"redeploy":        {{effect: checklist.DeploymentCreate, consent: before}},
			"remove-old-key":  removing(oldKey, before),
			"document":        decisions,
			"archive-old-key": {{effect: checklist.VaultArchive, keys: oldKey}},
			"schedule-next":   {{effect: checklist.DocumentCalendar}},
			"review-meeting":  post,
			"export-record":   record,
		},
		kindDrill: {
			"generate-key":    generate,
			"add-new-key":     adding(newKey, never),
			"redeploy":        {{effect: checklist.DeploymentCreate, consent: never}},
			"trigger-alerts":  {{effect: checklist.ProbeBurst, consent: never}},
			"remove-new-key":  removing(newKey, never),
			"discard-new-key": {{effect: checklist.VaultDelete, keys: newKey}},
			"document-drill":  decisions,
			"export-record":   record,
		},
		kindEmergency: {
			"add-backup-key": adding(backupKey, afterwards),
			"generate-key":   generate,
			"add-new-key":    adding(newKey, afterwards),
			"redeploy":       {{effect: checklist.DeploymentCreate, consent: afterwards}},
			"new-key-in-service": slices.Concat(generate, adding(newKey, afterwards),
				[]permission{{effect: checklist.DeploymentCreate, consent: afterwards}}),
			"remove-compromised-key":  removing(oldKey, afterwards),
			"find-older-deployments":  {{effect: checklist.DeploymentDelete, consent: afterwards}},
			"notify-emergency":        post,
			"incident-log":            {{effect: checklist.DocumentIncident}},
			"audit":                   {{effect: checklist.AuditExport, keys: oldKey}},
			"dispose-compromised-key": {{effect: checklist.VaultSeal, keys: oldKey}, {effect: checklist.VaultDestroy, keys: oldKey}},
			"post-mortem":             {{effect: checklist.DocumentPostMortem}},
			"export-record":           record,
			"approve-afterwards":      {{effect: checklist.RecordApprove}},
		},
		// It puts back what was approved before, and gives up what was new.
		kindRollback: {
			"re-add-old-key": append(adding(oldKey, nobody), permission{effect: checklist.VaultReinstate, keys: oldKey}),
			"redeploy":       {{effect: checklist.DeploymentCreate}},
			"decide": append(removing(newKey, nobody),
				permission{effect: checklist.DeploymentCreate},
				permission{effect: checklist.VaultArchive, keys: newKey},
				permission{effect: checklist.SessionRolledBack},
				permission{effect: checklist.SessionAbandon}),
			"notify-rollback": post,
			"document":        decisions,
			"export-record":   record,
		},
	}
}

// adding lets a step make a key's variables, and replace those that the session
// made in an earlier round.
func adding(keys []checklist.Role, c consent) []permission {
	return []permission{
		{effect: checklist.VariableCreate, keys: keys, consent: c},
		{effect: checklist.VariableDelete, keys: keys, consent: c, own: true},
	}
}

func removing(keys []checklist.Role, c consent) []permission {
	return []permission{
		{effect: checklist.VariableDelete, keys: keys, consent: c},
		{effect: checklist.VariableNarrow, keys: keys, consent: c},
	}
}

// know reports whether an effect's code is one that this version knows.
func (p permissions) know(code checklist.EffectCode) bool {
	for _, steps := range p {
		for _, all := range steps {
			if slices.ContainsFunc(all, func(p permission) bool { return p.effect == code }) {
				return true
			}
		}
	}
	return false
}

// changesService reports an effect on what serves requests. The vault is the
// operator's own: what happens there changes no service.
func changesService(e checklist.Effect) bool {
	family, _, _ := strings.Cut(string(e.Code), ".")
	return family == "variable" || family == "deployment" || family == "probe"
}

// changesProduction reports an effect on what serves production.
func changesProduction(e checklist.Effect) bool {
	return e.Environment == checklist.Production && changesService(e)
}

// permit returns the permission for an effect of an item, or says why there is
// none. s is the session before the effect.
func (p permissions) permit(s *checklist.Session, item checklist.Item, e checklist.Effect) (permission, error) {
	all := p[s.Checklist.ID][item.Step]
	i := slices.IndexFunc(all, func(p permission) bool { return p.effect == e.Code })
	if i < 0 {
		return permission{}, fmt.Errorf("step %s of a %s makes no effect %s", item.Step, s.Checklist.ID, e.Code)
	}
	return all[i], all[i].admits(s, item, e)
}

// admits says why an effect is not what the permission is for.
func (p permission) admits(s *checklist.Session, item checklist.Item, e checklist.Effect) error {
	if err := p.aboutKey(s, e); err != nil {
		return err
	}
	if e.Environment != "" && (!item.In(e.Environment) || !slices.Contains(s.Environments(), e.Environment)) {
		return fmt.Errorf("it changes %s, where item %q does not act", e.Environment, item.ID)
	}
	if !changesService(e) {
		return aboutSession(s, e)
	}
	if e.Environment == checklist.Production && p.consent == never {
		return fmt.Errorf("a %s never changes production", s.Checklist.ID)
	}
	return placed(s, e)
}

// aboutKey checks that an effect is about a key that it may be about.
func (p permission) aboutKey(s *checklist.Session, e checklist.Effect) error {
	ours := func(r checklist.Role) bool { return s.Key(r) == e.Key }
	switch {
	case len(p.keys) == 0 && e.Key == "":
		return nil
	case e.Key == "" || !slices.ContainsFunc(p.keys, ours):
		return fmt.Errorf("%s is about key %q, and may be about the %v key only", e.Code, e.Key, p.keys)
	}
	if inVault := string(e.Environment) + "/" + string(e.Key); strings.HasPrefix(string(e.Code), "vault.") && e.Object != inVault {
		return fmt.Errorf("%s is about %q, and may be about %q only", e.Code, e.Object, inVault)
	}
	return nil
}

// aboutSession checks that an effect on another session is on the one that this
// session is about.
func aboutSession(s *checklist.Session, e checklist.Effect) error {
	another := e.Code == checklist.SessionRolledBack || e.Code == checklist.SessionAbandon
	if another && (e.Object == "" || e.Object != s.Opening.Parent) {
		return fmt.Errorf("it is about session %q, and this one is about %q", e.Object, s.Opening.Parent)
	}
	return nil
}

// placed checks that an effect on a service names a target of the session and an
// environment, and no place of another environment that more consent is needed
// for.
func placed(s *checklist.Session, e checklist.Effect) error {
	setup := s.Setup()
	at := slices.IndexFunc(setup.Targets, func(t checklist.Target) bool { return t.Name == e.Target })
	switch {
	case at < 0:
		return fmt.Errorf("it changes %q, which is no target of the session then", e.Target)
	case e.Environment == "":
		return errors.New("it names no environment")
	case e.Environment == checklist.Production:
		return nil
	}
	for place := range strings.SplitSeq(e.Place, ",") {
		if ofProduction(setup.Targets[at], place) {
			return fmt.Errorf("it is said to change %s, and changes %s, which is production's", e.Environment, place)
		}
	}
	return nil
}

// ofProduction reports whether a place of a target is one of production's. A
// setup names each with the type of its variables, such as "preview=sensitive".
func ofProduction(t checklist.Target, place string) bool {
	return place == string(checklist.Production) || slices.ContainsFunc(t.Slots[checklist.Production], func(slot string) bool {
		name, _, _ := strings.Cut(slot, "=")
		return name == place
	})
}
