package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// Config is what the pages need. All of it is required but OpenRegistration, Secure and Now.
type Config struct {
	Web      *web.Web
	OAuth    *oauth.Endpoint
	Accounts *account.Service
	Sessions *session.Service
	Limits   Limits
	// OpenRegistration lets anybody make an account, and shows the way there.
	OpenRegistration bool
	// Secure is false on plain loopback HTTP alone, where cookies have no prefix.
	Secure bool
	Now    func() time.Time // default time.Now
}

// Limits counts for all nodes, as cluster.Memory and cluster.Redis do.
type Limits interface {
	// Take returns 0 when an event of key is allowed, else how long until one would be.
	Take(ctx context.Context, key string, r cluster.Rate) (wait time.Duration)
}

// Console answers the pages.
type Console struct {
	Config
	texts  texts
	origin *http.CrossOriginProtection
}

// New builds the pages. It panics where a required part is missing: a programmer's mistake. An error is a template or
// a catalogue that cannot be read.
func New(c Config) (*Console, error) {
	if c.Web == nil || c.OAuth == nil || c.Accounts == nil || c.Sessions == nil || c.Limits == nil {
		panic("console: New needs Web, OAuth, Accounts, Sessions and Limits")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	t, err := loadTexts()
	if err != nil {
		return nil, err
	}
	return &Console{Config: c, texts: t, origin: http.NewCrossOriginProtection()}, nil
}

// paths are those of all pages. Each answers GET, so that whatever stands in an address bar can be loaded again.
const (
	pathSignIn       = "/signin"
	pathCode         = "/signin/code"
	pathSignUp       = "/signup"
	pathSignOut      = "/signout"
	pathConsent      = "/consent"
	pathDevice       = "/device"
	pathDecision     = "/device/decision"
	pathAccount      = "/console/"
	pathSessions     = "/console/sessions"
	pathApplications = "/console/applications"
	pathPassword     = "/console/password"
	pathFactor       = "/console/factor"
	pathConfirm      = "/console/factor/confirm"
	pathRecovery     = "/console/factor/recovery"
	pathRemove       = "/console/factor/remove"
)

// NoCORS are the paths that no other origin may read, whatever origins are registered.
func NoCORS() []string {
	return []string{
		pathSignIn, pathCode, pathSignUp, pathSignOut, pathConsent, pathDevice, pathDecision, pathAccount, pathSessions,
		pathApplications, pathPassword, pathFactor, pathConfirm, pathRecovery, pathRemove,
	}
}

// Routes mounts the pages and their stylesheet.
func (c *Console) Routes(mux *http.ServeMux) {
	c.Web.PageRoutes(mux)
	open := func(path string, get, post anyone) {
		mux.Handle("GET "+path, c.Web.HandlePage(c.forAnyone(get)))
		mux.Handle("POST "+path, c.Web.HandlePage(c.forAnyone(post)))
	}
	members := func(path string, get, post member) {
		mux.Handle("GET "+path, c.Web.HandlePage(c.forMember(path, get)))
		if post != nil {
			mux.Handle("POST "+path, c.Web.HandlePage(c.forMember(path, post)))
		}
	}
	open(pathSignIn, c.signIn, c.postSignIn)
	open(pathCode, c.code, c.postCode)
	open(pathSignOut, c.signOut, c.postSignOut)
	if c.OpenRegistration {
		open(pathSignUp, c.signUp, c.postSignUp)
	}
	members(pathConsent, c.consent, c.postConsent)
	members(pathDevice, c.device, c.postDevice)
	members(pathDecision, c.back(pathDevice), c.decideDevice)
	mux.Handle("GET "+pathAccount+"{$}", c.Web.HandlePage(c.forMember(pathAccount, c.account)))
	members(pathSessions, c.back(pathAccount), c.endSessions)
	members(pathApplications, c.back(pathAccount), c.removeApplication)
	members(pathPassword, c.password, c.postPassword)
	members(pathFactor, c.factor, c.enrol)
	members(pathConfirm, c.back(pathFactor), c.confirm)
	members(pathRecovery, c.back(pathFactor), c.renewRecovery)
	members(pathRemove, c.back(pathFactor), c.removeFactor)
	mux.Handle("GET "+strings.TrimSuffix(pathAccount, "/"), c.Web.HandlePage(func(w http.ResponseWriter, r *http.Request) error {
		return seeOther(w, r, pathAccount) // else the mux answers 307
	}))
	mux.Handle("GET "+pathAccount, c.Web.HandlePage(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.NotFound, "not_found")
	}))
}

// from says where the request came from, for the audit log.
func from(r *http.Request, actor string) audit.From {
	return audit.From{
		Address: web.Address(r.Context()), UserAgent: web.UserAgent(r), RequestID: web.RequestID(r.Context()), Actor: actor,
	}
}
