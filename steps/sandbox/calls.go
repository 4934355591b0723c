package sandbox

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxCalls is how many calls are remembered; when there are more, the older half
// is forgotten.
const maxCalls = 1 << 16

// control is what stands between a client and the Vercel API, and remembers what
// it saw.
type control struct {
	mu      sync.Mutex
	knobs   Knobs
	windows map[int]window // by the limit's place in knobs
	counted int            // calls that a mishap could have befallen

	arrived int
	calls   []Call
	planned bool
	plan    []Touchable
}

// Call is one call of the Vercel API as it was seen, without any value.
type Call struct {
	Number    int       // of its arrival, from 1
	At        time.Time // of its arrival, the world's time
	Method    string
	Path      string // as called, with its version
	Query     url.Values
	Endpoint  string   // such as "PATCH /projects/{project}/env/{id}"; "/" is none that exists
	Member    string   // username; "" if the token is not good
	Project   string   // name; what was asked for, if there is no such project
	Variables []string // keys of the rows that it is about
	Targets   []string // of those rows, before the call or as it asks for
	Body      string   // SHA-256 of the body in hex; "" if it has none
	Status    int      // of the answer; 0: the connection was cut
	Mishap    Mishap   // what befell it, "" if nothing did
	// Unexpected says why the plan of Expect does not cover the call; "" if it
	// does, or if there is no plan.
	Unexpected string
}

// Write reports whether the call asks for a change.
func (c Call) Write() bool { return c.Method != http.MethodGet && c.Method != http.MethodHead }

// Touchable is a part of a plan: a project that may be read, and what may be
// changed in it.
type Touchable struct {
	Project   string   // id or name
	Variables []string // keys of the rows that may be made, changed, removed, or read one by one
	Deploy    bool     // whether deployments may be made, cancelled, removed, rolled back to
}

// Expect declares what calls from now on may touch. Whatever else is called
// does its work all the same, and is reported by Unexpected: any call about
// another project or deployment, one that lists the deployments of all
// projects, and any change of another variable.
func (w *World) Expect(plan ...Touchable) {
	w.traffic.mu.Lock()
	defer w.traffic.mu.Unlock()
	w.traffic.planned, w.traffic.plan = true, slices.Clone(plan)
}

// Calls returns the calls of the Vercel API that have been answered, in the
// order of their answers.
func (w *World) Calls() []Call {
	w.traffic.mu.Lock()
	defer w.traffic.mu.Unlock()
	return slices.Clone(w.traffic.calls)
}

// ForgetCalls empties the list of calls.
func (w *World) ForgetCalls() {
	w.traffic.mu.Lock()
	defer w.traffic.mu.Unlock()
	w.traffic.calls = nil
}

// Unexpected returns the calls that no plan of Expect covers.
func (w *World) Unexpected() []Call {
	return slices.DeleteFunc(w.Calls(), func(c Call) bool { return c.Unexpected == "" })
}

func (c Call) String() string {
	text := fmt.Sprintf("#%d %s %s %d", c.Number, c.Method, c.Path, c.Status)
	if c.Unexpected != "" {
		text += ": " + c.Unexpected
	}
	return text
}

// arrives numbers a call and describes what it asks for, before it has any
// effect.
func (w *World) arrives(endpoint string, r *http.Request, body []byte) Call {
	s, now := w.look()
	call := Call{
		At: now, Method: r.Method, Path: originalPath(r), Query: r.URL.Query(), Endpoint: endpoint,
	}
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		call.Body = hex.EncodeToString(sum[:])
	}
	w.about(s, r, body, now, &call)
	w.traffic.mu.Lock()
	defer w.traffic.mu.Unlock()
	w.traffic.arrived++
	call.Number = w.traffic.arrived
	if w.traffic.planned {
		call.Unexpected = s.outside(w.traffic.plan, call)
	}
	return call
}

// answered remembers a call.
func (c *control) answered(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) >= maxCalls {
		c.calls = slices.Clone(c.calls[maxCalls/2:])
	}
	c.calls = append(c.calls, call)
}

// about finds out which project and variables a call is about.
func (w *World) about(s *state, r *http.Request, body []byte, now time.Time, call *Call) {
	var asked struct { // by the body; a list of rows is read below
		Key          string   `json:"key"`
		Target       textList `json:"target"`
		IDs          []string `json:"ids"`
		DeploymentID string   `json:"deploymentId"`
	}
	_ = json.Unmarshal(body, &asked) // what cannot be read asks for nothing

	var ids []string
	switch path := strings.TrimPrefix(call.Endpoint, r.Method+" "); {
	case strings.Contains(path, "{project}"):
		call.Project = r.PathValue("project")
		if id := r.PathValue("id"); id != "" {
			ids = append(ids, id)
		}
		ids = append(ids, asked.IDs...)
	case strings.Contains(path, "{id}"), call.Endpoint == "POST /deployments":
		id := cmp.Or(r.PathValue("id"), asked.DeploymentID)
		call.Project = id
		if d, ok := w.findDeployment(s, id, now); ok {
			call.Project = d.Project
		}
	default:
		call.Project = cmp.Or(call.Query.Get("projectId"), call.Query.Get("app"))
	}
	project, _ := s.project(call.Project)
	call.Project = cmp.Or(project.Name, call.Project)
	pulls := strings.HasPrefix(call.Endpoint, "GET /env/pull/") // with every value that can be read
	for _, v := range s.Variables {
		if slices.Contains(ids, v.ID) || pulls && v.Project == project.ID && slices.Contains(v.Target, r.PathValue("target")) {
			call.Variables, call.Targets = append(call.Variables, v.Key), append(call.Targets, v.Target...)
		}
	}
	if strings.HasSuffix(call.Endpoint, "/env") || strings.HasSuffix(call.Endpoint, "/env/{id}") {
		call.asks(body, asked.Key, asked.Target)
	}
}

// asks adds the rows that a body names.
func (c *Call) asks(body []byte, key string, targets []string) {
	if key != "" {
		c.Variables, c.Targets = append(c.Variables, key), append(c.Targets, targets...)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return
	}
	var rows []struct {
		Key    string   `json:"key"`
		Target textList `json:"target"`
	}
	_ = json.Unmarshal(body, &rows) // what cannot be read asks for nothing
	for _, row := range rows {
		c.Variables, c.Targets = append(c.Variables, row.Key), append(c.Targets, row.Target...)
	}
}

// outside says why a plan does not cover a call, "" if it does.
func (s *state) outside(plan []Touchable, call Call) string {
	if call.Endpoint == "/" {
		return "there is no such endpoint"
	}
	if call.Project == "" {
		switch {
		case call.Write():
			return "a change that names no project"
		case strings.HasSuffix(call.Endpoint, "/deployments"), strings.HasSuffix(call.Endpoint, "/aliases"):
			return "lists the deployments of every project"
		}
		return "" // reads of the account: user, teams, projects
	}
	for _, part := range plan {
		project, ok := s.project(part.Project)
		if !ok || project.Name != call.Project {
			continue
		}
		for _, key := range call.Variables {
			if !slices.Contains(part.Variables, key) {
				return "variable " + key + " of " + call.Project + " is not in the plan"
			}
		}
		if call.Write() && !strings.Contains(call.Endpoint, "/env") && !part.Deploy {
			return "deployments of " + call.Project + " are not in the plan"
		}
		return ""
	}
	return "project " + call.Project + " is not in the plan"
}
