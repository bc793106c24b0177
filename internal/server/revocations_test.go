package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
)

// startWithReader is a demo whose revocations a resource server with this secret may read.
func startWithReader(t *testing.T) (r *running, secret string) {
	t.Helper()
	secret = key.NewSecret()
	path := filepath.Join(t.TempDir(), "readers")
	if err := os.WriteFile(path, []byte("# who may follow\n\nstock:"+key.NewSecret()+"\norders:"+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, func(c *config.Config) { c.Revocation.ReadersFile = path }), secret
}

// resourceServer is a guard as another process has it: the server's keys by network, its revocations
// by its feed.
type resourceServer struct {
	*httptest.Server
	ended chan error // causes of the Lifetimes of /stream
}

func newResourceServer(t *testing.T, r *running, secret string) *resourceServer {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	keys, err := guard.NewRemoteKeys(guard.RemoteKeysConfig{
		JWKSURL: r.url + "/.well-known/jwks.json", InsecureAllowHTTP: true, InsecureAllowPrivate: true, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute})
	f, err := guard.NewFollower(guard.FollowerConfig{
		URL: r.url + "/revocations", List: list, InsecureAllowHTTP: true, Logger: quiet,
		Credential: func(context.Context) (string, error) { return secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(keys.Fetch(t.Context()), f.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{Issuer: r.url, Audience: []string{r.url}, Keys: keys, Revocations: list})
	if err != nil {
		t.Fatal(err)
	}
	s := &resourceServer{ended: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })))
	mux.Handle("GET /stream", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		life := guard.Lifetime(r.Context())
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-life.Done()
		s.ended <- context.Cause(life)
	})))
	s.Server = httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		s.Close()
	})
	return s
}

func (s *resourceServer) get(t *testing.T, c *http.Client, path, token string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	a, err := do(c, req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A logout at the server is a token_revoked in another process within a second, and the end of what
// lives longer than its request there. secure-defaults 21c; ASVS 7.4.1
func TestRevocationElsewhere(t *testing.T) {
	t.Parallel()
	r, secret := startWithReader(t)
	s := newResourceServer(t, r, secret)
	c := plain(t)
	access, _ := r.login(c, "user1", "password1")
	other, _ := r.login(c, "user2", "password2")
	if a := s.get(t, c, "/orders", access); a.status != 200 {
		t.Fatalf("before the logout: %d %s", a.status, a.raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	stream, err := c.Do(req) // its handler runs from here on
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	r.want(r.call(c, "POST", "/logout", access, ""), 200, "")
	loggedOut := time.Now()
	select {
	case cause := <-s.ended:
		t.Logf("the stream ended %s after the logout", time.Since(loggedOut).Round(time.Millisecond))
		if !errors.Is(cause, guard.TokenRevoked) {
			t.Errorf("the stream ended by %v, want token_revoked", cause)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on after the logout")
	}
	if a := s.get(t, c, "/orders", access); a.status != 401 || a.str("error") != "token_revoked" {
		t.Errorf("after the logout: %d %s, want token_revoked", a.status, a.raw)
	}
	if a := s.get(t, c, "/orders", other); a.status != 200 {
		t.Errorf("another session: %d %s", a.status, a.raw)
	}
	if strings.Contains(r.log.String(), secret) || !strings.Contains(r.log.String(), `"subject":"reader orders"`) {
		t.Error("the log has the secret, or not the reader's name")
	}
	begun := time.Now()
	if err := r.stop(); err != nil { // though the follower waits for news
		t.Errorf("stop: %v", err)
	}
	t.Logf("stopped in %s", time.Since(begun).Round(time.Millisecond))
	if strings.Contains(r.log.String(), "were cut off") {
		t.Error("the stop waited for a reader that waits for news")
	}
}

// The feed is for who has a credential; it says what is wrong with a request, and is never stored.
func TestRevocationFeed(t *testing.T) {
	t.Parallel()
	r, secret := startWithReader(t)
	c := plain(t)
	access, _ := r.login(c, "user1", "password1")
	a := r.want(r.call(c, "GET", "/revocations", "", ""), 401, "token_missing")
	if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="revocations"` {
		t.Errorf("challenge %q", got)
	}
	for name, token := range map[string]string{"an access token": access, "another secret": key.NewSecret(), "a prefix": secret[:40], "the file's line": "orders:" + secret} {
		a := r.call(c, "GET", "/revocations", token, "")
		if got := a.header.Get("WWW-Authenticate"); a.status != 401 || a.str("error") != "token_invalid" || !strings.Contains(got, `error="invalid_token"`) {
			t.Errorf("%s: %d %s, challenge %q", name, a.status, a.raw, got)
		}
	}
	for _, query := range []string{"after=-1", "after=x", "after=99999999999999999999", "after=", "wait=31", "wait=1s", "wait=-1"} {
		if a := r.call(c, "GET", "/revocations?"+query, secret, ""); a.status != 400 || a.str("error") != "invalid_request" {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	a = r.want(r.call(c, "GET", "/revocations", secret, ""), 200, "")
	if a.header.Get("Cache-Control") != "no-store" || a.body["reset"] != true || a.body["entries"] == nil {
		t.Errorf("first answer %s, Cache-Control %q", a.raw, a.header.Get("Cache-Control"))
	}
	epoch := a.str("epoch")
	r.want(r.call(c, "POST", "/logout", access, ""), 200, "")
	a = r.want(r.call(c, "GET", "/revocations?wait=30&after=0&epoch="+epoch, secret, ""), 200, "")
	entry, _ := a.body["entries"].([]any)[0].(map[string]any)
	if a.body["reset"] != false || a.body["head"] != 1.0 || entry["seq"] != 1.0 || entry["kind"] != "session" || entry["handle"] != claims(t, access)["sid"] || entry["not_before"] != 0.0 {
		t.Errorf("after a logout: %s", a.raw)
	}
	if left := time.UnixMilli(int64(entry["expires_at"].(float64))).Sub(r.clock.now()); left < 15*time.Minute || left > 20*time.Minute {
		t.Errorf("the entry expires in %s", left)
	}
	r.want(r.call(c, "GET", "/revocations?wait=0&after=1&epoch="+epoch, secret, ""), 200, "")
	without := start(t, nil)
	without.want(without.call(c, "GET", "/revocations", secret, ""), 404, "not_found")
}

// secure-defaults 2c, 2d, 2h
func TestReadersFile(t *testing.T) {
	t.Parallel()
	good := key.NewSecret()
	tests := map[string]struct {
		text string
		mode os.FileMode
		want string // of the error; none: it starts
	}{
		"good":               {"orders:" + good + "\norders:" + key.NewSecret(), 0o600, ""},
		"readable by others": {"orders:" + good, 0o644, "can be read by others"},
		"empty":              {"# nobody yet\n", 0o600, "names nobody"},
		"short":              {"orders:" + good[:31], 0o600, "31 characters"},
		"predictable":        {"orders:" + strings.Repeat("secret", 10), 0o600, "can be guessed"},
		"no name":            {good, 0o600, "not NAME:SECRET"},
		"unsendable":         {"orders:" + good + "\x80", 0o600, "not NAME:SECRET"},
		"one secret of two":  {"orders:" + good + "\nstock:" + good, 0o600, ":2): the secret stands twice"},
		"too large":          {strings.Repeat("#\n", 40_000), 0o600, "larger than 64 KiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "readers")
			if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
			s, err := newServer(t, func(_ *testing.T, c *config.Config) { c.Revocation.ReadersFile = path })
			if err == nil {
				if err := s.Close(); err != nil || tt.want != "" {
					t.Errorf("started; close: %v", err)
				}
				return
			}
			hinted, ok := errors.AsType[interface {
				error
				Hint() string
			}](err)
			if tt.want == "" || !strings.Contains(err.Error(), tt.want) || !ok || hinted.Hint() == "" || strings.Contains(err.Error(), good[:20]) {
				t.Errorf("error %v, want %q and a hint", err, tt.want)
			}
		})
	}
	if _, err := newServer(t, func(t *testing.T, c *config.Config) { c.Revocation.ReadersFile = filepath.Join(t.TempDir(), "none") }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}
