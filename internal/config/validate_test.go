package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/config"
)

const public = "issuer: https://id.example.com\n"

// secure-defaults 2e, 2f, 3c, 3d, 5a, 9a, 11a, 12a, 12c; checklist 90
func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, yaml string
		want       string // in the faults; empty when there are none
	}{
		{"empty file", "", ""},
		{"https issuer", public, ""},
		{"issuer with a path", "issuer: https://example.com/id", "has a path | give it a host of its own, such as https://id.example.com\n"},
		{"issuer with a path and a slash", "issuer: https://example.com/id/", "has a path"},
		{"issuer with an escaped path", "issuer: https://example.com/%2F", "has a path"},
		{"issuer on loopback with a path", "issuer: http://localhost:5000/id", "has a path"},
		{"plain issuer on loopback", "issuer: http://localhost:5000", ""},
		{"plain issuer", "issuer: http://id.example.com", "is not https"},
		{"issuer of another scheme", "issuer: ftp://id.example.com", "is not https"},
		{"issuer with a query", "issuer: https://id.example.com?a=b", "has a query"},
		{"issuer with an empty query", "issuer: https://id.example.com?", "has a query"},
		{"issuer with a fragment", "issuer: 'https://id.example.com#'", "has a query or fragment"},
		{"issuer with a password", "issuer: https://a:b@id.example.com", "user name or password"},
		{"issuer with a slash", "issuer: https://id.example.com/", "write https://id.example.com\n"},
		{"issuer in capitals", "issuer: https://ID.example.com", "write https://id.example.com\n"},
		{"issuer without host", "issuer: 'https://:443'", "not an absolute URL"},
		{"issuer not a URL", "issuer: sandi", "not an absolute URL"},
		{"issuer with a space", "issuer: https://id.example.com/a b", "not an absolute URL"},

		{"off loopback", public + "listen: {addr: '0.0.0.0:8080'}", "listen.insecure_plain"},
		{"off loopback by name", public + "listen: {addr: 'host:8080'}", "off loopback"},
		{"off loopback, allowed", public + "listen: {addr: '0.0.0.0:8080', insecure_plain: true}", ""},
		{"off loopback without issuer", "listen: {addr: '0.0.0.0:8080', insecure_plain: true}", "issuer: is required"},
		{"IPv6 loopback", "listen: {addr: '[::1]:8080'}", ""},
		{"free port", "listen: {addr: '127.0.0.1:0'}", ""},
		{"no host", "listen: {addr: ':8080'}", "write 127.0.0.1:8080 for this machine"},
		{"no port", "listen: {addr: localhost}", "is not host:port"},
		{"named port", "listen: {addr: 'localhost:http'}", "not a port number"},
		{"port out of range", "listen: {addr: 'localhost:65536'}", "not a port number"},
		{"metrics off loopback", "admin: {addr: '10.0.0.1:9090'}", "admin.insecure_plain"},
		{"metrics off loopback, allowed", "admin: {addr: '10.0.0.1:9090', insecure_plain: true}", ""},
		{"metrics off", "admin: {addr: ''}", ""},
		{"one port for both", "admin: {addr: '127.0.0.1:8080'}", "same as listen.addr"},

		{"TLS off loopback", public + "listen: {addr: '0.0.0.0:8443', tls_cert_file: c, tls_key_file: k}", ""},
		{"TLS for metrics", "admin: {addr: '10.0.0.1:9090', tls_cert_file: c, tls_key_file: k, tls_client_ca_file: a, tls_client_auth: require}", ""},
		{"TLS on loopback", "listen: {tls_cert_file: c, tls_key_file: k}", ""},
		{"TLS and a plain issuer", "issuer: http://localhost:8080\nlisten: {tls_cert_file: c, tls_key_file: k}", "issuer: is plain http"},
		{"certificate without key", "listen: {tls_cert_file: c}", "listen.tls_key_file: is required by listen.tls_cert_file"},
		{"key without certificate", "admin: {tls_key_file: k}", "admin.tls_cert_file: is required by admin.tls_key_file"},
		{"plain and client certificates", "listen: {tls_client_auth: request, tls_client_ca_file: a}", "listen.tls_cert_file: is required"},
		{"client certificates of anybody", "listen: {tls_cert_file: c, tls_key_file: k, tls_client_auth: require}", "tls_client_ca_file: is required"},
		{"authority without a question", "listen: {tls_cert_file: c, tls_key_file: k, tls_client_ca_file: a}", "listen.tls_client_auth: asks for no certificate"},
		{"unknown question", "listen: {tls_client_auth: always}", "one of: none, request, require"},
		{"too few connections", "listen: {max_connections: 1}", "outside 10 to 1000000"},

		{"proxies", "listen: {trusted_proxies: [10.0.0.0/8, 'fd00::/8']}", ""},
		{"proxy without mask", "listen: {trusted_proxies: [10.0.0.1]}", "write 10.0.0.1/32"},
		{"proxy with stray bits", "listen: {trusted_proxies: [10.0.0.1/8]}", "write 10.0.0.0/8"},
		{"every proxy", "listen: {trusted_proxies: ['::/0']}", "everybody"},

		{"store elsewhere", "store: {url: 'sqlite:/x/y.db'}", ""},
		{"store in memory", "store: {url: 'sqlite::memory:'}", "does not name a file"},
		{"store with options", "store: {url: 'sqlite:a.db?mode=ro'}", "does not name a file"},
		{"unknown store", "store: {url: 'oracle://db'}", "supported: sqlite:PATH, postgres://, mysql://"},
		{"PostgreSQL here", "store: {url: 'postgres://sandi@127.0.0.1:5432/sandi'}", ""},
		{"PostgreSQL elsewhere, checked", "store: {url: 'postgres://sandi@db.example.com/sandi?sslmode=verify-full'}", ""},
		{"PostgreSQL elsewhere, unchecked", "store: {url: 'postgres://sandi@db.example.com/sandi?sslmode=require'}", "without checking its certificate"},
		{"PostgreSQL elsewhere, allowed", "store: {url: 'postgres://sandi@db.example.com/sandi', insecure_plain: true}", ""},
		{"PostgreSQL without a database", "store: {url: 'postgres://sandi@127.0.0.1'}", "does not name a user, a host and a database"},
		{"MariaDB here", "store: {url: 'mysql://sandi@localhost/sandi'}", ""},
		{"MariaDB elsewhere, checked", "store: {url: 'mysql://sandi@db.example.com/sandi?tls=true'}", ""},
		{"MariaDB elsewhere, unchecked", "store: {url: 'mysql://sandi@db.example.com/sandi?tls=skip-verify'}", "add ?tls=true"},
		{"MariaDB without a user", "store: {url: 'mysql://127.0.0.1/sandi'}", "does not name a user, a host and a database"},
		{"two passwords", "store: {url: 'mysql://sandi:a@localhost/sandi', password_file: p}", "and store.url both give a password"},
		{"password as an option", "store: {url: 'postgres://sandi@localhost/sandi?password=a'}", "store.url: has a password among the options after the ? | write the password into a file that store.password_file names"},
		{"password of a key", "store: {url: 'postgres://sandi@localhost/sandi?SSLPassword=a'}", "has a password among the options"},
		{"password as an option of Redis", "{store: {url: 'mysql://sandi@localhost/sandi'}, cluster: {url: 'redis://127.0.0.1?password=a'}}", "cluster.url: has a password among the options"},
		{"password for a file", "store: {password_file: p}", "is of no use with sqlite"},
		{"Redis", "{store: {url: 'mysql://sandi@localhost/sandi'}, cluster: {url: 'redis://127.0.0.1'}}", ""},
		{"Redis elsewhere", "{store: {url: 'mysql://sandi@localhost/sandi'}, cluster: {url: 'redis://cache.example.com'}}", "without TLS"},
		{"Redis elsewhere by TLS", "{store: {url: 'mysql://sandi@localhost/sandi'}, cluster: {url: 'rediss://cache.example.com'}}", ""},
		{"no Redis", "{store: {url: 'mysql://sandi@localhost/sandi'}, cluster: {url: 'memcache://127.0.0.1'}}", "not the URL of a Redis server"},
		{"Redis for one node", "cluster: {url: 'redis://127.0.0.1'}", "is of no use with sqlite"},

		{"exactly an hour", "token: {access: 1h}", ""},
		{"profile hourly", "token: {profile: hourly}", ""},
		{"over an hour", "token: {access: 1h1s}", "insecure_long_access_tokens"},
		{"over an hour, allowed", "token: {access: 2h, insecure_long_access_tokens: true}", ""},
		{"never", "token: {access: never}", "is not a duration"},
		{"zero", "token: {access: 0s}", "must be more than 0"},
		{"negative", "token: {access: -5m}", "is not a duration"},
		{"broken seconds", "token: {access: 1500ms}", "not whole seconds"},
		{"as good as never", "token: {refresh_absolute: 36500d}", "outside 1s to 365d"},
		{"idle over absolute", "token: {refresh_idle: 31d}", "more than token.refresh_absolute (30d)"},
		{"short absolute alone", "token: {refresh_absolute: 7d}", ""},
		{"session shorter than token", "token: {refresh_absolute: 5m}", "less than token.access (15m)"},
		{"without rotation", "token: {insecure_no_rotation: true}", ""},
		{"flask", "token: {profile: flask}", ""},
		{"flask with rotation", "token: {profile: flask, insecure_no_rotation: false}", "refresh_idle to 30d"},
		{"unknown profile", "token: {profile: Sandi}", `did you mean "sandi"? one of: sandi, flask, apigee, hourly`},

		{"staleness over access, implied", "token: {access: 30s}", ""},
		{"staleness over access, written", "token: {access: 30s}\nrevocation: {max_staleness: 31s}", "more than token.access (30s)"},

		{"HS256 without secret", "token: {algorithm: HS256}", "sandi key secret"},
		{"HS256", "token: {algorithm: HS256, secret_file: secret}", ""},
		{"secret without HS256", "token: {secret_file: secret}", "only for algorithm HS256"},
		{"none", "token: {algorithm: none}", `"none" is not known | one of: ES256, EdDSA, RS256, PS256, HS256`},
		{"empty audience", "token: {audience: ['']}", "token.audience"},
		{"audience twice", "token: {audience: [a, a]}", "listed twice"},

		{"prefixes", "api: {prefixes: [/, /api/auth, /v1.0/auth]}", ""},
		{"no prefix", "api: {prefixes: []}", "is empty"},
		{"prefix with pattern", "api: {prefixes: ['/{a}']}", "only letters"},
		{"prefix with dots", "api: {prefixes: ['/a/../b']}", "only letters"},
		{"prefix with slash", "api: {prefixes: ['/api/']}", "slash at the end"},
		{"prefix without slash", "api: {prefixes: [api]}", "begin with a slash"},
		{"prefix twice", "api: {prefixes: [/a, /a]}", "listed twice"},

		{"origins", "api: {origins: ['https://app.example.com', 'http://localhost:3000', 'https://a.example:8443']}", ""},
		{"origin with slash", "api: {origins: ['https://app.example.com/']}", "write https://app.example.com\n"},
		{"origin with its own port", "api: {origins: ['https://app.example.com:443']}", "write https://app.example.com\n"},
		{"origin in capitals", "api: {origins: ['https://App.example.com']}", "write https://app.example.com\n"},
		{"origin with wildcard", "api: {origins: ['https://*.example.com']}", "wildcard"},
		{"any origin", "api: {origins: ['*']}", "wildcard"},
		{"null origin", "api: {origins: ['null']}", "is not an origin"},
		{"plain origin", "api: {origins: ['http://app.example.com']}", "replaced on its way"},

		{"cookie jwt on loopback", "cookie: {access: jwt}", ""},
		{"cookie jwt under https", public + "cookie: {access: jwt}", "cookie.insecure_names"},
		{"cookie jwt under https, allowed", public + "cookie: {access: jwt, insecure_names: true}", ""},
		{"prefix on plain HTTP", "cookie: {csrf: __Host-x}", "browsers refuse"},
		{"refresh as __Host-", public + "cookie: {refresh: __Host-r}", "goes to the API alone"},
		{"cookie name", "cookie: {access: 'a;b'}", "not a cookie name"},
		{"cookie names twice", "cookie: {access: x, csrf: x}", "same as cookie.access"},

		{"weak hash", "password: {memory_kib: 19455}", "outside 19456"},
		{"one pass", "password: {iterations: 1}", "outside 2"},
		{"short passwords", "password: {min_length: 7}", "outside 8"},
		{"short limit", "password: {max_length: 63}", "outside 64"},
		{"no wait", "session: {retry_window: 0s}", ""},
	} {
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
		})
	}
}

func TestValidateByItself(t *testing.T) {
	t.Parallel()
	c := config.Default()
	if err := c.Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	c.Token.Access, c.Data = 2*time.Hour, ""
	if got := strings.Count(faults(t, c.Validate()), "\n"); got != 2 {
		t.Errorf("%d faults, want 2", got)
	}
}

// DESIGN.md, Configuration: access / idle / absolute of each profile.
// secure-defaults 5a, 6a, 6e: the first line is the default.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name  string
		token config.Token
		want  config.Lifetimes
	}{
		{"none", config.Token{}, config.Lifetimes{15 * time.Minute, 14 * day, 30 * day, true}},
		{"sandi", config.Token{Profile: "sandi"}, config.Lifetimes{15 * time.Minute, 14 * day, 30 * day, true}},
		{"flask", config.Token{Profile: "flask"}, config.Lifetimes{15 * time.Minute, 30 * day, 30 * day, false}},
		{"apigee", config.Token{Profile: "apigee"}, config.Lifetimes{30 * time.Minute, day, day, true}},
		{"hourly", config.Token{Profile: "hourly"}, config.Lifetimes{time.Hour, day, day, true}},
		{"set", config.Token{Access: time.Minute, RefreshIdle: time.Hour, RefreshAbsolute: day, InsecureNoRotation: true}, config.Lifetimes{time.Minute, time.Hour, day, false}},
		{"absolute below idle", config.Token{RefreshAbsolute: day}, config.Lifetimes{15 * time.Minute, day, day, true}},
	} {
		if got := (config.Config{Token: tt.token}).Lifetimes(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// secure-defaults 9a: the names of cookies under https.
func TestResolved(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Listen.Addr = "127.0.0.1:0"
	c = c.Resolved("")
	if c.Issuer != "" || c.Cookie.Access != "" || c.Token.Audience != nil {
		t.Errorf("issuer %q, cookie %q, audience %q, want none before the port is known", c.Issuer, c.Cookie.Access, c.Token.Audience)
	}
	c = c.Resolved("127.0.0.1:4711")
	if c.Issuer != "http://127.0.0.1:4711" || c.Cookie.Access != "sandi_access" || !cmp.Equal(c.Token.Audience, []string{c.Issuer}) {
		t.Errorf("issuer %q, cookie %q, audience %q", c.Issuer, c.Cookie.Access, c.Token.Audience)
	}
	if diff := cmp.Diff(c, c.Resolved("127.0.0.1:1")); diff != "" {
		t.Errorf("resolved twice:\n%s", diff)
	}
	c = config.Config{Issuer: "https://id.example.com"}.Resolved("")
	if got := c.Cookie; got.Access != "__Host-sandi_access" || got.Refresh != "__Secure-sandi_refresh" || got.CSRF != "__Host-sandi_csrf" {
		t.Errorf("cookies under https: %+v", got)
	}
	nets := config.Listen{TrustedProxies: []string{"10.0.0.0/8"}}.Proxies()
	if want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}; !cmp.Equal(nets, want, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) {
		t.Errorf("Proxies() = %v, want %v", nets, want)
	}
}
