package config_test

import (
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
)

// checkFaults loads each file: a mistake is told once, with want in it, and what is right not at all.
func checkFaults(t *testing.T, cases []struct{ name, yaml, want string }) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(write(t, tt.yaml), nil, nil)
			got := faults(t, err)
			if tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("faults of %q:\n%swant %q", tt.yaml, got, tt.want)
			}
			if n := strings.Count(got, "\n"); n > 1 {
				t.Errorf("%d faults for one mistake:\n%s", n, got)
			}
			if tt.want != "" && !strings.Contains(got, " | ") && !strings.Contains(got, "twice") && !strings.Contains(got, "empty") && !strings.Contains(got, "outside") {
				t.Errorf("no hint: %s", got)
			}
		})
	}
}

// secure-defaults 2f; ASVS 12.2.1, 12.3.3
func TestValidateGateway(t *testing.T) {
	t.Parallel()
	gw := func(s string) string { return "gateway: {addr: '127.0.0.1:8081', " + s + "}" }
	route := func(s string) string { return gw("routes: [{path: /, " + s + "}]") }
	up := func(s string) string { return route("upstream: ['" + s + "']") }
	checkFaults(t, []struct{ name, yaml, want string }{
		{"nothing", "gateway:\n", ""},
		{"on loopback", gw(""), ""},
		{"a free port", "gateway: {addr: '127.0.0.1:0'}", ""},
		{"forward-auth of serve", "gateway: {forward_auth: true}", ""},
		{"routes without a listener", "gateway: {routes: [{path: /, upstream: ['http://127.0.0.1:3000']}]}", "gateway.addr: is required by gateway.routes"},
		{"no host", "gateway: {addr: ':8081'}", "does not say on which host"},
		{"off loopback", "gateway: {addr: '0.0.0.0:8081', public_url: 'https://api.example'}", "set gateway.insecure_plain"},
		{"off loopback, allowed", "gateway: {addr: '0.0.0.0:8081', public_url: 'https://api.example', insecure_plain: true}", ""},
		{"off loopback by TLS", "gateway: {addr: '0.0.0.0:8081', public_url: 'https://api.example', tls_cert_file: c, tls_key_file: k}", ""},
		{"off loopback without a URL", "gateway: {addr: '0.0.0.0:8081', insecure_plain: true}", "gateway.public_url: is required"},
		{"certificate without key", gw("tls_cert_file: c"), "gateway.tls_key_file: is required"},
		{"that of serve", "gateway: {addr: '127.0.0.1:8080'}", "is the same as listen.addr"},
		{"that of the metrics", "gateway: {addr: '127.0.0.1:9090'}", "is the same as admin.addr"},
		{"every interface's port", "gateway: {addr: '0.0.0.0:8080', public_url: 'https://api.example', insecure_plain: true}", "is the same as listen.addr"},
		{"URL off TLS", gw("public_url: 'http://api.example'"), "is not https"},
		{"URL with a path", gw("public_url: 'https://api.example/v1'"), "has a path"},
		{"URL with a slash", gw("public_url: 'https://api.example/'"), "has a path"},
		{"URL with a query", gw("public_url: 'https://api.example?a'"), "has a query"},
		{"URL with a password", gw("public_url: 'https://a:b@api.example'"), "user name or password"},
		{"no URL", gw("public_url: api.example"), "is not an absolute URL"},
		{"plain URL under TLS", gw("public_url: 'http://localhost:8081', tls_cert_file: c, tls_key_file: k"), "but the gateway speaks TLS"},
		{"every proxy", gw("trusted_proxies: [0.0.0.0/0]"), "everybody"},

		{"issuer", gw("issuer: 'https://id.example/realms/a', audience: [a], revocations_secret_file: s, key_file: k"), ""},
		{"plain issuer", gw("issuer: 'http://id.example'"), "is not https"},
		{"plain issuer on loopback", gw("issuer: 'http://127.0.0.1:8080'"), ""},
		{"audience without issuer", gw("audience: [a]"), "is required by gateway.audience"},
		{"empty audience", gw("issuer: 'https://id.example', audience: ['']"), "gateway.audience: has an empty entry"},
		{"feed", gw("issuer: 'https://id.example', revocations_url: 'https://id.example/revocations', revocations_secret_file: s"), ""},
		{"feed without secret", gw("issuer: 'https://id.example', revocations_url: 'https://id.example/revocations'"), "gateway.revocations_secret_file: is required"},
		{"plain feed", gw("issuer: 'https://id.example', revocations_url: 'http://id.example/r', revocations_secret_file: s"), "is not https"},

		{"route", route("host: api.example, upstream: ['http://127.0.0.1:3000', 'unix:/run/x.sock', 'h2c://localhost:50051', 'https://orders.internal:8443'], ca_file: c"), ""},
		{"wildcard", route("host: '*.example.com', upstream: ['http://127.0.0.1:3000']"), ""},
		{"wildcard within", route("host: 'a.*.example', upstream: ['http://127.0.0.1:3000']"), "is not a host"},
		{"host with a port", route("host: 'api.example:443', upstream: ['http://127.0.0.1:3000']"), "is not a host"},
		{"host in capitals", route("host: API.example, upstream: ['http://127.0.0.1:3000']"), "is not a host"},
		{"host with a dot at the end", route("host: 'api.example.', upstream: ['http://127.0.0.1:3000']"), "is not a host"},
		{"no path", gw("routes: [{upstream: ['http://127.0.0.1:3000']}]"), "gateway.routes[0].path"},
		{"path with dots", gw("routes: [{path: /a/../b, upstream: ['http://127.0.0.1:3000']}]"), "only letters"},
		{"path with an escape", gw("routes: [{path: /a%2fb, upstream: ['http://127.0.0.1:3000']}]"), "only letters"},
		{"path with a slash", gw("routes: [{path: /a/, upstream: ['http://127.0.0.1:3000']}]"), "leave out the slash"},
		{"twice", gw("routes: [{path: /a, upstream: ['http://127.0.0.1:3000']}, {path: /a, upstream: ['http://127.0.0.1:3001']}]"), "is the same as that of gateway.routes[0]"},
		{"two hosts", gw("routes: [{path: /a, upstream: ['http://127.0.0.1:3000']}, {host: b.example, path: /a, upstream: ['http://127.0.0.1:3001']}]"), ""},
		{"method", route("methods: [get], upstream: ['http://127.0.0.1:3000']"), `"get" is not a method`},
		{"CONNECT", route("methods: [CONNECT], upstream: ['http://127.0.0.1:3000']"), "never go on"},
		{"no upstream", route("rate: 5"), "upstream: is missing"},
		{"upstream elsewhere", up("http://10.0.0.7:3000"), "goes to another host without TLS | use https, or set insecure_plain_upstream"},
		{"h2c elsewhere", up("h2c://10.0.0.7:3000"), "goes to another host without TLS"},
		{"upstream elsewhere, allowed", route("upstream: ['http://10.0.0.7:3000'], insecure_plain_upstream: true"), ""},
		{"upstream with a path", up("http://127.0.0.1:3000/v1"), "write http://127.0.0.1:3000"},
		{"upstream with a slash", up("http://127.0.0.1:3000/"), "write http://127.0.0.1:3000"},
		{"upstream with a password", up("https://a:b@orders.internal"), "user name or password"},
		{"upstream of another scheme", up("ws://127.0.0.1:3000"), "is not the URL of a server"},
		{"upstream without scheme", up("127.0.0.1:3000"), "is not the URL of a server"},
		{"socket without a path", up("unix:run.sock"), "is not the path of a socket"},
		{"socket as a URL", up("unix:///run.sock"), "is not the path of a socket"},
		{"upstream twice", route("upstream: ['http://127.0.0.1:3000', 'http://127.0.0.1:3000']"), "listed twice"},
		{"authorities of nothing", route("upstream: ['http://127.0.0.1:3000'], ca_file: c"), "no upstream is https"},
		{"public with roles", route("public: true, roles: [a], upstream: ['http://127.0.0.1:3000']"), "lets everybody in"},
		{"empty role", route("roles: [''], upstream: ['http://127.0.0.1:3000']"), "has an empty entry"},
		{"no scope", route("scopes: ['a b'], upstream: ['http://127.0.0.1:3000']"), "is not a scope"},
		{"bound token in a cookie", route("dpop: true, cookie_auth: true, upstream: ['http://127.0.0.1:3000']"), "in the header Authorization alone"},
		{"query parameter", route("insecure_query_token: 'a&b', upstream: ['http://127.0.0.1:3000']"), "is not the name of a query parameter"},
		{"every origin", route("origins: ['*'], upstream: ['http://127.0.0.1:3000']"), "gateway.routes[0].origins"},
		{"health", route("health_path: healthz, upstream: ['http://127.0.0.1:3000']"), "is not a path"},
		{"unknown identity", route("identity: both, upstream: ['http://127.0.0.1:3000']"), "one of: token, headers, none"},
		{"too long", route("timeout: 2h, upstream: ['http://127.0.0.1:3000']"), "outside 1s to 1h"},
	})
}

// secure-defaults 2f; ASVS 12.2.1
func TestValidateCertificates(t *testing.T) {
	t.Parallel()
	acme := func(s string) string {
		return public + "listen: {addr: '0.0.0.0:443'}\nacme: {hosts: [id.example.com], accept_tos: true" + s + "}"
	}
	checkFaults(t, []struct{ name, yaml, want string }{
		{"ACME", acme(""), ""},
		{"ACME with everything", acme(", email: ops@example.com, http_addr: '0.0.0.0:80', directory: 'https://ca.internal/acme', ca_file: c, cache_dir: d"), ""},
		{"terms", public + "acme: {hosts: [id.example.com]}", "acme.accept_tos"},
		{"hosts missing", "acme: {accept_tos: true}", "acme.hosts: is required"},
		{"not the issuer's", public + "acme: {hosts: [www.example.com], accept_tos: true}", "add id.example.com"},
		{"no issuer", "acme: {hosts: [id.example.com], accept_tos: true}", "issuer: is not the https URL that acme.hosts is for | such as https://id.example.com"},
		{"address", "issuer: https://192.0.2.1\nacme: {hosts: [192.0.2.1], accept_tos: true}", "authorities prove names"},
		{"wildcard", public + "acme: {hosts: [id.example.com, '*.example.com'], accept_tos: true}", "list each name by itself"},
		{"capitals", public + "acme: {hosts: [id.example.com, WWW.example.com], accept_tos: true}", "lower case"},
		{"a port", public + "acme: {hosts: [id.example.com, 'a.example:443'], accept_tos: true}", "lower case"},
		{"a single label", public + "acme: {hosts: [id.example.com, intranet], accept_tos: true}", "lower case"},
		{"twice", public + "acme: {hosts: [id.example.com, id.example.com], accept_tos: true}", "listed twice"},
		{"a file too", public + "listen: {tls_cert_file: c, tls_key_file: k}\nacme: {hosts: [id.example.com], accept_tos: true}", "beside listen.tls_cert_file"},
		{"plain directory", acme(", directory: 'http://ca.internal/acme'"), "is not an https URL"},
		{"challenge port taken", acme(", http_addr: '127.0.0.1:443'"), "is the same as listen.addr"},
		{"challenge port", acme(", http_addr: '80'"), "is not host:port"},

		{"development", "listen: {dev_tls: true}", ""},
		{"development off loopback", public + "listen: {addr: '0.0.0.0:8443', dev_tls: true}", "listen.dev_tls: is set, but listen.addr (0.0.0.0:8443) is off loopback"},
		{"development, gateway off loopback", "listen: {dev_tls: true}\ngateway: {addr: '0.0.0.0:8081', public_url: 'https://api.example'}", "gateway.addr (0.0.0.0:8081) is off loopback"},
		{"development and a file", "listen: {dev_tls: true, tls_cert_file: c, tls_key_file: k}", "beside listen.tls_cert_file"},
		{"development and ACME", public + "listen: {dev_tls: true}\nacme: {hosts: [id.example.com], accept_tos: true}", "beside listen.dev_tls"},
		{"development and a plain issuer", "issuer: http://localhost:8080\nlisten: {dev_tls: true}", "issuer: is plain http"},
	})
}

// The URLs that follow from a certificate for development.
func TestDevelopmentURLs(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, "listen: {dev_tls: true}\ngateway: {addr: '127.0.0.1:8081'}"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "https://127.0.0.1:8080" || c.Gateway.PublicURL != "https://127.0.0.1:8081" || c.Cookie.Access != "__Host-sandi_access" || !c.SpeaksTLS() {
		t.Errorf("issuer %s, gateway %s, cookie %s", c.Issuer, c.Gateway.PublicURL, c.Cookie.Access)
	}
}
