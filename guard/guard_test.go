package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	issuer   = "https://auth.example"
	audience = "https://api.example"
)

func clock() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// signer is a key that tests sign with; claims given to sign are added to a set
// that passes.
type signer struct {
	tb  testing.TB
	key *jwt.Key
}

func newSigner(tb testing.TB) signer {
	tb.Helper()
	key, err := jwt.NewKey(jwt.HS256, "k1", []byte("a test key of 32 bytes and more!"))
	if err != nil {
		tb.Fatal(err)
	}
	return signer{tb, key}
}

// claims that pass, with changes; a nil value removes a claim.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": audience, "sub": "user1", "client_id": "sandi",
		"iat": clock().Add(-time.Minute).Unix(), "exp": clock().Add(14 * time.Minute).Unix(),
		"jti": "t1", "sid": "s1", "type": "access", "csrf": "csrf-value",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (s signer) sign(typ string, changes map[string]any) string {
	s.tb.Helper()
	token, err := jwt.Sign(s.key, typ, claims(changes))
	if err != nil {
		s.tb.Fatal(err)
	}
	return token
}

func (s signer) access(changes map[string]any) string {
	s.tb.Helper()
	return s.sign("at+jwt", changes)
}

func (s signer) config() guard.Config {
	s.tb.Helper()
	keys, err := jwt.NewKeySet(s.key)
	if err != nil {
		s.tb.Fatal(err)
	}
	return guard.Config{Keys: keys, Issuer: issuer, Audience: []string{audience}, Now: clock}
}

func (s signer) guard(edit ...func(*guard.Config)) *guard.Guard {
	s.tb.Helper()
	c := s.config()
	for _, f := range edit {
		f(&c)
	}
	g, err := guard.New(c)
	if err != nil {
		s.tb.Fatal(err)
	}
	return g
}

func get(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/protected", http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// greet is a handler that says who was let in.
var greet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s", guard.Identity(r.Context()).Subject())
})

// answer is what a client sees.
type answer struct {
	Status    int
	Reason    string `json:"error"`
	Msg       string `json:"msg"`
	Body      string
	Header    http.Header
	Challenge string
}

func serve(tb testing.TB, h http.Handler, r *http.Request) answer {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{Status: w.Code, Body: w.Body.String(), Header: w.Header(), Challenge: w.Header().Get("WWW-Authenticate")}
	if w.Code != http.StatusOK && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			tb.Fatalf("body %q: %v", a.Body, err)
		}
	}
	return a
}

// secure-defaults 4a: leaving out keys, issuer, audience or kind is a
// construction error.
func TestNew(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tests := map[string]struct {
		edit func(*guard.Config)
		ok   bool
	}{
		"complete":           {func(*guard.Config) {}, true},
		"no keys":            {func(c *guard.Config) { c.Keys, c.Issuer = nil, "no URL to discover them by" }, false},
		"no issuer":          {func(c *guard.Config) { c.Issuer = "" }, false},
		"issuer waived":      {func(c *guard.Config) { c.Issuer, c.InsecureAnyIssuer = "", true }, true},
		"no audience":        {func(c *guard.Config) { c.Audience = nil }, false},
		"audience waived":    {func(c *guard.Config) { c.Audience, c.InsecureAnyAudience = nil, true }, true},
		"type waived":        {func(c *guard.Config) { c.InsecureAnyType = true }, true},
		"type and waiver":    {func(c *guard.Config) { c.Types, c.InsecureAnyType = []string{"JWT"}, true }, false},
		"leeway over 60 s":   {func(c *guard.Config) { c.Leeway = 61 * time.Second }, false},
		"empty source":       {func(c *guard.Config) { c.Sources = []guard.Source{{}} }, false},
		"query without name": {func(c *guard.Config) { c.Sources = []guard.Source{guard.InsecureFromQuery("")} }, false},
		"body without name":  {func(c *guard.Config) { c.Sources = []guard.Source{guard.InsecureFromBody("")} }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.config()
			tt.edit(&c)
			g, err := guard.New(c)
			if (err == nil) != tt.ok || (g != nil) != tt.ok {
				t.Errorf("New = %v, %v; want ok %v", g, err, tt.ok)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "guard: ") {
				t.Errorf("error %q does not say where it is from", err)
			}
		})
	}
}

// secure-defaults 23a, checklist 81, 82, 83, 84, 89: each fault of a token has its status, its
// stable reason and its challenge.
func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	at := func(d time.Duration) int64 { return clock().Add(d).Unix() }
	good := s.access(nil)
	other, err := jwt.NewKey(jwt.HS256, "k1", []byte("another key of 32 bytes or more!!"))
	if err != nil {
		t.Fatal(err)
	}
	header, payload, _ := strings.Cut(good, ".")
	_, signature, _ := strings.Cut(payload, ".")
	tests := map[string]struct {
		token  string
		reason guard.Reason
	}{
		"good":                    {good, ""},
		"typ with application/":   {s.sign("application/at+jwt", nil), ""},
		"without the claim type":  {s.access(map[string]any{"type": nil}), ""},
		"missing":                 {"", guard.TokenMissing},
		"garbage":                 {"garbage", guard.TokenInvalid},
		"opaque refresh token":    {"sdr_AAAA", guard.TokenWrongType},
		"tampered payload":        {header + ".eyJzdWIiOiJyb290In0." + signature, guard.TokenInvalid},
		"another key":             {signer{t, other}.access(nil), guard.TokenInvalid},
		"alg none":                {"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.", guard.TokenInvalid},
		"expired":                 {s.access(map[string]any{"exp": at(0)}), guard.TokenExpired},
		"expired, tampered":       {s.access(map[string]any{"exp": at(-time.Hour)}) + "AAAA", guard.TokenInvalid},
		"expires in a second":     {s.access(map[string]any{"exp": at(time.Second)}), ""},
		"without exp":             {s.access(map[string]any{"exp": nil}), guard.TokenInvalid},
		"nbf ahead":               {s.access(map[string]any{"nbf": at(time.Minute)}), guard.TokenNotYetValid},
		"iat 10 s ahead":          {s.access(map[string]any{"iat": at(10 * time.Second)}), ""},
		"iat 2 min ahead":         {s.access(map[string]any{"iat": at(2 * time.Minute)}), guard.TokenNotYetValid},
		"another issuer":          {s.access(map[string]any{"iss": issuer + "/"}), guard.TokenInvalid},
		"another audience":        {s.access(map[string]any{"aud": "https://other.example"}), guard.TokenInvalid},
		"audience among others":   {s.access(map[string]any{"aud": []string{"x", audience}}), ""},
		"ID token":                {s.sign("JWT", map[string]any{"type": nil}), guard.TokenWrongType},
		"no typ":                  {s.sign("", nil), guard.TokenWrongType},
		"logout token":            {s.sign("logout+jwt", map[string]any{"type": nil}), guard.TokenWrongType},
		"refresh token":           {s.sign("JWT", map[string]any{"type": "refresh"}), guard.TokenWrongType},
		"refresh+jwt":             {s.sign("refresh+jwt", map[string]any{"type": "refresh"}), guard.TokenWrongType},
		"refresh in at+jwt":       {s.access(map[string]any{"type": "refresh"}), guard.TokenWrongType},
		"type is no string":       {s.access(map[string]any{"type": 1}), guard.TokenWrongType},
		"bound to a key by DPoP":  {s.access(map[string]any{"cnf": map[string]any{"jkt": "x"}}), guard.TokenInvalid},
		"longer than the maximum": {s.access(map[string]any{"pad": strings.Repeat("x", 20<<10)}), guard.TokenInvalid},
	}
	h := s.guard().Require()(greet)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, h, get(tt.token))
			if tt.reason == "" {
				if a.Status != http.StatusOK || a.Body != "hello user1" || a.Challenge != "" {
					t.Fatalf("got %d %q, want it let in", a.Status, a.Body)
				}
				return
			}
			want := `Bearer realm="api"`
			if tt.reason != guard.TokenMissing {
				want += `, error="invalid_token", error_description="`
			}
			if a.Status != http.StatusUnauthorized || a.Reason != string(tt.reason) || !strings.HasPrefix(a.Challenge, want) {
				t.Errorf("got %d %s %q, want 401 %s %q", a.Status, a.Reason, a.Challenge, tt.reason, want)
			}
			if tt.reason == guard.TokenMissing && a.Challenge != want {
				t.Errorf("challenge %q, want no error code", a.Challenge)
			}
		})
	}
}

// checklist 83: each route takes one kind of token.
func TestKinds(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	refresh := map[string]any{"type": "refresh"}
	tokens := map[string]string{
		"access":          s.access(nil),
		"foreign access":  s.access(map[string]any{"type": nil}),
		"JWT access":      s.sign("JWT", nil),
		"JWT":             s.sign("JWT", map[string]any{"type": nil}),
		"refresh":         s.sign("JWT", refresh),
		"refresh+jwt":     s.sign("refresh+jwt", refresh),
		"reset":           s.sign("reset+jwt", map[string]any{"type": nil}),
		"reset or so":     s.sign("reset+jwt", refresh),
		"refresh, untold": s.sign("refresh+jwt", map[string]any{"type": nil}),
	}
	jwtToo := func(c *guard.Config) { c.Types = []string{"at+jwt", "JWT"} }
	anyType := func(c *guard.Config) { c.InsecureAnyType = true }
	tests := map[string]struct {
		guard *guard.Guard
		reqs  []guard.Requirement
		want  []string
	}{
		"access":             {s.guard(), nil, []string{"access", "foreign access"}},
		"refresh":            {s.guard(), []guard.Requirement{guard.Refresh()}, []string{"refresh", "refresh+jwt"}},
		"typ JWT listed":     {s.guard(jwtToo), nil, []string{"access", "foreign access", "JWT access"}},
		"typ JWT asked for":  {s.guard(), []guard.Requirement{guard.Type("JWT")}, []string{"JWT access"}},
		"one purpose":        {s.guard(), []guard.Requirement{guard.Type("reset+jwt")}, []string{"reset"}},
		"any type":           {s.guard(anyType), nil, []string{"access", "foreign access", "JWT access", "JWT", "reset", "refresh, untold"}},
		"any type, refresh":  {s.guard(anyType), []guard.Requirement{guard.Refresh()}, []string{"refresh", "refresh+jwt", "reset or so"}},
		"one of two purpose": {s.guard(), []guard.Requirement{guard.Type("reset+jwt", "at+jwt")}, []string{"reset", "access", "foreign access"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := map[string]bool{}
			for _, kind := range tt.want {
				in[kind] = true
			}
			for kind, token := range tokens {
				_, err := tt.guard.Check(get(token), tt.reqs...)
				if in[kind] != (err == nil) || err != nil && !errors.Is(err, guard.TokenWrongType) {
					t.Errorf("%s: got %v, want it let in: %v", kind, err, in[kind])
				}
			}
		})
	}
}

// Without keys to verify with, or when the request has ended, nothing is known of
// the token. secure-defaults 23a
func TestCannotVerify(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard(func(c *guard.Config) { c.Keys = noKeys{} })
	if _, err := g.Check(get(s.access(nil))); !errors.Is(err, guard.Unavailable) {
		t.Errorf("no keys: %v, want temporarily_unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.guard().Check(get(s.access(nil)).WithContext(ctx)); !errors.Is(err, guard.Unavailable) {
		t.Errorf("ended: %v, want temporarily_unavailable", err)
	}
}

type noKeys struct{}

func (noKeys) KeySet() *jwt.KeySet { return nil }

func TestOptional(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	h := s.guard(func(c *guard.Config) {
		c.Sources = []guard.Source{guard.FromHeader(), guard.FromCookie(), guard.InsecureFromQuery("access_token")}
	}).Require(guard.Optional())(greet)
	expired := s.access(map[string]any{"exp": clock().Unix()})
	tests := map[string]struct {
		request *http.Request
		status  int
		want    string
	}{
		"absent":         {get(""), 200, "hello "},
		"good":           {get(s.access(nil)), 200, "hello user1"},
		"expired":        {get(expired), 401, "token_expired"},
		"garbage":        {get("garbage"), 401, "token_invalid"},
		"empty in query": {httptest.NewRequest("GET", "/?access_token=", nil), 401, "token_invalid"},
		"two":            {withQuery(get(s.access(nil)), "access_token="+s.access(nil)), 400, "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, h, tt.request)
			if got := a.Body + a.Reason; a.Status != tt.status || !strings.HasSuffix(got, tt.want) {
				t.Errorf("got %d %q, want %d %q", a.Status, got, tt.status, tt.want)
			}
		})
	}
	if tok, err := s.guard().Check(get(""), guard.Optional()); tok != nil || err != nil {
		t.Errorf("Check = %v, %v; want nil, nil", tok, err)
	}
}

// An inner guard that lets nobody in hides whom the outer one let in.
func TestIdentityIsTheInnermost(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	outer := s.guard().Require()
	inner := s.guard(func(c *guard.Config) { c.Sources = []guard.Source{guard.FromCookie()} }).Require(guard.Optional())
	if a := serve(t, outer(inner(greet)), get(s.access(nil))); a.Body != "hello " {
		t.Errorf("got %q, want nobody", a.Body)
	}
	if a := serve(t, outer(greet), get(s.access(nil))); a.Body != "hello user1" {
		t.Errorf("got %q, want user1", a.Body)
	}
	if guard.Identity(context.Background()) != nil {
		t.Error("identity out of nowhere")
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	var got []guard.Reason
	h := s.guard(func(c *guard.Config) {
		c.Observe = func(_ *http.Request, _ *guard.Token, reason guard.Reason) { got = append(got, reason) }
	}).Require()(greet)
	for _, token := range []string{s.access(nil), "", "garbage"} {
		serve(t, h, get(token))
	}
	want := []guard.Reason{"", guard.TokenMissing, guard.TokenInvalid}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("observed %q, want %q", got, want)
	}
}

// Every method of a nil token, and of one without claims, answers with zero
// values.
func TestNilToken(t *testing.T) {
	t.Parallel()
	for _, tok := range []*guard.Token{nil, {}} {
		v := reflect.ValueOf(tok)
		for i := range v.NumMethod() {
			name, m := v.Type().Method(i).Name, v.Method(i)
			switch name {
			case "Decode", "MarshalJSON", "Format", "LogValue":
				continue // below
			}
			var args []reflect.Value
			for j := range m.Type().NumIn() {
				args = append(args, reflect.Zero(m.Type().In(j)))
			}
			if out := m.Call(args)[0]; !out.IsZero() && (out.Kind() != reflect.Slice || out.Len() > 0) {
				t.Errorf("%s() = %v, want zero", name, out)
			}
		}
		if err := tok.Decode("x", new(int)); !errors.Is(err, jwt.ErrClaimMissing) {
			t.Errorf("Decode = %v, want ErrClaimMissing", err)
		}
		if got, err := json.Marshal(tok); string(got) != "null" || err != nil {
			t.Errorf("MarshalJSON = %s, %v; want null", got, err)
		}
		if got := fmt.Sprint(tok, tok.LogValue()); got == "" {
			t.Error("prints as nothing")
		}
	}
}

func TestTokenClaims(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	auth := clock().Add(-time.Hour)
	tok, err := s.guard().Check(get(s.access(map[string]any{
		"scope": "read  write", "roles": []string{"manager", "clerk"}, "fresh": true, "auth_time": auth.Unix(),
	})))
	if err != nil {
		t.Fatal(err)
	}
	if tok.Subject() != "user1" || tok.ClientID() != "sandi" || tok.Session() != "s1" || tok.ID() != "t1" {
		t.Errorf("got %q %q %q %q", tok.Subject(), tok.ClientID(), tok.Session(), tok.ID())
	}
	if !reflect.DeepEqual(tok.Scopes(), []string{"read", "write"}) || !tok.HasScope("write") || tok.HasScope("wri") || tok.HasScope("") {
		t.Errorf("scopes %q", tok.Scopes())
	}
	if !reflect.DeepEqual(tok.Roles(), []string{"manager", "clerk"}) || !tok.HasRole("clerk") || tok.HasRole("boss") {
		t.Errorf("roles %q", tok.Roles())
	}
	if !tok.Fresh() || !tok.AuthTime().Equal(auth) {
		t.Errorf("fresh %v, auth_time %v", tok.Fresh(), tok.AuthTime())
	}
}

// One pass through a real server and connection, where header lines and bodies
// arrive as net/http reads them.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	mux := http.NewServeMux()
	g := s.guard()
	mux.Handle("GET /protected", g.Require()(greet))
	mux.Handle("POST /body", g.Require(guard.From(guard.InsecureFromBody("access_token")))(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	do := func(method, path, body string, header http.Header) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(got)
	}
	bearer := "Bearer " + s.access(nil)
	form := "a=1&access_token=" + s.access(nil) + "&b=2"
	formType := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if code, body := do("GET", "/protected", "", http.Header{"Authorization": {bearer}}); code != 200 || body != "hello user1" {
		t.Errorf("header: got %d %q", code, body)
	}
	if code, _ := do("GET", "/protected", "", http.Header{"Authorization": {bearer, bearer}}); code != 400 {
		t.Errorf("two headers: got %d, want 400", code)
	}
	if code, body := do("POST", "/body", form, formType); code != 200 || body != form {
		t.Errorf("body: got %d %q, want the handler to read it again", code, body)
	}
	if code, _ := do("POST", "/body", strings.Repeat("x", 65<<10), formType); code != 413 {
		t.Errorf("large body: got %d, want 413", code)
	}
}
