package oauth

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// checklist 1, 2, 7, 57, 90, 173
// secure-defaults 7c
func TestValidate(t *testing.T) {
	t.Parallel()
	_, secret := NewSecret(time.Unix(0, 0), time.Time{})
	signing := keyOf(t, jwt.ES256)
	private, err := signing.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	keys := keyClient(t, signing).KeySet
	web := func() Client {
		return Client{
			ID: "portal", AuthMethod: AuthBasic, Secrets: []Secret{secret}, GrantTypes: []string{GrantCode, GrantRefresh},
			RedirectURIs: []string{"https://app.example.com/callback"}, Scopes: []string{"openid", "read"}, Resources: []string{books},
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*Client)
		want   string // the field at fault
	}{
		{"good", func(*Client) {}, ""},
		{"public", func(c *Client) { c.AuthMethod, c.Secrets = AuthNone, nil }, ""},
		{"no id", func(c *Client) { c.ID = "" }, "client_id"},
		{"an id with a colon", func(c *Client) { c.ID = "a:b" }, "client_id"},
		{"an id with a percent", func(c *Client) { c.ID = "a%b" }, "client_id"},
		{"a long id", func(c *Client) { c.ID = strings.Repeat("a", 129) }, "client_id"},
		{"the server's own id", func(c *Client) { c.ID = "Sandi" }, "client_id"},
		{"the browsers' id", func(c *Client) { c.ID = "sandi-browser" }, "client_id"},
		{"two dots", func(c *Client) { c.ID = ".." }, "client_id"},
		{"a name that turns round", func(c *Client) { c.Name = "\u202eelgooG" }, "client_name"},
		{"no secret", func(c *Client) { c.Secrets = nil }, "secrets"},
		{"three secrets", func(c *Client) { c.Secrets = []Secret{secret, secret, secret} }, "secrets"},
		{"a public one with a secret", func(c *Client) { c.AuthMethod = AuthNone }, "secrets"},
		{"client_secret_jwt", func(c *Client) { c.AuthMethod = "client_secret_jwt" }, "token_endpoint_auth_method"},
		{"no method", func(c *Client) { c.AuthMethod = "" }, "token_endpoint_auth_method"},

		{"keys", func(c *Client) { c.AuthMethod, c.Secrets, c.KeySet = AuthPrivateKeyJWT, nil, keys }, ""},
		{"no keys", func(c *Client) { c.AuthMethod, c.Secrets = AuthPrivateKeyJWT, nil }, "jwks"},
		{"an empty set", func(c *Client) { c.KeySet = `{"keys":[]}` }, "jwks"},
		{"no set", func(c *Client) { c.KeySet = `[]` }, "jwks"},
		{"a private key", func(c *Client) { c.KeySet = `{"keys":[` + string(private) + `]}` }, "jwks"},
		{"a symmetric key", func(c *Client) {
			c.KeySet = `{"keys":[{"kty":"oct","alg":"HS256","k":"` + strings.Repeat("A", 43) + `"}]}`
		}, "jwks"},
		{"an RSA key without alg", func(c *Client) { c.KeySet = rsaWithoutAlg(t) }, "jwks"},
		{"signed requests without keys", func(c *Client) { c.RequireSignedRequest = true }, "jwks"},

		{"a certificate", func(c *Client) { c.AuthMethod, c.Secrets, c.TLSSubject = AuthTLS, nil, "CN=a,O=b" }, ""},
		{"no certificate", func(c *Client) { c.AuthMethod, c.Secrets = AuthTLS, nil }, "tls_client_auth_subject_dn"},
		{"two certificates", func(c *Client) { c.AuthMethod, c.Secrets, c.TLSSubject, c.TLSName = AuthTLS, nil, "CN=a", "b" }, "tls_client_auth_san_dns"},
		{"spaces in the subject", func(c *Client) { c.AuthMethod, c.Secrets, c.TLSSubject = AuthTLS, nil, "CN=a, O=b" }, "tls_client_auth_subject_dn"},
		{"a certificate with a secret", func(c *Client) { c.TLSName = "a.example" }, "token_endpoint_auth_method"},

		{"no grant", func(c *Client) { c.GrantTypes, c.RedirectURIs = nil, nil }, "grant_types"},
		{"a resource server", func(c *Client) { c.GrantTypes, c.RedirectURIs, c.Serves = nil, nil, []string{books} }, ""},
		{"a public resource server", func(c *Client) { c.AuthMethod, c.Secrets, c.Serves = AuthNone, nil, []string{books} }, "serves"},
		{"an unknown grant", func(c *Client) { c.GrantTypes = []string{"magic"} }, "grant_types"},
		{"a word for a grant", func(c *Client) { c.GrantTypes = []string{GrantCode, "device_code"} }, "grant_types"},
		{"client_credentials of a public one", func(c *Client) {
			c.AuthMethod, c.Secrets, c.GrantTypes, c.RedirectURIs = AuthNone, nil, []string{GrantClientCredentials}, nil
		}, "grant_types"},
		{"exchange of a public one", func(c *Client) {
			c.AuthMethod, c.Secrets, c.GrantTypes = AuthNone, nil, []string{GrantCode, GrantExchange}
		}, "grant_types"},
		{"refresh alone", func(c *Client) { c.GrantTypes, c.RedirectURIs = []string{GrantRefresh}, nil }, "grant_types"},
		{"password", func(c *Client) { c.GrantTypes = append(c.GrantTypes, GrantPassword) }, "grant_types"},
		{"password, switched on", func(c *Client) { c.GrantTypes, c.InsecurePasswordGrant = append(c.GrantTypes, GrantPassword), true }, ""},
		{"implicit", func(c *Client) { c.GrantTypes = append(c.GrantTypes, GrantImplicit) }, "grant_types"},
		{"implicit, switched on without the grant", func(c *Client) { c.InsecureImplicitGrant = true }, "grant_types"},
		{"jwt-bearer without leave", func(c *Client) { c.GrantTypes, c.KeySet = append(c.GrantTypes, GrantJWTBearer), keys }, "grant_types"},
		{"jwt-bearer", func(c *Client) {
			c.GrantTypes, c.KeySet, c.MayImpersonate = append(c.GrantTypes, GrantJWTBearer), keys, true
		}, ""},
		{"impersonation of nothing", func(c *Client) { c.MayImpersonate = true }, "may_impersonate"},

		{"no redirect URI", func(c *Client) { c.RedirectURIs = nil }, "redirect_uris"},
		{"a plain redirect URI", func(c *Client) { c.RedirectURIs = []string{"http://app.example.com/"} }, "redirect_uris"},
		{"a redirect URI twice", func(c *Client) { c.RedirectURIs = append(c.RedirectURIs, c.RedirectURIs[0]) }, "redirect_uris"},
		{"101 redirect URIs", func(c *Client) {
			for i := range 101 {
				c.RedirectURIs = append(c.RedirectURIs, "https://app.example.com/"+strings.Repeat("a", i))
			}
		}, "redirect_uris"},
		{"redirect URIs of nothing", func(c *Client) { c.GrantTypes = []string{GrantDevice} }, "redirect_uris"},
		{"a plain logout", func(c *Client) { c.PostLogoutRedirectURIs = []string{"http://app.example.com/"} }, "post_logout_redirect_uris"},
		{"a back channel", func(c *Client) { c.BackchannelLogoutURI = "https://app.example.com/logout" }, ""},
		{"a back channel on loopback", func(c *Client) { c.BackchannelLogoutURI = "http://127.0.0.1:8000/logout" }, ""},
		{"a back channel on loopback, registered by itself", func(c *Client) {
			c.Origin, c.BackchannelLogoutURI = FromRegistration, "http://127.0.0.1:8000/logout"
		}, "backchannel_logout_uri"},
		{"a plain back channel", func(c *Client) { c.BackchannelLogoutURI = "http://app.example.com/logout" }, "backchannel_logout_uri"},
		{"a back channel to an app", func(c *Client) { c.BackchannelLogoutURI = "com.example.app:/logout" }, "backchannel_logout_uri"},

		{"an unknown scope", func(c *Client) { c.Scopes = []string{"admin"} }, "scopes"},
		{"a scope of another resource", func(c *Client) { c.Scopes = []string{"pay"} }, "scopes"},
		{"offline without refresh", func(c *Client) { c.GrantTypes, c.Scopes = []string{GrantCode}, []string{"offline_access"} }, "scopes"},
		{"an unknown resource", func(c *Client) { c.Resources = []string{"https://x.example"} }, "resources"},
		{"serves an unknown resource", func(c *Client) { c.Serves = []string{books + "/"} }, "serves"},
		{"signed introspection of nothing", func(c *Client) { c.SignedIntrospection = true }, "signed_introspection"},
		{"roles of users", func(c *Client) { c.Roles = []string{"admin"} }, "roles"},
		{"roles", func(c *Client) {
			c.GrantTypes, c.Roles = append(c.GrantTypes, GrantClientCredentials), []string{"reports"}
		}, ""},
		{"a role with a space", func(c *Client) { c.GrantTypes, c.Roles = append(c.GrantTypes, GrantClientCredentials), []string{"a b"} }, "roles"},

		{"access above the ceiling", func(c *Client) { c.Access = time.Hour + time.Second }, "access"},
		{"half a second", func(c *Client) { c.Access = time.Second / 2 }, "access"},
		{"negative", func(c *Client) { c.Idle = -time.Second }, "idle"},
		{"idle above absolute", func(c *Client) { c.Idle, c.Absolute = time.Hour, time.Minute }, "idle"},
		{"kept by a confidential one", func(c *Client) { c.KeepRefresh = true }, ""},
		{"kept by a public one", func(c *Client) { c.AuthMethod, c.Secrets, c.KeepRefresh = AuthNone, nil, true }, "keep_refresh"},
		{"kept by a public one with a key", func(c *Client) { c.AuthMethod, c.Secrets, c.KeepRefresh, c.DPoPBound = AuthNone, nil, true, true }, ""},
		{"bound twice", func(c *Client) { c.DPoPBound, c.TLSBound = true, true }, "tls_client_certificate_bound_access_tokens"},
		{"legacy audience with a secret", func(c *Client) { c.InsecureTokenURLAudience = true }, "insecure_token_url_audience"},

		{"FAPI", func(c *Client) {
			c.AuthMethod, c.Secrets, c.KeySet, c.FAPI, c.DPoPBound = AuthPrivateKeyJWT, nil, keys, true, true
		}, ""},
		{"FAPI by secret", func(c *Client) { c.FAPI, c.DPoPBound = true, true }, "fapi"},
		{"FAPI of a public one", func(c *Client) { c.AuthMethod, c.Secrets, c.FAPI, c.DPoPBound = AuthNone, nil, true, true }, "fapi"},
		{"FAPI unbound", func(c *Client) { c.AuthMethod, c.Secrets, c.KeySet, c.FAPI = AuthPrivateKeyJWT, nil, keys, true }, "fapi"},
		{"FAPI with another algorithm", func(c *Client) {
			c.AuthMethod, c.Secrets, c.KeySet, c.FAPI, c.DPoPBound = AuthPrivateKeyJWT, nil, keyClient(t, keyOf(t, jwt.ES384)).KeySet, true, true
		}, "jwks"},
		{"FAPI, insecure", func(c *Client) {
			c.AuthMethod, c.Secrets, c.KeySet, c.FAPI, c.DPoPBound, c.InsecureNoRotation = AuthPrivateKeyJWT, nil, keys, true, true, true
		}, "fapi"},
	} {
		c := web()
		tt.change(&c)
		err := Validate(c, shop)
		faults := Faults(err)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (len(faults) == 0 || faults[0].Field != tt.want):
			t.Errorf("%s: %v, want a fault of %s", tt.name, err, tt.want)
		}
	}
	all := Faults(Validate(Client{}, shop))
	if len(all) < 3 {
		t.Errorf("an empty client has %d faults, want all at once", len(all))
	}
}

// rsaWithoutAlg is a set whose key does not say what it is for.
func rsaWithoutAlg(t *testing.T) string {
	t.Helper()
	text, err := keyOf(t, jwt.RS256).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var key map[string]any
	if err := json.Unmarshal(text, &key); err != nil {
		t.Fatal(err)
	}
	delete(key, "alg")
	set, err := json.Marshal(map[string]any{"keys": []any{key}})
	if err != nil {
		t.Fatal(err)
	}
	return string(set)
}

func TestGrantWords(t *testing.T) {
	t.Parallel()
	for _, word := range GrantWords() {
		g, ok := GrantType(word)
		if full, known := GrantType(g); !ok || !known || full != g || GrantWord(g) != word {
			t.Errorf("%s stands for %q, and back for %q", word, g, GrantWord(g))
		}
	}
	if _, ok := GrantType("code"); ok || GrantWord("magic") != "magic" {
		t.Error("an unknown word is known")
	}
}
