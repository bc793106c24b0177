package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// register calls the registration endpoint.
func (r *running) register(c *http.Client, method, path, token string, metadata map[string]any) answer {
	r.t.Helper()
	body := ""
	if metadata != nil {
		text, err := json.Marshal(metadata)
		if err != nil {
			r.t.Fatal(err)
		}
		body = string(text)
	}
	return r.call(c, method, path, token, body)
}

func TestRegistrationIsClosed(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	for _, tt := range []struct{ method, path string }{
		{"POST", "/oauth/register"}, {"GET", "/oauth/register/x"}, {"PUT", "/oauth/register/x"}, {"DELETE", "/oauth/register/x"},
	} {
		if a := r.register(c, tt.method, tt.path, longSecret, nil); a.status != 404 {
			t.Errorf("%s %s: %d, want 404", tt.method, tt.path, a.status)
		}
	}
	if a := r.call(c, "GET", "/.well-known/oauth-authorization-server", "", ""); a.body["registration_endpoint"] != nil {
		t.Error("the closed endpoint is in the metadata")
	}
}

// A client registers itself, reads, changes and removes itself, with the tokens for it and no others; the server grants nothing that is the
// operator's to grant (RFC 7591, RFC 7592).
func TestRegistration(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.OAuth.RegistrationTokenFile = secretFile(t, 0o600, longSecret) })
	c := g.client
	for name, token := range map[string]string{"no token": "", "a wrong token": otherSecret} {
		a := g.want(g.register(c, "POST", "/oauth/register", token, map[string]any{"redirect_uris": []string{callback}}), 401, "invalid_token")
		if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: challenge %q", name, a.header.Get("WWW-Authenticate"))
		}
	}
	made := g.want(g.register(c, "POST", "/oauth/register", longSecret, map[string]any{
		"redirect_uris": []string{callback}, "grant_types": []string{"authorization_code", "refresh_token"}, "client_name": "Catalogue", "scope": "openid read",
		"skip_consent": true, "may_impersonate": true, "roles": []string{"admin"}, "serves": []string{resourceA}, "insecure_no_rotation": true, "origin": "config",
		"access": 1, "secrets": []string{}, "unknown": map[string]any{"a": 1},
	}), 201, "")
	id, secret, manage := made.str("client_id"), made.str("client_secret"), made.str("registration_access_token")
	if !strings.HasPrefix(secret, "sds_") || made.body["client_secret_expires_at"] != 0.0 || made.str("registration_client_uri") != g.url+"/oauth/register/"+id ||
		made.str("token_endpoint_auth_method") != "client_secret_basic" || made.header.Get("Cache-Control") != "no-store" {
		t.Errorf("registered: %s", made.raw)
	}
	kept, err := g.db.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if kept.Origin != oauth.FromRegistration || kept.SkipConsent || kept.MayImpersonate || kept.Roles != nil || kept.Serves != nil || len(kept.Insecure()) > 0 || kept.Access != 0 {
		t.Errorf("it granted itself something: %+v", kept)
	}
	if text, _ := json.Marshal(kept); strings.Contains(string(text), manage) || strings.Contains(string(text), secret) {
		t.Error("the store keeps a secret of it")
	}
	path := "/oauth/register/" + id
	read := g.want(g.register(c, "GET", path, manage, nil), 200, "")
	if read.str("client_secret") != "" || read.str("client_name") != "Catalogue" || read.str("scope") != "openid read" || read.str("registration_access_token") != manage {
		t.Errorf("read: %s", read.raw)
	}
	other := g.want(g.register(c, "POST", "/oauth/register", longSecret, map[string]any{"redirect_uris": []string{callback}, "token_endpoint_auth_method": "none"}), 201, "")
	if other.body["client_secret"] != nil || other.body["client_secret_expires_at"] != nil {
		t.Errorf("a public client got a secret: %s", other.raw)
	}
	g.add(oauth.Client{ID: "portal", GrantTypes: []string{oauth.GrantClientCredentials}})
	for name, tt := range map[string]struct{ path, token string }{
		"another client's token": {path, other.str("registration_access_token")},
		"the initial token":      {path, longSecret},
		"no token":               {path, ""},
		"an unknown client":      {"/oauth/register/nobody", manage},
		"an operator's client":   {"/oauth/register/portal", manage},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := g.register(c, method, tt.path, tt.token, map[string]any{}); a.status != 401 && a.status != 429 {
				t.Errorf("%s of %s: %d %s", method, name, a.status, a.raw)
			}
			g.clock.advance(10 * time.Second) // for the limit
		}
	}
	changed := g.want(g.register(c, "PUT", path, manage, map[string]any{
		"client_id": id, "client_secret": secret, "redirect_uris": []string{"https://app.example/other"}, "client_name": "Books", "skip_consent": true,
	}), 200, "")
	if changed.str("client_name") != "Books" || changed.str("client_secret") != "" || changed.str("scope") != "openid profile" {
		t.Errorf("changed: %s", changed.raw)
	}
	for name, m := range map[string]map[string]any{
		"another id":      {"client_id": "portal", "redirect_uris": []string{callback}},
		"no id":           {"redirect_uris": []string{callback}},
		"a chosen secret": {"client_id": id, "client_secret": longSecret, "redirect_uris": []string{callback}},
	} {
		if a := g.register(c, "PUT", path, manage, m); a.status != 400 || a.str("error") != "invalid_client_metadata" {
			t.Errorf("change with %s: %d %s", name, a.status, a.raw)
		}
	}
	if kept, err = g.db.Client(t.Context(), id); err != nil || kept.SkipConsent || kept.RedirectURIs[0] != "https://app.example/other" || len(kept.Secrets) != 1 {
		t.Errorf("changed in the store: %+v, %v", kept, err)
	}
	if a := g.register(c, "DELETE", path, manage, nil); a.status != 204 || a.raw != "" {
		t.Errorf("remove: %d %s", a.status, a.raw)
	}
	g.want(g.register(c, "GET", path, manage, nil), 401, "invalid_token")
	if _, err := g.db.Client(t.Context(), id); !errors.Is(err, oauth.ErrNoClient) {
		t.Errorf("removed: %v", err)
	}
	if g.audited(audit.ClientRemoved) != 1 || g.audited(audit.ClientChanged) != 1 {
		t.Errorf("%d removals and %d changes are audited, want one each", g.audited(audit.ClientRemoved), g.audited(audit.ClientChanged))
	}
}

func TestRegistrationMetadata(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.OAuth.RegistrationTokenFile = secretFile(t, 0o600, longSecret) })
	uris := []string{callback}
	for name, tt := range map[string]struct {
		metadata map[string]any
		code     string
	}{
		"nothing":              {map[string]any{}, "invalid_redirect_uri"},
		"a plain redirect":     {map[string]any{"redirect_uris": []string{"http://app.example/cb"}}, "invalid_redirect_uri"},
		"a wildcard":           {map[string]any{"redirect_uris": []string{"https://*.example/cb"}}, "invalid_redirect_uri"},
		"a script":             {map[string]any{"redirect_uris": []string{"javascript:alert(1)"}}, "invalid_redirect_uri"},
		"a fragment":           {map[string]any{"redirect_uris": []string{callback + "#x"}}, "invalid_redirect_uri"},
		"loopback of a page":   {map[string]any{"redirect_uris": []string{"http://127.0.0.1/cb"}}, "invalid_redirect_uri"},
		"text for a list":      {map[string]any{"redirect_uris": callback}, "invalid_client_metadata"},
		"password":             {map[string]any{"redirect_uris": uris, "grant_types": []string{"authorization_code", "password"}}, "invalid_client_metadata"},
		"client_credentials":   {map[string]any{"grant_types": []string{"client_credentials"}}, "invalid_client_metadata"},
		"exchange":             {map[string]any{"grant_types": []string{oauth.GrantExchange}}, "invalid_client_metadata"},
		"implicit":             {map[string]any{"redirect_uris": uris, "response_types": []string{"token"}}, "invalid_client_metadata"},
		"keys elsewhere":       {map[string]any{"redirect_uris": uris, "jwks_uri": "https://app.example/jwks"}, "invalid_client_metadata"},
		"keys that are none":   {map[string]any{"redirect_uris": uris, "jwks": map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "AAAA"}}}}, "invalid_client_metadata"},
		"no keys":              {map[string]any{"redirect_uris": uris, "token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"},
		"a shared secret JWT":  {map[string]any{"redirect_uris": uris, "token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"},
		"a certificate":        {map[string]any{"redirect_uris": uris, "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a.example"}, "invalid_client_metadata"},
		"pairwise":             {map[string]any{"redirect_uris": uris, "subject_type": "pairwise"}, "invalid_client_metadata"},
		"another algorithm":    {map[string]any{"redirect_uris": uris, "id_token_signed_response_alg": "none"}, "invalid_client_metadata"},
		"an unknown scope":     {map[string]any{"redirect_uris": uris, "scope": "openid admin"}, "invalid_client_metadata"},
		"application type":     {map[string]any{"redirect_uris": uris, "application_type": "toaster"}, "invalid_client_metadata"},
		"a local back channel": {map[string]any{"redirect_uris": uris, "backchannel_logout_uri": "http://127.0.0.1:6379/"}, "invalid_client_metadata"},
		"a name that deceives": {map[string]any{"redirect_uris": uris, "client_name": "Bank\u202e"}, "invalid_client_metadata"},
	} {
		g.clock.advance(10 * time.Second) // for the limit
		a := g.register(g.client, "POST", "/oauth/register", longSecret, tt.metadata)
		if a.status != 400 || a.str("error") != tt.code || a.str("error_description") == "" {
			t.Errorf("%s: %d %s, want 400 %s with a description", name, a.status, a.raw, tt.code)
		}
	}
	for _, m := range []map[string]any{
		{"redirect_uris": []string{"http://127.0.0.1/cb", "com.example.app:/cb"}, "application_type": "native", "token_endpoint_auth_method": "none"},
		{"grant_types": []string{oauth.GrantDevice, "refresh_token"}, "token_endpoint_auth_method": "none"},
		{"redirect_uris": uris, "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}},
	} {
		g.clock.advance(10 * time.Second)
		g.want(g.register(g.client, "POST", "/oauth/register", longSecret, m), 201, "")
	}
	g.want(g.call(g.client, "POST", "/oauth/register", longSecret, "a=b"), 415, "unsupported_media_type")
	g.want(g.call(g.client, "POST", "/oauth/register", longSecret, `{"redirect_uris":[],"redirect_uris":[]}`), 400, "invalid_client_metadata")
	refused := false
	for range 40 {
		if a := g.register(g.client, "POST", "/oauth/register", otherSecret, nil); a.status == 429 {
			refused = a.header.Get("Retry-After") != ""
		}
	}
	if !refused {
		t.Error("40 attempts at once are not slowed down")
	}
}
