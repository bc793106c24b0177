package gateway_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

// TestFailsClosed: where it cannot be said who calls, or whether the token counts, the upstream sees nothing.
// secure-defaults 20d, 23a
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	route := gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)}
	w := newWorld(t, func(c *gateway.Config) {
		c.Signer = func() (*jwt.Key, error) { return nil, errors.New("no key") }
	}, route)
	auth := []string{"Authorization", "Bearer " + w.token(time.Minute, nil)}
	if resp, body := w.do(w.request("GET", "/", auth...)); resp.StatusCode != 502 {
		t.Errorf("no signer: %d %s", resp.StatusCode, body)
	}
	if c := w.dial("/", auth...); c.resp.StatusCode != 502 {
		t.Errorf("no signer, socket: %d", c.resp.StatusCode)
	}
	w = newWorld(t, func(c *gateway.Config) {
		c.NewGuard = func(sources []guard.Source, _ []string, _ bool) (*guard.Guard, error) {
			return guard.New(guard.Config{
				Issuer: testIssuer, Audience: []string{testAudience}, Keys: mustKeys(t, w.key), Sources: sources,
				Revocations: guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) { return false, errors.New("stale") }),
			})
		}
	}, route)
	if resp, body := w.do(w.request("GET", "/", auth...)); resp.StatusCode != 503 {
		t.Errorf("revocations unknown: %d %s", resp.StatusCode, body)
	}
	if c := w.dial("/", auth...); c.resp.StatusCode == 101 {
		c.wantClose(1001)
	}
	if n := up.count(); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}

// TestNewRefuses: routes that cannot be.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	u := mustURLs(t, "http://127.0.0.1:1")
	w := newWorld(t, func(c *gateway.Config) { c.Hosts = append(c.Hosts, "127.0.0.1") }, gateway.Route{Path: "/", Upstreams: u}) // a host named twice counts once
	for name, r := range map[string][]gateway.Route{
		"no upstream":     {{Path: "/"}},
		"dots":            {{Path: "/a/../b", Upstreams: u}},
		"no slash":        {{Path: "a", Upstreams: u}},
		"parameters":      {{Path: "/a;b", Upstreams: u}},
		"upstream's path": {{Path: "/", Upstreams: mustURLs(t, "http://127.0.0.1:1/x")}},
		"upstream's user": {{Path: "/", Upstreams: mustURLs(t, "http://a:b@127.0.0.1:1")}},
		"other scheme":    {{Path: "/", Upstreams: mustURLs(t, "ftp://127.0.0.1:1")}},
		"stars":           {{Host: "a.*.example", Path: "/", Upstreams: u}},
		"identity":        {{Path: "/", Identity: "cookie", Upstreams: u}},
		"twice":           {{Path: "/a", Upstreams: u}, {Path: "/A/", Upstreams: u}},
		"number":          {{Path: "/", Retries: -1, Upstreams: u}},
	} {
		c := w.config
		c.Metrics, c.Routes = nil, r
		if _, err := gateway.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
