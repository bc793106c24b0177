package oauth

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// Config is what an Endpoint needs. What is not said to have a default is required.
type Config struct {
	Issuer   string
	Web      *web.Web
	Store    Store
	Clients  *Clients
	Policy   Policy
	Accounts *account.Service
	Sessions *session.Service
	Minter   *token.Minter
	Keys     jwt.Keys          // the server's own, to verify its own tokens by
	Guard    *guard.Guard      // of access tokens of any audience of this server's, for userinfo and introspection
	Proofs   *guard.Proofs     // DPoP
	Revoked  guard.Revocations // the list
	Limits   Limits
	Replay   guard.Replay          // one-time values of assertions
	Status   Places                // nil: no status lists
	Metrics  prometheus.Registerer // nil registers nowhere
	Logger   *slog.Logger
	Now      func() time.Time

	// BrowserIdle and BrowserAbsolute limit the sign-in that a browser holds here: default 24 h unused, 14 d in all.
	BrowserIdle, BrowserAbsolute time.Duration
	// RequestLifetime is how long an authorization request waits for its user (default 15 min), PushedLifetime how long a pushed
	// one waits for its browser (default 90 s), CodeLifetime how long a code may be redeemed (default 60 s).
	RequestLifetime, PushedLifetime, CodeLifetime time.Duration
	// DeviceLifetime is how long a device authorization waits for its user and its device (RFC 8628 section 3.2); default 10 min.
	DeviceLifetime time.Duration
	// Secure is false on plain loopback HTTP alone, where cookies have no prefix.
	Secure bool
	// Audience is that of tokens whose client names no resource.
	Audience []string
	// RequirePushed refuses authorization requests that were not pushed (RFC 9126 section 5).
	RequirePushed bool
	// Registration opens dynamic client registration (RFC 7591) to whoever has the initial access token, of which this is the SHA-256; empty: closed.
	Registration []byte
	// Lease says that this node alone may do what name stands for, for as long as d; nil: there is no other node.
	Lease func(ctx context.Context, name string, d time.Duration) (bool, error)
	// InsecureAllowPrivate lets logout tokens be delivered to addresses that are not on the public Internet: whoever may register
	// clients can then have requests sent into one's own network.
	InsecureAllowPrivate bool
	// MutualTLS says that the listener asks clients for certificates.
	MutualTLS bool
}

// Limits counts for all nodes, as cluster.Memory and cluster.Redis do.
type Limits interface {
	// Take returns 0 when an event of key is allowed, else how long until one would be.
	Take(ctx context.Context, key string, r cluster.Rate) (wait time.Duration)
	// Try counts a try of key and returns 0, or does not and returns how long until one is allowed.
	Try(ctx context.Context, key string, b cluster.Backoff) (wait time.Duration)
	// Undo takes a Try back that did not fail.
	Undo(ctx context.Context, key string)
	// Forget drops all tries of key.
	Forget(ctx context.Context, key string)
}

// Places hands out places in status lists (package revocation's Places does).
type Places interface {
	// Next is a place that nothing had before and that counts until expires.
	Next(ctx context.Context, expires time.Time) (revocation.Place, error)
	// URI is the address of the place's list.
	URI(p revocation.Place) string
}

// Endpoint answers the protocol's routes.
type Endpoint struct {
	Config
	own      *ownTokens // to verify its own tokens by
	metrics  metrics
	suspects suspects // among clients
	refused  suspects // networks of public clients
	lists    statusLists
	nudge    chan struct{} // Run is to look for logout tokens
}

// New builds it.
func New(c Config) (*Endpoint, error) {
	c.BrowserIdle = cmp.Or(c.BrowserIdle, 24*time.Hour)
	c.BrowserAbsolute = cmp.Or(c.BrowserAbsolute, 14*24*time.Hour)
	c.RequestLifetime = cmp.Or(c.RequestLifetime, 15*time.Minute)
	c.PushedLifetime = cmp.Or(c.PushedLifetime, 90*time.Second)
	c.CodeLifetime = cmp.Or(c.CodeLifetime, time.Minute)
	c.DeviceLifetime = cmp.Or(c.DeviceLifetime, 10*time.Minute)
	own, err := newOwnTokens(c)
	if err != nil {
		return nil, err
	}
	return &Endpoint{Config: c, own: own, metrics: newMetrics(c.Metrics), nudge: make(chan struct{}, 1)}, nil
}

// NoCORS are the paths that no page of another origin may read (RFC 9700 section 2.6).
func NoCORS() []string { return []string{authorizePath, logoutPath} }

// Routes mounts the endpoints.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		mux.Handle("GET "+path, e.Web.HandleOAuth(e.metadata))
	}
	mux.Handle("GET "+authorizePath, e.Web.HandlePage(web.NoHead(e.authorize)))
	mux.Handle("POST "+authorizePath, e.Web.HandlePage(e.authorizePosted))
	mux.Handle("POST "+pushPath, e.Web.HandleOAuth(e.push))
	mux.Handle("GET "+userInfoPath, e.userInfo())
	mux.Handle("POST "+userInfoPath, e.userInfo())
	mux.Handle("GET "+logoutPath, e.Web.HandlePage(web.NoHead(e.endSession)))
	mux.Handle("POST "+logoutPath, e.Web.HandlePage(e.endSessionPosted))
	mux.Handle("POST /oauth/token", e.Web.HandleOAuth(e.token))
	mux.Handle("POST /oauth/revoke", e.Web.HandleOAuth(e.revoke))
	mux.Handle("POST /oauth/introspect", e.Web.HandleOAuth(e.introspect))
	mux.Handle("POST /oauth/device_authorization", e.Web.HandleOAuth(e.deviceAuthorization))
	e.registrationRoutes(mux)
	if e.Status != nil {
		mux.Handle("GET "+revocation.ListPath+"{list}", e.Web.HandleOAuth(e.status))
	}
}
