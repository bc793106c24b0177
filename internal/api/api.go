package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
)

// Config is what the surface needs. All of it is required but Metrics, Status, Tickets and Origins.
type Config struct {
	Web      *web.Web
	Accounts *account.Service
	Sessions *session.Service
	Minter   *token.Minter
	Guard    *guard.Guard
	Limits   Limits
	Metrics  prometheus.Registerer // nil registers nowhere
	// Status names the place of a session's tokens in a status list; nil for no such lists.
	Status func(session.Session) *token.Status
	// Tickets seals tokens for POST /ticket; nil for no such route.
	Tickets Tickets
	// Prefixes are where the surface is mounted: "/api/auth", or "/" for none. At least one.
	Prefixes []string
	// Transport is how a login gets its tokens unless it asks: "bearer", "cookie" or "both".
	Transport string
	// OpenRegistration lets anybody make an account; closed answers 403.
	OpenRegistration bool
	Cookies          Cookies
	// Origins are the origins besides our own whose pages may call what changes something.
	Origins []string
}

// Limits counts for all nodes, as cluster.Memory and cluster.Redis do.
type Limits interface {
	// Take returns 0 when an event of key is allowed, else how long until one would be.
	Take(ctx context.Context, key string, r cluster.Rate) (wait time.Duration)
}

// Cookies are the names and flags of the cookies.
type Cookies struct {
	Access, Refresh, CSRF string
	// Secure is false on plain loopback HTTP alone, where the names have no prefix either.
	Secure bool
	// AccessLife and RefreshLife are how long browsers keep them.
	AccessLife, RefreshLife time.Duration
}

// API answers the first-party routes.
type API struct {
	Config
	origin      *http.CrossOriginProtection
	refreshPath string // of the refresh cookie
	metrics     metrics
}

// New builds the surface. An error is an origin that is not one.
func New(c Config) (*API, error) {
	a := &API{Config: c, origin: http.NewCrossOriginProtection(), refreshPath: cookiePath(c.Prefixes), metrics: newMetrics(c.Metrics)}
	for _, o := range c.Origins {
		if err := a.origin.AddTrustedOrigin(o); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// cookiePath is the one path of the refresh cookie: the first prefix, if the others lie below it, else all. A path for each prefix
// would leave a browser with two cookies of one name.
func cookiePath(prefixes []string) string {
	first := strings.TrimSuffix(prefixes[0], "/")
	for _, p := range prefixes {
		if !strings.HasPrefix(strings.TrimSuffix(p, "/")+"/", first+"/") {
			return "/"
		}
	}
	return cmp.Or(first, "/")
}

// NoCORS are the paths that no other origin may read.
func NoCORS(prefixes []string) (paths []string) {
	for _, p := range prefixes {
		p = strings.TrimSuffix(p, "/")
		paths = append(paths, p+"/login", p+"/bootstrap")
	}
	return paths
}

// Routes mounts the surface under each of its prefixes.
func (a *API) Routes(mux *http.ServeMux) {
	require, requireFresh := a.Guard.Require(firstParty), a.Guard.Require(firstParty, guard.Fresh(freshFor))
	requireFactor := a.Guard.Require(firstParty, guard.Fresh(freshFor), guard.ACR(account.ACRFactor))
	for _, prefix := range a.Prefixes {
		prefix = strings.TrimSuffix(prefix, "/")
		open := func(method, path string, h web.Handler) {
			mux.Handle(method+" "+prefix+path, a.Web.Handle(a.sameOrigin(h)))
		}
		guarded := func(method, path string, h web.Handler) {
			mux.Handle(method+" "+prefix+path, require(a.Web.Handle(a.sameOrigin(h))))
		}
		fresh := func(method, path string, h web.Handler) {
			mux.Handle(method+" "+prefix+path, requireFresh(a.Web.Handle(a.sameOrigin(h))))
		}
		open("POST", "/register", a.register)
		open("POST", "/bootstrap", a.bootstrap)
		open("POST", "/login", a.login)
		open("POST", "/refresh", a.refresh)
		open("POST", "/logout", a.logout)
		open("DELETE", "/logout", a.logout)
		a.ticketRoutes(mux, prefix)
		guarded("GET", "/account", a.account)
		guarded("PATCH", "/account", a.rename)
		guarded("POST", "/account/password", a.password)
		guarded("GET", "/account/sessions", a.sessions)
		guarded("DELETE", "/account/sessions", a.endSessions)
		guarded("DELETE", "/account/sessions/{id}", a.endSession)
		fresh("POST", "/account/totp", a.enrolTOTP)
		fresh("DELETE", "/account/totp", a.removeTOTP)
		fresh("POST", "/account/totp/confirm", a.confirmTOTP)
		mux.Handle("POST "+prefix+"/account/recovery-codes", requireFactor(a.Web.Handle(a.sameOrigin(a.renewRecovery))))
	}
}

// firstParty keeps the tokens of OAuth clients out: what a user allowed a client is never the account itself.
var firstParty = guard.Claim("client_id", func(_ context.Context, t *guard.Token) error {
	if t.ClientID() != token.FirstParty {
		return errForeign
	}
	return nil
})

var errForeign = errors.New("token of an OAuth client, which ends its own grant at the revocation endpoint")

// sameOrigin refuses what a browser sends for a page of another origin, so that no page can log its
// visitor in under another name or spend an ambient cookie.
func (a *API) sameOrigin(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.origin.Check(r); err != nil {
			return problem.Wrap(problem.Forbidden, "origin_refused", err)
		}
		return h(w, r)
	}
}

// from says where the request came from, for the audit log.
func from(r *http.Request) audit.From {
	return audit.From{
		Address: web.Address(r.Context()), UserAgent: web.UserAgent(r), RequestID: web.RequestID(r.Context()),
		Actor: guard.Identity(r.Context()).Subject(),
	}
}
