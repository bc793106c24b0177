package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// nothing is a store without a row.
type nothing struct{ Store }

func (nothing) Client(context.Context, string) (Client, error) { return Client{}, ErrNoClient }

func (nothing) Request(context.Context, string, Hash) ([]byte, error) { return nil, ErrNotFound }

// An S256 challenge (RFC 7636 appendix B).
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// askable is an Endpoint that can judge requests, and the key of its client signed.
func askable(t testing.TB) (e *Endpoint, server, client *jwt.Key) {
	t.Helper()
	server, client = newKey(t), newKey(t)
	keys, err := jwt.NewKeySet(client.Public())
	if err != nil {
		t.Fatal(err)
	}
	registered, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	own, err := jwt.NewKeySet(server)
	if err != nil {
		t.Fatal(err)
	}
	code := Client{
		ID: "shop", AuthMethod: AuthNone, GrantTypes: []string{GrantCode}, RedirectURIs: []string{"https://shop.example/cb?a=b"},
		Scopes: []string{ScopeOpenID, ScopeProfile, "orders"}, KeySet: string(registered),
	}
	signed, implicit, two, device := code, code, code, code
	signed.ID, signed.RequireSignedRequest = "signed", true
	implicit.ID, implicit.GrantTypes, implicit.InsecureImplicitGrant = "old", []string{GrantCode, GrantImplicit}, true
	two.ID, two.RedirectURIs = "two", []string{"https://two.example/1", "https://two.example/2"}
	device.ID, device.GrantTypes = "device", []string{GrantDevice}
	clients, err := NewClients(ClientsConfig{Store: nothing{}, Configured: []Client{code, signed, implicit, two, device}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := guard.NewProofs(guard.ProofsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	minter, err := token.New(token.Config{
		Issuer: "https://id.example", Audience: []string{"https://id.example"}, Lifetime: time.Minute, Now: time.Now,
		Signer: func() *jwt.Key { return server },
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err = New(Config{
		Issuer: "https://id.example", Clients: clients, Store: nothing{}, Keys: own, Proofs: proofs, Minter: minter, Now: time.Now,
		Audience: []string{"https://id.example"},
		Policy: Policy{
			Scopes:    []Scope{{Name: "orders", Description: "Read your orders"}},
			Resources: []Resource{{ID: "https://id.example"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, server, client
}

func newKey(t testing.TB) *jwt.Key {
	t.Helper()
	k, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// request is the query of a good authorization request, with some parameters set or, by "", left out.
func request(set ...string) url.Values {
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {"https://shop.example/cb?a=b"}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"s"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(set); i += 2 {
		if q.Set(set[i], set[i+1]); set[i+1] == "" {
			q.Del(set[i])
		}
	}
	return q
}

func read(e *Endpoint, query string) (Client, Request, error) {
	return e.readRequest(httptest.NewRequest("GET", authorizePath+"?"+query, nil))
}

// Each fault has its error, told to the client by a redirect once that is trusted, and on a page before.
// checklist 3, 4, 5, 16, 17, 18, 19, 21, 24, 135
// secure-defaults 7a
func TestAuthorizationRequestIsJudged(t *testing.T) {
	t.Parallel()
	e, server, _ := askable(t)
	hint, err := jwt.Sign(server, "JWT", map[string]any{"iss": e.Issuer, "sub": "siti", "aud": "shop", "exp": 1000})
	if err != nil {
		t.Fatal(err)
	}
	access, err := jwt.Sign(server, "at+jwt", map[string]any{"iss": e.Issuer, "sub": "siti", "aud": "shop"})
	if err != nil {
		t.Fatal(err)
	}
	sibling := request()
	sibling.Add("nonce", "1")
	sibling.Add("nonce", "2")
	tests := []struct {
		name, query, want string
		page              bool // nothing is redirected
	}{
		{"good", request().Encode(), "", false},
		{"unknown parameters and empty ones", request("foo", "bar").Encode() + "&nonce=&display=", "", false},
		{"no client_id", request("client_id", "").Encode(), "invalid_request", true},
		{"two client_ids", request().Encode() + "&client_id=shop", "invalid_request", true},
		{"unknown client", request("client_id", "nobody").Encode(), "invalid_client", true},
		{"another redirect_uri", request("redirect_uri", "https://evil.example/cb").Encode(), "invalid_request", true},
		{"two redirect_uris", request().Encode() + "&redirect_uri=" + url.QueryEscape("https://shop.example/cb?a=b"), "invalid_request", true},
		{"no redirect_uri, one registered", request("redirect_uri", "", "scope", "orders").Encode(), "", false},
		{"no redirect_uri with openid", request("redirect_uri", "").Encode(), "invalid_request", true},
		{"no redirect_uri, two registered", request("client_id", "two", "redirect_uri", "", "scope", "orders").Encode(), "invalid_request", true},
		{"malformed", request().Encode() + "&x=%zz", "invalid_request", true},
		{"a parameter twice", sibling.Encode(), "invalid_request", false},
		{"not UTF-8", request().Encode() + "&nonce=%ff", "invalid_request", false},
		{"no response_type", request("response_type", "").Encode(), "invalid_request", false},
		{"token", request("response_type", "token").Encode(), "unsupported_response_type", false},
		{"code token", request("response_type", "code token").Encode(), "unsupported_response_type", false},
		{"id_token", request("response_type", "id_token").Encode(), "unsupported_response_type", false},
		{"client without the grant", request("client_id", "device").Encode(), "unauthorized_client", false},
		{"form_post", request("response_mode", "form_post").Encode(), "invalid_request", false},
		{"fragment for a code", request("response_mode", "fragment").Encode(), "invalid_request", false},
		{"query", request("response_mode", "query").Encode(), "", false},
		{"no challenge", request("code_challenge", "").Encode(), "invalid_request", false},
		{"no method, which is plain", request("code_challenge_method", "").Encode(), "invalid_request", false},
		{"plain", request("code_challenge_method", "plain").Encode(), "invalid_request", false},
		{"unknown method", request("code_challenge_method", "S512").Encode(), "invalid_request", false},
		{"short challenge", request("code_challenge", challenge[1:]).Encode(), "invalid_request", false},
		{"challenge with padding", request("code_challenge", challenge[1:]+"=").Encode(), "invalid_request", false},
		{"dpop_jkt", request("dpop_jkt", challenge).Encode(), "", false},
		{"bad dpop_jkt", request("dpop_jkt", "x").Encode(), "invalid_request", false},
		{"unknown scope", request("scope", "openid everything").Encode(), "invalid_scope", false},
		{"scope that is not the client's", request("scope", "openid roles").Encode(), "invalid_scope", false},
		{"unknown resource", request("resource", "https://other.example").Encode(), "invalid_target", false},
		{"resource twice", request("resource", "https://id.example").Encode() + "&resource=" + url.QueryEscape("https://id.example"), "", false},
		{"prompt", request("prompt", "login consent").Encode(), "", false},
		{"prompt=none and more", request("prompt", "none login").Encode(), "invalid_request", false},
		{"unknown prompt", request("prompt", "maybe").Encode(), "invalid_request", false},
		{"max_age", request("max_age", "0").Encode(), "", false},
		{"negative max_age", request("max_age", "-1").Encode(), "invalid_request", false},
		{"max_age that is no number", request("max_age", "1h").Encode(), "invalid_request", false},
		{"nonce of 512", request("nonce", strings.Repeat("n", 512)).Encode(), "", false},
		{"nonce of 513", request("nonce", strings.Repeat("n", 513)).Encode(), "invalid_request", false},
		{"state of 4096", request("state", strings.Repeat("s", 4096)).Encode(), "", false},
		{"state of 4097", request("state", strings.Repeat("s", 4097)).Encode(), "invalid_request", false},
		{"id_token_hint, expired", request("id_token_hint", hint).Encode(), "", false},
		{"id_token_hint that is an access token", request("id_token_hint", access).Encode(), "invalid_request", false},
		{"id_token_hint with another signature", request("id_token_hint", hint[:len(hint)-10]+"AAAAAAAAAA").Encode(), "invalid_request", false},
		{"claims", request("claims", `{"id_token":{"acr":{"essential":true,"values":["urn:sandi:mfa"]},"auth_time":null},"userinfo":{"name":null}}`).Encode(), "", false},
		{"claims that are no object", request("claims", `[]`).Encode(), "invalid_request", false},
		{"claims with a name twice", request("claims", `{"id_token":{"acr":null,"acr":null}}`).Encode(), "invalid_request", false},
		{"claims for two users", request("claims", `{"id_token":{"sub":{"value":"budi"}}}`, "id_token_hint", hint).Encode(), "invalid_request", false},
		{"essential acr that there is not", request("claims", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`).Encode(), "unmet_authentication_requirements", false},
		{"voluntary acr that there is not", request("acr_values", "gold silver").Encode(), "", false},
		{"ui_locales and login_hint", request("ui_locales", "id en", "login_hint", strings.Repeat("x", 300)).Encode(), "", false},
		{"request_uri elsewhere", request("request_uri", "https://shop.example/request.jwt").Encode(), "invalid_request_uri", true},
		{"unknown request_uri", request("request_uri", pushedPrefix+"x").Encode(), "invalid_request_uri", true},
		{"request that is none", request("request", "x").Encode(), "invalid_request_object", true},
		{"empty request and request_uri", request().Encode() + "&request=&request_uri=", "", false},
		{"unsigned where it has to be", request("client_id", "signed").Encode(), "invalid_request", false},
		{"implicit", request("client_id", "old", "response_type", "token", "code_challenge", "").Encode(), "", false},
		{"implicit by query", request("client_id", "old", "response_type", "token", "response_mode", "query").Encode(), "invalid_request", false},
	}
	for _, tt := range tests {
		_, q, err := read(e, tt.query)
		got := ""
		if err != nil {
			got = problem.From(err).Code
		}
		if got != tt.want || (q.RedirectURI == "") != tt.page {
			t.Errorf("%s: got %q (%v) and redirect URI %q, want %q and on a page: %v", tt.name, got, err, q.RedirectURI, tt.want, tt.page)
		}
		if err != nil && problem.From(err).Description == "" {
			t.Errorf("%s: nothing says what was wrong: %v", tt.name, err)
		}
	}
}

// checklist 20, 22, 28, 174
func TestAnswerIsAddedToTheRedirectURI(t *testing.T) {
	t.Parallel()
	e, _, _ := askable(t)
	state := "a b+c&d=e%20\"'<é文>" + strings.Repeat("~", 1000)
	tests := []struct {
		uri, kind, want string
	}{
		{"https://a.example/cb", responseCode, "https://a.example/cb?code=1&state=S&iss=https%3A%2F%2Fid.example"},
		{"https://a.example/cb?x=%2f+y", responseCode, "https://a.example/cb?x=%2f+y&code=1&state=S&iss=https%3A%2F%2Fid.example"},
		{"https://a.example/cb?", responseCode, "https://a.example/cb?code=1&state=S&iss=https%3A%2F%2Fid.example"},
		{"com.example.app:/cb", responseCode, "com.example.app:/cb?code=1&state=S&iss=https%3A%2F%2Fid.example"},
		{"https://a.example/cb?x=y", responseToken, "https://a.example/cb?x=y#code=1&state=S&iss=https%3A%2F%2Fid.example"},
	}
	for _, tt := range tests {
		q := Request{RedirectURI: tt.uri, ResponseType: tt.kind, State: state}
		got := q.location(e.Issuer, "code", "1")
		if want := strings.Replace(tt.want, "=S&", "="+url.QueryEscape(state)+"&", 1); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.uri, got, want)
		}
		q.State = ""
		if got := q.location(e.Issuer, "code", "1"); strings.Contains(got, "state") {
			t.Errorf("no state was sent, and one came back: %s", got)
		}
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{refuse("invalid_scope", `no "such" \ scope: é`), "error=invalid_scope&error_description=no+%3Fsuch%3F+%3F+scope%3A+%3F"},
		{errors.New("secret of the database"), "error=server_error"},
		{problem.New(problem.Unavailable, "x"), "error=temporarily_unavailable"},
	} {
		q := Request{RedirectURI: "https://a.example/"}
		if got, want := e.failure(q, tt.err), "https://a.example/?"+tt.want+"&iss=https%3A%2F%2Fid.example"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
