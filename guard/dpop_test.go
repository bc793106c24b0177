package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// checklist 137, 138, 139, 141, 148: a proof counts for one method, one URL, one token and a short time.
func TestProof(t *testing.T) {
	t.Parallel()
	p := newProver(t)
	const url = "https://api.example/orders"
	at := func(d time.Duration) int64 { return clock().Add(d).Unix() }
	made := func(changes map[string]any) string { return p.proof("POST", url, "", changes) }
	tests := map[string]struct {
		proof string
		token string
		ok    bool
	}{
		"good":                  {made(nil), "", true},
		"query and fragment":    {made(map[string]any{"htu": url + "?a=1#b"}), "", true},
		"60 s ago":              {made(map[string]any{"iat": at(-60 * time.Second)}), "", true},
		"61 s ago":              {made(map[string]any{"iat": at(-61 * time.Second)}), "", false},
		"5 s ahead":             {made(map[string]any{"iat": at(5 * time.Second)}), "", true},
		"6 s ahead":             {made(map[string]any{"iat": at(6 * time.Second)}), "", false},
		"fractional":            {made(map[string]any{"iat": json.Number("1772366400.5")}), "", true},
		"nbf ahead":             {made(map[string]any{"nbf": at(time.Minute)}), "", false},
		"exp has come":          {made(map[string]any{"exp": at(0)}), "", false},
		"no iat":                {made(map[string]any{"iat": nil}), "", false},
		"iat is text":           {made(map[string]any{"iat": "1772366400"}), "", false},
		"no jti":                {made(map[string]any{"jti": nil}), "", false},
		"empty jti":             {made(map[string]any{"jti": ""}), "", false},
		"jti is a number":       {made(map[string]any{"jti": 1}), "", false},
		"no htm":                {made(map[string]any{"htm": nil}), "", false},
		"another method":        {made(map[string]any{"htm": "GET"}), "", false},
		"method in lower case":  {made(map[string]any{"htm": "post"}), "", false},
		"no htu":                {made(map[string]any{"htu": nil}), "", false},
		"another path":          {made(map[string]any{"htu": url + "/"}), "", false},
		"path in capitals":      {made(map[string]any{"htu": "https://api.example/Orders"}), "", false},
		"another host":          {made(map[string]any{"htu": "https://api.example.evil/orders"}), "", false},
		"http":                  {made(map[string]any{"htu": "http://api.example/orders"}), "", false},
		"another port":          {made(map[string]any{"htu": "https://api.example:8443/orders"}), "", false},
		"user in the URL":       {made(map[string]any{"htu": "https://a@api.example/orders"}), "", false},
		"htu is relative":       {made(map[string]any{"htu": "/orders"}), "", false},
		"ath":                   {p.proof("POST", url, "a.b.c", nil), "a.b.c", true},
		"ath of another token":  {p.proof("POST", url, "a.b.d", nil), "a.b.c", false},
		"no ath":                {made(nil), "a.b.c", false},
		"ath where none counts": {p.proof("POST", url, "a.b.c", nil), "", true},
		"not a JWT":             {"proof", "", false},
		"empty":                 {"", "", false},
		"two in one line":       {made(nil) + ", " + made(nil), "", false},
		"another typ":           {p.sign(map[string]any{"typ": "JWT", "alg": "ES256", "jwk": p.jwk}, map[string]any{"jti": "x"}), "", false},
		"nonce of somebody's":   {made(map[string]any{"nonce": "x"}), "", true},
	}
	proofs := newProofs(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jkt, err := proofs.Check(t.Context(), proven("POST", "/orders", tt.proof), url, tt.token)
			if tt.ok && (err != nil || jkt != p.jkt) {
				t.Errorf("got %q, %v; want %q", jkt, err, p.jkt)
			}
			if !tt.ok && (!errors.Is(err, guard.ErrProof) || errors.Is(err, guard.ErrProofNonce) || jkt != "") {
				t.Errorf("got %q, %v; want ErrProof", jkt, err)
			}
		})
	}
	if jkt, err := proofs.Check(t.Context(), proven("POST", "/orders"), url, ""); jkt != "" || err != nil {
		t.Errorf("without a proof: %q, %v", jkt, err)
	}
	if _, err := proofs.Check(t.Context(), proven("POST", "/orders", made(nil), made(nil)), url, ""); !errors.Is(err, guard.ErrProof) {
		t.Errorf("two headers: %v", err)
	}
}

// RFC 3986 sections 6.2.2 and 6.2.3, and what is the server's own URL behind a proxy. checklist 138
func TestProofURL(t *testing.T) {
	t.Parallel()
	p := newProver(t)
	tests := map[string]struct {
		public, target, htu string
		ok                  bool
	}{
		"as it is":              {"https://api.example", "/a", "https://api.example/a", true},
		"default port":          {"https://api.example", "/a", "https://api.example:443/a", true},
		"default port here":     {"https://API.example:443/", "/a", "https://api.example/a", true},
		"scheme and host":       {"https://api.example", "/a", "HTTPS://Api.EXAMPLE/a", true},
		"empty path":            {"https://api.example", "/", "https://api.example", true},
		"the request's query":   {"https://api.example", "/a?b=c", "https://api.example/a", true},
		"escape not needed":     {"https://api.example", "/~a", "https://api.example/%7ea", true},
		"escape in lower case":  {"https://api.example", "/a%2Fb", "https://api.example/a%2fb", true},
		"escape that counts":    {"https://api.example", "/a/b", "https://api.example/a%2Fb", false},
		"space":                 {"https://api.example", "/a%20b", "https://api.example/a%20b", true},
		"dots":                  {"https://api.example", "/b", "https://api.example/a/../b", true},
		"escaped dots":          {"https://api.example", "/b", "https://api.example/a/%2e%2E/b", true},
		"two slashes":           {"https://api.example", "/a", "https://api.example//a", false},
		"path the proxy takes":  {"https://api.example/v1/", "/a", "https://api.example/v1/a", true},
		"path not taken":        {"https://api.example/v1", "/a", "https://api.example/a", false},
		"port":                  {"https://api.example:8443", "/a", "https://api.example:8443/a", true},
		"plain":                 {"http://localhost:80", "/a", "http://localhost/a", true},
		"the Host of a request": {"https://api.example", "/a", "https://example.com/a", false},
		"IPv6":                  {"https://[2001:DB8::1]", "/a", "https://[2001:db8::1]:443/a", true},
		"any host":              {"", "/a", "http://example.com/a", true},
		"any host, another":     {"", "/a", "http://api.example/a", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proofs := newProofs(t, func(c *guard.ProofsConfig) { c.PublicURL, c.InsecureAnyHost = tt.public, tt.public == "" })
			r := proven("GET", tt.target, p.proof("GET", tt.htu, "", nil))
			if _, err := proofs.Check(t.Context(), r, "", ""); (err == nil) != tt.ok || err != nil && !errors.Is(err, guard.ErrProof) {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			}
		})
	}
}

// checklist 140: a proof counts once at its URL, a jti once for its key; what is kept is a hash.
func TestProofReplay(t *testing.T) {
	t.Parallel()
	p, other := newProver(t), newProver(t)
	seen := map[string]time.Time{}
	proofs := newProofs(t, func(c *guard.ProofsConfig) {
		c.Replay = spendFunc(func(id string, expires time.Time) (bool, error) {
			_, used := seen[id]
			seen[id] = expires
			return !used, nil
		})
	})
	use := func(by prover, url string) error {
		_, err := proofs.Check(t.Context(), proven("GET", "/", by.proof("GET", url, "", map[string]any{"jti": "secret"})), url, "")
		return err
	}
	for i, want := range []bool{true, false} {
		if err := use(p, "https://a.example/x"); (err == nil) != want || err != nil && !errors.Is(err, guard.ErrProof) {
			t.Errorf("use %d: %v", i+1, err)
		}
	}
	if err := errors.Join(use(p, "https://a.example/y"), use(other, "https://a.example/x")); err != nil {
		t.Errorf("at another URL, and by another key: %v", err)
	}
	if use(p, "https://A.example:443/x?q=1") == nil {
		t.Error("used again with its URL in another spelling")
	}
	for id, expires := range seen {
		if len(id) != 43 || strings.Contains(id, "secret") || expires.Before(clock().Add(time.Minute)) || expires.After(clock().Add(2*time.Minute)) {
			t.Errorf("kept %q until %v", id, expires)
		}
	}
	for name, failing := range map[string]guard.Replay{
		"away": spendFunc(func(string, time.Time) (bool, error) { return false, errors.New("away") }),
		"full": spendFunc(func(string, time.Time) (bool, error) { return false, guard.ErrReplayFull }),
		"bad":  spendFunc(func(string, time.Time) (bool, error) { panic("bad") }),
	} {
		proofs := newProofs(t, func(c *guard.ProofsConfig) { c.Replay = failing })
		_, err := proofs.Check(t.Context(), proven("GET", "/", p.proof("GET", "https://a.example/", "", nil)), "https://a.example/", "")
		if err == nil || errors.Is(err, guard.ErrProof) || errors.Is(err, guard.ErrProofNonce) {
			t.Errorf("%s: %v, want that it is not known", name, err)
		}
	}
}

type spendFunc func(id string, expires time.Time) (bool, error)

func (f spendFunc) Spend(_ context.Context, id string, expires time.Time) (bool, error) {
	return f(id, expires)
}

// checklist 146: nonces are made by time and key alone, the same by every process, and count for two stretches.
func TestProofNonce(t *testing.T) {
	t.Parallel()
	p := newProver(t)
	now := clock()
	configure := func(key byte, required bool) *guard.Proofs {
		return newProofs(t, func(c *guard.ProofsConfig) {
			c.NonceKey, c.RequireNonce, c.Now = append(make([]byte, 31), key), required, func() time.Time { return now }
		})
	}
	a, b, other, offered := configure(1, true), configure(1, true), configure(2, true), configure(1, false)
	const url = "https://a.example/"
	check := func(by *guard.Proofs, nonce any) error {
		_, err := by.Check(t.Context(), proven("GET", "/", p.proof("GET", url, "", map[string]any{"nonce": nonce, "iat": now.Unix()})), url, "")
		return err
	}
	nonce := a.Nonce()
	if nonce == "" || nonce != b.Nonce() || nonce == other.Nonce() || newProofs(t, nil).Nonce() != "" {
		t.Fatalf("nonces %q, %q, %q", nonce, b.Nonce(), other.Nonce())
	}
	for name, nonce := range map[string]any{"none": nil, "empty": "", "made up": "x", "another key's": other.Nonce(), "a number": 1} {
		if err := check(a, nonce); !errors.Is(err, guard.ErrProofNonce) || errors.Is(err, guard.ErrProof) {
			t.Errorf("%s: %v, want ErrProofNonce", name, err)
		}
	}
	if err := errors.Join(check(a, nonce), check(b, nonce), check(offered, nonce), check(offered, nil)); err != nil {
		t.Errorf("good nonce, and none where none is required: %v", err)
	}
	if err := check(offered, "x"); !errors.Is(err, guard.ErrProofNonce) {
		t.Errorf("bad nonce where none is required: %v", err)
	}
	now = clock().Add(5 * time.Minute)
	if err := check(a, nonce); err != nil || a.Nonce() == nonce {
		t.Errorf("nonce of the stretch before: %v", err)
	}
	ahead := a.Nonce()
	now = clock().Add(5*time.Minute - 3*time.Second)
	if err := check(a, ahead); err != nil {
		t.Errorf("nonce of a process whose clock is 3 s ahead: %v", err)
	}
	now = clock().Add(10 * time.Minute)
	if err := check(a, nonce); !errors.Is(err, guard.ErrProofNonce) {
		t.Errorf("nonce from ten minutes ago: %v", err)
	}
}

// While the key of nonces changes, processes hand out different ones and accept each other's.
func TestProofNonceKeys(t *testing.T) {
	t.Parallel()
	p := newProver(t)
	key := func(b byte) []byte { return append(make([]byte, 31), b) }
	configure := func(keys *[][]byte) *guard.Proofs {
		return newProofs(t, func(c *guard.ProofsConfig) { c.NonceKeys, c.RequireNonce = func() [][]byte { return *keys }, true })
	}
	one, two, left := [][]byte{key(1), key(2)}, [][]byte{key(2), key(1)}, [][]byte{key(2)}
	a, b, c := configure(&one), configure(&two), configure(&left)
	check := func(by *guard.Proofs, nonce string) error {
		_, err := by.Check(t.Context(), proven("GET", "/", p.proof("GET", "https://a.example/", "", map[string]any{"nonce": nonce})), "https://a.example/", "")
		return err
	}
	first, second := a.Nonce(), b.Nonce()
	if first == second || c.Nonce() != second {
		t.Fatalf("nonces %q, %q, %q", first, second, c.Nonce())
	}
	for name, err := range map[string]error{"own": check(a, first), "other's": check(a, second), "swapped": check(b, first)} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := check(c, first); !errors.Is(err, guard.ErrProofNonce) {
		t.Errorf("nonce of a key that is gone: %v", err)
	}
	one = two // read at each call
	if a.Nonce() != second {
		t.Error("the key that is first now does not hand out")
	}
	one = nil
	if err := check(a, second); !errors.Is(err, guard.ErrProofNonce) || a.Nonce() != "" {
		t.Errorf("without any key: %v, %q", err, a.Nonce())
	}
	one = [][]byte{nil} // what everybody knows makes no nonce
	if err := check(a, second); !errors.Is(err, guard.ErrProofNonce) || a.Nonce() != "" {
		t.Errorf("with a short key: %v, %q", err, a.Nonce())
	}
}

func TestNewProofs(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	tests := map[string]struct {
		c    guard.ProofsConfig
		want string
	}{
		"zero":                {guard.ProofsConfig{}, ""},
		"complete":            {guard.ProofsConfig{PublicURL: "https://a.example/b", NonceKey: key, RequireNonce: true, Algorithms: []jwt.Algorithm{jwt.ES384}}, ""},
		"HMAC":                {guard.ProofsConfig{Algorithms: []jwt.Algorithm{jwt.HS256}}, "no public key"},
		"none":                {guard.ProofsConfig{Algorithms: []jwt.Algorithm{"none"}}, "no public key"},
		"no URL":              {guard.ProofsConfig{PublicURL: "a.example"}, "PublicURL"},
		"URL with a query":    {guard.ProofsConfig{PublicURL: "https://a.example?b"}, "PublicURL"},
		"age over 10 minutes": {guard.ProofsConfig{MaxAge: time.Hour}, "MaxAge"},
		"ahead over a minute": {guard.ProofsConfig{MaxAhead: time.Hour}, "MaxAhead"},
		"short nonces":        {guard.ProofsConfig{NonceAge: time.Second}, "NonceAge"},
		"short nonce key":     {guard.ProofsConfig{NonceKey: key[:31]}, "NonceKey"},
		"short nonce keys":    {guard.ProofsConfig{NonceKeys: func() [][]byte { return [][]byte{key, key[:31]} }}, "NonceKeys"},
		"both nonce keys":     {guard.ProofsConfig{NonceKey: key, NonceKeys: func() [][]byte { return [][]byte{key} }}, "NonceKeys"},
		"no nonce key":        {guard.ProofsConfig{RequireNonce: true}, "NonceKey"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := guard.NewProofs(tt.c)
			saying(t, err, tt.want)
			if (p == nil) != (err != nil) {
				t.Errorf("got %v and %v", p, err)
			}
		})
	}
}
