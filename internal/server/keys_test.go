package server_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/token"
)

const oneIssuer = "http://127.0.0.1:8080" // of nodes that stand behind one name

// node starts a further server over the store of dir, with those master keys.
func node(t *testing.T, dir string, masters ...string) *running {
	t.Helper()
	return startIn(t, t.TempDir(), &server.Demo{}, nodeOf(dir, masters...))
}

func nodeOf(dir string, masters ...string) func(*config.Config) {
	return func(c *config.Config) {
		c.Issuer, c.Store.URL = oneIssuer, "sqlite:"+filepath.Join(dir, "sandi.db")
		c.Key.MasterFile, c.Key.OtherMasterFiles = masters[0], masters[1:]
	}
}

// until asks every 20 ms whether something holds.
func until(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(limit); !holds(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// TestKeyRevokedOnAllNodes: what a command line drops, every running node drops, and no token of the successor is refused
// meanwhile, also where it is not known yet.
func TestKeyRevokedOnAllNodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := filepath.Join(dir, "master.key")
	one := startIn(t, dir, &server.Demo{}, nodeOf(dir, old))
	two := node(t, dir, old)
	c := plain(t)
	stolen, refresh := one.login(c, "user1", "password1")
	two.want(two.call(c, "GET", "/protected", stolen, ""), 200, "")

	db := openBeside(t, one)
	ring := ringOf(t, db, old)
	if _, _, err := ring.Revoke(t.Context(), ring.Signer().ID(), "", audit.From{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	m, err := token.New(token.Config{Issuer: oneIssuer, Audience: []string{oneIssuer}, Lifetime: time.Minute, Signer: ring.Signer, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	fresh, _, err := m.Access(token.Access{Subject: "user1", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*running{one, two} {
		r.want(r.call(c, "GET", "/protected", fresh, ""), 200, "")
		until(t, 3*time.Second, "the leaked key is refused", func() bool { return r.call(c, "GET", "/protected", stolen, "").status == 401 })
	}
	a := two.want(two.call(c, "POST", "/refresh", refresh, ""), 200, "")
	one.want(one.call(c, "GET", "/protected", a.str("access_token"), ""), 200, "")
}

func ringOf(t *testing.T, db *store.DB, master string) *key.Ring {
	t.Helper()
	masters, err := key.LoadMasters(master, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := key.NewRing(key.Config{Store: db, Masters: masters, AccessLifetime: time.Minute, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// The key set may be kept for as long as a new key waits.
// checklist 109
func TestKeySetCaching(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) { c.Key.JWKSMaxAge = 7 * time.Second })
	if got := r.call(plain(t), "GET", "/.well-known/jwks.json", "", "").header.Get("Cache-Control"); got != "public, max-age=7" {
		t.Errorf("Cache-Control %q", got)
	}
}

// TestMasterChangeOnNodes: the steps of the guide. A login by cookie lives on through them, with the CSRF value that it
// had before; a node that was left out is not ready and refuses nothing for good.
// secure-defaults 18c
func TestMasterChangeOnNodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, later := filepath.Join(dir, "master.key"), filepath.Join(dir, "later.key")
	one := startIn(t, dir, &server.Demo{}, nodeOf(dir, old))
	c := browser(t)
	one.want(one.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("user1", "password1")), 200, "")
	csrf := cookie(c, one.url, "sandi_csrf")
	left := node(t, dir, old)

	if _, err := key.CreateMaster(later); err != nil {
		t.Fatal(err)
	}
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	one, two := node(t, dir, later, old), node(t, dir, later, old)
	masters, err := key.LoadMasters(later, []string{old})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := masters.Change(t.Context(), openBeside(t, &running{t: t, dir: dir}), audit.From{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	until(t, 3*time.Second, "the node that was left out is not ready", func() bool { return left.call(plain(t), "GET", "/readyz", "", "").status == 503 })
	newer := func() bool { // 5 s after a node has seen the change
		for _, r := range []*running{left, two} {
			r.clock.advance(6 * time.Second)
		}
		one.advance(6 * time.Second)
		one.want(one.call(c, "POST", "/api/auth/refresh", "", "", "X-CSRF-TOKEN", csrf), 200, "")
		return cookie(c, one.url, "sandi_csrf") != csrf
	}
	until(t, 10*time.Second, "the new key is in use", newer)
	two.advance(0)
	two.want(two.call(c, "POST", "/api/auth/refresh", "", "", "X-CSRF-TOKEN", csrf), 200, "")
	left.want(left.call(c, "POST", "/api/auth/refresh", "", "", "X-CSRF-TOKEN", csrf), 503, "temporarily_unavailable")
	left.want(left.call(c, "GET", "/protected", "", ""), 200, "")
	if !strings.Contains(left.log.String(), "another master key") {
		t.Error("its log does not say why")
	}

	// What the other node answered may be of the old key still; this one's is not.
	one.want(one.call(c, "POST", "/api/auth/refresh", "", "", "X-CSRF-TOKEN", csrf), 200, "")
	after := node(t, dir, later)
	after.want(after.call(c, "POST", "/api/auth/refresh", "", "", "X-CSRF-TOKEN", cookie(c, one.url, "sandi_csrf")), 200, "")
}
