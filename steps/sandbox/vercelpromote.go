package sandbox

import (
	"net/http"
	"time"

	"keyturn/steps/vercel"
)

// aliasSwitch is a rollback or a promotion: production's address was led to
// another deployment, without a build.
type aliasSwitch struct {
	Project  string    `json:"project"` // id
	From     string    `json:"from"`    // id of a deployment; "" if there was none
	To       string    `json:"to"`
	At       time.Time `json:"at"`
	Rollback bool      `json:"rollback,omitempty"`
}

// aliasRequest is the last of them as a project shows it.
type aliasRequest struct {
	FromDeploymentID string `json:"fromDeploymentId"`
	ToDeploymentID   string `json:"toDeploymentId"`
	JobStatus        string `json:"jobStatus"`
	RequestedAt      int64  `json:"requestedAt"`
	Type             string `json:"type"`
}

// lastAliasRequest returns the last switch of a project, nil if there was none.
func (s *state) lastAliasRequest(project string) *aliasRequest {
	last, ok := s.lastSwitch(project)
	if !ok {
		return nil
	}
	kind := "promote"
	if last.Rollback {
		kind = "rollback"
	}
	return &aliasRequest{
		FromDeploymentID: last.From, ToDeploymentID: last.To, JobStatus: "succeeded",
		RequestedAt: last.At.UnixMilli(), Type: kind,
	}
}

func (s *state) lastSwitch(project string) (aliasSwitch, bool) {
	for i := len(s.Switches) - 1; i >= 0; i-- {
		if s.Switches[i].Project == project {
			return s.Switches[i], true
		}
	}
	return aliasSwitch{}, false
}

// rolledBack reports whether new production deployments of a project get no
// address by themselves: so it is after a rollback, until one is promoted.
func (s *state) rolledBack(project string) bool {
	last, ok := s.lastSwitch(project)
	return ok && last.Rollback
}

// rollBack leads production's address to an older deployment, with the variables
// of its moment: whatever key that holds is back.
func (w *World) rollBack(r *http.Request) (int, any, error) {
	return w.switchTo(r, true)
}

// promote leads production's address to a deployment. One of preview would be
// built anew for it at Vercel; here it is refused.
func (w *World) promote(r *http.Request) (int, any, error) {
	return w.switchTo(r, false)
}

func (w *World) switchTo(r *http.Request, rollback bool) (int, any, error) {
	err := w.update(func(s *state, now time.Time) error {
		project, err := s.projectOf(r)
		if err != nil {
			return err
		}
		d, err := w.deploymentOf(s, r, r.PathValue("deployment"), now)
		if err != nil {
			return err
		}
		switch {
		case d.Project != project.ID:
			return notFound("Deployment")
		case d.state(now) != vercel.StateReady:
			return badRequest("The deployment is %s", d.state(now))
		case d.slot() != Production:
			return badRequest("The deployment is not one of production")
		}
		moved := aliasSwitch{Project: project.ID, To: d.ID, At: now, Rollback: rollback}
		if serving, ok := s.serves(project.ID, Production, now); ok {
			moved.From = serving.ID
		}
		s.Switches = append(s.Switches, moved)
		if rollback {
			s.forgetAliases(project.ID, now)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, nil, nil
}

// forgetAliases keeps production deployments that are still to get their address
// from it.
func (s *state) forgetAliases(project string, now time.Time) {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		if d.Project == project && d.slot() == Production && d.AliasAt.After(now) {
			d.AliasAt = time.Time{}
		}
	}
}
