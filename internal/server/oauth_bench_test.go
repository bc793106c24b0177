package server_test

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/jwt"
)

// BenchmarkClientCredentials compares the token endpoint with the least that such a request can be: parse the form, hash the secret, sign
// with ES256, write. Both over loopback with connections that stay, the load generator on the same processors.
func BenchmarkClientCredentials(b *testing.B) {
	g := startQuiet(b)
	g.add(machine("robot"))
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {g.secrets["robot"]}, "scope": {"read"}}.Encode()
	b.Run("bare", func(b *testing.B) {
		k, err := jwt.GenerateKey(jwt.ES256)
		if err != nil {
			b.Fatal(err)
		}
		like := payload(b, g.want(g.call(g.client, "POST", "/oauth/token", "", form), 200, "").str("access_token"))
		want := sha256.Sum256([]byte(g.secrets["robot"]))
		load(b, bare(b, want, func(string) (any, error) {
			signed, err := jwt.Sign(k, "at+jwt", like)
			return map[string]any{"access_token": signed, "token_type": "Bearer", "expires_in": 900, "scope": "read"}, err
		}), form)
	})
	b.Run("sandi", func(b *testing.B) { load(b, g.url+"/oauth/token", form) })
}

// BenchmarkIntrospection compares introspection with a handler that hashes the secret and verifies the signature. The tokens are 200 of one client.
func BenchmarkIntrospection(b *testing.B) {
	g := startQuiet(b)
	g.add(machine("robot"))
	g.add(oauth.Client{ID: "api-a", Serves: []string{resourceA}})
	var forms []string
	for range 200 {
		token := g.want(g.token("robot", credentialsGrant), 200, "").str("access_token")
		forms = append(forms, url.Values{"token": {token}, "client_id": {"api-a"}, "client_secret": {g.secrets["api-a"]}}.Encode())
	}
	b.Run("bare", func(b *testing.B) {
		keys, want := g.keys(), sha256.Sum256([]byte(g.secrets["api-a"]))
		load(b, bare(b, want, func(token string) (any, error) {
			_, claims, err := jwt.VerifySignature(keys, token)
			return struct {
				Active bool            `json:"active"`
				Claims json.RawMessage `json:"claims"`
			}{true, claims}, err
		}), forms...)
	})
	b.Run("sandi", func(b *testing.B) { load(b, g.url+"/oauth/introspect", forms...) })
}

// startQuiet is startGrants on a server that runs as in use, but for where its log goes.
func startQuiet(b *testing.B) *grants {
	b.Helper()
	r := &running{t: b, log: &lockedBuffer{}, clock: &clock{}, dir: b.TempDir()}
	c := testConfig(r.dir)
	c.OAuth.Scopes = []config.Scope{{Name: "read"}, {Name: "write"}}
	c.OAuth.Resources = []config.Resource{{ID: resourceA}}
	s, err := server.New(b.Context(), server.Options{
		Config: c, Stdout: io.Discard, Demo: &server.Demo{}, InsecureWeakHash: true, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	r.url = "http://" + s.Addr()
	return grantsOf(r, plain(b))
}

// bare serves a handler that does no more than it must, and says where.
func bare(b *testing.B, secret [32]byte, answer func(token string) (any, error)) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		shown := sha256.Sum256([]byte(r.PostForm.Get("client_secret")))
		if subtle.ConstantTimeCompare(shown[:], secret[:]) != 1 {
			panic("wrong secret")
		}
		v, err := answer(r.PostForm.Get("token"))
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	})}
	done := started(func() { _ = s.Serve(l) })
	b.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

func started(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

// load posts the forms in turn, from 16 clients for each processor.
func load(b *testing.B, target string, forms ...string) {
	b.Helper()
	c := plain(b)
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			res, err := c.Post(target, "application/x-www-form-urlencoded", strings.NewReader(forms[i%len(forms)]))
			if err != nil {
				b.Error(err)
				return
			}
			n, err := io.Copy(io.Discard, res.Body)
			if res.Body.Close(); err != nil || res.StatusCode != 200 || n < 100 {
				b.Errorf("%d, %d bytes, %v", res.StatusCode, n, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
