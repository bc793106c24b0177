package guard_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

func TestRemoteURLs(t *testing.T) {
	t.Parallel()
	loopback := guard.RemoteKeysConfig{InsecureAllowHTTP: true}
	tests := []struct {
		issuer, jwks string
		c            guard.RemoteKeysConfig
		want         string
	}{
		{issuer: "https://auth.example"},
		{issuer: "https://auth.example:8443/tenant/1/"},
		{jwks: "https://auth.example/jwks?v=1"},
		{want: "exactly one"},
		{issuer: "https://auth.example", jwks: "https://auth.example/jwks", want: "exactly one"},
		{issuer: "auth.example", want: "not a URL"},
		{issuer: "https:///path", want: "not a URL"},
		{issuer: "https:auth.example", want: "not a URL"},
		{issuer: "https://:443", want: "not a URL"},
		{issuer: "https://auth.example\n", want: "not a URL"},
		{issuer: "ftp://auth.example", want: "not a URL"},
		{issuer: "https://auth.example?s3cr3t", want: "query"},
		{issuer: "https://auth.example?", want: "query"},
		{issuer: "https://auth.example#", want: "fragment"},
		{jwks: "https://auth.example/#s3cr3t", want: "fragment"},
		{jwks: "https://user:s3cr3t@auth.example", want: "user name"},
		{issuer: "http://auth.example", want: "https"},
		{issuer: "http://127.0.0.1", want: "InsecureAllowHTTP"},
		{issuer: "http://127.0.0.1:8080", c: loopback},
		{issuer: "http://[::1]:8080", c: loopback},
		{issuer: "http://[::ffff:127.0.0.1]:8080", c: loopback},
		{jwks: "http://LOCALHOST/jwks", c: loopback},
		{issuer: "http://localhost.evil.example", c: loopback, want: "localhost alone"},
		{issuer: "http://10.0.0.1", c: loopback, want: "localhost alone"},
		{issuer: "https://auth.example", c: guard.RemoteKeysConfig{MaxAge: time.Second}, want: "MaxAge"},
		{issuer: "https://auth.example", c: guard.RemoteKeysConfig{MaxStale: time.Minute}, want: "MaxStale"},
		{issuer: "https://auth.example", c: guard.RemoteKeysConfig{MaxAge: time.Minute, MaxStale: time.Minute}},
	}
	for _, tt := range tests {
		tt.c.Issuer, tt.c.JWKSURL = tt.issuer, tt.jwks
		keys, err := guard.NewRemoteKeys(tt.c)
		if saying(t, err, tt.want); t.Failed() || (keys == nil) != (err != nil) {
			t.Fatalf("%q %q: %v, %v", tt.issuer, tt.jwks, keys, err)
		}
	}
}

// names is a DNS that knows each name by the address that answer gives.
func names(answer func(network string) (netip.Addr, bool)) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			var size [2]byte // over a stream: RFC 1035 section 4.2.2
			for {
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				reply := resolve(query, answer)
				server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
			}
		}()
		return client, nil
	}}
}

// resolve answers the one question of a query (RFC 1035 section 4.1).
func resolve(query []byte, answer func(network string) (netip.Addr, bool)) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	network := map[byte]string{1: "ip4", 28: "ip6"}[query[end-3]]
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if ip, ok := answer(network); ok {
		reply[7] = 1
		raw := ip.AsSlice()
		reply = append(reply, 0xc0, 12, 0, query[end-3], 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
		reply = append(reply, raw...)
	}
	return reply
}

// always answers with one address.
func always(address string) func(string) (netip.Addr, bool) {
	ip := netip.MustParseAddr(address)
	return func(network string) (netip.Addr, bool) { return ip, ip.Is4() == (network == "ip4") }
}

// named makes keys at a name that the test server has a certificate for.
func named(t *testing.T, p *publication, edit func(*guard.RemoteKeysConfig)) *guard.RemoteKeys {
	t.Helper()
	srv := httptest.NewTLSServer(p)
	t.Cleanup(srv.Close)
	at, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return remote(t, srv, func(c *guard.RemoteKeysConfig) {
		c.JWKSURL = "https://example.com:" + at.Port()
		c.InsecureAllowPrivate = false
		edit(c)
	})
}

// secure-defaults 17b
func TestRemotePrivateAddresses(t *testing.T) {
	t.Parallel()
	p := &publication{answer: text(published(t, ed25519Key(t, "k1")), "")}
	for _, address := range []string{
		"127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "::1", "64:ff9b::7f00:1", "100.64.0.1", "0.0.0.0", "fe80::1", "fd00::1",
	} {
		keys := named(t, p, func(*guard.RemoteKeysConfig) {})
		keys.ResolveWith(names(always(address)))
		saying(t, keys.Fetch(t.Context()), "is not on the public Internet: set InsecureAllowPrivate")
	}
	keys := named(t, p, func(c *guard.RemoteKeysConfig) { c.InsecureAllowPrivate = true })
	keys.ResolveWith(names(always("127.0.0.1")))
	saying(t, keys.Fetch(t.Context()), "")
	if p.count() != 1 {
		t.Errorf("%d requests arrived, want the one that was allowed", p.count())
	}
}

// A name that meant a public address and then means another machine's metadata. secure-defaults 17b
func TestRemoteRebinding(t *testing.T) {
	t.Parallel()
	p := &publication{answer: text(published(t, ed25519Key(t, "k1")), "")}
	keys := named(t, p, func(*guard.RemoteKeysConfig) {})
	keys.MoveLoopback()
	var rebound atomic.Bool
	keys.ResolveWith(names(func(network string) (netip.Addr, bool) {
		if rebound.Load() {
			return always("169.254.169.254")(network)
		}
		return always("127.0.0.1")(network)
	}))
	saying(t, keys.Fetch(t.Context()), "")
	rebound.Store(true)
	saying(t, keys.Fetch(t.Context()), "address 169.254.169.254 is not on the public Internet")
	if keys.KeySet() == nil || p.count() != 1 {
		t.Errorf("KeySet = %v after %d requests", keys.KeySet(), p.count())
	}
}

// Without TLS not even a name of this machine leads off it.
func TestRemotePlain(t *testing.T) {
	t.Parallel()
	p := &publication{answer: text(published(t, ed25519Key(t, "k1")), "")}
	srv := httptest.NewServer(p)
	defer srv.Close()
	keys, err := guard.NewRemoteKeys(guard.RemoteKeysConfig{JWKSURL: srv.URL, InsecureAllowHTTP: true, Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	saying(t, keys.Fetch(t.Context()), "")
	keys.OffLoopback()
	saying(t, keys.Fetch(t.Context()), "plain http stays on loopback")
}

// The special-purpose registries of IANA (RFC 6890). secure-defaults 17b
func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"1.1.1.1": true, "172.15.255.255": true, "172.32.0.0": true, "100.63.255.255": true, "100.128.0.0": true,
		"223.255.255.255": true, "::ffff:1.1.1.1": true, "64:ff9b::1.1.1.1": true, "2606:4700::1111": true, "2001:4860::8888": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "127.255.255.255": false, "100.64.0.1": false, "169.254.169.254": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.1": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.1.1": false,
		"198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b:1::1": false,
		"100::1": false, "2001::1": false, "2001:db8::1": false, "2002:7f00:1::1": false, "3fff::1": false, "5f00::1": false,
		"fc00::1": false, "fd00::1": false, "fe80::1": false, "fe80::1%eth0": false, "2001:db8::1%x": false, "fec0::1": false, "ff02::1": false,
	}
	for address, want := range tests {
		if got := guard.IsPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public %v, want %v", address, got, want)
		}
	}
	if guard.IsPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}
