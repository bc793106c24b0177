package guard

import (
	"cmp"
	"crypto/rand"
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
// Its refresh tokens are JWTs. Without Config.Rotation one is good as often as it is sent until it
// expires, also for a thief, and only Config.Revocations ends it. With it each counts once: the
// handler of Refresh hands out the next, made by Issuer.Refresh of Token.Grant, and an old one that
// comes again is token_revoked and told to Config.OnReuse, which can end the session. A Sandi server
// does more: it ends the session itself; a client that lost the answer or refreshes in two tabs gets
// the same successor again for some seconds, where here it must sign in again; refresh tokens end
// when they are idle; and what it stores survives a restart and counts on every node.
type Issuer struct {
	cfg  IssuerConfig
	keys *jwt.KeySet
	now  func() time.Time // IssuerConfig.Now, which Config hands on as it was given
}

// NewIssuer makes an Issuer. It fails for a key that cannot sign, that everybody knows or that
// cannot be told from the others, and for lifetimes and cookies that cannot be.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	c.Audience, c.Previous = slices.Clone(c.Audience), slices.Clone(c.Previous)
	if len(c.Audience) == 0 {
		c.Audience = []string{c.Issuer}
	}
	c.Access = cmp.Or(c.Access, 15*time.Minute)
	c.Refresh = cmp.Or(c.Refresh, 30*24*time.Hour)
	c.Cookie = c.Cookie.withDefaults()
	now := c.Now
	if now == nil {
		now = time.Now
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
	if err := checkSecrets(keys); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return &Issuer{c, keys, now}, nil
}

func (c *IssuerConfig) checkKeys() error {
	if c.Key == nil || slices.Contains(c.Previous, nil) {
		return errors.New("IssuerConfig.Key must be set, and no Previous may be nil")
	}
	if !c.Key.CanSign() {
		return errors.New("IssuerConfig.Key cannot sign: give the private key")
	}
	return nil
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

// Config is for a Guard that accepts the tokens of i and no other. Set Revocations, Rotation, Sources
// and the rest before New.
func (i *Issuer) Config() Config {
	return Config{
		Issuer: i.cfg.Issuer, Keys: i.keys, Audience: slices.Clone(i.cfg.Audience), Now: i.cfg.Now,
		Cookie: i.cfg.Cookie,
	}
}

// SignIn is the Grant of a user who has just proved who they are: fresh, in a new session, with a
// new CSRF value. Make the access and the refresh token from the same one.
func (i *Issuer) SignIn(subject string) Grant {
	return Grant{Subject: subject, Fresh: true, AuthTime: i.now(), Session: rand.Text(), CSRF: rand.Text()}
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
	c := grantClaims{Type: "refresh", Generation: cmp.Or(g.Generation, 1)}
	return i.sign("refresh+jwt", c, g, cmp.Or(g.Lifetime, i.cfg.Refresh))
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

func (i *Issuer) sign(typ string, c grantClaims, g Grant, life time.Duration) (string, error) {
	now := i.now().Unix()
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
