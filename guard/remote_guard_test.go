package guard_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// The clock of unknown keys is the guard's to give.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// secure-defaults 17d, 17e
func TestRemoteUnknownKeys(t *testing.T) {
	t.Parallel()
	known, unknown := signer{t, ed25519Key(t, "k1")}, signer{t, ed25519Key(t, "k2")}
	p := &publication{answer: text(published(t, known.key), "")}
	srv := httptest.NewTLSServer(p)
	defer srv.Close()
	at := handClock{now: clock()}
	keys := remote(t, srv, func(c *guard.RemoteKeysConfig) { c.JWKSURL, c.Now = srv.URL, at.Now })
	saying(t, keys.Fetch(t.Context()), "")
	g := known.guard(func(c *guard.Config) { c.Keys = keys })

	token := unknown.access(nil)
	strangers := func() {
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := g.Check(get(token)); !errors.Is(err, guard.TokenInvalid) {
					t.Errorf("unknown key: %v", err)
				}
			})
		}
		all.Wait()
	}
	for i, step := range []struct {
		wait time.Duration
		want int
	}{{0, 2}, {0, 2}, {30*time.Second - 1, 2}, {1, 3}, {0, 3}} {
		at.advance(step.wait)
		if strangers(); p.count() != step.want {
			t.Fatalf("step %d: %d fetches, want %d", i, p.count(), step.want)
		}
	}
	if _, err := g.Check(get(known.access(nil))); err != nil {
		t.Errorf("known key: %v", err)
	}
}

// A new key is found by its first token, and a withdrawn one verifies nothing more, though its
// tokens were remembered. Without its server, a guard goes on with what it has.
func TestRemoteRotation(t *testing.T) {
	t.Parallel()
	before, after := signer{t, ed25519Key(t, "k1")}, signer{t, ed25519Key(t, "k2")}
	p := &publication{answer: text(published(t, before.key), "")}
	keys, srv := publish(t, p)
	g := before.guard(func(c *guard.Config) { c.Keys = keys })
	check := func(s signer, want error) {
		t.Helper()
		for range 2 {
			if _, err := g.Check(get(s.access(nil))); !errors.Is(err, want) {
				t.Errorf("Check = %v, want %v", err, want)
			}
		}
	}
	check(before, nil)
	p.set(text(published(t, after.key), ""))
	saying(t, keys.Fetch(t.Context()), "")
	check(after, nil)
	check(before, guard.TokenInvalid)
	srv.Close()
	saying(t, keys.Fetch(t.Context()), "guard: fetch keys: https://127.0.0.1")
	check(after, nil)
}

// The token of a new key lets itself in: secure-defaults 17e leaves room for it.
func TestRemoteRefetch(t *testing.T) {
	t.Parallel()
	before, after := signer{t, ed25519Key(t, "k1")}, signer{t, ed25519Key(t, "k2")}
	p := &publication{answer: text(published(t, before.key), "")}
	keys, _ := publish(t, p)
	saying(t, keys.Fetch(t.Context()), "")
	h := before.guard(func(c *guard.Config) { c.Keys = keys }).Require()(greet)
	p.set(text(published(t, before.key, after.key), ""))
	for _, s := range []signer{after, before, after} {
		if a := serve(t, h, get(s.access(nil))); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", s.key.ID(), a.Status, a.Body)
		}
	}
	if p.count() != 2 {
		t.Errorf("%d fetches, want 2", p.count())
	}
	if !keys.Refetch(t.Context()) || p.count() != 2 {
		t.Error("who looked before the change is not told to look again")
	}
}

// New does not wait, and until there are keys the answer is 503, whose cause says why.
// secure-defaults 23a
func TestRemoteByIssuer(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard(func(c *guard.Config) { c.Keys, c.Issuer = nil, "https://127.0.0.1:9" })
	_, err := g.Check(get(s.access(nil)))
	if !errors.Is(err, guard.Unavailable) || !errors.Is(err, jwt.ErrUnknownKey) || !strings.Contains(fmt.Sprint(err), "InsecureAllowPrivate") {
		t.Errorf("Check = %v", err)
	}
}

// A set that can verify nothing is found out when the guard is made.
func TestFixedKeys(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	parse := func(doc string) *jwt.KeySet {
		set, err := jwt.ParseKeySet([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	set := func(keys ...*jwt.Key) *jwt.KeySet {
		set, err := jwt.NewKeySet(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	const secret = `"kty":"oct","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"`
	tests := map[string]struct {
		keys jwt.Keys
		want string
	}{
		"secret":          {parse(`{"keys":[{` + secret + `}]}`), ""},
		"private":         {set(ed25519Key(t, "k1")), ""},
		"public":          {set(ed25519Key(t, "k1").Public()), ""},
		"rotating, empty": {noKeys{}, ""},
		"nil":             {(*jwt.KeySet)(nil), "Keys is missing"},
		"nil and remote":  {(*guard.RemoteKeys)(nil), "NewRemoteKeys"},
		"empty":           {set(), "Config.Keys is empty: "},
		"nothing usable":  {parse(`{"keys":[{"kty":"RSA"}]}`), "of 1 keys none can be used"},
		"mixed":           {set(s.key, ed25519Key(t, "k2").Public()), ""},
		"for signing":     {parse(`{"keys":[{` + secret + `,"kid":"h","key_ops":["sign"]}]}`), "key_ops"},
		"for signing too": {parse(`{"keys":[{` + secret + `,"kid":"h","key_ops":["sign"]},{` + secret + `,"kid":"v"}]}`), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.config()
			c.Keys = tt.keys
			_, err := guard.New(c)
			saying(t, err, tt.want)
		})
	}
}
