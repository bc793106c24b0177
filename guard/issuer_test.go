package guard_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

func issuerConfig(tb testing.TB) guard.IssuerConfig {
	tb.Helper()
	return guard.IssuerConfig{Key: signingKey(tb, jwt.ES256), Issuer: issuer, Audience: []string{audience}, Now: clock}
}

func signingKey(tb testing.TB, alg jwt.Algorithm) *jwt.Key {
	tb.Helper()
	key, err := jwt.GenerateKey(alg)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newIssuer(tb testing.TB, edit ...func(*guard.IssuerConfig)) *guard.Issuer {
	tb.Helper()
	c := issuerConfig(tb)
	for _, f := range edit {
		f(&c)
	}
	iss, err := guard.NewIssuer(c)
	if err != nil {
		tb.Fatal(err)
	}
	return iss
}

// guardOf accepts what iss makes.
func guardOf(tb testing.TB, iss *guard.Issuer, edit ...func(*guard.Config)) *guard.Guard {
	tb.Helper()
	c := iss.Config()
	for _, f := range edit {
		f(&c)
	}
	g, err := guard.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// must is for what tests make with arguments that are good.
func must(tb testing.TB) func(string, error) string {
	return func(token string, err error) string {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return token
	}
}

// decode is what a token says: header and claims.
func decode(tb testing.TB, token string) (header, claims map[string]any) {
	tb.Helper()
	h, c, err := jwt.DecodeUnverified(token)
	if err == nil {
		err = errors.Join(json.Unmarshal(h, &header), json.Unmarshal(c, &claims))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return header, claims
}

// secure-defaults 5a: a key that cannot sign, a lifetime over an hour and cookies that browsers drop
// are refused at construction.
func TestNewIssuer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit func(*guard.IssuerConfig)
		want string // in the error; "" where there is none
	}{
		"complete":             {func(*guard.IssuerConfig) {}, ""},
		"no audience":          {func(c *guard.IssuerConfig) { c.Audience = nil }, ""},
		"HS256":                {func(c *guard.IssuerConfig) { c.Key = signingKey(t, jwt.HS256) }, ""},
		"no key":               {func(c *guard.IssuerConfig) { c.Key = nil }, "Key must be set"},
		"public key":           {func(c *guard.IssuerConfig) { c.Key = c.Key.Public() }, "cannot sign"},
		"nil previous key":     {func(c *guard.IssuerConfig) { c.Previous = []*jwt.Key{nil} }, "Previous"},
		"same kid":             {func(c *guard.IssuerConfig) { c.Previous = []*jwt.Key{c.Key} }, "same kid"},
		"no issuer":            {func(c *guard.IssuerConfig) { c.Issuer = "" }, "Issuer must be set"},
		"empty audience":       {func(c *guard.IssuerConfig) { c.Audience = []string{""} }, "Audience"},
		"an hour":              {func(c *guard.IssuerConfig) { c.Access = time.Hour }, ""},
		"over an hour":         {func(c *guard.IssuerConfig) { c.Access = time.Hour + 1 }, "InsecureLongAccessTokens"},
		"over an hour, waived": {func(c *guard.IssuerConfig) { c.Access, c.InsecureLongAccessTokens = 2*time.Hour, true }, ""},
		"no time":              {func(c *guard.IssuerConfig) { c.Access = -time.Second }, "a second or more"},
		"no time to refresh":   {func(c *guard.IssuerConfig) { c.Refresh = time.Millisecond }, "a second or more"},
		"cookie name":          {func(c *guard.IssuerConfig) { c.Cookie.Access = "a b" }, "malformed"},
		"cookie path":          {func(c *guard.IssuerConfig) { c.Cookie.RefreshPath = "refresh" }, "malformed"},
		"__Host- with a path":  {func(c *guard.IssuerConfig) { c.Cookie.Refresh, c.Cookie.RefreshPath = "__Host-r", "/r" }, "cannot have the path"},
		"prefix without TLS":   {func(c *guard.IssuerConfig) { c.Cookie.Access, c.Cookie.InsecurePlainCookies = "__host-a", true }, "must be Secure"},
		"SameSite None":        {func(c *guard.IssuerConfig) { c.Cookie.SameSite = http.SameSiteNoneMode }, ""},
		"None without TLS": {func(c *guard.IssuerConfig) {
			c.Cookie.SameSite, c.Cookie.InsecurePlainCookies = http.SameSiteNoneMode, true
		}, "needs Secure"},
		"SameSite of no name": {func(c *guard.IssuerConfig) { c.Cookie.SameSite = http.SameSiteDefaultMode }, "Lax, Strict or None"},
		"one name for two":    {func(c *guard.IssuerConfig) { c.Cookie.Access, c.Cookie.CSRF = "a", "a" }, "one name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := issuerConfig(t)
			tt.edit(&c)
			iss, err := guard.NewIssuer(c)
			if tt.want == "" {
				if err != nil || iss == nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "guard: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error about %q", err, tt.want)
			}
		})
	}
}

// secure-defaults 5a, 5b, checklist 83, 85, 90: what the tokens say.
func TestIssuerTokens(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	g := iss.SignIn("user1")
	g.Roles, g.Scope, g.ClientID = []string{"manager"}, []string{"read", "write"}, "app"
	g.Claims = map[string]any{"nama": "Budi \"B\""}
	header, access := decode(t, must(t)(iss.Access(g)))
	if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	now := float64(clock().Unix())
	want := map[string]any{
		"iss": issuer, "sub": "user1", "aud": audience, "iat": now, "exp": now + 900, "jti": access["jti"], "client_id": "app",
		"scope": "read write", "sid": g.Session, "roles": []any{"manager"}, "auth_time": now, "type": "access", "fresh": true,
		"csrf": g.CSRF, "nama": "Budi \"B\"",
	}
	if !maps.EqualFunc(access, want, equalJSON) {
		t.Errorf("access token says %v, want %v", access, want)
	}
	header, refresh := decode(t, must(t)(iss.Refresh(g)))
	maps.DeleteFunc(want, func(name string, _ any) bool { return name == "roles" || name == "fresh" })
	maps.Copy(want, map[string]any{"type": "refresh", "exp": now + 30*86400, "jti": refresh["jti"], "generation": 1})
	if header["typ"] != "refresh+jwt" || !maps.EqualFunc(refresh, want, equalJSON) {
		t.Errorf("refresh token says %v %v, want %v", header, refresh, want)
	}
	_, plain := decode(t, must(t)(newIssuer(t, func(c *guard.IssuerConfig) { c.Audience = nil }).Access(guard.Grant{Subject: "user1"})))
	want = map[string]any{"iss": issuer, "sub": "user1", "aud": issuer, "iat": now, "exp": now + 900, "jti": plain["jti"], "type": "access", "fresh": false}
	if !maps.EqualFunc(plain, want, equalJSON) {
		t.Errorf("plain token says %v, want %v", plain, want)
	}
	ids := []string{access["jti"].(string), refresh["jti"].(string), plain["jti"].(string), g.Session, g.CSRF}
	for i, id := range ids {
		if len(id) < 26 || slices.Contains(ids[:i], id) { // base32: 5 bits each
			t.Errorf("id %q of %q is short or not random", id, ids)
		}
	}
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// What cannot be a token is not made, and the error says why.
func TestIssuerRefuses(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	with := func(name string) guard.Grant {
		return guard.Grant{Subject: "user1", Claims: map[string]any{name: "x"}}
	}
	tests := map[string]struct {
		grant guard.Grant
		want  string
	}{
		"no subject":         {guard.Grant{}, "Subject is empty"},
		"over an hour":       {guard.Grant{Subject: "user1", Lifetime: 2 * time.Hour}, "InsecureLongAccessTokens"},
		"generation below 0": {guard.Grant{Subject: "user1", Generation: -1}, "Generation"},
		"in the past":        {guard.Grant{Subject: "user1", Lifetime: -time.Hour}, "expired already"},
		"under a second":     {guard.Grant{Subject: "user1", Lifetime: time.Second - 1}, "expired already"},
		"session has ended":  {guard.Grant{Subject: "user1", NotAfter: clock()}, "expired already"},
		"two scopes as one":  {guard.Grant{Subject: "user1", Scope: []string{"read write"}}, "Scope"},
		"registered claim":   {with("exp"), `"exp" is reserved`},
		"in other case":      {with("EXP"), `"EXP" is reserved`},
		"that folds to one":  {with("iſs"), "is reserved"},
		"a field's claim":    {with("roles"), `"roles" is reserved`},
		"confirmation":       {with("cnf"), `"cnf" is reserved`},
		"not JSON":           {guard.Grant{Subject: "user1", Claims: map[string]any{"f": func() {}}}, "marshal Claims"},
		"name not UTF-8":     {with("a\xff"), "not UTF-8"}, // encoding/json would write U+FFFD, for every such name
		"claim not UTF-8":    {guard.Grant{Subject: "user1", Claims: map[string]any{"a": []any{"\\\xff"}}}, "not UTF-8"},
		"subject not UTF-8":  {guard.Grant{Subject: "user\xff"}, "not UTF-8"},
		"session not UTF-8":  {guard.Grant{Subject: "user1", Session: "\xfe"}, "not UTF-8"},
		"role not UTF-8":     {guard.Grant{Subject: "user1", Roles: []string{"a", "\xed\xa0\x80"}}, "not UTF-8"},
		"U+FFFD itself":      {guard.Grant{Subject: "\ufffd", Claims: map[string]any{`\ufffd`: `\\ufffd`}}, ""},
		"what Role reads":    {with("role"), `"role" is reserved`},
		"generation":         {with("generation"), `"generation" is reserved`},
		"too long to verify": {guard.Grant{Subject: strings.Repeat("x", 17<<10)}, "too large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := iss.Access(tt.grant)
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || token != "") {
				t.Errorf("got %q, %v; want %q", token, err, tt.want)
			}
		})
	}
	_, long := decode(t, must(t)(iss.Refresh(guard.Grant{Subject: "user1", Lifetime: 48 * time.Hour, NotAfter: clock().Add(time.Hour)})))
	if long["exp"] != float64(clock().Add(time.Hour).Unix()) {
		t.Errorf("exp %v, want NotAfter", long["exp"])
	}
	for _, typ := range []string{"", "JWT", "reset", "at+jwt", "AT+jwt", "refresh+jwt", "application/at+jwt", "re set+jwt", "+jwt"} {
		if token, err := iss.OneTime(typ, "user1", time.Hour, nil); err == nil || token != "" {
			t.Errorf("one-time token of typ %q", typ)
		}
	}
}

// Config accepts exactly the tokens of its issuer, each kind where it belongs, and after a change
// of keys those of the previous one. secure-defaults 4a, ASVS 9.2.2, 9.2.3
func TestIssuerConfig(t *testing.T) {
	t.Parallel()
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.ES256, jwt.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			old := newIssuer(t, func(c *guard.IssuerConfig) { c.Key = signingKey(t, alg) })
			oldKey := signingKey(t, alg)
			previous := newIssuer(t, func(c *guard.IssuerConfig) { c.Key = oldKey })
			iss := newIssuer(t, func(c *guard.IssuerConfig) { c.Key, c.Previous = signingKey(t, alg), []*jwt.Key{oldKey} })
			g := guardOf(t, iss)
			grant := iss.SignIn("user1")
			access, refresh := must(t)(iss.Access(grant)), must(t)(iss.Refresh(grant))
			for name, tt := range map[string]struct {
				token  string
				reqs   []guard.Requirement
				reason error
			}{
				"access":             {access, []guard.Requirement{guard.Fresh(time.Minute)}, nil},
				"refresh":            {refresh, []guard.Requirement{guard.Refresh()}, nil},
				"access to refresh":  {access, []guard.Requirement{guard.Refresh()}, guard.TokenWrongType},
				"refresh as access":  {refresh, nil, guard.TokenWrongType},
				"of the old key":     {must(t)(previous.Access(grant)), nil, nil},
				"of an unknown key":  {must(t)(old.Access(grant)), nil, guard.TokenInvalid},
				"for one purpose":    {must(t)(iss.OneTime("reset+jwt", "user1", time.Hour, nil)), nil, guard.TokenWrongType},
				"of another purpose": {must(t)(iss.OneTime("reset+jwt", "user1", time.Hour, nil)), []guard.Requirement{guard.Type("confirm+jwt")}, guard.TokenWrongType},
			} {
				if got, err := g.Check(get(tt.token), tt.reqs...); tt.reason == nil && (err != nil || got.Subject() != "user1") ||
					tt.reason != nil && !errors.Is(err, tt.reason) {
					t.Errorf("%s: %v, want %v", name, err, tt.reason)
				}
			}
			jwks, err := json.Marshal(iss.Keys().KeySet())
			if err != nil || strings.Contains(string(jwks), `"d"`) || strings.Contains(string(jwks), `"k"`) {
				t.Errorf("published keys %s, %v", jwks, err)
			}
		})
	}
}

// Where no clock is given the Guard is given none either: package jwt has a cheaper one.
func TestIssuerConfigClock(t *testing.T) {
	t.Parallel()
	if iss := newIssuer(t, func(c *guard.IssuerConfig) { c.Now = nil }); iss.Config().Now != nil {
		t.Error("Config has a clock that nobody gave")
	}
	if now := newIssuer(t).Config().Now; now == nil || !now().Equal(clock()) {
		t.Error("Config has not the clock that was given")
	}
}
