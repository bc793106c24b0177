package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/internal/session"
)

// next says which page has to be answered before the client is: "" for none. Errors of kind problem.Invalid are the client's.
func (e *Endpoint) next(r *http.Request, c Client, q *Request) (in SignIn, page string, err error) {
	in, ok, err := e.SignedIn(r)
	if err != nil || !ok {
		return in, pageSignIn, err
	}
	if err := e.mayImplicit(r.Context(), q, in); err != nil {
		return in, "", err
	}
	if must, err := e.mustSignIn(r.Context(), q, in); must || err != nil {
		return in, pageSignIn, err
	}
	must, err := e.mustConsent(r.Context(), c, q, in)
	if must || err != nil {
		page = pageConsent
	}
	return in, page, err
}

// mustSignIn says whether the sign-in is not what the request asks for: another user's, too old, or of one factor where a second
// is wanted and the user has one (step-up, RFC 9470). One that was made within the request is new enough for anything.
func (e *Endpoint) mustSignIn(ctx context.Context, q *Request, in SignIn) (bool, error) {
	other := q.Subject != "" && q.Subject != in.User.Subject
	switch {
	case q.madeWithin(in):
		if other { // OpenID Connect Core section 3.1.2.1, id_token_hint
			return false, refuse("login_required", "somebody else signed in than the request asks for")
		}
	case other, slices.Contains(q.Prompt, "login"), slices.Contains(q.Prompt, "select_account"):
		return true, nil
	case q.MaxAge != nil && e.Now().Unix()-in.Session.AuthTime.Unix() >= *q.MaxAge:
		return true, nil
	}
	if len(q.ACR) == 0 || slices.Contains(q.ACR, ACRPassword) || in.Session.ACR == ACRFactors {
		return false, nil
	}
	has, err := e.Accounts.HasFactor(ctx, in.User.Subject)
	if err == nil && !has && q.EssentialACR {
		err = errUnmet
	}
	return has, err
}

// madeWithin says that the sign-in was made for this very request.
func (q *Request) madeWithin(in SignIn) bool {
	return q.SignIn != session.ID{} && q.SignIn == in.Session.ID
}

// mustConsent says whether the user is to be asked: where they did not allow this client all of it before, and where
// prompt=consent says so. A public client at a redirect URI that any program on the device can claim is not who it says it is:
// unless the user has just signed in for it, it is asked about each time (RFC 8252 section 8.6).
func (e *Endpoint) mustConsent(ctx context.Context, c Client, q *Request, in SignIn) (bool, error) {
	claimable := c.Public() && !strings.HasPrefix(q.RedirectURI, "https://")
	if slices.Contains(q.Prompt, "consent") || claimable && !q.madeWithin(in) {
		return true, nil
	}
	if c.SkipConsent {
		return false, nil
	}
	given, err := e.Store.Consent(ctx, in.User.Subject, c.ID)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return !within(q.Scope, given.Scope) || !within(q.Resources, given.Resources), err
}

// within says whether all of some stands in all.
func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
