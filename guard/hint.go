package guard

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sandi-auth/sandi/jwt"
)

// Hint says to a developer or an operator what is likely wrong and what to do about it; "" where
// nothing is to be added to Reason and Cause. It is for logs and never sent to clients: it names
// settings of the Guard. It holds nothing out of the request or the token.
func (e *Error) Hint() string {
	if e.hint != "" || e.policy == nil {
		return e.hint
	}
	for _, h := range hints {
		if errors.Is(e, h.cause) {
			return h.text(e.policy)
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](e.Cause); ok {
		return fmt.Sprintf("InsecureFromBody reads bodies of at most %d KiB; guard this route by header or cookie", maxBody>>10)
	}
	if _, ok := errors.AsType[*PanicError](e.Cause); ok {
		return "a function of the program's own panicked; PanicError.Stack says where"
	}
	return ""
}

// hints are looked through in order: causes first, then the reasons that need none.
var hints = []struct {
	cause error
	text  func(*policy) string
}{
	{jwt.ErrAudience, func(p *policy) string {
		return fmt.Sprintf("the token's aud has none of Config.Audience %q: it was issued for another resource server", p.guard.cfg.Audience)
	}},
	{jwt.ErrIssuer, func(p *policy) string {
		return fmt.Sprintf("the token's iss is not Config.Issuer %q byte for byte; a slash at the end counts", p.guard.cfg.Issuer)
	}},
	{jwt.ErrUnknownKey, func(p *policy) string {
		set := p.guard.cfg.Keys.KeySet()
		if set == nil {
			return "Config.Keys has no keys yet: can the issuer's be reached?"
		}
		return fmt.Sprintf("none of the %d keys in Config.Keys has the token's kid: the key set is out of date, or the token is another issuer's", set.Len())
	}},
	{jwt.ErrSignature, always("the key of the token's kid did not sign it: the token was altered or cut off, or issuer and guard have different keys under one kid")},
	{jwt.ErrAlgorithm, always("the token's alg is not the one its key is for; give each key the algorithm that the issuer signs with")},
	{jwt.ErrType, func(p *policy) string {
		return fmt.Sprintf("the token's header typ is none of %q (Config.Types, or Type of the route); an ID token is not an access token", p.types)
	}},
	{errKind, func(p *policy) string {
		if p.refresh {
			return `this route takes refresh tokens: claim type "refresh"`
		}
		return `this route takes no refresh tokens, no tokens whose claim type says something else than "access", and with typ "JWT" none without it`
	}},
	{errBound, always("the token is bound to a key or certificate (claim cnf), and this guard takes bearer tokens: set Config.DPoP or MutualTLS, or have the client ask for one that is not bound")},
	{errNotBound, always("the token is not bound to a key, so no proof says anything of it: send it as Bearer, or have the client show its proof to the token endpoint")},
	{errScheme, always("the token is bound to a DPoP key: send it as Authorization: DPoP, with a proof, and one bound to a certificate as Bearer (RFC 9449 section 7.2)")},
	{errNoProof, always("there is no header DPoP beside the token (RFC 9449 section 7.1)")},
	{errOtherKey, always("the proof is made with another key than the one whose thumbprint the token has (cnf.jkt)")},
	{errNoCertificate, always("the connection has no client certificate: does the listener ask for one (tls.Config.ClientAuth), and does a proxy in front end TLS?")},
	{errOtherCertificate, always("the connection's client certificate is not the one that the token is bound to (cnf.x5t#S256)")},
	{ErrProof, always("compare the proof's htm, htu and iat with the request, ProofsConfig.PublicURL and this server's clock; each proof counts once")},
	{errTicketExpired, always("the ticket came too late: the client gets one immediately before it connects, not in advance; or compare the clocks")},
	{jwt.ErrExpired, func(p *policy) string {
		return fmt.Sprintf("the token's exp has come by this server's clock (leeway %v): the client should refresh; if it is new, compare the clocks", p.guard.cfg.Leeway)
	}},
	{jwt.ErrNotYetValid, always("the token's nbf or iat lies ahead of this server's clock: compare the clocks, or set Config.Leeway")},
	{jwt.ErrNoExpiry, always("the token has no exp; have the issuer set it (InsecureNoExpiry accepts tokens that live for ever)")},
	{jwt.ErrTooLarge, always("the token is over 16 KiB: put less into its claims")},
	{jwt.ErrCritical, always("the token's header has crit, which changes what the token means in a way that is not understood here")},
	{jwt.ErrMalformed, always(`this is no JWT: look for quotation marks, a second "Bearer", a token that was cut off, or an opaque token`)},
	{errCSRFValue, func(p *policy) string {
		c := p.guard.cfg.Cookie
		return fmt.Sprintf("a cookie changes something only with the token's csrf claim in the header %s; the page reads it from the cookie %s", c.CSRFHeader, c.CSRF)
	}},
	{errOrigin, func(p *policy) string {
		return fmt.Sprintf("the page that opens the socket is neither of this host nor in Config.Cookie.Origins %q", p.guard.cfg.Cookie.Origins)
	}},
	{errTwoCredentials, always("send one token in one place; a second cookie of the name may be left from another path or domain")},
	{errAuthorization, always(`want "Authorization: Bearer", one space and the token, and nothing else`)},
	{errLong, always("queries are searched up to 64 KiB; send the token in the Authorization header")},
	{errBody, always("the body is not what its Content-Type says, or could not be read to its end")},
	{errScope, func(p *policy) string {
		return fmt.Sprintf("the claim scope must hold all of %q", p.scopes)
	}},
	{errRole, func(p *policy) string {
		return fmt.Sprintf("the claim roles must hold one of each of %q", p.roles)
	}},
	{jwt.ErrClaimMissing, always("the route asks for a claim that the token does not have")},
	{errSafeMethod, always("a token that counts once is spent by POST, for links are fetched by scanners; let a GET show a form that sends it")},
	{ErrTicket, always("the ticket was cut off, or sealed by a server with other keys; a JWT is no ticket")},
	{errNoTicketID, always("Config.Tickets opened a ticket without saying its id and expiry")},
	{errTicketReused, always("the ticket was used before: a client gets another one for each connection, and for each attempt")},
	{ErrReused, always("the token counts once; a client that lost the answer must begin again, and Config.OnReuse can end the session; a handler behind Require takes Identity and does not Check again")},
	{errNoID, always("a token that counts once needs jti and exp; Issuer.OneTime sets them")},
	{errNoGeneration, always("Config.Rotation counts by session: have Issuer.Refresh make refresh tokens, of a Grant with a Session; Token.Grant numbers them")},
	{ErrReplayFull, func(p *policy) string {
		if p.refresh {
			return "more sessions have refreshed than RotationMemoryConfig.Size before they expired; bound the sign-ins of each user"
		}
		return "more one-time tokens were used than ReplayMemoryConfig.Size before they expired"
	}},
	{errListHost, always("the token names a status list elsewhere: add the host to StatusListsConfig.Hosts if it is the issuer's")},
	{ErrStale, always("nobody has called Touch on the revocation list in time: is its follower running, and does it reach the server?")},
	{ErrProofNonce, always("ProofsConfig.RequireNonce: a client sends the nonce of the last answer; one that repeats the request with it gets through")},
	{StepUp, func(p *policy) string {
		return fmt.Sprintf("the claim acr must be one of %q", p.acr)
	}},
	{TokenNotFresh, always("the route asks for Fresh: the token is from a refresh, or the sign-in is too long ago; sign in again")},
}

func always(text string) func(*policy) string { return func(*policy) string { return text } }

// overlooked says where a request that brought no token seems to have one nevertheless.
func (p *policy) overlooked(r *http.Request) string {
	switch name := p.cookieName(&p.guard.cfg.Cookie); {
	case r.Header["Authorization"] != nil && p.header:
		return `the Authorization header is of another scheme: want "Bearer", a space and the token`
	case r.Header["Authorization"] != nil:
		return "there is an Authorization header, but FromHeader is not among the route's sources"
	case !p.cookie && len(r.CookiesNamed(name)) > 0:
		return fmt.Sprintf("there is a cookie %s, but FromCookie is not among the route's sources", name)
	case isHandshake(r) && !p.protocol && strings.Contains(r.Header.Get("Sec-WebSocket-Protocol"), protocolPrefix):
		return "Sec-WebSocket-Protocol seems to hold a token, but FromProtocol is not among the route's sources"
	case strings.Contains(r.URL.RawQuery, "ticket=") && len(p.ticket) == 0:
		return "the query seems to hold a ticket, but FromTicket is not among the route's sources"
	case strings.Contains(r.URL.RawQuery, "token="):
		return "the query seems to hold a token, but no InsecureFromQuery of the route reads its key"
	}
	return "no token in any of the route's sources (Config.Sources, RefreshSources for Refresh, or From)"
}
