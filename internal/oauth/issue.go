package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
)

// issuance is what was granted, by a transaction that is done: issue makes the answer of it.
type issuance struct {
	client Client
	// access is what the grant knows of the access token: Subject and At (of the transaction) at least. issue adds client, scope,
	// audience, lifetime and binding.
	access    token.Access
	scope     []string // of the access token
	resources []string // that it is for
	jkt, x5t  string   // that it is bound to, at most one

	user    *account.User   // nil where a client acts for itself, or a token was exchanged: then there is no ID token
	signIn  session.ID      // sid of the ID token
	nonce   string          // of the authorization request; "" after a refresh
	claims  json.RawMessage // its parameter claims
	refresh session.Refresh // "" where none is handed out
	// issued is issued_token_type of a token exchange (RFC 8693 section 2.2.1).
	issued string
}

// answer is a successful one of the token endpoint (RFC 6749 section 5.1).
type answer struct {
	AccessToken  string `json:"access_token"`
	IssuedType   string `json:"issued_token_type,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"` // always, where any was granted (section 3.3)
}

// issue mints what i grants: the one place for all grants. A store that took too long is temporarily_unavailable: the client may
// ask again.
func (e *Endpoint) issue(r *http.Request, i issuance) (answer, error) {
	life, _, _ := e.Policy.lifetimes(i.client, i.resources)
	mint := i.access
	mint.ClientID, mint.Scope, mint.Lifetime = i.client.ID, strings.Join(i.scope, " "), life
	mint.JKT, mint.X5T = i.jkt, i.x5t
	mint.Audience = i.resources
	if slices.Contains(i.scope, ScopeOpenID) && !slices.Contains(i.resources, e.Issuer) {
		mint.Audience = append(slices.Clone(i.resources), e.Issuer) // for userinfo
	}
	if i.user != nil && slices.Contains(i.scope, ScopeRoles) {
		mint.Roles = i.user.Roles
	}
	if i.user != nil && i.client.Actor != "" {
		mint.MayAct = map[string]string{"client_id": i.client.Actor}
	}
	web.SetSubject(r.Context(), mint.Subject)
	access, left, err := e.Minter.Access(mint)
	if err != nil {
		return answer{}, late(err)
	}
	a := answer{
		AccessToken: access, IssuedType: i.issued, TokenType: "Bearer", ExpiresIn: int64(left / time.Second),
		RefreshToken: i.refresh.Reveal(), Scope: mint.Scope,
	}
	if i.jkt != "" {
		a.TokenType = "DPoP" // RFC 9449 section 5
	}
	if i.user != nil && slices.Contains(i.scope, ScopeOpenID) { // OpenID Connect Core section 3.1.2.1
		a.IDToken, err = e.mintIDToken(i, access)
	}
	return a, err
}

// late makes of a token that may not be signed any more what a client can act on.
func late(err error) error {
	if !errors.Is(err, token.ErrLate) {
		return err
	}
	return &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second, Cause: err}
}

// hand writes the answer.
func (e *Endpoint) hand(w http.ResponseWriter, a answer) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 section 5.1
	return web.JSON(w, http.StatusOK, a)
}

// given is what a user allowed a client: what the row of a grant says beyond its client.
type given struct {
	signIn            session.ID // that the grant is made from; zero: the grant is a sign-in of its own
	subject           string
	credentialVersion int64
	scope, resources  []string
	claims            json.RawMessage
	authTime          time.Time // when the user proved who they are; zero: now
	amr               []string  // how; none: they did not (jwt-bearer), and no token says that they had
	acr               string
}

// login is g as the session of q's client. Where the client refreshes nothing, it lives as long as one access token.
func (e *Endpoint) login(q *tokenRequest, g given) (session.Login, error) {
	access, idle, absolute := e.Policy.lifetimes(q.client, g.resources)
	if !q.client.MayUse(GrantRefresh) {
		idle, absolute = access, access
	}
	l := session.Login{
		User: account.User{Subject: g.subject, CredentialVersion: g.credentialVersion}, ClientID: q.client.ID, Transport: "bearer",
		Scope: strings.Join(g.scope, " "), AMR: g.amr, ACR: g.acr, AuthTime: g.authTime, JKT: q.sessionJKT(), Parent: g.signIn,
		Audience: g.resources, Notify: q.client.BackchannelLogoutURI != "", Idle: idle, Absolute: absolute,
	}
	if len(g.claims) > 0 {
		details, err := json.Marshal(Grant{Claims: g.claims})
		if err != nil {
			return session.Login{}, err
		}
		l.Details = string(details)
	}
	return l, nil
}

// draft is the row of a grant to a client, before it is known whose: for a transaction that finds that out. Its place in a status list is
// taken by then, because that may ask the store, which a transaction must not wait for.
type draft struct {
	row     session.Session
	refresh session.Refresh
	login   func(given) (session.Login, error)
}

// draft makes one for q's client. Errors are those of session.Service.Draft.
func (e *Endpoint) draft(ctx context.Context, q *tokenRequest) (d draft, err error) {
	d.login = func(g given) (session.Login, error) { return e.login(q, g) }
	l, err := d.login(given{})
	if err != nil {
		return draft{}, err
	}
	d.row, d.refresh, err = e.Sessions.Draft(ctx, l, q.from)
	return d, err
}

// of is the row for what was given. It is quick and asks nobody.
func (d draft) of(g given) (session.Session, error) {
	l, err := d.login(g)
	if err != nil {
		return session.Session{}, err
	}
	s := d.row
	s.Parent, s.Subject, s.CredentialVersion = l.Parent, l.User.Subject, l.User.CredentialVersion
	s.Scope, s.Audience, s.Details, s.AMR, s.ACR = l.Scope, l.Audience, l.Details, l.AMR, l.ACR
	if !l.AuthTime.IsZero() {
		s.AuthTime = l.AuthTime
	}
	s.ExpiresAt = s.CreatedAt.Add(l.Absolute)
	s.IdleExpiresAt = s.CreatedAt.Add(min(l.Idle, l.Absolute))
	return s, nil
}

// begin is the state change of grants that use nothing up: it begins the session of what was given. A user who was disabled meanwhile
// is invalid_grant.
func (e *Endpoint) begin(ctx context.Context, q *tokenRequest, g given) (issuance, error) {
	l, err := e.login(q, g)
	if err != nil {
		return issuance{}, err
	}
	s, refresh, u, err := e.Sessions.Begin(ctx, l, q.from)
	if errors.Is(err, session.ErrUserGone) {
		return issuance{}, gone(err)
	}
	if err != nil {
		return issuance{}, err
	}
	return e.granted(q, s, u, refresh, s.CreatedAt), nil
}

// gone is a user who may not sign in any more, or a sign-in that has ended.
func gone(cause error) error {
	return withCause(refuse("invalid_grant", "the user, the password or the sign-in that this was granted by has changed: begin again"), cause)
}

// granted is what follows from a session of q's client: of its begin, or of a refresh at an instant.
func (e *Endpoint) granted(q *tokenRequest, s session.Session, u account.User, refresh session.Refresh, at time.Time) issuance {
	i := issuance{
		client: q.client, jkt: q.jkt, x5t: q.x5t, user: &u, signIn: s.Parent,
		scope: strings.Fields(s.Scope), resources: s.Audience,
		access: token.Access{
			Subject: u.Subject, Session: s.ID.String(), AMR: s.AMR, ACR: s.ACR, At: at, NotAfter: s.ExpiresAt, Status: e.statusClaim(s.Status),
		},
	}
	if len(s.AMR) > 0 {
		i.access.AuthTime = s.AuthTime
	}
	if s.Parent.IsZero() {
		i.signIn = s.ID
	}
	if q.client.MayUse(GrantRefresh) {
		i.refresh = refresh
	}
	if s.Details != "" {
		var g Grant
		if json.Unmarshal([]byte(s.Details), &g) == nil { // what this package wrote
			i.claims = g.Claims
		}
	}
	return i
}

// statusClaim is the claim of a place in a status list, nil for none.
func (e *Endpoint) statusClaim(p revocation.Place) *token.Status {
	if e.Status == nil || p == (revocation.Place{}) {
		return nil
	}
	return &token.Status{Index: p.Bit, URI: e.Status.URI(p)}
}

// certificate is x5t#S256 of the certificate that the client connected with (RFC 8705 section 3.1), "" for none.
func certificate(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// metrics count what the endpoints do.
type metrics struct {
	minted *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{minted: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sandi_oauth_tokens_minted_total", Help: "Access tokens minted for OAuth clients, by grant type.",
	}, []string{"grant"})}
	if reg != nil {
		reg.MustRegister(m.minted)
	}
	return m
}
