package gateway

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// forwardPath is where the endpoint stands. Below it stands what Envoy asks, which puts a prefix before the path of the request that it judges.
const forwardPath = "/forward-auth"

// ForwardConfig is what the forward-auth endpoint needs: Guard, and of Config Signer, Issuer, Logger and Now.
type ForwardConfig struct {
	// Guard is of the tokens of any route; requirements stand in the query: role, scope, fresh, optional, audience. Its sources say where
	// a token may stand: the header, and the cookie where that is wanted. A token that is bound to a key is refused, for the endpoint
	// does not see the URL that a proof is for.
	Guard *guard.Guard
	Config
}

// forward answers the subrequests by which nginx (auth_request), Traefik (ForwardAuth), Caddy (forward_auth) and Envoy (ext_authz over
// HTTP) ask whether a request may pass. It cannot end what it let in: a socket behind those proxies outlives its token.
type forward struct {
	cfg      ForwardConfig
	identity *identity
}

// NewForward is the handler of /forward-auth and what is below it. It answers 200 with every identity header, empty where nobody is signed
// in, so that what a proxy copies always replaces what a client sent; 401 or 403 with the challenge; 400 for requirements that
// it does not understand; 503 where it cannot say. It fails where the configuration lacks something.
func NewForward(c ForwardConfig) (http.Handler, error) {
	if c.Guard == nil || c.Signer == nil || c.Issuer == "" || c.Logger == nil || c.Now == nil {
		return nil, errors.New("gateway: forward-auth needs Guard, Signer, Issuer, Logger and Now")
	}
	return &forward{c, newIdentity(c.Signer, c.Issuer, c.Now)}, nil
}

// ServeHTTP implements http.Handler. Any method counts: some proxies send that of the request that they ask about.
func (f *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	asked, original, err := f.read(r)
	if err != nil {
		f.cfg.Logger.Warn("forward-auth is asked for what it does not understand", "error", err)
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "msg": err.Error()})
		return
	}
	t, err := f.cfg.Guard.Check(original, asked.requirements...)
	if refusal, ok := errors.AsType[*guard.Error](err); ok {
		guard.WriteError(threefold{w}, r, refusal)
		return
	}
	if err := f.introduce(h, t, cmp.Or(asked.audience, f.cfg.Issuer)); err != nil {
		f.cfg.Logger.Error("no identity for an upstream could be made", "error", err)
		guard.WriteError(w, r, &guard.Error{Reason: guard.Unavailable})
		return
	}
	answer(w, http.StatusOK, map[string]string{"sub": t.Subject()})
}

// introduce sets every header, so that none of the client's own is left where a proxy copies them.
func (f *forward) introduce(h http.Header, t *guard.Token, audience string) (err error) {
	signed, expires := "", ""
	if t != nil {
		if signed, err = f.identity.token(t, audience); err != nil {
			return err
		}
		expires = strconv.FormatInt(t.ExpiresAt().Unix(), 10)
	}
	setIdentityHeaders(h, t)
	h.Set("Sandi-Expires", expires) // Unix seconds
	h.Set(IdentityHeader, signed)
	return nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the proxy may be gone
}

// threefold makes 401 of the 400 and 413 of a credential that cannot be read: nginx takes 401 and 403 for a refusal, and all else
// for a fault of the endpoint, which it answers with 500.
type threefold struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w threefold) WriteHeader(status int) {
	if status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge {
		status = http.StatusUnauthorized
	}
	w.ResponseWriter.WriteHeader(status)
}

// read tells what is required from whom.
//
// At the endpoint itself the query is the operator's, and the proxy's headers name the request. Below it, the first segment is the
// operator's ("token" for nothing more than a token, else as the query), and all after it, the query too, is the client's.
func (f *forward) read(r *http.Request) (asked, *http.Request, error) {
	path, named := r.URL.EscapedPath(), originalMethods(r)
	if path == forwardPath {
		a, err := requirements(r.URL.RawQuery)
		return a, f.original(r, append(named, r.Method), len(named) > 0), err
	}
	segment, _, ok := strings.Cut(strings.TrimPrefix(path, forwardPath+"/"), "/")
	if !ok || !strings.HasPrefix(path, forwardPath+"/") || segment == "" {
		return asked{}, nil, errors.New("below /forward-auth/ stand requirements and then the path of the request, as in /forward-auth/role=clerk/orders; /forward-auth/token/orders requires no more than a token")
	}
	if segment == "token" {
		segment = ""
	}
	a, err := requirements(segment)
	return a, f.original(r, append(named, r.Method), true), err
}

// originalMethods are those that nginx (as the guide has it), Traefik and Caddy say that the request has.
func originalMethods(r *http.Request) []string {
	return append(r.Header.Values("X-Original-Method"), r.Header.Values("X-Forwarded-Method")...)
}

// original is the request that is judged, for the rules about cookies: a method that changes something needs the CSRF value, a WebSocket an Origin.
// What headers say of it is believed for these alone, and only makes them stricter: one unsafe method among those named counts, and where none is
// named the request counts as one that changes something.
func (f *forward) original(r *http.Request, methods []string, known bool) *http.Request {
	q := r.Clone(r.Context())
	q.URL, q.Body, q.Method = &url.URL{Path: "/"}, http.NoBody, methods[0]
	q.Header.Del("Dpop")
	if !known {
		q.Method = http.MethodPost
	}
	for _, m := range methods {
		switch m {
		case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		default:
			q.Method = m
		}
	}
	// Proxies keep Upgrade to themselves, as RFC 9110 section 7.6.1 has it; the key of the handshake goes on (RFC 6455 section 4.1).
	if r.Header["Sec-Websocket-Key"] != nil || r.Header["Sec-Websocket-Version"] != nil {
		q.Header.Set("Upgrade", "websocket")
	}
	if hosts := r.Header.Values("X-Forwarded-Host"); len(hosts) == 1 { // which an Origin may equal; no page can set it on a handshake
		q.Host = hosts[0]
	}
	if slices.ContainsFunc(r.Header.Values("X-Forwarded-Proto"), func(p string) bool { return p == "https" || p == "wss" }) {
		q.TLS = cmp.Or(q.TLS, &tls.ConnectionState{}) // a page that came without TLS is of another origin
	}
	return q
}

// asked is what the operator wants of a request.
type asked struct {
	requirements []guard.Requirement
	audience     string // aud of the identity; "" for the issuer
}

// requirements reads role=, scope=, fresh=, optional=1 and audience=. What is not understood is refused: a misspelt requirement must not be none.
func requirements(query string) (a asked, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return a, errors.New("the requirements cannot be read; write role=NAME&scope=NAME")
	}
	for key, of := range values {
		r, err := a.requirement(key, of)
		if err != nil {
			return a, err
		}
		if key != "audience" {
			a.requirements = append(a.requirements, r)
		}
	}
	if values.Has("optional") && (values.Has("role") || values.Has("scope") || values.Has("fresh")) {
		return a, errors.New("optional lets everybody in, whatever else is required: ask for one of them")
	}
	return a, nil
}

func (a *asked) requirement(key string, of []string) (guard.Requirement, error) {
	var none guard.Requirement
	for _, v := range of {
		if v == "" || strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c == '"' || c == '\\' || c >= 0x7f && key == "scope" }) {
			return none, fmt.Errorf("the requirement %s has a value that is empty or cannot be", known(key))
		}
	}
	if len(of) > 1 && key != "role" && key != "scope" {
		return none, fmt.Errorf("the requirement %s stands twice", known(key))
	}
	switch key {
	case "role": // one of them
		return guard.Role(of...), nil
	case "scope": // all of them
		return guard.Scope(of...), nil
	case "audience":
		a.audience = of[0]
		return none, nil
	case "fresh":
		within, err := time.ParseDuration(of[0])
		if err != nil || within <= 0 || within > 24*time.Hour {
			return none, errors.New("the requirement fresh is a duration up to 24h, such as 5m")
		}
		return guard.Fresh(within), nil
	case "optional":
		if of[0] != "1" {
			return none, errors.New("the requirement optional is 1, or is left out")
		}
		return guard.Optional(), nil
	}
	return none, errors.New("a requirement is not known; there are role, scope, fresh, optional and audience")
}

// known is a key that may be repeated in an answer.
func known(key string) string {
	switch key {
	case "role", "scope", "fresh", "optional", "audience":
		return key
	}
	return "of an unknown name"
}
