package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// The values of acr (OpenID Connect Core section 2).
const (
	ACRPassword = "urn:sandi:pwd" // one factor
	ACRFactors  = "urn:sandi:mfa" // a second one too
)

// Cookies of a browser, both __Host- (secure-defaults 9) but on plain loopback HTTP.
const (
	signInCookie  = "sandi_signin"  // the sign-in: its refresh token, which is never rotated
	requestCookie = "sandi_request" // what pending requests are bound to
)

// touchEvery is how often the last use of a sign-in is written, at most.
const touchEvery = time.Minute

// SignIn is a browser's session at this server itself, from which grants to clients are made.
type SignIn struct {
	Session session.Session
	User    account.User
}

// signInKey holds the SignIn that was made within the request.
type signInKey struct{}

// made is the sign-in that was made within this very request.
func made(r *http.Request) (SignIn, bool) {
	s, ok := r.Context().Value(signInKey{}).(SignIn)
	return s, ok
}

// SignedIn is who is signed in with the browser, if anybody is: the session is alive, the user enabled and the password still
// the same. An error is one of the store's.
func (e *Endpoint) SignedIn(r *http.Request) (SignIn, bool, error) {
	if s, ok := made(r); ok {
		return s, true, nil
	}
	c, err := r.Cookie(e.cookieName(signInCookie))
	if err != nil {
		return SignIn{}, false, nil
	}
	s, u, err := e.Sessions.OwnerAndUser(r.Context(), c.Value)
	if errors.Is(err, session.ErrInvalidGrant) || err == nil && (s.ClientID != session.Browser || !s.Alive(e.Now())) {
		return SignIn{}, false, nil
	}
	if err != nil {
		return SignIn{}, false, err
	}
	if e.Now().Sub(s.LastUsedAt) >= touchEvery {
		return e.touch(r, c.Value)
	}
	if u.Disabled || u.CredentialVersion != s.CredentialVersion {
		return SignIn{}, false, nil
	}
	web.SetSubject(r.Context(), s.Subject)
	return SignIn{s, u}, true, nil
}

// touch writes that the sign-in is used, which puts off its end for being idle.
func (e *Endpoint) touch(r *http.Request, value string) (SignIn, bool, error) {
	t := session.Terms{ClientID: session.Browser, Idle: e.BrowserIdle, Keep: true}
	got, err := e.Sessions.RotateUnder(r.Context(), value, t, from(r))
	if errors.Is(err, session.ErrInvalidGrant) || errors.Is(err, session.ErrReused) {
		return SignIn{}, false, nil
	}
	if err != nil {
		return SignIn{}, false, err
	}
	web.SetSubject(r.Context(), got.Session.Subject)
	return SignIn{got.Session, got.User}, true, nil
}

// SignIn begins a browser's session for u, whose credentials were just verified, and sets its cookie, with remember beyond the
// end of the browser's process. The cookie always has another value (ASVS 7.2.4): the sign-in of the same user goes on under a new secret, so that
// who proves themselves again is not thrown out of what they use; anybody else's ends with its grants. Of the same r, SignedIn answers with it from now on, and Resume takes it for the proof that prompt=login and max_age ask for.
// The errors are session.Service.Begin's.
func (e *Endpoint) SignIn(w http.ResponseWriter, r *http.Request, u account.User, amr []string, remember bool) (SignIn, error) {
	l := session.Login{
		User: u, ClientID: session.Browser, Transport: "cookie", AMR: amr, ACR: ACRPassword,
		Idle: e.BrowserIdle, Absolute: e.BrowserAbsolute,
	}
	if slices.Contains(amr, "mfa") {
		l.ACR = ACRFactors
	}
	s, value, u, err := e.beginSignIn(r, l)
	if err != nil {
		return SignIn{}, err
	}
	age := 0
	if remember {
		age = int(l.Absolute / time.Second)
	}
	e.setCookie(w, signInCookie, value.Reveal(), age)
	web.SetSubject(r.Context(), s.Subject)
	in := SignIn{s, u}
	*r = *r.WithContext(context.WithValue(r.Context(), signInKey{}, in))
	return in, nil
}

// beginSignIn makes the session of l, in the place of the one that the browser holds.
func (e *Endpoint) beginSignIn(r *http.Request, l session.Login) (session.Session, session.Refresh, account.User, error) {
	c, err := r.Cookie(e.cookieName(signInCookie))
	if err != nil {
		return e.Sessions.Begin(r.Context(), l, from(r))
	}
	former, err := e.Sessions.Owner(r.Context(), c.Value)
	if err != nil && !errors.Is(err, session.ErrInvalidGrant) {
		return session.Session{}, "", account.User{}, err
	}
	if former.ClientID != session.Browser {
		return e.Sessions.Begin(r.Context(), l, from(r))
	}
	if former.Subject == l.User.Subject {
		s, value, u, err := e.Sessions.ProveAgain(r.Context(), c.Value, l, from(r))
		if !errors.Is(err, session.ErrInvalidGrant) {
			return s, value, u, err
		}
	}
	l.Replaces = former.ID
	return e.Sessions.Begin(r.Context(), l, from(r))
}

// SignOut ends the browser's sign-in with all grants made from it, and takes the cookie back. Nobody signed in is no error.
func (e *Endpoint) SignOut(w http.ResponseWriter, r *http.Request) error {
	s, ok, err := e.SignedIn(r)
	if err != nil {
		return err
	}
	if ok {
		if err := e.Sessions.End(r.Context(), s.Session.ID, s.User.Subject, true, session.LoggedOut, from(r)); err != nil {
			return err
		}
		e.Nudge()
	}
	e.setCookie(w, signInCookie, "", -1)
	return nil
}

// cookieName is the name with the prefix that binds the cookie to this host and to TLS.
func (e *Endpoint) cookieName(name string) string {
	if e.Secure {
		return "__Host-" + name
	}
	return name
}

// setCookie: age in seconds, 0 until the browser ends, negative to delete it.
func (e *Endpoint) setCookie(w http.ResponseWriter, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: e.cookieName(name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: e.Secure, SameSite: http.SameSiteLaxMode, // Lax: a client's page sends its visitor here
	})
}

// from says where the request came from, for the audit log.
func from(r *http.Request) audit.From {
	return audit.From{Address: web.Address(r.Context()), UserAgent: web.UserAgent(r), RequestID: web.RequestID(r.Context())}
}
