package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

// JSON writes v with a status. An error means v cannot be marshalled, a fault of ours.
func JSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("marshal answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody is left to tell
	return nil
}

// failure is the first-party error body.
type failure struct {
	Error     string `json:"error"`
	Msg       string `json:"msg"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id,omitempty"` // only where the log says more than the answer
}

// WriteError answers err in the first-party form, in the caller's language. What is not a
// *problem.Error is a 500 whose cause only the log sees.
func (s *Web) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e := problem.From(err)
	s.Note(r, e)
	h := w.Header()
	h.Add("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	if e.RetryAfter > 0 {
		seconds := (e.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	if e.Kind == problem.Unauthenticated && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 section 11.6.1: a 401 carries a challenge
	}
	body := failure{Error: e.Code, Msg: s.sentence(r, e), Field: e.Field}
	if e.Kind.Status() >= 500 {
		body.RequestID = RequestID(r.Context())
	}
	if err := JSON(w, e.Kind.Status(), body); err != nil {
		panic(err) // strings always marshal
	}
}

func (s *Web) sentence(r *http.Request, e *problem.Error) string {
	id := e.Sentence
	if id == "" {
		id = e.Code
	}
	params := map[string]string{"seconds": strconv.Itoa(int((e.RetryAfter + time.Second - 1) / time.Second))}
	for k, v := range e.Params {
		params[k] = v
	}
	return s.Sentence(r, id, params)
}
