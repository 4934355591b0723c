package program_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
)

// A whole checklist touches the keys and deployments of its targets, and nothing
// else of the account.
func TestAChecklistMakesNoCallOutsideItsPlan(t *testing.T) {
	t.Parallel()
	for checklistID, keys := range map[string][]string{
		"quarterly": {"HMAC_SECRET_V1", "HMAC_SECRET_V2"},
		"drill":     {"HMAC_SECRET_TEST"}, // production and the key in service are not touched
	} {
		t.Run(checklistID, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			var plan []sandbox.Touchable
			for _, project := range p.World().Projects() {
				plan = append(plan, sandbox.Touchable{Project: project.ID, Variables: keys, Deploy: true})
			}
			p.World().Expect(plan...)
			rehearse(t, p, checklistID, &programtest.Operator{})
			require.NotEmpty(t, p.World().Calls())
			assert.Empty(t, p.World().Unexpected())
		})
	}
}
