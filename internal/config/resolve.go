package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Lifetimes are those of tokens and sessions.
type Lifetimes struct {
	Access   time.Duration // of an access token
	Idle     time.Duration // of a session that is not refreshed
	Absolute time.Duration // of a session
	Rotate   bool          // a refresh replaces the refresh token
}

// profiles are the lifetimes that token.profile names.
var profiles = map[string]Lifetimes{
	"sandi":  {Access: 15 * time.Minute, Idle: 14 * day, Absolute: 30 * day, Rotate: true},
	"flask":  {Access: 15 * time.Minute, Idle: 30 * day, Absolute: 30 * day, Rotate: false},
	"apigee": {Access: 30 * time.Minute, Idle: 24 * time.Hour, Absolute: 24 * time.Hour, Rotate: true},
	"hourly": {Access: time.Hour, Idle: 24 * time.Hour, Absolute: 24 * time.Hour, Rotate: true},
}

// Lifetimes are those of the profile, but for what is set by itself. A session
// that may live less than the profile's idle time is idle for no longer than it
// lives. An unknown profile counts as sandi; Validate refuses it.
func (c Config) Lifetimes() Lifetimes {
	l, ok := profiles[c.Token.Profile]
	if !ok {
		l = profiles["sandi"]
	}
	if c.Token.Access > 0 {
		l.Access = c.Token.Access
	}
	if c.Token.RefreshAbsolute > 0 {
		l.Absolute = c.Token.RefreshAbsolute
	}
	l.Idle = min(l.Idle, l.Absolute)
	if c.Token.RefreshIdle > 0 {
		l.Idle = c.Token.RefreshIdle
	}
	l.Rotate = l.Rotate && !c.Token.InsecureNoRotation
	return l
}

// Resolved is c with every value filled in that follows from others: issuer,
// audience, lifetimes, paths, cookie names. bound is the address that the
// public listener really has, or "" where it does not listen yet; then an
// issuer that depends on a free port stays empty, and what follows from it too.
// Resolving twice changes nothing more.
func (c Config) Resolved(bound string) Config {
	if c.Issuer == "" {
		c.Issuer = issuerOf(c.Listen, bound)
	}
	if len(c.Token.Audience) == 0 && c.Issuer != "" {
		c.Token.Audience = []string{c.Issuer}
	}
	l := c.Lifetimes()
	c.Token.Access, c.Token.RefreshIdle, c.Token.RefreshAbsolute = l.Access, l.Idle, l.Absolute
	c.Token.InsecureNoRotation = !l.Rotate
	if c.Revocation.MaxStaleness == 0 {
		c.Revocation.MaxStaleness = min(time.Minute, l.Access).Truncate(time.Second)
	}
	c.OAuth = c.OAuth.resolved(l)
	c.Realtime = c.Realtime.resolved()
	c.Gateway = c.Gateway.resolved("", c.Listen.DevTLS)
	fill(&c.Store.URL, "sqlite:"+filepath.Join(c.Data, "sandi.db"))
	if len(c.ACME.Hosts) > 0 {
		fill(&c.ACME.CacheDir, filepath.Join(c.Data, "acme"))
	}
	fill(&c.Key.MasterFile, filepath.Join(c.Data, "master.key"))
	switch {
	case strings.HasPrefix(c.Issuer, "https://"):
		fill(&c.Cookie.Access, "__Host-sandi_access")
		fill(&c.Cookie.Refresh, "__Secure-sandi_refresh")
		fill(&c.Cookie.CSRF, "__Host-sandi_csrf")
	case c.Issuer != "":
		fill(&c.Cookie.Access, "sandi_access")
		fill(&c.Cookie.Refresh, "sandi_refresh")
		fill(&c.Cookie.CSRF, "sandi_csrf")
	}
	return c
}

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// issuerOf is the URL of a listener on loopback, else "".
func issuerOf(l Listen, bound string) string {
	host, port, err := net.SplitHostPort(l.Addr)
	if err != nil || !isLoopback(host) {
		return ""
	}
	if _, p, err := net.SplitHostPort(bound); err == nil {
		port = p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return ""
	}
	scheme := "http"
	if l.TLS().On() || l.DevTLS {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}).String()
}

// isLoopback judges a host by its spelling alone; no name is looked up.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Proxies are the trusted networks; those that Validate refuses are left out.
func (l Listen) Proxies() []netip.Prefix {
	var nets []netip.Prefix
	for _, s := range l.TrustedProxies {
		if p, err := netip.ParsePrefix(s); err == nil {
			nets = append(nets, p)
		}
	}
	return nets
}
