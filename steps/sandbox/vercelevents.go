package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"keyturn/steps/vercel"
)

// How a build that the fault deployment-failed strikes comes to its end.
const (
	buildErrorCode    = "BUILD_UTILS_SPAWN_1"
	buildErrorMessage = `Command "npm run build" exited with 1`
)

// event is one line of a build's log as the API shows it.
type event struct {
	Type         string    `json:"type"` // command, stdout, stderr, exit or deployment-state
	Created      int64     `json:"created"`
	Date         int64     `json:"date"`
	DeploymentID string    `json:"deploymentId"`
	ID           string    `json:"id"`
	Serial       string    `json:"serial"`
	Text         string    `json:"text"`
	Level        string    `json:"level,omitempty"`
	Info         eventInfo `json:"info"`
}

type eventInfo struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	Entrypoint string `json:"entrypoint"`
	ReadyState string `json:"readyState,omitempty"`
}

// logLine is one line of a build's log, at a share of the time that the build
// takes.
type logLine struct {
	kind  string
	share float64
	text  string
}

// buildLog returns the lines of a deployment's build, oldest first. Nothing of
// it is stored.
func (s *state) buildLog(d deployment) []logLine {
	project, _ := s.project(d.Project) // a project is never removed
	lines := []logLine{
		{"stdout", 0.00, "Running build in Washington, D.C., USA (East) – iad1"},
		{"stdout", 0.00, "Build machine configuration: 2 cores, 8 GB"},
		{"stdout", 0.05, fmt.Sprintf("Cloning git.example/company/%s (Branch: %s, Commit: %.7s)", project.Name, d.branch(), d.ID[len("dpl_"):])},
		{"stdout", 0.15, "Cloning completed: 412.000ms"},
		{"stdout", 0.20, "Restored build cache from previous deployment"},
		{"command", 0.25, `Running "vercel build"`},
		{"stdout", 0.30, "Installing dependencies..."},
		{"stdout", 0.55, "up to date in 2s"},
		{"command", 0.60, `Running "npm run build"`},
		{"stdout", 0.60, fmt.Sprintf("> %s@1.4.2 build", project.Name)},
		{"stdout", 0.60, "> tsc --noEmit && node build.mjs"},
	}
	if d.FailedAt.IsZero() {
		return append(lines,
			logLine{"stdout", 0.80, "Build Completed in /vercel/output [4s]"},
			logLine{"stdout", 0.90, "Deploying outputs..."},
			logLine{"stdout", 1.00, "Deployment completed"})
	}
	return append(lines,
		logLine{"stderr", 0.85, "src/verify.ts(41,18): error TS2339: Property 'keyId' does not exist on type 'SignedRequest'."},
		logLine{"stderr", 0.90, "npm error Lifecycle script `build` failed with error:"},
		logLine{"stderr", 0.90, "npm error code 2"},
		logLine{"stderr", 1.00, "Error: " + buildErrorMessage})
}

// events returns what the log has at a time, oldest first.
func (s *state) events(d deployment, now time.Time) []event {
	end := d.Created.Add(time.Minute) // of a build that never ends
	for _, at := range []time.Time{d.ReadyAt, d.FailedAt} {
		if !at.IsZero() {
			end = at
		}
	}
	stop := now
	if !d.CanceledAt.IsZero() {
		stop = d.CanceledAt
	}
	took := end.Sub(d.BuildingAt)
	var list []event
	add := func(kind, text, state string, at time.Time) {
		serial := strconv.Itoa(len(list))
		e := event{
			Type: kind, Created: at.UnixMilli(), Date: at.UnixMilli(), DeploymentID: d.ID, ID: d.ID + "-" + serial,
			Serial: serial, Text: text, Info: eventInfo{Type: "build", Name: "bld_" + d.ID[len("dpl_"):], Entrypoint: ".", ReadyState: state},
		}
		if kind == "stderr" {
			e.Level = "error"
		}
		list = append(list, e)
	}
	for _, line := range s.buildLog(d) {
		at := d.BuildingAt.Add(time.Duration(line.share * float64(took)))
		if at.After(stop) {
			break
		}
		add(line.kind, line.text, "", at)
	}
	switch state := d.state(now); state {
	case vercel.StateReady, vercel.StateError:
		add("deployment-state", "", state, end)
	case vercel.StateCanceled:
		add("deployment-state", "", state, d.CanceledAt)
	}
	return list
}

// listEvents answers with the log of a build: a JSON list, or lines of JSON for
// the CLI. Going backward, the newest comes first.
func (w *World) listEvents(r *http.Request) (int, any, error) {
	s, now := w.look()
	d, err := w.deploymentOf(s, r, r.PathValue("id"), now)
	if err != nil {
		return 0, nil, err
	}
	query := r.URL.Query()
	since, err := numberOf(query, "since")
	if err != nil {
		return 0, nil, err
	}
	until, err := numberOf(query, "until")
	if err != nil {
		return 0, nil, err
	}
	limit, err := numberOf(query, "limit") // -1 or 0: all
	if err != nil {
		return 0, nil, err
	}
	list := slices.DeleteFunc(s.events(d, now), func(e event) bool {
		return e.Created < since || until > 0 && e.Created > until
	})
	if query.Get("direction") == "backward" {
		slices.Reverse(list)
	}
	if limit > 0 {
		list = list[:min(int(limit), len(list))]
	}
	if query.Get("format") == "lines" {
		lines := stream{}
		for _, e := range list {
			lines = append(lines, e)
		}
		return http.StatusOK, lines, nil
	}
	if list == nil {
		list = []event{}
	}
	return http.StatusOK, list, nil
}

// listBuilds answers with the one build of a deployment, which the CLI's inspect
// asks for.
func (w *World) listBuilds(r *http.Request) (int, any, error) {
	s, now := w.look()
	d, err := w.deploymentOf(s, r, r.PathValue("id"), now)
	if err != nil {
		return 0, nil, err
	}
	build := map[string]any{
		"id": "bld_" + d.ID[len("dpl_"):], "deploymentId": d.ID, "entrypoint": ".", "readyState": d.state(now),
		"use": "@vercel/node", "createdAt": d.Created.UnixMilli(), "createdIn": "iad1", "output": []any{},
	}
	return http.StatusOK, map[string]any{"builds": []any{build}}, nil
}
