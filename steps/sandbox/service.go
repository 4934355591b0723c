package sandbox

import (
	"crypto/subtle"
	"io"
	"net/http"
	"strings"
	"time"
)

// headerDeployment names, in every answer of the service, the deployment that
// gave it.
const headerDeployment = "X-Deployment-Id"

// headerBypass carries a protected project's bypass secret.
const headerBypass = "X-Vercel-Protection-Bypass"

func aliasPath(project, environment string) string { return "/p/" + project + "/" + environment }

func deploymentPath(id string) string { return "/d/" + id }

// serviceHandler is the company's service: /p/{project}/{environment}/… leads to
// the deployment that serves the environment, /d/{deployment}/… to that very
// one. Any path after that, or none, and any method will do; the path that is
// signed is the whole path as requested.
//
// It is no ServeMux, which would redirect a path that it does not find clean.
func (w *World) serviceHandler() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBodyBytes))
		if err != nil {
			answer(rw, http.StatusRequestEntityTooLarge, serviceAnswer{Error: "body cannot be read or is too large"})
			return
		}
		path, _, _ := strings.Cut(r.RequestURI, "?")
		signed := signedRequest{
			method: r.Method, path: path, body: string(body),
			keyID: r.Header.Get(headerKeyID), time: r.Header.Get(headerTime),
			nonce: r.Header.Get(headerNonce), signature: r.Header.Get(headerSignature),
			bypass: r.Header.Get(headerBypass),
		}
		var reply serviceReply
		err = w.update(func(s *state, now time.Time) error {
			reply = s.handle(signed, sender(r.UserAgent()), now)
			return nil
		})
		if err != nil {
			answer(rw, http.StatusInternalServerError, serviceAnswer{Error: err.Error()})
			return
		}
		if reply.body.Deployment != "" {
			rw.Header().Set(headerDeployment, reply.body.Deployment)
		}
		answer(rw, reply.status, reply.body)
	})
}

type serviceReply struct {
	status int
	body   serviceAnswer
}

type serviceAnswer struct {
	OK         bool   `json:"ok"`
	KeyID      string `json:"key_id,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	Error      string `json:"error,omitempty"`
}

// handle finds the deployment that a request is for, lets it verify the request
// and writes the request log.
func (s *state) handle(r signedRequest, sender string, now time.Time) serviceReply {
	d, found := s.route(r.path, now)
	if !found {
		return serviceReply{http.StatusNotFound, serviceAnswer{Error: "the deployment could not be found: DEPLOYMENT_NOT_FOUND"}}
	}
	if !s.letsThrough(d, r) {
		// Vercel's own gate: the service never sees the request, and logs none.
		return serviceReply{http.StatusUnauthorized, serviceAnswer{Error: "Authentication Required"}}
	}
	environment := d.slot()
	seen := func(text string) bool {
		return s.sawNonce(nonce{Project: d.Project, Environment: environment, Text: text, Seen: now})
	}
	lookup := func(variable string) (string, bool) {
		value, ok := d.Env[variable]
		return s.secret(value), ok
	}
	reply := serviceReply{http.StatusOK, serviceAnswer{OK: true, KeyID: r.keyID, Deployment: d.ID}}
	if refusal := verify(r, now, seen, lookup); refusal != accepted && !s.Fault.strike(AcceptEverything) {
		reply = serviceReply{http.StatusForbidden, serviceAnswer{Error: refusal, Deployment: d.ID}}
	}
	s.logRequest(request{
		At: now, Project: d.Project, Environment: environment, Sender: sender,
		KeyID: clip(r.keyID), Status: reply.status, Error: reply.body.Error,
	})
	return reply
}

// letsThrough reports whether deployment protection allows a request.
func (s *state) letsThrough(d deployment, r signedRequest) bool {
	secret, protected := s.Bypasses[d.Project]
	if !protected || strings.HasPrefix(r.path, "/p/") && d.slot() == Production {
		return true
	}
	return subtle.ConstantTimeCompare([]byte(r.bypass), []byte(s.secret(secret))) == 1
}

// route finds the deployment that answers at a path at a time.
func (s *state) route(path string, now time.Time) (deployment, bool) {
	d, ok := s.lead(path, now)
	return d, ok && d.live(now)
}

// lead finds the deployment that a path leads to, whether it is built or not.
func (s *state) lead(path string, now time.Time) (deployment, bool) {
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 4)
	switch {
	case len(segments) >= 3 && segments[0] == "p":
		project, ok := s.project(segments[1])
		if !ok {
			return deployment{}, false
		}
		return s.serves(project.ID, segments[2], now)
	case len(segments) >= 2 && segments[0] == "d":
		return s.deployment(segments[1])
	}
	return deployment{}, false
}

// sender names a client by the first word of its User-Agent: curl of curl/8.5.
func sender(userAgent string) string {
	name, _, _ := strings.Cut(userAgent, "/")
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	if name == "" {
		return "unknown"
	}
	return clip(strings.ToLower(name))
}

// clip shortens text from outside to what a log should keep of it.
func clip(text string) string {
	const limit = 64
	return text[:min(len(text), limit)]
}
