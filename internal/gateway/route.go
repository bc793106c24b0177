package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/cluster"
)

// route is a Route that requests can take.
type route struct {
	Route
	gateway  *Gateway
	name     string // of metrics and logs: host and path as configured
	audience string
	rate     cluster.Rate
	pool     *pool
	proxy    *httputil.ReverseProxy
	guarded  http.Handler
	judge    *guard.Guard
	needs    []guard.Requirement // without Optional
	engine   *engine             // of a Socket.IO route
}

// hostRoutes are the routes of one host, those with longer paths first.
type hostRoutes []*route

// errAmbiguous is a path that is one route's to us and perhaps another's to a server that ignores case or path parameters.
var errAmbiguous = errors.New("path is another route's but for case or parameters")

// find is the route of a canonical path, nil for none.
func (rs hostRoutes) find(path string) (*route, error) {
	found := rs.longest(path)
	if strings.IndexByte(path, ';') < 0 && path == strings.ToLower(path) {
		return found, nil
	}
	folded := strings.ToLower(path)
	if strings.IndexByte(path, ';') >= 0 {
		segments := strings.Split(folded, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		folded = strings.Join(segments, "/")
	}
	for _, r := range rs {
		if isBelow(folded, strings.ToLower(r.Path)) {
			if r != found {
				return nil, errAmbiguous
			}
			break
		}
	}
	return found, nil
}

func (rs hostRoutes) longest(path string) *route {
	for _, r := range rs {
		if isBelow(path, r.Path) {
			return r
		}
	}
	return nil
}

// isBelow matches at the border of segments.
func isBelow(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(prefix, "/"))
}

// routesOf finds the routes of a host: its own, or those of the wildcard one label above.
func (g *Gateway) routesOf(host string) hostRoutes {
	if rs, ok := g.hosts[host]; ok {
		return rs
	}
	if _, above, ok := strings.Cut(host, "."); ok {
		return g.hosts["*."+above]
	}
	return nil
}

// addRoute compiles a route and lists it under its hosts.
func (g *Gateway) addRoute(c Route) error {
	r, err := g.newRoute(c)
	if err != nil {
		return fmt.Errorf("add route %s%s: %w", c.Host, c.Path, err)
	}
	hosts := []string{strings.ToLower(c.Host)}
	if c.Host == "" {
		hosts = nil
		for _, host := range g.Hosts {
			if host = strings.ToLower(host); !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	for _, host := range hosts {
		if slices.ContainsFunc(g.hosts[host], func(o *route) bool { return strings.EqualFold(o.Path, r.Path) }) {
			return fmt.Errorf("add route %s%s: there is one of the same path", host, r.Path)
		}
		g.hosts[host] = append(g.hosts[host], r)
		slices.SortStableFunc(g.hosts[host], func(a, b *route) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	}
	g.routes = append(g.routes, r)
	return nil
}

func (g *Gateway) newRoute(c Route) (*route, error) {
	c.Identity = cmp.Or(c.Identity, "token")
	c.Timeout, c.HealthEvery, c.MaxBody = cmp.Or(c.Timeout, 30*time.Second), cmp.Or(c.HealthEvery, 10*time.Second), cmp.Or(c.MaxBody, 10<<20)
	if len(c.Path) > 1 {
		c.Path = strings.TrimSuffix(c.Path, "/")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Host == "" && len(g.Hosts) == 0 {
		return nil, errors.New("it has no host and there is no default one")
	}
	r := &route{Route: c, gateway: g, name: c.Host + c.Path, audience: audienceOf(c.Upstreams[0])}
	if c.Rate > 0 {
		r.rate = cluster.Rate{Burst: 2 * c.Rate, Every: time.Second / time.Duration(c.Rate)}
	}
	r.pool = newPool(r)
	r.proxy = r.newProxy()
	if c.SocketIO {
		r.engine = newEngine(r)
	}
	return r, r.guard()
}

func (c *Route) check() error {
	u := &url.URL{Path: c.Path}
	path, err := canonicalPath(&http.Request{RequestURI: u.EscapedPath(), URL: u})
	switch {
	case err != nil || path != c.Path || strings.ContainsAny(c.Path, ";%"):
		return errors.New("its path is not canonical: want /segments, without //, dots, ; or %")
	case len(c.Upstreams) == 0:
		return errors.New("it has no upstream")
	case !slices.Contains([]string{"token", "headers", "none"}, c.Identity):
		return fmt.Errorf("identity %q is none of token, headers, none", c.Identity)
	case strings.Contains(strings.TrimPrefix(c.Host, "*."), "*"):
		return errors.New("its host may have * as its first label alone")
	case c.Rate < 0 || c.Retries < 0 || c.MaxBody < 0 || c.Timeout < 0 || c.HealthEvery < 0 || c.Fresh < 0:
		return errors.New("a number is below 0")
	}
	for _, u := range c.Upstreams {
		switch {
		case u == nil, u.User != nil, u.RawQuery != "", u.Scheme == "unix" && u.Path == "",
			u.Scheme != "unix" && (u.Host == "" || u.Path != "" && u.Path != "/"),
			!slices.Contains([]string{"http", "https", "h2c", "unix"}, u.Scheme):
			return errors.New("an upstream is no http://, https:// or h2c:// with HOST:PORT alone, and no unix:/PATH")
		}
	}
	return nil
}

// guard compiles what the route asks of a token. Guards are shared by routes with the same sources, so that each remembers the
// tokens that it has verified for all of them.
func (r *route) guard() (err error) {
	sources, key := []guard.Source{guard.FromHeader(), guard.FromProtocol()}, fmt.Sprintf("%t %q %q", r.DPoP, r.Origins, r.QueryToken)
	if r.CookieAuth {
		sources, key = append(sources, guard.FromCookie()), key+" cookie"
	}
	if r.QueryToken != "" {
		sources = append(sources, guard.InsecureFromQuery(r.QueryToken))
	}
	g := r.gateway
	if g.guards[key] == nil {
		if g.guards[key], err = g.NewGuard(sources, r.Origins, r.DPoP); err != nil {
			return fmt.Errorf("make guard: %w", err)
		}
	}
	r.judge = g.guards[key]
	if len(r.Scopes) > 0 {
		r.needs = append(r.needs, guard.Scope(r.Scopes...))
	}
	if len(r.Roles) > 0 {
		r.needs = append(r.needs, guard.Role(r.Roles...))
	}
	if r.Fresh > 0 {
		r.needs = append(r.needs, guard.Fresh(r.Fresh))
	}
	if r.DPoP {
		r.needs = append(r.needs, guard.Claim("cnf", isBound))
	}
	needs := append(slices.Clone(r.needs), guard.OnError(r.refuseCaller))
	if r.Public || r.SocketIO { // a Socket.IO client may show its token later
		needs = append(needs, guard.Optional())
	}
	r.guarded = r.judge.Require(needs...)(http.HandlerFunc(r.admitted))
	return nil
}

// isBound asks for a token that is bound to a DPoP key (RFC 9449 section 6).
func isBound(_ context.Context, t *guard.Token) error {
	var cnf struct {
		JKT string `json:"jkt"`
	}
	if err := t.Decode("cnf", &cnf); err != nil || cnf.JKT == "" {
		return errors.New("token is not bound to a DPoP key")
	}
	return nil
}
