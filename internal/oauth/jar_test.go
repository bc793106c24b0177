package oauth

import (
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/jwt"
)

// A signed request counts as a whole, and nothing beside it.
// checklist 119, 131, 134
func TestRequestObject(t *testing.T) {
	t.Parallel()
	e, server, client := askable(t)
	object := func(k *jwt.Key, typ string, change func(map[string]any)) string {
		t.Helper()
		claims := map[string]any{
			"iss": "shop", "aud": e.Issuer, "client_id": "shop", "exp": time.Now().Add(time.Minute).Unix(), "response_type": "code",
			"redirect_uri": "https://shop.example/cb?a=b", "scope": "openid", "state": "inside", "max_age": 60, "code_challenge": challenge,
			"code_challenge_method": "S256", "claims": map[string]any{"id_token": map[string]any{"auth_time": nil}}, "resource": []string{e.Issuer},
		}
		if change != nil {
			change(claims)
		}
		signed, err := jwt.Sign(k, typ, claims)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	_, q, err := read(e, request("request", object(client, "oauth-authz-req+jwt", nil), "state", "outside", "nonce", "outside").Encode())
	if err != nil || q.State != "inside" || q.Nonce != "" || q.MaxAge == nil || *q.MaxAge != 60 || q.Claims == nil || !q.RedirectSent {
		t.Fatalf("got %+v, %v", q, err)
	}
	if _, _, err := read(e, request("request", object(client, "JWT", set("client_id", "signed")), "client_id", "signed").Encode()); err == nil {
		t.Error("iss is another client's than client_id, and it counts")
	}
	for name, signed := range map[string]string{
		"another's key":         object(server, "oauth-authz-req+jwt", nil),
		"no exp":                object(client, "oauth-authz-req+jwt", func(c map[string]any) { delete(c, "exp") }),
		"expired":               object(client, "oauth-authz-req+jwt", set("exp", 1000)),
		"another issuer":        object(client, "oauth-authz-req+jwt", set("iss", "other")),
		"another audience":      object(client, "oauth-authz-req+jwt", set("aud", "https://other.example")),
		"client_id differs":     object(client, "oauth-authz-req+jwt", set("client_id", "two")),
		"no client_id":          object(client, "oauth-authz-req+jwt", func(c map[string]any) { delete(c, "client_id") }),
		"nested request":        object(client, "oauth-authz-req+jwt", set("request", "x")),
		"nested request_uri":    object(client, "oauth-authz-req+jwt", set("request_uri", "x")),
		"an access token's typ": object(client, "at+jwt", nil),
		"no typ":                object(client, "", nil),
		"a client assertion":    object(client, "JWT", set("sub", "shop")),
		"not signed":            "eyJhbGciOiJub25lIn0." + strings.Split(object(client, "JWT", nil), ".")[1] + ".",
	} {
		_, q, err := read(e, request("request", signed).Encode())
		if err == nil || problem.From(err).Code != "invalid_request_object" || q.RedirectURI != "" {
			t.Errorf("%s: got %v and redirect URI %q, want invalid_request_object on a page", name, err, q.RedirectURI)
		}
	}
}
