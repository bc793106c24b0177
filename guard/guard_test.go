package guard_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

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

// A Guard is what its Config said when it was made.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	var mine guard.Config
	g := s.guard(func(c *guard.Config) {
		c.Types, c.RequiredClaims, c.Sources = []string{"at+jwt"}, []string{"tenant"}, []guard.Source{guard.FromHeader()}
		mine = *c
	})
	mine.Audience[0], mine.Types[0], mine.RequiredClaims[0], mine.Sources[0] = "x", "x", "sub", guard.FromCookie()
	if _, err := g.Check(get(s.access(nil))); !errors.Is(err, jwt.ErrClaimMissing) {
		t.Errorf("without tenant: %v", err)
	}
	_, err := g.Check(get(s.access(map[string]any{"aud": "y"})))
	if e, ok := errors.AsType[*guard.Error](err); !ok || !strings.Contains(e.Hint(), audience) {
		t.Errorf("another audience: %v", err)
	}
}

// secure-defaults 23a, checklist 81, 82, 83, 84, 89, 145: each fault of a token has its status, its
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
	g := s.guard(func(c *guard.Config) {
		c.Observe = func(_ *http.Request, _ *guard.Token, reason guard.Reason) { got = append(got, reason) }
	})
	if _, err := g.CheckToken(t.Context(), s.access(nil)); err != nil { // which is of no request, and is not told
		t.Error(err)
	}
	h := g.Require()(greet)
	for _, token := range []string{s.access(nil), "", "garbage"} {
		serve(t, h, get(token))
	}
	want := []guard.Reason{"", guard.TokenMissing, guard.TokenInvalid}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("observed %q, want %q", got, want)
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
