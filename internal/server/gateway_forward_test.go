package server

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

// Whoever is no proxy would get an identity for any upstream.
// secure-defaults 24a
func TestForwardIsForProxies(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for _, tt := range []struct {
		from, path string
		want       bool
	}{
		{"127.0.0.1:40000", "/forward-auth", true},
		{"[::1]:40000", "/forward-auth/token/x", true},
		{"10.1.2.3:40000", "/forward-auth", true},
		{"[::ffff:10.1.2.3]:40000", "/forward-auth", true},
		{"10.2.2.3:40000", "/forward-auth", false},
		{"203.0.113.7:40000", "/forward-auth", false},
		{"127.0.0.1:40000", "/forward-authentication", false},
		{"127.0.0.1:40000", "/", false},
	} {
		r := httptest.NewRequest("GET", tt.path, nil)
		r.RemoteAddr = tt.from
		if got := asksForward(r, proxies); got != tt.want {
			t.Errorf("%s of %s: got %v, want %v", tt.path, tt.from, got, tt.want)
		}
	}
}
