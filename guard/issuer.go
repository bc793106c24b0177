package guard

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// IssuerConfig configures an Issuer. Key and Issuer are required.
type IssuerConfig struct {
	// Key signs. One that several programs share must have a kid, so that it can be changed.
	Key *jwt.Key
	// Previous keys verify and do not sign. To change the key, move the old one here until the last
	// token that it signed has expired: Refresh after the change.
	Previous []*jwt.Key
	// Issuer is the claim iss, such as "https://app.example".
	Issuer string
	// Audience is the claim aud, default Issuer: the program that issues is the one that accepts.
	Audience []string
	// Access is how long access tokens live, default 15 minutes, at most an hour.
	Access time.Duration
	// Refresh is how long refresh tokens live, default 30 days.
	Refresh time.Duration
	// Cookie says how SetCookies sets them.
	Cookie CookieConfig
	// Replay, where it is set, makes each refresh token count once: see Issuer.
	Replay Replay
	// Now is the clock, default time.Now.
	Now func() time.Time

	// InsecureLongAccessTokens allows access tokens that live longer than an hour. Whoever finds one
	// in a log can use it for as long, and roles that were taken away stay in it.
	InsecureLongAccessTokens bool
}

// Issuer makes JWTs for a program that signs in its users itself, without a Sandi server. It is
// immutable and safe for concurrent use.
//
//	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://app.example"})
//	g, err := guard.New(iss.Config()) // accepts what iss makes, and nothing else
//
// Its refresh tokens are JWTs. Without Replay one is good as often as it is sent until it expires,
// also for a thief, and only Config.Revocations ends it. With Replay each counts once: the handler
// of Refresh hands out the next, made by Issuer.Refresh, and an old one that comes again is
// token_revoked and told to Config.OnReuse, which can end the session. A Sandi server does more: it
// ends the session itself; a client that lost the answer or refreshes in two tabs gets the same
// successor again for some seconds, where here it must sign in again; refresh tokens end when they
// are idle; and what it stores survives a restart and counts on every node.
type Issuer struct {
	cfg  IssuerConfig
	keys *jwt.KeySet
}

// NewIssuer makes an Issuer. It fails for a key that cannot sign or that everybody knows, and for
// lifetimes and cookies that cannot be.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	c.Audience, c.Previous = slices.Clone(c.Audience), slices.Clone(c.Previous)
	if len(c.Audience) == 0 {
		c.Audience = []string{c.Issuer}
	}
	c.Access = cmp.Or(c.Access, 15*time.Minute)
	c.Refresh = cmp.Or(c.Refresh, 30*24*time.Hour)
	c.Cookie = c.Cookie.withDefaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := errors.Join(c.checkKeys(), c.check()); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	public := make([]*jwt.Key, 0, 1+len(c.Previous))
	for _, k := range append([]*jwt.Key{c.Key}, c.Previous...) {
		public = append(public, cmp.Or(k.Public(), k)) // an HMAC key verifies itself
	}
	keys, err := jwt.NewKeySet(public...)
	if err != nil {
		return nil, fmt.Errorf("guard: IssuerConfig.Previous: %w", err)
	}
	return &Issuer{c, keys}, nil
}

func (c *IssuerConfig) checkKeys() error {
	if c.Key == nil || slices.Contains(c.Previous, nil) {
		return errors.New("IssuerConfig.Key must be set, and no Previous may be nil")
	}
	if !c.Key.CanSign() {
		return errors.New("IssuerConfig.Key cannot sign: give the private key")
	}
	return refuseKnown(c.Key)
}

func (c *IssuerConfig) check() error {
	if c.Issuer == "" || slices.Contains(c.Audience, "") {
		return errors.New("IssuerConfig.Issuer must be set, and no Audience may be empty")
	}
	if c.Access < time.Second || c.Refresh < time.Second {
		return errors.New("IssuerConfig.Access and Refresh must be a second or more")
	}
	if err := c.checkAccess(c.Access); err != nil {
		return fmt.Errorf("IssuerConfig.Access: %w", err)
	}
	return c.Cookie.check()
}

func (c *IssuerConfig) checkAccess(lifetime time.Duration) error {
	if lifetime > time.Hour && !c.InsecureLongAccessTokens { // RFC 6750 section 5.3
		return fmt.Errorf("an access token of %v lives longer than an hour: use refresh tokens, or set InsecureLongAccessTokens", lifetime)
	}
	return nil
}

// Keys are what verifies the tokens. Marshalled to JSON their KeySet is the JWKS for other
// services, empty for HMAC keys, which are nobody else's.
func (i *Issuer) Keys() jwt.Keys { return i.keys }

// Config is for a Guard that accepts the tokens of i and no other. Set Revocations, Sources and the
// rest before New.
func (i *Issuer) Config() Config {
	return Config{
		Issuer: i.cfg.Issuer, Keys: i.keys, Audience: slices.Clone(i.cfg.Audience), Now: i.cfg.Now,
		Cookie: i.cfg.Cookie, Replay: i.cfg.Replay, RefreshOnce: i.cfg.Replay != nil,
	}
}

// Grant is what a token says. Only Subject is required: what is empty is left out.
type Grant struct {
	// Subject is who the token is for, claim sub.
	Subject string
	// Fresh says that the user has proved who they are just now (requirement Fresh).
	Fresh bool
	// Roles are checked by Role. Refresh tokens do not have them: look them up when refreshing.
	Roles []string
	// Scope is checked by the requirement Scope.
	Scope []string
	// ClientID is the OAuth client, claim client_id.
	ClientID string
	// Session is what a logout ends, claim sid; the same in the access and refresh tokens of a sign-in.
	Session string
	// CSRF is what a page must send back when the token travels in a cookie; the same in both tokens.
	CSRF string
	// AuthTime is when the user last proved who they are, claim auth_time.
	AuthTime time.Time
	// NotAfter is when the session ends at the latest: no token of it lives longer. Zero: no such end.
	NotAfter time.Time
	// Lifetime is this token's, default IssuerConfig.Access or Refresh; in whole seconds.
	Lifetime time.Duration
	// Claims are further ones, by name. Those that fields stand for, and others that mean something
	// to a verifier, are refused.
	Claims map[string]any
}

// SignIn is the Grant of a user who has just proved who they are: fresh, in a new session, with a
// new CSRF value. Make the access and the refresh token from the same one.
func (i *Issuer) SignIn(subject string) Grant {
	return Grant{Subject: subject, Fresh: true, AuthTime: i.cfg.Now(), Session: rand.Text(), CSRF: rand.Text()}
}

// Grant is what a token that is made in exchange for t may say, where t is a refresh token: subject,
// client, scope, session and CSRF value of t, not fresh, and not for longer than t. Roles and
// further claims are not taken over: look them up, they may have changed. So a user signs in at
// least once in IssuerConfig.Refresh; clear NotAfter to let sessions that are used live on.
func (t *Token) Grant() Grant {
	return Grant{
		Subject: t.Subject(), ClientID: t.ClientID(), Scope: append([]string(nil), t.Scopes()...), Session: t.Session(), CSRF: t.String("csrf"),
		AuthTime: t.AuthTime(), NotAfter: t.ExpiresAt(),
	}
}

// Access makes an access token: typ "at+jwt", and the claims of RFC 9068 with type and fresh as
// Flask-JWT-Extended has them. It fails for a Grant that cannot be.
func (i *Issuer) Access(g Grant) (string, error) {
	life := cmp.Or(g.Lifetime, i.cfg.Access)
	if err := i.cfg.checkAccess(life); err != nil {
		return "", fmt.Errorf("guard: make access token: %w", err)
	}
	c := grantClaims{Type: "access", Fresh: &g.Fresh, Roles: g.Roles}
	return i.sign("at+jwt", c, g, life)
}

// Refresh makes a refresh token: typ "refresh+jwt", claim type "refresh". It fails for a Grant that
// cannot be.
func (i *Issuer) Refresh(g Grant) (string, error) {
	return i.sign("refresh+jwt", grantClaims{Type: "refresh"}, g, cmp.Or(g.Lifetime, i.cfg.Refresh))
}

// OneTime makes a token for one purpose, such as typ "reset+jwt", that the requirement OneTime of
// the same typ accepts once. Claims may bind it to what it is for: put a hash of the user's current
// password hash into it, and check that with Claim, and a link dies when the password changes.
func (i *Issuer) OneTime(typ, subject string, lifetime time.Duration, claims map[string]any) (string, error) {
	if err := checkPurpose(typ); err != nil {
		return "", fmt.Errorf("guard: make one-time token %q: %w", typ, err)
	}
	return i.sign(typ, grantClaims{}, Grant{Subject: subject, Claims: claims}, lifetime)
}

// grantClaims are the claims of a token, in the order in which they are written.
type grantClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience any      `json:"aud"` // a string where there is one (RFC 7519 section 4.1.3)
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	ID       string   `json:"jti"`
	ClientID string   `json:"client_id,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	Session  string   `json:"sid,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Type     string   `json:"type,omitempty"`
	Fresh    *bool    `json:"fresh,omitempty"`
	CSRF     string   `json:"csrf,omitempty"`
}

// reserved claims are not for Grant.Claims: those of grantClaims and those that change what a token
// is or for whom.
var reserved = strings.Fields("iss sub aud exp nbf iat jti client_id scope sid roles auth_time type fresh csrf cnf act may_act status")

func (i *Issuer) sign(typ string, c grantClaims, g Grant, life time.Duration) (string, error) {
	now := i.cfg.Now().Unix()
	c.Issuer, c.Subject, c.Audience = i.cfg.Issuer, g.Subject, i.cfg.Audience
	if len(i.cfg.Audience) == 1 {
		c.Audience = i.cfg.Audience[0]
	}
	c.IssuedAt, c.Expires, c.ID = now, now+int64(life/time.Second), rand.Text()
	if !g.NotAfter.IsZero() {
		c.Expires = min(c.Expires, g.NotAfter.Unix())
	}
	if !g.AuthTime.IsZero() {
		c.AuthTime = g.AuthTime.Unix()
	}
	c.ClientID, c.Scope, c.Session, c.CSRF = g.ClientID, strings.Join(g.Scope, " "), g.Session, g.CSRF
	payload, err := g.payload(c)
	if err != nil {
		return "", fmt.Errorf("guard: make %s: %w", typ, err)
	}
	token, err := jwt.SignPayload(i.cfg.Key, typ, payload)
	if err == nil && len(token) > jwt.DefaultMaxSize {
		err = fmt.Errorf("%w: %d bytes, and verifiers take %d; put less into Claims", jwt.ErrTooLarge, len(token), jwt.DefaultMaxSize)
	}
	if err != nil {
		return "", fmt.Errorf("guard: make %s: %w", typ, err)
	}
	return token, nil
}

// payload checks the grant and writes the claims, its further ones last.
func (g *Grant) payload(c grantClaims) ([]byte, error) {
	switch {
	case g.Subject == "":
		return nil, errors.New("Subject is empty")
	case c.Expires <= c.IssuedAt:
		return nil, errors.New("it would have expired already: Lifetime is under a second, or NotAfter has passed")
	case slices.ContainsFunc(g.Scope, notScope):
		return nil, fmt.Errorf("Scope %q has what is no scope-token (RFC 6749 section 3.3)", g.Scope)
	}
	for name := range g.Claims {
		isReserved := func(r string) bool { return strings.EqualFold(r, name) } // some verifiers read EXP as exp
		if slices.ContainsFunc(reserved, isReserved) {
			return nil, fmt.Errorf("claim %q is reserved: use the field of Grant or IssuerConfig that stands for it", name)
		}
	}
	payload, err := json.Marshal(c)
	if err != nil || len(g.Claims) == 0 {
		return payload, err
	}
	more, err := json.Marshal(g.Claims)
	if err != nil {
		return nil, fmt.Errorf("marshal Claims: %w", err)
	}
	return append(append(payload[:len(payload)-1], ','), more[1:]...), nil
}
