package guard_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// The examples of draft-ietf-oauth-status-list section 4.1: places from the least significant bit on.
// checklist 168
func TestStatusBits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		bits int
		lst  string
		want []byte
	}{
		"one bit":    {1, "eNrbuRgAAhcBXQ", []byte{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}},
		"two bits":   {2, "eNo76fITAAPfAgc", []byte{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3}},
		"four bits":  {4, deflated(0x21, 0xf3), []byte{1, 2, 3, 15}},
		"eight bits": {8, deflated(1, 255), []byte{1, 255}},
		"no places":  {1, deflated(), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := map[string]any{"bits": float64(tt.bits), "lst": tt.lst}
			for i, want := range tt.want {
				if got, ok, err := guard.StatusAt(list, int64(i)); got != want || !ok || err != nil {
					t.Errorf("at %d: %d, %v, %v; want %d", i, got, ok, err, want)
				}
			}
			for _, outside := range []int64{-1, int64(len(tt.want)), 1 << 40} {
				if _, ok, err := guard.StatusAt(list, outside); ok || err != nil {
					t.Errorf("there is a place %d", outside)
				}
			}
		})
	}
}

// checklist 166, 170: what a token says of its place, and what the place says of the token.
func TestStatusOfToken(t *testing.T) {
	t.Parallel()
	l := newLists(t)
	l.serve(map[string]any{"status_list": map[string]any{"bits": 2, "lst": deflated(0b11100100)}})
	at := func(place any) any { return map[string]any{"status_list": place} }
	tests := map[string]struct {
		status  any
		revoked bool
	}{
		"valid":             {at(map[string]any{"idx": 0, "uri": l.uri()}), false},
		"invalid":           {at(map[string]any{"idx": 1, "uri": l.uri()}), true},
		"suspended":         {at(map[string]any{"idx": 2, "uri": l.uri()}), true},
		"its own meaning":   {at(map[string]any{"idx": 3, "uri": l.uri()}), true},
		"out of range":      {at(map[string]any{"idx": 4, "uri": l.uri()}), true},
		"far out of range":  {at(map[string]any{"idx": int64(1) << 60, "uri": l.uri()}), true},
		"negative":          {at(map[string]any{"idx": -1, "uri": l.uri()}), true},
		"fraction":          {at(map[string]any{"idx": 0.5, "uri": l.uri()}), true},
		"index is text":     {at(map[string]any{"idx": "0", "uri": l.uri()}), true},
		"no index":          {at(map[string]any{"uri": l.uri()}), true},
		"no URL":            {at(map[string]any{"idx": 0}), true},
		"place is a list":   {at([]int{0}), true},
		"status is text":    {"valid", true},
		"another mechanism": {map[string]any{"other": 1}, false},
		"null":              {map[string]any{"status_list": (*int)(nil)}, true},
	}
	s := l.reader(nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := s.Revoked(t.Context(), l.with(tt.status)); got != tt.revoked || err != nil {
				t.Errorf("got %v, %v; want %v", got, err, tt.revoked)
			}
		})
	}
	without := l.with(nil)
	for _, required := range []bool{false, true} {
		s := l.reader(func(c *guard.StatusListsConfig) { c.RequireStatus = required })
		if got, err := s.Revoked(t.Context(), without); got != required || err != nil {
			t.Errorf("without a status, required %v: %v, %v", required, got, err)
		}
	}
	others := l.reader(func(c *guard.StatusListsConfig) { c.Issuer, c.RequireStatus = "https://other.example", true })
	if got, err := others.Revoked(t.Context(), without); got || err != nil {
		t.Errorf("a token of another issuer: %v, %v", got, err)
	}
}

// checklist 167, 170: a list that is not the issuer's own, in time and in form says nothing.
func TestStatusListRefused(t *testing.T) {
	t.Parallel()
	l := newLists(t)
	other := &lists{tb: t, srv: l.srv, key: ed25519Key(t, "k1")}
	list := func(bits, lst any) map[string]any {
		return map[string]any{"status_list": map[string]any{"bits": bits, "lst": lst}}
	}
	bomb := deflated(make([]byte, guard.MaxList+1)...)
	tests := map[string]struct {
		token string
		want  string
	}{
		"good":                 {l.token(nil), ""},
		"issuer":               {l.token(map[string]any{"iss": issuer}), ""},
		"no exp and no ttl":    {l.token(map[string]any{"exp": nil, "ttl": nil}), ""},
		"largest":              {l.token(list(1, deflated(append([]byte{2}, make([]byte, guard.MaxList-1)...)...))), ""},
		"another key":          {other.token(nil), "signature"},
		"another typ":          {l.signed("JWT", nil), "typ"},
		"another list":         {l.token(map[string]any{"sub": l.uri() + "0"}), "sub"},
		"no sub":               {l.token(map[string]any{"sub": nil}), "sub"},
		"another issuer":       {l.token(map[string]any{"iss": issuer + "/"}), "iss"},
		"no iat":               {l.token(map[string]any{"iat": nil}), "iat"},
		"iat ahead":            {l.token(map[string]any{"iat": clock().Add(time.Hour).Unix()}), "not valid yet"},
		"expired":              {l.token(map[string]any{"exp": clock().Unix()}), "expired"},
		"ttl is text":          {l.token(map[string]any{"ttl": "60"}), "ttl"},
		"ttl of 0":             {l.token(map[string]any{"ttl": 0}), "ttl"},
		"ttl below 0":          {l.token(map[string]any{"ttl": -1}), "ttl"},
		"no list":              {l.token(map[string]any{"status_list": nil}), "no such claim"},
		"list is text":         {l.token(map[string]any{"status_list": "x"}), "decode claim"},
		"three bits":           {l.token(list(3, deflated(2))), "bits"},
		"no bits":              {l.token(list(nil, deflated(2))), "bits"},
		"bits are text":        {l.token(list("1", deflated(2))), "bits"},
		"no lst":               {l.token(list(1, nil)), "lst"},
		"not base64url":        {l.token(list(1, deflated(2)+"=")), "lst"},
		"line break in base64": {l.token(list(1, "\n"+deflated(2))), "lst"},
		"not zlib":             {l.token(list(1, "AAAA")), "lst"},
		"cut off":              {l.token(list(1, deflated(2)[:10])), "lst"},
		"bomb":                 {l.token(list(1, bomb)), "inflated"},
		"not a token":          {"<html>", "malformed"},
		"line break behind it": {l.token(nil) + "\n", "signature"},
	}
	if len(bomb) > 20_000 {
		t.Fatalf("bomb of %d bytes", len(bomb))
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answering := httptest.NewTLSServer(text(tt.token, "")) // all of them have one certificate
			defer answering.Close()
			s := l.reader(nil)
			s.ConnectTo(answering.Listener.Addr().String())
			revoked, err := s.Revoked(t.Context(), l.at(1))
			saying(t, err, tt.want)
			if revoked != (tt.want == "") {
				t.Errorf("revoked: %v", revoked)
			}
		})
	}
}

// checklist 170, 172: in a Guard a token is verified first, its list then; a list that cannot be had is 503.
func TestStatusListsInGuard(t *testing.T) {
	t.Parallel()
	l, signer := newLists(t), newSigner(t)
	l.serve(nil)
	list := guard.NewRevocationList(guard.RevocationListConfig{})
	h := signer.guard(func(c *guard.Config) { c.Revocations = guard.AnyRevocation(list, l.reader(nil)) }).Require()(greet)
	at := func(index int, changes map[string]any) string {
		c := map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": index, "uri": l.uri()}}}
		for k, v := range changes {
			c[k] = v
		}
		return signer.access(c)
	}
	if a := serve(t, h, get(at(1, map[string]any{"exp": clock().Unix()}))); a.Reason != "token_expired" || l.count() != 0 {
		t.Errorf("expired: %d %s, %d fetches", a.Status, a.Reason, l.count())
	}
	for range 2 { // the second time the token is remembered
		if a := serve(t, h, get(at(0, nil))); a.Status != http.StatusOK {
			t.Errorf("valid: %d %s", a.Status, a.Reason)
		}
		if a := serve(t, h, get(at(1, nil))); a.Reason != "token_revoked" {
			t.Errorf("invalid: %d %s", a.Status, a.Reason)
		}
	}
	list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s9"})
	if a := serve(t, h, get(at(0, map[string]any{"sid": "s9"}))); a.Reason != "token_revoked" {
		t.Errorf("revoked by the other: %d %s", a.Status, a.Reason)
	}
	l.set(http.NotFound)
	l.pass(3 * time.Minute)
	if a := serve(t, h, get(at(0, nil))); a.Status != http.StatusServiceUnavailable {
		t.Errorf("without a list: %d %s", a.Status, a.Reason)
	}
}

func TestNewStatusLists(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit func(*guard.StatusListsConfig)
		want string
	}{
		"issuer alone":   {func(*guard.StatusListsConfig) {}, ""},
		"no issuer":      {func(c *guard.StatusListsConfig) { c.Issuer = "" }, "Issuer"},
		"plain issuer":   {func(c *guard.StatusListsConfig) { c.Issuer = "http://auth.example" }, "not https"},
		"URL as a host":  {func(c *guard.StatusListsConfig) { c.Hosts = []string{"https://a.example"} }, "Hosts"},
		"path in a host": {func(c *guard.StatusListsConfig) { c.Hosts = []string{"a.example/b"} }, "Hosts"},
		"empty host":     {func(c *guard.StatusListsConfig) { c.Hosts = []string{""} }, "Hosts"},
		"short MaxTTL":   {func(c *guard.StatusListsConfig) { c.MaxTTL = time.Second }, "MaxTTL"},
		"no size":        {func(c *guard.StatusListsConfig) { c.Size = -1 }, "Size"},
		"nil keys":       {func(c *guard.StatusListsConfig) { c.Keys = (*jwt.KeySet)(nil) }, "Keys"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := guard.StatusListsConfig{Issuer: issuer}
			tt.edit(&c)
			s, err := guard.NewStatusLists(c)
			saying(t, err, tt.want)
			if (s == nil) != (err != nil) {
				t.Errorf("got %v and %v", s, err)
			}
		})
	}
}
