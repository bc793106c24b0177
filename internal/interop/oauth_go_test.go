package interop_test

import (
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// relyingParty is a client as a Go program has it: go-oidc for what it is told, x/oauth2 for what it asks.
type relyingParty struct {
	*provider
	t        *testing.T
	provided *oidc.Provider
	config   oauth2.Config
	browser  *browser
}

func (p *provider) relyingParty(t *testing.T, client string) relyingParty {
	t.Helper()
	provided, err := oidc.NewProvider(t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	c := p.parties[client]
	return relyingParty{p, t, provided, oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret, Endpoint: provided.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "profile"},
	}, newBrowser(p.url, "gopher")}
}

// signIn is the way of the documentation of both packages.
func (rp relyingParty) signIn(more ...oauth2.AuthCodeOption) (*oauth2.Token, *oidc.IDToken) {
	rp.t.Helper()
	verifier := oauth2.GenerateVerifier()
	more = append(more, oidc.Nonce("a nonce"), oauth2.S256ChallengeOption(verifier))
	end, text, err := rp.browser.visit(rp.config.AuthCodeURL("a state", more...))
	if err != nil {
		rp.t.Fatal(err)
	}
	q := must(url.Parse(end)).Query()
	if q.Get("code") == "" || q.Get("state") != "a state" || q.Get("iss") != rp.url {
		rp.t.Fatalf("the browser ended at %s: %s", end, text)
	}
	token, err := rp.config.Exchange(rp.t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		rp.t.Fatal(err)
	}
	id := rp.verify(token)
	if id.Nonce != "a nonce" {
		rp.t.Errorf("got nonce %q", id.Nonce)
	}
	return token, id
}

func (rp relyingParty) verify(token *oauth2.Token) *oidc.IDToken {
	rp.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := rp.provided.VerifierContext(rp.t.Context(), &oidc.Config{ClientID: rp.config.ClientID}).Verify(rp.t.Context(), raw)
	if err != nil {
		rp.t.Fatal(err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		rp.t.Error(err)
	}
	return id
}

// goClients are golang.org/x/oauth2 and go-oidc.
func goClients(t *testing.T, p *provider) {
	for name, test := range map[string]func(*testing.T, *provider){
		"discovery": goDiscovery, "refresh": goRefresh, "public": goPublic, "device": goDevice,
		"client_credentials": goClientCredentials, "logout": goLogout, "second factor": goFactor,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func goDiscovery(t *testing.T, p *provider) {
	rp := p.relyingParty(t, "go")
	var claims struct {
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
		Scopes     []string `json:"scopes_supported"`
	}
	if err := rp.provided.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(claims.Algorithms, oidc.ES256) || !slices.Contains(claims.Scopes, oidc.ScopeOpenID) {
		t.Errorf("got %+v", claims)
	}
	if rp.config.Endpoint.DeviceAuthURL == "" || rp.provided.UserInfoEndpoint() == "" {
		t.Errorf("got %+v", rp.config.Endpoint)
	}
}

// goRefresh leaves it to x/oauth2 to find out how the client authenticates, and lets a token expire.
func goRefresh(t *testing.T, p *provider) {
	rp := p.relyingParty(t, "go")
	token, id := rp.signIn()
	user, err := rp.provided.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil || user.Subject != id.Subject || id.Subject != "gopher" {
		t.Fatalf("got %+v: %v", user, err)
	}
	old := token.RefreshToken
	token.Expiry = time.Now().Add(-time.Minute)
	renewed, err := rp.config.TokenSource(t.Context(), token).Token()
	if err != nil {
		t.Fatal(err)
	}
	if renewed.RefreshToken == old || renewed.RefreshToken == "" {
		t.Error("the refresh token was not rotated")
	}
	if again := rp.verify(renewed); again.Subject != id.Subject || again.Nonce != "" {
		t.Errorf("got %+v", again)
	}
}

// goPublic has no secret: x/oauth2 tries Basic with an empty password first, which must spend neither code nor patience.
func goPublic(t *testing.T, p *provider) {
	rp := p.relyingParty(t, "spa")
	for range 2 {
		rp.signIn()
	}
}

func goDevice(t *testing.T, p *provider) {
	rp := p.relyingParty(t, "tv")
	rp.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams // as for every public client
	code, err := rp.config.DeviceAuth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, text, err := rp.browser.visit(code.VerificationURIComplete); err != nil {
		t.Fatal(err, text)
	}
	token, err := rp.config.DeviceAccessToken(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	rp.verify(token)
}

func goClientCredentials(t *testing.T, p *provider) {
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader} {
		c := clientcredentials.Config{
			ClientID: p.parties["go"].ID, ClientSecret: p.parties["go"].Secret, TokenURL: p.url + "/oauth/token",
			Scopes: []string{"read"}, EndpointParams: url.Values{"resource": {api}}, AuthStyle: style,
		}
		token, err := c.Token(t.Context())
		if err != nil || token.RefreshToken != "" {
			t.Fatalf("got %v: %v", token, err)
		}
		keys := oidc.NewRemoteKeySet(t.Context(), p.url+"/.well-known/jwks.json")
		v := oidc.NewVerifier(p.url, keys, &oidc.Config{ClientID: api, SupportedSigningAlgs: []string{oidc.ES256}})
		if _, err := v.Verify(t.Context(), token.AccessToken); err != nil {
			t.Error(err)
		}
	}
	c := clientcredentials.Config{ClientID: p.parties["go"].ID, ClientSecret: "wrong", TokenURL: p.url + "/oauth/token"}
	_, err := c.Token(t.Context())
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || e.ErrorCode != "invalid_client" || e.Response.StatusCode != 401 {
		t.Errorf("got %v", err)
	}
}

// goLogout is told by back channel that its user has left.
func goLogout(t *testing.T, p *provider) {
	rp := p.relyingParty(t, "go-leaving")
	token, id := rp.signIn()
	var claims struct{ SID string }
	if err := id.Claims(&claims); err != nil || claims.SID == "" {
		t.Fatalf("got no sid: %v", err)
	}
	raw, _ := token.Extra("id_token").(string)
	q := url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {bye}}
	if end, text, err := rp.browser.visit(p.url + "/oauth/logout?" + q.Encode()); err != nil || end != bye {
		t.Fatalf("the browser ended at %s: %s %v", end, text, err)
	}
	told, err := p.logouts.wait("go-leaving")
	if err != nil {
		t.Fatal(err)
	}
	verifier := rp.provided.Verifier(&oidc.Config{ClientID: rp.config.ClientID})
	logout, err := verifier.VerifyLogout(t.Context(), told)
	if err != nil || logout.SessionID != claims.SID || logout.Subject != "gopher" {
		t.Errorf("got %+v, want sid %s: %v", logout, claims.SID, err)
	}
	token.Expiry = time.Now().Add(-time.Minute)
	if _, err := rp.config.TokenSource(t.Context(), token).Token(); err == nil {
		t.Error("the refresh token outlived the sign-in")
	}
}
