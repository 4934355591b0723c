package sandbox

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"keyturn/steps/vercel"
)

// refusal is an answer of the Vercel API other than success.
type refusal struct {
	status int
	detail vercel.ErrorDetail
}

func (r *refusal) Error() string { return r.detail.Code + ": " + r.detail.Message }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, detail: vercel.ErrorDetail{Code: code, Message: fmt.Sprintf(format, args...)}}
}

func notFound(what string) *refusal {
	return refuse(http.StatusNotFound, "not_found", "%s not found", what)
}

func badRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "bad_request", format, args...)
}

// endpoint answers one kind of call: the status and body of success, or an
// error, which is a *refusal unless the world itself has a fault.
type endpoint func(r *http.Request) (int, any, error)

// vercelHandler serves the endpoints that Keyturn and Vercel's CLI use, under
// whatever version they are called, since clients differ in it.
func (w *World) vercelHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, e := range map[string]endpoint{
		"GET /user":                 w.getUser,
		"GET /teams":                w.listTeams,
		"GET /teams/{team}":         w.getTeam,
		"GET /teams/{team}/members": w.listMembers,
		"GET /projects":             w.listProjects,
		"GET /projects/{project}":   w.getProject,
		"GET /env":                  w.listShared,

		"GET /projects/{project}/custom-environments": w.listCustomEnvironments,
		"GET /projects/{project}/env":                 w.listVariables,
		"POST /projects/{project}/env":                w.createVariables,
		"DELETE /projects/{project}/env":              w.deleteVariables,
		"GET /projects/{project}/env/{id}":            w.getVariable,
		"PATCH /projects/{project}/env/{id}":          w.editVariable,
		"DELETE /projects/{project}/env/{id}":         w.deleteVariable,
		"GET /env/pull/{project}/{target}":            w.pullVariables,

		"POST /projects/{project}/rollback/{deployment}": w.rollBack,
		"POST /projects/{project}/promote/{deployment}":  w.promote,

		"GET /deployments":               w.listDeployments,
		"POST /deployments":              w.redeploy,
		"GET /deployments/{id}":          w.getDeployment,
		"DELETE /deployments/{id}":       w.deleteDeployment,
		"PATCH /deployments/{id}/cancel": w.cancelDeployment,
		"GET /deployments/{id}/events":   w.listEvents,
		"GET /deployments/{id}/builds":   w.listBuilds,
		"GET /deployments/{id}/aliases":  w.listDeploymentAliases,
		"GET /aliases":                   w.listAliases,
		"/":                              w.unknownEndpoint,
	} {
		mux.HandleFunc(pattern, w.serveEndpoint(pattern, e))
	}
	return withoutVersion(mux)
}

// versionPrefix also matches the prefix now, a former name of the product, that
// the CLI uses for some calls.
var versionPrefix = regexp.MustCompile(`^(/v[0-9]{1,3})?(/now)?/`)

// pathKey is where a request keeps the path that it came with.
type pathKey struct{}

// withoutVersion takes /v9 and the like off the path. The CLI leaves it out for
// some calls.
func withoutVersion(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), pathKey{}, r.URL.Path))
		prefix := strings.TrimSuffix(versionPrefix.FindString(r.URL.Path), "/")
		http.StripPrefix(prefix, next).ServeHTTP(rw, r)
	})
}

func originalPath(r *http.Request) string {
	if path, ok := r.Context().Value(pathKey{}).(string); ok {
		return path
	}
	return r.URL.Path
}

// actorKey is where a request keeps the id of the user who makes it.
type actorKey struct{}

func actor(r *http.Request) string {
	id, _ := r.Context().Value(actorKey{}).(string)
	return id
}

// errReset and errDropped end a connection without an answer.
var (
	errReset   = errors.New("connection is to be reset")
	errDropped = errors.New("connection is to be closed")
)

// stream is a body that is written as lines of JSON.
type stream []any

// serveEndpoint writes the answer to a call, and remembers the call before
// anybody can see its answer.
func (w *World) serveEndpoint(pattern string, e endpoint) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBodyBytes))
		if err != nil {
			answerRefusal(rw, refuse(http.StatusRequestEntityTooLarge, "payload_too_large", "The body is too large"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		rw.Header().Set("Date", w.Clock().Now().Format(http.TimeFormat)) // the world's, not this machine's
		call := w.arrives(pattern, r, data)
		status, body, err := w.perform(r, &call, rw.Header(), e)
		lost := errors.Is(err, errReset) || errors.Is(err, errDropped)
		switch {
		case lost: // Status stays 0
		case err != nil:
			call.Status = refusalOf(err).status
		default:
			call.Status = status
		}
		w.traffic.answered(call)
		if lost && cut(rw, errors.Is(err, errReset)) == nil {
			return
		}
		switch lines, isStream := body.(stream); {
		case err != nil:
			answerRefusal(rw, err)
		case body == nil:
			rw.WriteHeader(status)
		case isStream:
			answerLines(rw, lines)
		default:
			answer(rw, status, body)
		}
	}
}

// perform checks the token, lets limits, mishaps and the fault in force have
// their way before and after the call, and makes it.
func (w *World) perform(r *http.Request, call *Call, header http.Header, e endpoint) (int, any, error) {
	who, ok := w.state.Load().holder(r)
	if !ok {
		forbidden := refuse(http.StatusForbidden, "forbidden", "Not authorized")
		forbidden.detail.InvalidToken = true
		return 0, nil, forbidden
	}
	call.Member = who.Username
	r = r.WithContext(context.WithValue(r.Context(), actorKey{}, who.ID))
	if err := w.traffic.delay(r.Context()); err != nil {
		return 0, nil, errDropped
	}
	now := w.options.RealNow()
	if err := w.traffic.admit(call.Endpoint, header, now); err != nil {
		return 0, nil, err
	}
	call.Mishap = w.traffic.meets()
	if err := w.traffic.befall(call.Mishap, header, now); err != nil {
		return 0, nil, err
	}
	if err := w.strikeBeforeCall(header); err != nil {
		return 0, nil, err
	}
	status, body, err := e(r)
	if err != nil {
		return 0, nil, err
	}
	switch {
	case call.Mishap == ResetAfter:
		return 0, nil, errReset
	case call.Mishap == ServerErrorAfter:
		return 0, nil, internalError()
	case call.Write() && w.strikes(TimeoutAfterWrite):
		return 0, nil, errDropped
	}
	if err := w.traffic.delay(r.Context()); err != nil {
		return 0, nil, errDropped
	}
	return status, body, nil
}

// holder returns whose token a request carries.
func (s *state) holder(r *http.Request) (Member, bool) {
	if bearer(r, s.secret(s.VercelToken)) {
		return s.user(owner), true
	}
	for _, who := range s.Members {
		if bearer(r, s.secret(who.Token)) {
			return who.Member, true
		}
	}
	return Member{}, false
}

func refusalOf(err error) *refusal {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused
	}
	// Such as a full disk: the change was not made. The text holds no value.
	return refuse(http.StatusInternalServerError, "internal_server_error", "%s", err.Error())
}

func answerRefusal(rw http.ResponseWriter, err error) {
	refused := refusalOf(err)
	answer(rw, refused.status, vercel.ErrorBody{Error: refused.detail})
}

func answerLines(rw http.ResponseWriter, lines stream) {
	rw.Header().Set("Content-Type", "application/stream+json")
	encoder := json.NewEncoder(rw)
	for _, line := range lines {
		if encoder.Encode(line) != nil {
			return // the client has gone away
		}
	}
}

func (w *World) strikeBeforeCall(header http.Header) error {
	if w.strikes(API500) {
		return internalError()
	}
	if w.strikes(API429) {
		const retryAfter = 1 // s
		reset := w.options.RealNow().UnixMilli() + 1000*retryAfter
		limited := refuse(http.StatusTooManyRequests, "rate_limited", "The rate limit of 6 exceeded for the sandbox. Try again in %d second", retryAfter)
		limited.detail.Limit = &vercel.Limit{Reset: reset / 1000, ResetMs: reset, Total: 6}
		header.Set("Retry-After", fmt.Sprint(retryAfter))
		return limited
	}
	return nil
}

// strikes gives a fault its chance, if it is the one in force. A strike that
// cannot be saved does not happen.
func (w *World) strikes(fault Fault) bool {
	if w.Fault() != fault {
		return false
	}
	struck := false
	err := w.update(func(s *state, _ time.Time) error {
		struck = s.Fault.strike(fault)
		return nil
	})
	return struck && err == nil
}

// cut ends the connection without an answer: by a reset, which the client sees
// at once as such, or by closing it.
func cut(rw http.ResponseWriter, reset bool) error {
	connection, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return err
	}
	if tcp, ok := connection.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // else it is closed, which does as well
	}
	_ = connection.Close() // there is no one to tell
	return nil
}

// bearer reports whether a request carries the token.
func bearer(r *http.Request, token string) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// decodeBody reads a JSON body and allows unknown fields, as Vercel does. The
// error does not quote the body, which may hold a value.
func decodeBody(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return badRequest("Invalid JSON")
	}
	return nil
}

func (w *World) unknownEndpoint(r *http.Request) (int, any, error) {
	return 0, nil, notFound("The endpoint " + r.Method + " " + r.URL.Path)
}
