package guard_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// publication is a JWK Set on a server: what it answers can be changed, and how often it did is
// counted.
type publication struct {
	mu      sync.Mutex
	answer  http.HandlerFunc
	fetches int
}

func (p *publication) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.fetches++
	answer := p.answer
	p.mu.Unlock()
	answer(w, r)
}

func (p *publication) set(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *publication) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// text answers with a body and, where there is one, a Cache-Control.
func text(body, cacheControl string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if cacheControl != "" {
			w.Header().Set("Cache-Control", cacheControl)
		}
		io.WriteString(w, body)
	}
}

func ed25519Key(tb testing.TB, kid string) *jwt.Key {
	tb.Helper()
	fresh, err := jwt.GenerateKey(jwt.EdDSA)
	if err != nil {
		tb.Fatal(err)
	}
	whole, err := fresh.PrivateJWK()
	if err != nil {
		tb.Fatal(err)
	}
	k, err := jwt.ParseKey(bytes.Replace(whole, []byte(fresh.ID()), []byte(kid), 1))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// published is the JWK Set of the keys.
func published(tb testing.TB, keys ...*jwt.Key) string {
	tb.Helper()
	set, err := jwt.NewKeySet(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

var silent = slog.New(slog.DiscardHandler)

// remote makes keys that trust the server.
func remote(tb testing.TB, srv *httptest.Server, edit func(*guard.RemoteKeysConfig)) *guard.RemoteKeys {
	tb.Helper()
	c := guard.RemoteKeysConfig{InsecureAllowPrivate: true, Logger: silent, RootCAs: x509.NewCertPool()}
	c.RootCAs.AddCert(srv.Certificate())
	edit(&c)
	keys, err := guard.NewRemoteKeys(c)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func publish(tb testing.TB, p *publication) (*guard.RemoteKeys, *httptest.Server) {
	tb.Helper()
	srv := httptest.NewTLSServer(p)
	tb.Cleanup(srv.Close)
	return remote(tb, srv, func(c *guard.RemoteKeysConfig) { c.JWKSURL = srv.URL + "/jwks?secret=s3cr3t" }), srv
}

// saying is the error's text, "" for none; it must say want.
func saying(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil && want == "" {
		return
	}
	if err == nil || want == "" || !strings.Contains(err.Error(), want) {
		tb.Errorf("error %v, want %q", err, want)
		return
	}
	if !strings.HasPrefix(err.Error(), "guard: ") || strings.Contains(err.Error(), "s3cr3t") {
		tb.Errorf("error %q", err)
	}
}

// OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3. secure-defaults 17a
func TestRemoteDiscovery(t *testing.T) {
	t.Parallel()
	const good = `{"issuer":"ISS","jwks_uri":"BASE/keys"}`
	tests := map[string]struct {
		path string // of the issuer
		docs map[string]string
		want string
	}{
		"openid":                 {"", map[string]string{"/.well-known/openid-configuration": good}, ""},
		"openid with a path":     {"/a/b", map[string]string{"/a/b/.well-known/openid-configuration": good}, ""},
		"openid with a slash":    {"/a/", map[string]string{"/a/.well-known/openid-configuration": good}, ""},
		"openid with an escape":  {"/a%2Fb", map[string]string{"/a%2Fb/.well-known/openid-configuration": good}, ""},
		"oauth":                  {"", map[string]string{"/.well-known/oauth-authorization-server": good}, ""},
		"oauth with a path":      {"/a/b", map[string]string{"/.well-known/oauth-authorization-server/a/b": good}, ""},
		"oauth with a slash":     {"/", map[string]string{"/.well-known/oauth-authorization-server": good}, ""},
		"oauth after a page":     {"/a", map[string]string{"/a/.well-known/openid-configuration": "<html>", "/.well-known/oauth-authorization-server/a": good}, ""},
		"nothing":                {"", nil, "openid-configuration: answered 404; https://"},
		"another issuer":         {"", map[string]string{"/.well-known/openid-configuration": `{"issuer":"https://evil.example","jwks_uri":"BASE/keys"}`}, `issuer is "https://evil.example", must be exactly "https://`},
		"issuer with a slash":    {"", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISS/","jwks_uri":"BASE/keys"}`}, "must be exactly"},
		"issuer in capitals":     {"", map[string]string{"/.well-known/openid-configuration": `{"ISSUER":"ISS","jwks_uri":"BASE/keys"}`}, "must be exactly"},
		"no issuer":              {"", map[string]string{"/.well-known/openid-configuration": `{"jwks_uri":"BASE/keys"}`}, "must be exactly"},
		"no jwks_uri":            {"", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISS","jwks_uri":null}`}, "no jwks_uri"},
		"jwks_uri without TLS":   {"", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISS","jwks_uri":"http://127.0.0.1/keys"}`}, "jwks_uri is not https"},
		"jwks_uri with password": {"", map[string]string{"/.well-known/openid-configuration": `{"issuer":"ISS","jwks_uri":"https://me:s3cr3t@127.0.0.1/"}`}, "jwks_uri has a user name"},
		"not an object":          {"", map[string]string{"/.well-known/openid-configuration": `"ISS"`}, "not a JSON object"},
	}
	key := ed25519Key(t, "k1")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var base string
			srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				doc, ok := tt.docs[r.URL.EscapedPath()]
				if r.URL.Path == "/keys" {
					doc, ok = published(t, key), true
				}
				if !ok {
					w.WriteHeader(http.StatusNotFound)
				}
				io.WriteString(w, strings.NewReplacer("ISS", base+tt.path, "BASE", base).Replace(doc))
			}))
			defer srv.Close()
			base = srv.URL
			keys := remote(t, srv, func(c *guard.RemoteKeysConfig) { c.Issuer = base + tt.path })
			err := keys.Fetch(t.Context())
			saying(t, err, tt.want)
			if got := keys.KeySet(); (got != nil) != (tt.want == "") {
				t.Errorf("KeySet = %v", got)
			}
		})
	}
}

// What is refused leaves the last good set where it is. secure-defaults 17a, 17c
func TestRemoteRefused(t *testing.T) {
	t.Parallel()
	key := ed25519Key(t, "k1")
	private, err := key.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	good := published(t, key)
	const secret = `{"kty":"oct","alg":"HS256","kid":"h","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`
	tests := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "redirects are not followed"},
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); io.WriteString(w, good) }, "answered 500"},
		"2 MiB": {text(`{"keys":[],"x":"`+strings.Repeat("x", 2<<20)+`"}`, ""), "over 1048576 bytes"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 64<<10))
			}
		}, "over 1048576 bytes"},
		"gzip bomb":    {zipped(strings.Repeat(" ", 16<<20)), "over 1048576 bytes"},
		"huge headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 128<<10)) }, "headers"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			io.WriteString(w, "{")
		}, "unexpected EOF"},
		"no JSON":     {text("<html>", ""), "JWK Set"},
		"no list":     {text(`{}`, ""), "no list of keys"},
		"secret":      {text(`{"keys":[`+secret+`]}`, ""), "secret or private"},
		"private":     {text(`{"keys":[`+string(private)+`]}`, ""), "secret or private"},
		"mixed":       {text(strings.Replace(good, "[", "["+secret+",", 1), ""), "secret or private"},
		"unusable":    {text(`{"keys":[{"kty":"oct","k":"AA"}]}`, ""), "secret or private"},
		"none usable": {text(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"XYZ"}]}`, ""), "none of 2 keys"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &publication{answer: tt.answer}
			keys, _ := publish(t, p)
			saying(t, keys.Fetch(t.Context()), tt.want)
			if keys.KeySet() != nil || p.count() != 1 {
				t.Errorf("KeySet = %v after %d fetches", keys.KeySet(), p.count())
			}
			p.set(zipped(good))
			saying(t, keys.Fetch(t.Context()), "")
			last := keys.KeySet()
			if p.set(tt.answer); keys.Refetch(t.Context()) {
				t.Error("Refetch says that the keys changed")
			}
			if last == nil || keys.KeySet() != last {
				t.Errorf("KeySet = %v, want the last good one, %v", keys.KeySet(), last)
			}
		})
	}
}

func zipped(body string) http.HandlerFunc {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, body)
	z.Close()
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(b.Bytes())
	}
}

// secure-defaults 17a
func TestRemoteTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.StartTLS()
	defer srv.Close()
	at := func(c *guard.RemoteKeysConfig) { c.JWKSURL = srv.URL }
	saying(t, remote(t, srv, at).Fetch(t.Context()), "protocol version")

	srv = httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	defer srv.Close()
	keys := remote(t, srv, func(c *guard.RemoteKeysConfig) { at(c); c.RootCAs = nil })
	saying(t, keys.Fetch(t.Context()), "certificate")
}

// RSA keys that do not name their algorithm need one to be configured.
func TestRemoteAlgorithm(t *testing.T) {
	t.Parallel()
	material, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	k, err := jwt.NewKey(jwt.RS256, "k1", &material.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	p := &publication{answer: text(strings.Replace(published(t, k), `"alg":"RS256",`, "", 1), "")}
	_, srv := publish(t, p)
	for alg, want := range map[jwt.Algorithm]string{"": "RemoteKeysConfig.Algorithm", jwt.RS256: ""} {
		keys := remote(t, srv, func(c *guard.RemoteKeysConfig) { c.JWKSURL, c.Algorithm = srv.URL, alg })
		saying(t, keys.Fetch(t.Context()), want)
		if set := keys.KeySet(); want == "" && set.All()[0].Algorithm() != alg {
			t.Errorf("got %v", set)
		}
	}
	_, err = guard.NewRemoteKeys(guard.RemoteKeysConfig{JWKSURL: srv.URL, Algorithm: jwt.ES256})
	saying(t, err, "want one for RSA keys")
}

// A set is the same as long as its keys are, and an empty one is the issuer's word.
func TestRemoteSame(t *testing.T) {
	t.Parallel()
	k1, k2 := ed25519Key(t, "k1"), ed25519Key(t, "k2")
	p := &publication{answer: text(published(t, k1, k2), "")}
	keys, _ := publish(t, p)
	steps := []struct {
		name, body string
		changed    bool
	}{
		{"first", published(t, k1, k2), true},
		{"again", published(t, k1, k2), false},
		{"in another order", published(t, k2, k1), false},
		{"spelt otherwise", " " + strings.ReplaceAll(published(t, k1, k2), ",", ", "), false},
		{"another key of the kid", published(t, k1, ed25519Key(t, "k2")), true},
		{"one fewer", published(t, k1), true},
		{"none", `{"keys":[]}`, true},
		{"still none", `{"keys":[]}`, false},
	}
	for _, step := range steps {
		before := keys.KeySet()
		p.set(text(step.body, ""))
		saying(t, keys.Fetch(t.Context()), "")
		if after := keys.KeySet(); (after != before) != step.changed || after == nil {
			t.Errorf("%s: %v after %v", step.name, after, before)
		}
	}
}
