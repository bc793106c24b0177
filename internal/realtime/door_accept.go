package realtime

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// from says where a handshake came from.
func from(r *http.Request) audit.From {
	return audit.From{Address: web.Address(r.Context()), UserAgent: web.UserAgent(r), RequestID: web.RequestID(r.Context())}
}

// admitOrigin answers 403 to a page that may not open sockets here (RFC 6455 section 10.2), and returns false. Browsers always say
// which page it is where that matters: in WebSocket handshakes, in POSTs and in requests from another origin.
func (d *Door) admitOrigin(w http.ResponseWriter, r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 || len(origins) == 1 && (d.cfg.InsecureAnyOrigin || slices.Contains(d.cfg.Origins, origins[0])) {
		return true
	}
	d.hub.Refused(from(r), "origin_refused")
	d.cfg.Web.WriteError(w, r, problem.New(problem.Forbidden, "origin_refused"))
	return false
}

// enter counts a connection that has shown no credential yet, or answers 429.
func (d *Door) enter(w http.ResponseWriter, r *http.Request) (*silence, bool) {
	address := web.Address(r.Context())
	one, ok := d.silent.enter(address, d.cfg.Exempt(address))
	if !ok {
		d.hub.Refused(from(r), "too_many")
		e := problem.New(problem.TooMany, "too_many_requests")
		e.RetryAfter = d.cfg.AuthTimeout
		d.cfg.Web.WriteError(w, r, e)
	}
	return one, ok
}

// credential is the token of a handshake, nil where there is none. One that was sent on purpose counts alone: it is never rescued
// by a cookie.
func (d *Door) credential(r *http.Request) (*guard.Token, error) {
	t, err := d.cfg.Guard.Check(r, d.explicit...)
	if t != nil || err != nil {
		return t, err
	}
	origin := r.Header.Get("Origin")
	if origin != "" && !slices.Contains(d.cfg.Origins, origin) {
		return nil, nil // let in by InsecureAnyOrigin: whose cookie it is says nothing about the page
	}
	t, err = d.cfg.Guard.Check(r, d.ambient...)
	if t != nil && origin == "" && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return nil, &guard.Error{Reason: guard.CSRFFailed}
	}
	return t, err
}

// wantsPlain says that the client is a program that asks for the plain refusal. A page could not read it.
func wantsPlain(r *http.Request) bool {
	return r.Header.Get("Origin") == "" && lists(r.Header.Values("Accept"), "application/json")
}

// isUpgrade says that the request asks for a WebSocket, however well.
func isUpgrade(r *http.Request) bool { return lists(r.Header.Values("Upgrade"), "websocket") }

// lists says that a comma-separated header has the element, whatever its parameters.
func lists(lines []string, element string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), element) {
				return true
			}
		}
	}
	return false
}

// reasonOf is a refusal as audit and metrics name it, of a fixed set.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*guard.Error](err); ok {
		return string(e.Reason)
	}
	if e, ok := errors.AsType[*End](err); ok {
		return e.Why
	}
	return string(guard.TokenInvalid)
}
