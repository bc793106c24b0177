package guard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Config says whose tokens a Guard accepts. Issuer and Audience are required;
// everything else has a zero value that is safe.
type Config struct {
	// Issuer is the exact iss of accepted tokens (RFC 9068 section 4).
	Issuer string
	// Keys are the issuer's, a *jwt.KeySet or a set that rotates; default NewRemoteKeys of Issuer,
	// which then is an https URL.
	Keys jwt.Keys
	// Audience is who this resource server is; a token's aud must hold one.
	Audience []string
	// Types are the accepted header typ of access tokens, default "at+jwt"
	// (RFC 9068 section 4). A token whose typ is just "JWT" does not say what
	// it is: where that is listed, the claim type must be "access".
	Types []string

	// Revocations is asked for every verified token; nil asks nobody. One that is a Watcher, as a
	// *RevocationList, also ends each Lifetime at once.
	Revocations Revocations
	// Sources are where tokens are looked for, default FromHeader alone.
	Sources []Source
	// RefreshSources are where Refresh looks instead, default Sources.
	RefreshSources []Source
	// Replay remembers which one-time tokens and tickets were used. OneTime and Tickets need it.
	Replay Replay
	// Tickets opens what FromTicket reads, which needs it; nil opens none.
	Tickets Tickets
	// Rotation, where it is set, lets each JWT refresh token of an Issuer pass Refresh once: whoever
	// refreshes has to hand out the next with it.
	Rotation Rotation
	// OnReuse is told of a genuine token that comes a second time where it counts once. Of the two
	// who had it one is a thief, or a client that lost the answer and tried again: end its session
	// (RFC 9700 section 4.14.2).
	OnReuse func(ctx context.Context, t *Token)
	// Cookie names what FromCookie reads.
	Cookie CookieConfig
	// OnError writes refusals, default WriteError. See ErrorWriters.
	OnError ErrorWriter
	// DPoP accepts tokens that are bound to their client's key (claim cnf, member jkt) and come with
	// a proof of it in a header DPoP, under the scheme DPoP (RFC 9449 section 7). It needs
	// ProofsConfig.PublicURL. Default nil: they are refused. As Bearer they are refused in any case.
	DPoP *Proofs
	// MutualTLS accepts tokens that are bound to their client's TLS certificate (claim cnf, member
	// x5t#S256; RFC 8705 section 3) from who shows it in this very connection: the listener asks for
	// certificates, by tls.RequestClientCert at least, and no proxy ends TLS before it. Default
	// false: they are refused.
	MutualTLS bool
	// Realm is the realm of challenges, default "api".
	Realm string
	// CacheSize is how many verified access tokens are remembered, so that the signature of each
	// is verified once (see jwt.Cache): default 16384, of up to about 2 KB each; negative: none.
	// Expiry, revocation and every requirement are checked on each use all the same.
	CacheSize int
	// Leeway forgives clocks that differ, default 0, at most 60 seconds.
	Leeway time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
	// RequiredClaims are claims that a token must have beside those that are checked, as "sub";
	// default none. A token without one is token_invalid.
	RequiredClaims []string
	// Observe is told the outcome of every check of a request, by Require and Check (CheckToken, which
	// has no request, tells its caller alone), for metrics and logs: the token where one was verified
	// (nil otherwise), even if it is then refused, and the reason of the refusal, or "" when the
	// request was let in. It must not block; where it panics, the request gets 503.
	Observe func(r *http.Request, t *Token, reason Reason)

	// InsecureAnyIssuer accepts tokens of any issuer that the keys verify.
	InsecureAnyIssuer bool
	// InsecureAnyAudience accepts tokens made for another resource server.
	InsecureAnyAudience bool
	// InsecureAnyType accepts any header typ but that of a refresh token, "refresh+jwt", so that
	// whatever the keys signed for another purpose passes as an access token, unless it has a type
	// claim that says otherwise: an ID token, a logout token, a one-time token, one without typ.
	InsecureAnyType bool
	// InsecureNoExpiry accepts tokens that never expire.
	InsecureNoExpiry bool

	flask bool // of FlaskCompat
}

// Revocations says which tokens no longer count before they expire.
// *RevocationList is one; RevocationFunc makes one of a function, and
// AnyRevocation one of several.
//
// It is also where somebody else's word comes in: a Token Status List that a
// foreign issuer publishes, introspection (RFC 7662), a blocklist in a database.
// Each is a Revocations of its own, which answers from what it holds in memory
// or with an error, and a Watcher too where it can tell of changes by itself.
type Revocations interface {
	// Revoked says whether the token no longer counts. An error means that it
	// is not known, and the request gets 503; so does a panic.
	Revoked(ctx context.Context, t *Token) (bool, error)
}

// RevocationFunc is a function as Revocations.
type RevocationFunc func(ctx context.Context, t *Token) (bool, error)

// Revoked calls f.
func (f RevocationFunc) Revoked(ctx context.Context, t *Token) (bool, error) { return f(ctx, t) }

// Guard checks requests. It is immutable and safe for concurrent use; a program
// may have several.
type Guard struct {
	cfg     Config
	clock   func() time.Time // Config.Now as it was given: where it is nil, jwt has a cheaper one
	base    policy           // no requirements
	refresh *jwt.Cache[Token]
	list    *RevocationList // Config.Revocations where it is one and has the same clock: that is read once

	refreshSources sourceSet
}

// New makes a Guard. It fails where keys, issuer or audience are missing and
// not waived by name, where a *jwt.KeySet cannot verify anything, and where a
// setting cannot be. It does not wait for keys that are remote: until they are
// there, requests get 503. See NewRemoteKeys for a program that should not
// start without them.
func New(c Config) (*Guard, error) {
	if c.InsecureAnyType && len(c.Types) > 0 {
		return nil, errors.New("guard: Types and InsecureAnyType exclude one another")
	}
	g := &Guard{cfg: c.withDefaults(), clock: c.Now}
	if err := g.cfg.findKeys(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	if err := g.cfg.checkProofs(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	if g.cfg.Tickets != nil && g.cfg.Replay == nil {
		return nil, errors.New("guard: Config.Tickets needs Config.Replay, so that each counts once")
	}
	access, err := g.verifier(g.cfg.Types, g.cfg.CacheSize)
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	if g.refresh, err = g.verifier(g.refreshTypes(), 0); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	if list, ok := c.Revocations.(*RevocationList); ok && list != nil && list.now == nil && c.Now == nil {
		g.list = list
	}
	g.base = policy{guard: g, verifier: access, types: g.cfg.Types, onError: g.cfg.OnError, flask: g.cfg.flask}
	if err := g.base.read(&g.cfg, g.cfg.Sources); err != nil {
		return nil, fmt.Errorf("guard: Config.Sources: %w", err)
	}
	if err := g.refreshSources.read(&g.cfg, g.cfg.RefreshSources); err != nil {
		return nil, fmt.Errorf("guard: Config.RefreshSources: %w", err)
	}
	g.cfg.Keys.KeySet() // remote keys set out for their first fetch
	return g, nil
}

// refreshTypes are the header typ of JWT refresh tokens; nil is any.
func (g *Guard) refreshTypes() []string {
	if g.cfg.InsecureAnyType {
		return nil
	}
	return []string{"refresh+jwt", "JWT"}
}

func (c Config) withDefaults() Config {
	if len(c.Types) == 0 && !c.InsecureAnyType {
		c.Types = []string{"at+jwt"}
	}
	c.Types = slices.Clone(c.Types)
	if len(c.Sources) == 0 {
		c.Sources = []Source{FromHeader()}
	}
	if len(c.RefreshSources) == 0 {
		c.RefreshSources = c.Sources
	}
	c.Cookie = c.Cookie.withDefaults()
	c.Realm = cmp.Or(c.Realm, "api")
	c.Audience, c.RequiredClaims = slices.Clone(c.Audience), slices.Clone(c.RequiredClaims)
	c.CacheSize = max(0, cmp.Or(c.CacheSize, defaultCacheSize))
	if c.OnError == nil {
		c.OnError = WriteError
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// defaultCacheSize covers ten thousand callers at a time.
const defaultCacheSize = 16384

// verifier checks tokens of these typ, or of any where that is waived, and remembers so many.
func (g *Guard) verifier(types []string, remember int) (*jwt.Cache[Token], error) {
	v, err := jwt.NewVerifier(jwt.Config{
		Keys: g.cfg.Keys, Issuer: g.cfg.Issuer, Audience: g.cfg.Audience, Types: types,
		Leeway: g.cfg.Leeway, Now: g.clock,
		InsecureAnyIssuer:   g.cfg.InsecureAnyIssuer,
		InsecureAnyAudience: g.cfg.InsecureAnyAudience,
		InsecureAnyType:     g.cfg.InsecureAnyType && len(types) == 0,
		InsecureNoExpiry:    g.cfg.InsecureNoExpiry,
	})
	if err != nil {
		return nil, err
	}
	return jwt.NewCache(v, remember, g.newToken), nil
}

// newToken is made once for each verification, and shared by all requests that bring the token.
func (g *Guard) newToken(c *jwt.Claims) Token {
	t := Token{
		Claims: c, guard: g,
		typ: c.Type(), kind: c.String("type"), kinded: c.Has("type"),
		status: readStatusPlace(c),
	}
	t.readConfirmation()
	switch t.kind { // not as a part of the claims, which a look-up then need not read
	case "access":
		t.kind = "access"
	case "refresh":
		t.kind = "refresh"
	}
	if list, ok := g.cfg.Revocations.(*RevocationList); ok {
		list.prepare(&t)
	}
	return t
}

// Require is middleware that lets a request through to its handler only with a
// token that meets every requirement. Requirements are compiled here, once; one
// that cannot be panics.
func (g *Guard) Require(reqs ...Requirement) func(http.Handler) http.Handler {
	p := g.compile(reqs)
	return func(next http.Handler) http.Handler {
		return &handler{guard: g, policy: p, next: next}
	}
}

// Check does what Require does, for a caller that answers for itself.
// Requirements are compiled with each call, and one that cannot be panics: they
// belong in the code, not in data. The error is an *Error; the token is nil with an error, and where Optional found none.
// With InsecureFromBody, r.Body is replaced by one that can be read again.
func (g *Guard) Check(r *http.Request, reqs ...Requirement) (*Token, error) {
	t, err := g.check(r, g.compile(reqs))
	if err != nil { // not returned as is: a nil *Error is no nil error
		return nil, err
	}
	return t, nil
}

// CheckToken is Check for a token that did not come in an HTTP request: in the metadata of a gRPC
// call, in the first message of a WebSocket. It is the token alone: the caller has taken it out of
// "Bearer ..." where it stood in that. One that is bound to a key passes with BoundAs alone. Requirements about where the token stands say nothing here,
// Optional included, and Observe is not called. The error is an *Error.
func (g *Guard) CheckToken(ctx context.Context, token string, reqs ...Requirement) (*Token, error) {
	p := g.compile(reqs)
	t, at, err := g.verify(ctx, p, token)
	if err == nil && t.bound && p.proved == nil { // nobody proves anything here
		err = refuse(TokenInvalid, errBound)
	}
	if err == nil {
		err = g.judge(ctx, p, t, at)
	}
	if err != nil {
		err.by(p)
		return nil, err
	}
	return t, nil
}
