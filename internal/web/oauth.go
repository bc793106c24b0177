package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

// HandleOAuth adapts h for the protocol endpoints: errors become the JSON of RFC 6749 section 5.2.
func (s *Web) HandleOAuth(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.WriteOAuthError(w, r, err)
		}
	})
}

// oauthFailure is the error body of RFC 6749 section 5.2.
type oauthFailure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	RequestID   string `json:"request_id,omitempty"` // only where the log says more than the answer
}

// WriteOAuthError answers err by RFC 6749 section 5.2: the code, and problem.Error.Description in English for developers. What is
// wrong with a request is 400 whatever its kind, but for invalid_client, which is 401.
func (s *Web) WriteOAuthError(w http.ResponseWriter, r *http.Request, err error) {
	e := problem.From(err)
	s.Note(r, e)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache") // RFC 6749 section 5.1
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	status := e.Kind.Status()
	if e.Kind == problem.Forbidden || e.Kind == problem.Conflict || e.Kind == problem.Unauthenticated && e.Code != "invalid_client" && e.Code != "invalid_token" {
		status = http.StatusBadRequest
	}
	if e.Code == "invalid_client" && r.Header.Get("Authorization") != "" {
		h.Set("WWW-Authenticate", `Basic realm="sandi"`) // section 5.2; on no other answer, which clients would take for one of a resource
	}
	body := oauthFailure{Error: e.Code, Description: visibleASCII(e.Description)}
	if status >= 500 {
		body.RequestID = RequestID(r.Context())
	}
	if err := JSON(w, status, body); err != nil {
		panic(err) // strings always marshal
	}
}

// visibleASCII is s with the characters alone that error_description may have (RFC 6749 section 5.2).
func visibleASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			b[i] = '?'
		}
	}
	return string(b)
}

// Note remembers why a request is refused, for its log line and the metrics: for surfaces that write their errors themselves.
func (s *Web) Note(r *http.Request, e *problem.Error) {
	info(r.Context()).refusal = e.Error()
	s.metrics.refused.WithLabelValues(e.Code).Inc()
}
