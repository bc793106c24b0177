package console

import (
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
)

// asked is what a client asks for, as people read it: on the consent page and on the device's.
type asked struct {
	Client     string
	Unverified bool // it registered itself, and may call itself what it likes
	Username   string
	Scopes     []scope
	Resources  []string
}

// scope is one line of it.
type scope struct {
	Name, Text string
	Fixed      bool // cannot be unticked: without openid the request is another one
}

// ask explains names in the caller's language.
func (c *Console) ask(r *http.Request, client oauth.Client, s oauth.SignIn, scopes, resources []string) asked {
	a := asked{Client: nameOf(client), Unverified: client.Origin == oauth.FromRegistration, Username: s.User.Username}
	for _, name := range scopes {
		a.Scopes = append(a.Scopes, scope{name, c.OAuth.Describe(name, guard.Language(r)), name == oauth.ScopeOpenID})
	}
	for _, id := range resources {
		i := slices.IndexFunc(c.OAuth.Policy.Resources, func(x oauth.Resource) bool { return x.ID == id })
		switch {
		case i >= 0 && c.OAuth.Policy.Resources[i].Name != "":
			a.Resources = append(a.Resources, c.OAuth.Policy.Resources[i].Name)
		case !slices.Contains(c.OAuth.Audience, id): // that one is the server itself, and says nothing to anybody
			a.Resources = append(a.Resources, id)
		}
	}
	return a
}

// consentPage asks whether a client may have what it asked for.
type consentPage struct {
	frame
	asked
	Request string
	Host    string // where the answer goes; empty where that is a program on the user's own device
	Other   string // the address of the sign-in for another user
}

// consent shows the request. Who has to prove who they are first is sent there.
func (c *Console) consent(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	p, err := c.OAuth.Pending(r, f.get("request"))
	if err != nil {
		return err
	}
	t := target{Request: p.ID}
	if p.Reauthenticate {
		return seeOther(w, r, t.signIn())
	}
	var names, resources []string
	for _, x := range p.Scopes {
		names = append(names, x.Name)
	}
	for _, x := range p.Resources {
		resources = append(resources, x.ID)
	}
	return c.show(w, r, view{name: "consent", data: consentPage{
		frame: frame{CSRF: c.Sessions.CSRF(s.Session.ID)}, asked: c.ask(r, p.Client, s, names, resources),
		Request: p.ID, Host: hostOf(p.RedirectURI), Other: t.at(pathSignIn, "other", "1"),
	}})
}

// postConsent takes the decision to package oauth, which sends the browser back to the client.
func (c *Console) postConsent(w http.ResponseWriter, r *http.Request, _ oauth.SignIn, f form) error {
	switch f.get("decision") {
	case "allow":
		return c.OAuth.Approve(w, r, f.get("request"), f.Values["scope"])
	case "deny":
		return c.OAuth.Deny(w, r, f.get("request"))
	}
	return problem.New(problem.Invalid, "form_unreadable")
}

// hostOf is the host that a redirect URI leads to, empty for the user's own device: loopback, or a scheme that an application has to itself
// (RFC 8252 section 7).
func hostOf(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		return ""
	}
	return u.Host
}
