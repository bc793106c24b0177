package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

const authorizePath = "/oauth/authorize"

// maxPosted is how long a posted request may be that goes on in a URL, which has to fit into a header of 16 KiB.
const maxPosted = 12 << 10

// pendings bounds how many requests one network can make wait, each of which is a row for RequestLifetime.
var pendings = cluster.Rate{Burst: 100, Every: 500 * time.Millisecond}

// authorize is the authorization endpoint (RFC 6749 section 3.1). Nothing is redirected before the client and its redirect URI
// are known to belong together (section 4.1.2.1): until then errors are returned, which the adapter shows on a page. A user who is
// signed in and allowed this before is sent back at once, at the cost of one write.
func (e *Endpoint) authorize(w http.ResponseWriter, r *http.Request) error {
	c, q, err := e.readRequest(r) // 3, 4, 5
	if q.RedirectURI == "" {
		return toUser(err)
	}
	if err != nil {
		return e.failClient(w, r, c, q, err)
	}
	in, page, err := e.next(r, c, &q)
	if err == nil && page != "" && slices.Contains(q.Prompt, "none") {
		err = notSilent(q, page)
	}
	if err != nil {
		return e.failClient(w, r, c, q, err)
	}
	if page != "" {
		return e.ask(w, r, c, q, page)
	}
	to, err := e.grantCode(r, c, &q, in, codeTerms{scope: q.Scope}) // 6
	if errors.Is(err, ErrNotFound) {
		err = refuse("invalid_request", "the request_uri was used before, or the user signed out meanwhile")
	}
	if err != nil {
		return e.failClient(w, r, c, q, err)
	}
	return e.goOn(w, r, to) // 7
}

// toUser is an error that its client cannot be told, as a page explains it.
func toUser(err error) error {
	p := *problem.From(err)
	if p.Kind == problem.Invalid || p.Kind == problem.Unauthenticated {
		p.Kind, p.Sentence = problem.Invalid, "authorize_refused"
	}
	return &p
}

// ask makes the request wait for its user, and sends the browser to the page that asks.
func (e *Endpoint) ask(w http.ResponseWriter, r *http.Request, c Client, q Request, page string) error {
	if wait := e.Limits.Take(r.Context(), "authorize:"+cluster.Network(web.Address(r.Context())), pendings); wait > 0 { // 2
		return &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}
	}
	id, err := e.hold(w, r, &q)
	if err != nil {
		return e.failClient(w, r, c, q, err)
	}
	return e.goOn(w, r, page+"?request="+id)
}

// notSilent is why prompt=none cannot be answered (OpenID Connect Core section 3.1.2.6). A client that asks for one user and has no
// consent is told the same whoever is signed in: else it would learn who that is.
func notSilent(q Request, page string) error {
	if page == pageSignIn || q.Subject != "" {
		return refuse("login_required", "nobody is signed in as the request demands, and prompt=none forbids to ask")
	}
	return refuse("consent_required", "the user has not allowed this, and prompt=none forbids to ask")
}

// authorizePosted takes the request as a form (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2.1), and has the browser
// send it again by GET: with a form from another site no cookie of SameSite=Lax comes, so nobody would seem to be signed in.
func (e *Endpoint) authorizePosted(w http.ResponseWriter, r *http.Request) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return toUser(refuse("invalid_request", "send the parameters as application/x-www-form-urlencoded"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPosted))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		p := problem.New(problem.TooLarge, "body_too_large")
		p.Description = "an authorization request of more than 12 KiB has to be pushed (RFC 9126)"
		return p
	}
	if err != nil {
		return problem.Wrap(problem.Invalid, "invalid_request", err)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return toUser(refuse("invalid_request", "the parameters are not well-formed"))
	}
	w.Header().Set("Location", authorizePath+"?"+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// readRequest finds the client, and the request it makes by whichever way: parameters, a request object (RFC 9101) or a pushed
// request (RFC 9126). As soon as errors may be told to the client, the Request says where and how, also beside an error.
func (e *Endpoint) readRequest(r *http.Request) (c Client, q Request, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return c, q, refuse("invalid_request", "the parameters are not well-formed")
	}
	if len(values["client_id"]) != 1 {
		return c, q, refuse("invalid_request", "client_id has to be sent once")
	}
	c, err = e.Clients.Client(r.Context(), values.Get("client_id"))
	if errors.Is(err, ErrNoClient) {
		return c, q, refuse("invalid_client", "no client has this client_id")
	}
	if err != nil {
		return c, q, err
	}
	if values.Get("request_uri") != "" {
		q, err = e.pushedRequest(r.Context(), c, values)
		return c, q, err
	}
	f, err := parseForm(r.URL.RawQuery)
	if values.Get("request") != "" {
		if err == nil {
			f, err = e.openRequestObject(r.Context(), c, f)
		}
		if err != nil {
			return c, q, err // what stands outside of it is not the request: no redirect
		}
		values = url.Values(f)
	}
	if q.answer(c, values); q.RedirectURI == "" {
		return c, q, refuse("invalid_request", "redirect_uri is missing, or is not one that the client is registered with")
	}
	if err != nil {
		return c, q, err
	}
	if e.RequirePushed || c.RequirePushed || c.FAPI {
		return c, q, refuse("invalid_request", "this client has to push its authorization requests (RFC 9126)")
	}
	return c, q, e.check(c, f, &q)
}

// answer finds how the client is answered, whatever else is wrong: the redirect URI, empty where that is not the client's, the
// state, and the response type, which says whether by query or fragment. Without redirect_uri it is the only registered one
// (RFC 6749 section 3.1.2.3), but for OpenID Connect, which asks for it (Core section 3.1.2.1).
func (q *Request) answer(c Client, values url.Values) {
	q.ClientID = c.ID
	sent := slices.DeleteFunc(slices.Clone(values["redirect_uri"]), func(v string) bool { return v == "" })
	openid := slices.ContainsFunc(values["scope"], func(s string) bool { return slices.Contains(strings.Fields(s), ScopeOpenID) })
	switch {
	case len(sent) == 1 && c.redirects(sent[0]):
		q.RedirectURI, q.RedirectSent = sent[0], true
	case len(sent) == 0 && len(c.RedirectURIs) == 1 && !openid:
		q.RedirectURI = c.RedirectURIs[0]
	}
	if s := values["state"]; len(s) == 1 {
		q.State = s[0]
	}
	if s := values["response_type"]; len(s) == 1 {
		q.ResponseType = s[0]
	}
}
