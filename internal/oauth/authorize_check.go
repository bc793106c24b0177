package oauth

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// Response types (RFC 6749 sections 4.1.1 and 4.2.1).
const (
	responseCode  = "code"
	responseToken = "token" // only with InsecureImplicitGrant
)

// Longest values that are kept, in bytes.
const (
	maxState  = 4096
	maxNonce  = 512
	maxClaims = 4096
	maxHint   = 256
)

// check judges what a client asks for, and fills q in: the same for a request that comes with the browser and for a pushed one.
// How the client is answered is known already (answer). The errors are for the client.
func (e *Endpoint) check(c Client, f form, q *Request) error {
	if len(q.State) > maxState {
		q.State = ""
		return refuse("invalid_request", "state is longer than 4096 bytes")
	}
	if c.RequireSignedRequest && f["request"] == nil {
		return refuse("invalid_request", "this client has to sign its authorization requests (RFC 9101)")
	}
	for _, judge := range []func(Client, form, *Request) error{
		e.checkResponse, checkChallenge, e.checkTarget, checkPrompt, e.checkAuthentication,
	} {
		if err := judge(c, f, q); err != nil {
			return err
		}
	}
	return nil
}

// checkResponse: what is asked for, and how it is answered.
func (e *Endpoint) checkResponse(c Client, f form, q *Request) error {
	mode := "query"
	switch t := f.get("response_type"); {
	case t == "":
		return refuse("invalid_request", "response_type is missing")
	case t == responseToken && c.InsecureImplicitGrant && !c.DPoPBound && !c.TLSBound:
		mode = "fragment"
	case t != responseCode:
		return refuse("unsupported_response_type", "the only response_type is code")
	case !c.MayUse(GrantCode):
		return refuse("unauthorized_client", "the client is not registered for authorization_code")
	}
	if m := f.get("response_mode"); m != "" && m != mode {
		return refuse("invalid_request", "response_mode has to be "+mode+", or left out")
	}
	return nil
}

// checkChallenge asks every client for PKCE by S256 (RFC 7636 section 4.4.1, RFC 9700 section 2.1.1): without a method it would be plain.
func checkChallenge(_ Client, f form, q *Request) error {
	if q.ResponseType != responseCode {
		return nil
	}
	switch challenge := f.get("code_challenge"); {
	case challenge == "":
		return refuse("invalid_request", "code_challenge is missing: every client has to use PKCE (RFC 7636)")
	case f.get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method has to be S256")
	case !isSHA256(challenge):
		return refuse("invalid_request", "code_challenge is no base64url of a SHA-256: 43 characters")
	default:
		q.Challenge = challenge
	}
	if q.JKT = f.get("dpop_jkt"); q.JKT != "" && !isSHA256(q.JKT) {
		return refuse("invalid_request", "dpop_jkt is no base64url of a SHA-256: 43 characters")
	}
	return nil
}

// isSHA256 says whether s is a SHA-256 in base64url without padding.
func isSHA256(s string) bool {
	return len(s) == 43 && !slices.ContainsFunc([]byte(s), func(b byte) bool {
		return (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '_'
	})
}

// checkTarget: for what the tokens are to be good.
func (e *Endpoint) checkTarget(c Client, f form, q *Request) (err error) {
	q.Scope, q.Resources, err = e.Policy.target(c, f.list("scope"), f["resource"], e.Audience)
	if err != nil {
		return err
	}
	if q.ResponseType == responseToken { // no refresh token ever comes of it (OpenID Connect Core section 11)
		q.Scope = slices.DeleteFunc(slices.Clone(q.Scope), func(s string) bool { return s == ScopeOfflineAccess || s == ScopeOpenID })
	}
	if q.Nonce = f.get("nonce"); len(q.Nonce) > maxNonce {
		return refuse("invalid_request", "nonce is longer than 512 bytes")
	}
	return nil
}

// checkPrompt reads prompt and max_age (OpenID Connect Core section 3.1.2.1).
func checkPrompt(_ Client, f form, q *Request) error {
	q.Prompt = f.list("prompt")
	for _, p := range q.Prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, p) {
			return refuse("invalid_request", "prompt is none, or some of login, consent and select_account")
		}
	}
	if slices.Contains(q.Prompt, "none") && len(q.Prompt) > 1 {
		return refuse("invalid_request", "prompt=none goes with no other value")
	}
	if age := f.get("max_age"); age != "" {
		n, err := strconv.ParseInt(age, 10, 64)
		if err != nil || n < 0 {
			return refuse("invalid_request", "max_age is a number of seconds, 0 or more")
		}
		q.MaxAge = &n
	}
	return nil
}

// checkAuthentication reads who has to be signed in, and how well (acr_values, claims, id_token_hint). What has no bearing on
// that is ignored: login_hint beyond its length, ui_locales (pages follow Accept-Language), display.
func (e *Endpoint) checkAuthentication(c Client, f form, q *Request) error {
	if hint := f.get("login_hint"); len(hint) <= maxHint {
		q.LoginHint = hint
	}
	if hint := f.get("id_token_hint"); hint != "" {
		h, err := e.readHint(hint)
		if err != nil || !slices.Contains(h.Audience, c.ID) {
			return refuse("invalid_request", "id_token_hint is no ID token that this server gave the client")
		}
		q.Subject = h.Subject
	}
	asked := f.list("acr_values")
	if text := f.get("claims"); text != "" {
		claims, err := readClaims(json.RawMessage(text))
		if err != nil || len(text) > maxClaims {
			return refuse("invalid_request", "claims is not the JSON of OpenID Connect Core section 5.5, of at most 4096 bytes")
		}
		q.Claims = json.RawMessage(text)
		if values, essential := claims.IDToken.acr(); len(values) > 0 && (essential || len(asked) == 0) {
			asked, q.EssentialACR = values, essential
		}
		if err := q.demand(claims); err != nil {
			return err
		}
	}
	for _, v := range asked {
		if v == ACRPassword || v == ACRFactors {
			q.ACR = append(q.ACR, v)
		}
	}
	if q.EssentialACR && len(q.ACR) == 0 {
		return errUnmet
	}
	return nil
}

// demand takes a value that claims asks sub to have (OpenID Connect Core section 5.5.1).
func (q *Request) demand(claims claimsParameter) error {
	sub, err := claims.subject()
	if err == nil && sub != "" && q.Subject != "" && sub != q.Subject {
		err = errors.New("two users")
	}
	if err != nil {
		return refuse("invalid_request", "claims and id_token_hint ask for different users")
	}
	if sub != "" {
		q.Subject = sub
	}
	return nil
}

// errUnmet is told where an essential acr cannot be had (OpenID Connect Unmet Authentication Requirements, RFC 9470 section 5).
var errUnmet = refuse("unmet_authentication_requirements", "the user cannot sign in as acr demands")
