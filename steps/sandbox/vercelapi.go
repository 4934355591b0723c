package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"keyturn/steps/vercel"
)

// account owns the projects; it is a personal one, so teamId may be left out.
const account = "user_sandbox"

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

// vercelHandler serves the endpoints that Keyturn uses, under whatever version
// they are called, since clients differ in it, and with any teamId or slug.
func (w *World) vercelHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, e := range map[string]endpoint{
		"GET /user":               w.getUser,
		"GET /projects/{project}": w.getProject,
		"GET /projects/{project}/custom-environments": w.listCustomEnvironments,
		"GET /projects/{project}/env":                 w.listVariables,
		"POST /projects/{project}/env":                w.createVariables,
		"DELETE /projects/{project}/env":              w.deleteVariables,
		"GET /projects/{project}/env/{id}":            w.getVariable,
		"PATCH /projects/{project}/env/{id}":          w.editVariable,
		"DELETE /projects/{project}/env/{id}":         w.deleteVariable,
		"GET /deployments":                            w.listDeployments,
		"POST /deployments":                           w.redeploy,
		"GET /deployments/{id}":                       w.getDeployment,
		"DELETE /deployments/{id}":                    w.deleteDeployment,
		"GET /deployments/{id}/aliases":               w.listDeploymentAliases,
		"GET /aliases":                                w.listAliases,
		"/":                                           w.unknownEndpoint,
	} {
		mux.HandleFunc(pattern, w.serveEndpoint(e))
	}
	return withoutVersion(mux)
}

var versionPrefix = regexp.MustCompile(`^/v[0-9]{1,3}/`)

// withoutVersion takes /v9 and the like off the path. The CLI leaves it out for
// some calls.
func withoutVersion(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if prefix := versionPrefix.FindString(r.URL.Path); prefix != "" {
			http.StripPrefix(strings.TrimSuffix(prefix, "/"), next).ServeHTTP(rw, r)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// serveEndpoint checks the token, lets the fault in force strike before or after
// the call, and writes the answer.
func (w *World) serveEndpoint(e endpoint) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if !bearer(r, w.VercelToken()) {
			forbidden := refuse(http.StatusForbidden, "forbidden", "Not authorized")
			forbidden.detail.InvalidToken = true
			answerRefusal(rw, forbidden)
			return
		}
		if err := w.strikeBeforeCall(rw); err != nil {
			answerRefusal(rw, err)
			return
		}
		r.Body = http.MaxBytesReader(rw, r.Body, maxBodyBytes)
		status, body, err := e(r)
		if err != nil {
			answerRefusal(rw, err)
			return
		}
		if r.Method != http.MethodGet && w.strikes(TimeoutAfterWrite) && cut(rw) == nil {
			return
		}
		answer(rw, status, body)
	}
}

func answerRefusal(rw http.ResponseWriter, err error) {
	var refused *refusal
	if !errors.As(err, &refused) {
		// Such as a full disk: the change was not made. The text holds no value.
		refused = refuse(http.StatusInternalServerError, "internal_server_error", "%s", err.Error())
	}
	answer(rw, refused.status, vercel.ErrorBody{Error: refused.detail})
}

func (w *World) strikeBeforeCall(rw http.ResponseWriter) error {
	if w.strikes(API500) {
		return refuse(http.StatusInternalServerError, "internal_server_error", "An unexpected internal error occurred")
	}
	if w.strikes(API429) {
		const retryAfter = 1 // s
		reset := w.options.RealNow().UnixMilli() + 1000*retryAfter
		limited := refuse(http.StatusTooManyRequests, "rate_limited", "The rate limit of 6 exceeded for the sandbox. Try again in %d second", retryAfter)
		limited.detail.Limit = &vercel.Limit{Reset: reset / 1000, ResetMs: reset, Total: 6}
		rw.Header().Set("Retry-After", fmt.Sprint(retryAfter))
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

// cut closes the connection without an answer.
func cut(rw http.ResponseWriter) error {
	connection, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return err
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

func (w *World) getUser(*http.Request) (int, any, error) {
	return http.StatusOK, vercel.AnswerUser(vercel.User{
		ID: account, Username: "sandbox", Email: "sandbox@example.com", Name: "Keyturn Sandbox",
	}), nil
}

func (w *World) getProject(r *http.Request) (int, any, error) {
	project, err := w.state.Load().projectOf(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, vercel.AnswerProject(vercel.Project{ID: project.ID, Name: project.Name, AccountID: account}), nil
}

func (w *World) listCustomEnvironments(r *http.Request) (int, any, error) {
	if _, err := w.state.Load().projectOf(r); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"environments": []any{}}, nil
}

// projectOf finds the project that a request's path names.
func (s *state) projectOf(r *http.Request) (Project, error) {
	project, ok := s.project(r.PathValue("project"))
	if !ok {
		return Project{}, notFound("Project")
	}
	return project, nil
}
