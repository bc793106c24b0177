package oauth

import (
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

	// BrowserIdle and BrowserAbsolute limit the sign-in that a browser holds here.
	BrowserIdle, BrowserAbsolute time.Duration
	// Secure is false on plain loopback HTTP alone, where cookies have no prefix.
	Secure bool
	// Audience is that of tokens whose client names no resource.
	Audience []string
	// RequirePushed refuses authorization requests that were not pushed (RFC 9126 section 5).
	RequirePushed bool
	// Registration opens dynamic client registration (RFC 7591) to whoever has the initial access token, of which this is the SHA-256; empty: closed.
	Registration []byte
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
}

// New builds it.
func New(c Config) (*Endpoint, error) {
	return &Endpoint{Config: c}, nil
}

// Routes mounts the endpoints.
func (e *Endpoint) Routes(mux *http.ServeMux) {}
