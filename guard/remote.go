package guard

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// RemoteKeysConfig says where an issuer publishes its keys. Exactly one of Issuer and JWKSURL is
// required.
type RemoteKeysConfig struct {
	// Issuer is an https URL without query or fragment. Its metadata are looked for where OpenID
	// Connect Discovery 1.0 section 4 puts them, then where RFC 8414 section 3.1 does, must name
	// this very issuer, and say in jwks_uri where the keys are, which may be another host.
	Issuer string
	// JWKSURL is the https URL of the JWK Set, for an issuer without metadata.
	JWKSURL string
	// Algorithm is that of RSA keys which do not name one themselves, as some issuers publish them:
	// jwt.RS256 as a rule. Default none: such keys are left out, for the algorithm is the key's and
	// never the token's to choose.
	Algorithm jwt.Algorithm
	// RootCAs verify the servers, default the system's.
	RootCAs *x509.CertPool
	// MaxAge is how long keys count as current at most: the max-age that the issuer gives (RFC 9111
	// section 5.2.2.1), or 5 minutes without one, is held between a minute and this. Default an
	// hour, at least a minute.
	MaxAge time.Duration
	// MaxStale is how long keys are used that cannot be fetched again, 0 for as long as it takes:
	// an issuer that is down then stops nobody, and a key that it withdraws counts until it is
	// reached, unless Config.Revocations says otherwise: a RevocationList forgets no revoked key.
	// Otherwise at least MaxAge, and requests get 503 after it.
	MaxStale time.Duration
	// Now is the clock that spaces the fetches for unknown keys and tells keys that are overdue,
	// default time.Now.
	Now func() time.Time
	// Logger is told of every failed fetch, at level Error, and of every change of the keys, at
	// level Info. Default slog.Default(): that keys are old shows nowhere else.
	Logger *slog.Logger

	// InsecureAllowPrivate lets the servers be at loopback, private, link-local and other addresses
	// that are not on the public Internet: for an issuer in one's own network. What names these
	// servers, metadata and DNS, then reaches everything that this program reaches.
	InsecureAllowPrivate bool
	// InsecureAllowHTTP accepts http:// URLs of "localhost" and loopback addresses, for development.
	InsecureAllowHTTP bool
}

const (
	flightTime      = 5 * time.Second // of one fetch, all its documents together
	refetchInterval = 30 * time.Second
	minAge          = time.Minute
	defaultAge      = 5 * time.Minute
	firstRetry      = time.Second // doubled by each failure up to minAge
	grace           = 5 * time.Second
)

// RemoteKeys are the keys that an issuer publishes, kept current: jwt.Keys for Config.Keys. Nothing
// needs to be closed. When the keys have come of age, the next KeySet starts a fetch and answers
// with those it has. Where nobody asked until 5 s after that, they are overdue, and the first
// requests wait for the fetch: a key may have been revoked, and its revocation forgotten, in the
// meantime. Whatever fails, the last good set stays, for MaxStale where that is set, and another
// fetch is tried after a second, then two, up to a minute; who comes 5 s later than that waits for
// it again. Times are jittered, so that many programs do not fall into step.
//
// A fetch takes at most 5 s, documents of 1 MiB and TLS 1.2 or better; it follows no redirect, uses
// no proxy, and connects to public addresses only, looking at the very address that is dialled, so
// that DNS cannot change its mind in between.
//
// A set is refused as a whole, and the last one kept, where jwt.ParseKeySet refuses it, where a
// published key is a secret or private one, which everybody then can sign with, and where none of
// its keys can be used here. An issuer that wants nothing verified publishes {"keys": []}.
type RemoteKeys struct {
	set atomic.Pointer[jwt.KeySet] // good, or nil while that is overdue
	due atomic.Bool                // the next KeySet starts a flight

	cfg    RemoteKeysConfig
	dialer net.Dialer
	client *http.Client

	mu        sync.Mutex  // guards what follows
	good      *jwt.KeySet // the last good set, nil before the first and after MaxStale
	overdue   time.Time   // when good is no longer used without a fetch; zero before one has landed
	flight    *flight     // nil when none is under way
	last      *flight     // the last one to land, nil before
	failures  int         // since the last good one
	refetched time.Time
	age       *time.Timer // sets due
	stale     *time.Timer // drops the set; nil before the first
}

// NewRemoteKeys makes a set that is fetched when it is first asked for, and fails for a URL or
// limit that cannot be. To fail at start when the keys cannot be had, Fetch them:
//
//	keys, err := guard.NewRemoteKeys(guard.RemoteKeysConfig{Issuer: "https://auth.example"})
//	...
//	if err := keys.Fetch(ctx); err != nil { ... }
//	g, err := guard.New(guard.Config{Keys: keys, Issuer: "https://auth.example", ...})
func NewRemoteKeys(c RemoteKeysConfig) (*RemoteKeys, error) {
	c.MaxAge = cmp.Or(c.MaxAge, time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("guard: RemoteKeysConfig: %w", err)
	}
	r := &RemoteKeys{cfg: c}
	r.dialer.ControlContext = c.reach().allowDial
	r.client = newRemoteClient(c.RootCAs, r.dialer.DialContext)
	r.age = time.AfterFunc(time.Hour, func() { r.due.Store(true) })
	r.age.Stop() // until a flight has landed
	r.due.Store(true)
	return r, nil
}

func (c *RemoteKeysConfig) check() error {
	if (c.Issuer == "") == (c.JWKSURL == "") {
		return errors.New("exactly one of Issuer and JWKSURL is required")
	}
	switch c.Algorithm {
	case "", jwt.RS256, jwt.RS384, jwt.RS512, jwt.PS256, jwt.PS384, jwt.PS512:
	default:
		return fmt.Errorf("Algorithm is %q: want one for RSA keys, such as %q", c.Algorithm, jwt.RS256)
	}
	if c.MaxAge < minAge {
		return fmt.Errorf("MaxAge is under %s", minAge)
	}
	if c.MaxStale != 0 && c.MaxStale < c.MaxAge {
		return fmt.Errorf("MaxStale is under MaxAge, %s: keys would be dropped before they are due", c.MaxAge)
	}
	if c.Issuer != "" {
		u, err := c.reach().parseURL("Issuer", c.Issuer)
		if err == nil && (u.RawQuery != "" || u.ForceQuery) { // RFC 8414 section 2
			err = errors.New("Issuer has a query")
		}
		return err
	}
	_, err := c.reach().parseURL("JWKSURL", c.JWKSURL)
	return err
}

// KeySet implements jwt.Keys. It answers from memory, at the cost of two atomic loads: nil before
// the first success, while keys that are overdue are fetched, which Refetch waits for, and after
// MaxStale; else the same pointer for as long as the published keys are the same.
func (r *RemoteKeys) KeySet() *jwt.KeySet {
	if r.due.Load() {
		r.mu.Lock()
		r.join()
		r.mu.Unlock()
	}
	return r.set.Load()
}

// Refetch fetches the keys because a token names one that is not among them, and says whether
// KeySet answers otherwise since. Strangers can send such tokens: the fetches that it starts are at
// least 30 s apart, whoever asks, and a call in between answers for the last one. It waits, at most
// 5 s or until ctx ends, for a fetch that is under way or that it starts.
func (r *RemoteKeys) Refetch(ctx context.Context) bool {
	r.mu.Lock()
	f, now := r.flight, r.cfg.Now()
	asked := !r.refetched.IsZero() && now.Sub(r.refetched) < refetchInterval
	if f == nil && (asked || r.last.justWoke(now)) {
		f = r.last // not nil; the caller may have looked before it landed
	}
	if f == nil {
		r.refetched = now
		f = r.join()
	}
	r.mu.Unlock()
	if f.wait(ctx) != nil && ctx.Err() != nil {
		return false
	}
	return f.changed // of a failed one too: keys that were overdue are back
}

// Fetch fetches the keys now, or waits for the fetch that is under way, at most 5 s or until ctx
// ends. The error says what went wrong, or is that of ctx; keys that were there stay.
func (r *RemoteKeys) Fetch(ctx context.Context) error {
	r.mu.Lock()
	f := r.join()
	r.mu.Unlock()
	return f.wait(ctx)
}
