package record_test

import (
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
)

// effects are what a step changes outside, as the real ones tell it.
func (s *stage) effects(sc *checklist.Scope) []checklist.Effect {
	oldKey, newKey := sc.Session.Key(checklist.OldKey), sc.Session.Key(checklist.NewKey)
	var all []checklist.Effect
	add := func(e ...checklist.Effect) { all = append(all, e...) }
	switch sc.Item.Step {
	case "generate-key":
		add(inVault(sc, checklist.VaultGenerate, newKey)...)
	case "add-new-key":
		if sc.Session.State(sc.Item.ID).Round > 0 {
			add(outside(sc, checklist.VariableDelete, newKey)...)
		}
		add(outside(sc, checklist.VariableCreate, newKey)...)
	case "redeploy":
		add(outside(sc, checklist.DeploymentCreate, "")...)
	case "remove-old-key", "remove-compromised-key":
		add(outside(sc, checklist.VariableDelete, oldKey)...)
	case "remove-new-key":
		add(outside(sc, checklist.VariableDelete, newKey)...)
	case "re-add-old-key":
		add(outside(sc, checklist.VariableCreate, oldKey)...)
		add(inVault(sc, checklist.VaultReinstate, oldKey)...)
	case "trigger-alerts":
		add(checklist.Effect{Code: checklist.ProbeBurst, Target: "orders-api", Environment: checklist.Staging, Count: 101})
	case "find-older-deployments":
		for _, e := range sc.Environments() {
			add(checklist.Effect{Code: checklist.DeploymentDelete, Target: "orders-api", Environment: e, Object: "dpl_" + string(e)})
		}
	case "archive-old-key":
		add(inVault(sc, checklist.VaultArchive, oldKey)...)
	case "discard-new-key":
		add(inVault(sc, checklist.VaultDelete, newKey)...)
	case "dispose-compromised-key":
		add(inVault(sc, checklist.VaultSeal, oldKey)...)
	case "decide":
		add(s.decided(sc)...)
	case "export-record":
		add(checklist.Effect{Code: checklist.RecordExport})
	case "audit":
		add(checklist.Effect{Code: checklist.AuditExport, Key: oldKey, Object: "sessions/x"})
	}
	for step, code := range map[string]checklist.EffectCode{
		"notify-window": checklist.MessagePost, "review-meeting": checklist.MessagePost, "notify-emergency": checklist.MessagePost,
		"notify-rollback": checklist.MessagePost, "document": checklist.DocumentDecisions, "document-drill": checklist.DocumentDecisions,
		"incident-log": checklist.DocumentIncident, "post-mortem": checklist.DocumentPostMortem, "schedule-next": checklist.DocumentCalendar,
	} {
		if step == sc.Item.Step {
			add(checklist.Effect{Code: code, Object: "team"})
		}
	}
	return all
}

func (s *stage) decided(sc *checklist.Scope) []checklist.Effect {
	parent := sc.Session.Opening.Parent
	if s.decision == "resume" {
		if parent == "" {
			return nil
		}
		return []checklist.Effect{{Code: checklist.SessionRolledBack, Object: parent}}
	}
	all := outside(sc, checklist.VariableDelete, sc.Session.Key(checklist.NewKey))
	all = append(all, outside(sc, checklist.DeploymentCreate, "")...)
	all = append(all, inVault(sc, checklist.VaultArchive, sc.Session.Key(checklist.NewKey))...)
	if parent != "" {
		all = append(all, checklist.Effect{Code: checklist.SessionAbandon, Object: parent})
	}
	return all
}

// outside is one effect for each slot of each target of the item.
func outside(sc *checklist.Scope, code checklist.EffectCode, key keygen.KeyID) []checklist.Effect {
	var all []checklist.Effect
	for _, e := range sc.Environments() {
		for _, t := range sc.Session.Setup().Targets {
			for _, slot := range t.Slots[e] {
				place, _, _ := strings.Cut(slot, "=")
				effect := checklist.Effect{Code: code, Target: t.Name, Environment: e, Key: key, Place: place}
				if code == checklist.VariableDelete {
					effect.Object = "env_" + place
				}
				all = append(all, effect)
			}
		}
	}
	return all
}

func inVault(sc *checklist.Scope, code checklist.EffectCode, key keygen.KeyID) []checklist.Effect {
	var all []checklist.Effect
	for _, e := range sc.Environments() {
		all = append(all, checklist.Effect{Code: code, Environment: e, Key: key, Object: string(e) + "/" + string(key)})
	}
	return all
}
