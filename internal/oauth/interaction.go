package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// Kinds of what RequestStore keeps.
const (
	kindPending = "pending"
	kindPushed  = "pushed"
	kindLogout  = "logout"
)

// The pages that package console renders, each with the id of what waits in request=.
const (
	pageSignIn  = "/signin"
	pageConsent = "/consent"
	pageSignOut = "/signout"
)

// hashOf is what the store keeps of a one-time value.
func hashOf(value string) Hash { return sha256.Sum256([]byte(value)) }

// newValue is 256 random bits behind a prefix.
func newValue(prefix string) string {
	var b [32]byte
	rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Pending is an authorization request that waits for its user, as the pages show it.
type Pending struct {
	Request
	Client    Client
	ID        string
	Scopes    []Scope    // asked for, as they are explained
	Resources []Resource // that the tokens will be for
	// Reauthenticate says that who is signed in has to prove it again, or that it has to be somebody else; without anybody
	// signed in it is false.
	Reauthenticate bool
}

// errExpired hides which of the reasons it is: who did not begin a request learns nothing about it.
func errExpired(cause error) error { return problem.Wrap(problem.NotFound, "request_expired", cause) }

// Pending reads the request that waits under id: problem.NotFound with code request_expired where there is none (any more), or
// another browser began it.
func (e *Endpoint) Pending(r *http.Request, id string) (Pending, error) {
	p, err := e.pending(r, id)
	if err != nil {
		return Pending{}, err
	}
	s, ok, err := e.SignedIn(r)
	if err != nil {
		return Pending{}, err
	}
	if !ok {
		return p, nil
	}
	p.Reauthenticate, err = e.mustSignIn(r.Context(), &p.Request, s)
	if errors.Is(err, problem.Invalid) { // Resume and Approve say so to the client
		err = nil
	}
	return p, err
}

// pending is Pending without the question who is signed in.
func (e *Endpoint) pending(r *http.Request, id string) (p Pending, err error) {
	document, err := e.Store.Request(r.Context(), kindPending, hashOf(id))
	if errors.Is(err, ErrNotFound) {
		return p, errExpired(err)
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(document, &p.Request); err != nil {
		return p, fmt.Errorf("read pending request: %w", err)
	}
	c, err := r.Cookie(e.cookieName(requestCookie))
	if err != nil {
		return p, errExpired(err)
	}
	if b := hashOf(c.Value); subtle.ConstantTimeCompare(b[:], p.Browser) != 1 {
		return p, errExpired(errors.New("another browser's request"))
	}
	p.ID = id
	if p.Client, err = e.Clients.Client(r.Context(), p.ClientID); errors.Is(err, ErrNoClient) {
		return p, errExpired(err)
	}
	if err != nil {
		return p, err
	}
	if !p.Client.redirects(p.RedirectURI) {
		return p, errExpired(errors.New("the redirect URI was taken from the client meanwhile"))
	}
	p.Scopes, p.Resources = e.explain(p.Request)
	return p, e.stillFits(p.Client, p.Request)
}

// stillFits says request_expired where the client may not ask any more for what it asked for when it was judged.
func (e *Endpoint) stillFits(c Client, q Request) error {
	_, _, err := e.Policy.target(c, q.Scope, q.Resources, e.Audience)
	if err != nil {
		return errExpired(err)
	}
	return nil
}

// explain finds what the policy says about what a request asks for.
func (e *Endpoint) explain(q Request) (scopes []Scope, resources []Resource) {
	for _, name := range q.Scope {
		s, _ := e.Policy.named(name)
		s.Name = name
		scopes = append(scopes, s)
	}
	for _, id := range q.Resources {
		x, _ := e.Policy.resource(id)
		x.ID = id
		resources = append(resources, x)
	}
	return scopes, resources
}

// Resume goes on with the request once its user has signed in: to the consent page, or back to the client. It is to be called
// with the r that SignIn was called with.
func (e *Endpoint) Resume(w http.ResponseWriter, r *http.Request, id string) error {
	p, err := e.pending(r, id)
	if err != nil {
		return err
	}
	s, now := made(r)
	if now {
		p.SignIn = s.Session.ID
	}
	in, page, err := e.next(r, p.Client, &p.Request)
	if err != nil {
		return e.refuseClient(w, r, p, err)
	}
	if page == "" {
		return e.complete(w, r, p, in, p.Scope, false)
	}
	if now {
		if err := e.keepAgain(r.Context(), p); err != nil {
			return err
		}
	}
	return e.goOn(w, r, page+"?request="+p.ID)
}

// keepAgain replaces what waits under an id. It is taken away first, so that a request that was answered meanwhile, in another tab, is not
// brought back to be answered twice.
func (e *Endpoint) keepAgain(ctx context.Context, p Pending) error {
	if err := e.Store.DropRequest(ctx, kindPending, hashOf(p.ID)); errors.Is(err, ErrNotFound) {
		return errExpired(err)
	} else if err != nil {
		return err
	}
	return e.keep(ctx, p)
}

// Approve answers the request with a code for the scopes that the user left of those asked for; openid cannot be left out. The
// consent is remembered. Whoever has to sign in (again) first is sent there.
func (e *Endpoint) Approve(w http.ResponseWriter, r *http.Request, id string, scopes []string) error {
	p, err := e.pending(r, id)
	if err != nil {
		return err
	}
	in, page, err := e.next(r, p.Client, &p.Request)
	if err != nil {
		return e.refuseClient(w, r, p, err)
	}
	if page == pageSignIn {
		return e.goOn(w, r, page+"?request="+p.ID)
	}
	var left []string
	for _, s := range p.Scope {
		if s == ScopeOpenID || slices.Contains(scopes, s) {
			left = append(left, s)
		}
	}
	if slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(p.Scope, s) }) {
		return problem.Wrap(problem.Invalid, "invalid_request", errors.New("a scope that the client did not ask for"))
	}
	return e.complete(w, r, p, in, left, true)
}

// Deny answers the request with access_denied (RFC 6749 section 4.1.2.1).
func (e *Endpoint) Deny(w http.ResponseWriter, r *http.Request, id string) error {
	p, err := e.pending(r, id)
	if err != nil {
		return err
	}
	return e.refuseClient(w, r, p, refuse("access_denied", "the user refused"))
}

// refuseClient ends a pending request with an error for its client. Of several answers one counts.
func (e *Endpoint) refuseClient(w http.ResponseWriter, r *http.Request, p Pending, cause error) error {
	if !errors.Is(cause, problem.Invalid) {
		return cause // a fault of ours: the user may try again
	}
	if err := e.Store.DropRequest(r.Context(), kindPending, hashOf(p.ID)); errors.Is(err, ErrNotFound) {
		return errExpired(err)
	} else if err != nil {
		return err
	}
	if p.Pushed != "" { // decided upon, and good for no second time (RFC 9126 section 7.3)
		if err := e.Store.DropRequest(r.Context(), kindPushed, hashOf(p.Pushed)); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	e.Web.Note(r, problem.From(cause))
	return e.goOn(w, r, e.failure(p.Request, cause))
}

// complete makes the code, and sends the browser back with it.
func (e *Endpoint) complete(w http.ResponseWriter, r *http.Request, p Pending, in SignIn, scope []string, asked bool) error {
	var consent *Consent
	var event audit.Event // a code alone is not worth one: its session is
	if asked {
		refused := slices.DeleteFunc(slices.Clone(p.Scope), func(s string) bool { return slices.Contains(scope, s) })
		consent = &Consent{Subject: in.User.Subject, ClientID: p.ClientID, Scope: scope, Refused: refused}
		event = audit.Event{
			Action: audit.ConsentGiven, Subject: in.User.Subject, Session: in.Session.ID.String(), From: from(r),
			Detail: map[string]string{"client_id": p.ClientID, "scope": strings.Join(scope, " ")},
		}
		event.From.Actor = in.User.Subject
	}
	url, err := e.grantCode(r, p.Client, &p.Request, in, codeTerms{scope: scope, pending: hashOf(p.ID), consent: consent, event: event})
	if errors.Is(err, ErrNotFound) {
		return errExpired(err)
	}
	if err != nil {
		return err
	}
	return e.goOn(w, r, url)
}

// keep writes a pending request under its id.
func (e *Endpoint) keep(ctx context.Context, p Pending) error {
	document, err := json.Marshal(p.Request)
	if err != nil {
		return err
	}
	return e.Store.KeepRequest(ctx, kindPending, hashOf(p.ID), document, p.ExpiresAt)
}

// hold makes a request wait for its user, and binds it to the browser, of which several requests may wait, one a tab.
func (e *Endpoint) hold(w http.ResponseWriter, r *http.Request, q *Request) (id string, err error) {
	value := ""
	if c, err := r.Cookie(e.cookieName(requestCookie)); err == nil && len(c.Value) == len(newValue("")) {
		value = c.Value
	} else {
		value = newValue("")
		e.setCookie(w, requestCookie, value, 0)
	}
	b := hashOf(value)
	q.Browser, q.ExpiresAt = b[:], e.Now().Add(e.RequestLifetime).UTC().Truncate(time.Millisecond)
	id = newValue("")
	return id, e.keep(r.Context(), Pending{Request: *q, ID: id})
}

// goOn sends the browser to url: by a redirect (303), and from a form to a client by a page that goes on by itself, because
// Chromium holds form-action of the form's page against the redirects that follow it.
func (e *Endpoint) goOn(w http.ResponseWriter, r *http.Request, url string) error {
	if r.Method == http.MethodPost && !strings.HasPrefix(url, "/") {
		e.Web.Page(w, r, web.Page{Title: e.Web.Sentence(r, "page_going_on", nil), Next: url})
		return nil
	}
	w.Header().Set("Location", url)
	w.WriteHeader(http.StatusSeeOther) // never 307, which would send a form on (RFC 9700 section 4.12)
	return nil
}
