package server_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// A subject's own token as actor_token would be impersonation under another name: that is for who is trusted with it alone (RFC 8693
// section 1.1).
func TestExchangeActorIsSubject(t *testing.T) {
	t.Parallel()
	g, _ := startExchange(t, nil)
	both := app("both", "")
	both.GrantTypes, both.Serves = append(both.GrantTypes, oauth.GrantExchange, oauth.GrantClientCredentials), []string{resourceA}
	g.add(both)
	access := g.want(g.token("both", redeeming(g.code("both", nil))), 200, "").str("access_token")
	g.reason(g.token("both", exchanging(access)), 400, "invalid_request")
	g.reason(g.token("both", exchanging(access, "actor_token", access, "actor_token_type", accessType)), 400, "invalid_request")
	g.want(g.token("both", exchanging(access, "actor_token", g.own("both"), "actor_token_type", accessType)), 200, "")
}

// A resource that is named twice is one audience.
func TestResourceNamedTwice(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	twice := []string{resourceA, resourceA, resourceA}
	form := redeeming(g.code("web", func(c *oauth.Code) { c.Scope = []string{"read"} }))
	form["resource"] = twice
	a := g.want(g.token("web", form), 200, "")
	if aud := payload(t, a.str("access_token"))["aud"]; aud != resourceA {
		t.Errorf("aud of the code's token: %v", aud)
	}
	form = refreshing(a.str("refresh_token"))
	form["resource"] = twice
	if aud := payload(t, g.want(g.token("web", form), 200, "").str("access_token"))["aud"]; aud != resourceA {
		t.Errorf("aud of a refresh's token: %v", aud)
	}
}

// The refresh token of a public client with certificate-bound tokens is of no use with another certificate (RFC 8705 section 4).
func TestCertificateBoundRefresh(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(90*24*time.Hour))
	f.write(f.clientCA, a.pem(), 0o644)
	r := startTLS(t, f, func(c *config.Config) {
		c.Listen.TLSClientCAFile, c.Listen.TLSClientAuth = f.clientCA, "request"
		c.API = testConfig("").API
		c.OAuth.Scopes, c.OAuth.Resources = []config.Scope{{Name: "read"}, {Name: "write"}}, []config.Resource{{ID: resourceA}, {ID: resourceB}}
	})
	shows := func(pair ...tls.Certificate) *http.Client {
		return secure(t, &tls.Config{RootCAs: a.pool(), Certificates: pair})
	}
	mine := shows(a.issue(time.Hour))
	g := grantsOf(r, mine)
	r.want(r.call(mine, "POST", "/register", "", credentials("user1", "four unrelated tall words")), 201, "")
	phone := app("phone", oauth.AuthNone)
	phone.TLSBound = true
	g.add(phone)
	first := g.want(g.token("phone", redeeming(g.code("phone", func(c *oauth.Code) { c.SignIn = g.signIn("user1", "four unrelated tall words") }))), 200, "")
	g.client = shows(a.issue(time.Hour))
	g.reason(g.token("phone", refreshing(first.str("refresh_token"))), 400, "invalid_grant")
	g.client = mine
	g.want(g.token("phone", refreshing(first.str("refresh_token"))), 200, "")
}

// A session that began by the password alone does not get recovery codes, however fresh: whoever knew the password before the user enrolled
// would hold the second factor too.
func TestRecoveryCodesNeedTheFactor(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	thief, _ := r.login(c, "user1", "password1")
	_, recovery := r.enrol()
	a := r.call(c, "POST", "/account/recovery-codes", thief, "")
	r.want(a, 401, "step_up_required")
	r.want(r.call(c, "POST", "/login", "", withCode("user1", "password1", recovery[0])), 200, "")
}

// FAPI clients prove themselves by the algorithms of FAPI 2.0 section 5.4.1 alone, proofs of DPoP included.
func TestFAPIProofAlgorithm(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	bankKey, registered := newClientKey(t, "bank")
	shopKey, shopRegistered := newClientKey(t, "shop")
	bank, shop := app("bank", oauth.AuthPrivateKeyJWT), app("shop", oauth.AuthPrivateKeyJWT)
	bank.KeySet, bank.FAPI, bank.DPoPBound, shop.KeySet = registered, true, true, shopRegistered
	g.add(bank)
	g.add(shop)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	proof := func() string {
		part := func(v any) string {
			text, _ := json.Marshal(v) // of strings and numbers
			return base64.RawURLEncoding.EncodeToString(text)
		}
		jwk := map[string]string{"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes())}
		input := part(map[string]any{"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk}) + "." +
			part(map[string]any{"jti": rand.Text(), "htm": "POST", "htu": g.url + "/oauth/token", "iat": g.clock.now().Unix()})
		sum := sha256.Sum256([]byte(input))
		sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	g.want(g.token("shop", shopKey.authenticated(g, redeeming(g.code("shop", nil))), "DPoP", proof()), 200, "")
	form := redeeming(g.code("bank", nil))
	g.reason(g.token("bank", bankKey.authenticated(g, form), "DPoP", proof()), 400, "invalid_dpop_proof")
	g.want(g.token("bank", bankKey.authenticated(g, form), "DPoP", g.proof(newDPoPKey(t))), 200, "")
}

// What comes from nowhere is refused, and never a fault of the server's.
func TestTokenNonsense(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("page", oauth.AuthNone))
	g.add(broker("deputy", true))
	long := strings.Repeat("a", 60_000)
	values := []string{"", " ", "\x01", "'\"><", "%00", "null", "{}", "..", "a.b.c", long, "\u202e", "sdr_x", "sdr_" + long, "eyJhbGciOiJub25lIn0.e30.", "[]", "-1", "x.", "https://", resourceA}
	grantTypes := []string{
		oauth.GrantCode, oauth.GrantRefresh, oauth.GrantClientCredentials, oauth.GrantDevice, oauth.GrantExchange, oauth.GrantJWTBearer, oauth.GrantPassword, "implicit",
	}
	names := []string{
		"code", "refresh_token", "device_code", "subject_token", "subject_token_type", "actor_token", "actor_token_type", "assertion", "username", "password",
		"scope", "resource", "audience", "requested_token_type", "redirect_uri", "code_verifier", "token", "token_type_hint", "client_assertion", "client_assertion_type",
	}
	for _, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/device_authorization", "/oauth/par"} {
		for _, client := range []string{"page", "deputy", "nobody", ""} {
			for i, v := range values {
				form := url.Values{"grant_type": {grantTypes[i%len(grantTypes)]}}
				for j, name := range names {
					if (i+j)%3 != 0 || v == long && j != i%len(names) {
						continue
					}
					form.Set(name, v)
				}
				if path == "/oauth/device_authorization" {
					form.Del("grant_type")
				}
				a := g.post(path, client, form, "DPoP", strings.ToValidUTF8(strings.Map(visible, v[:min(len(v), 8000)]), ""))
				if a.status >= 500 {
					t.Errorf("%s by %q with %.40q: %d %s", path, client, v, a.status, a.raw)
				}
			}
		}
	}
}

func visible(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// Who makes up refresh tokens and codes as a public client, each with a proof to be remembered, is slowed down soon; what counts gets through
// all the same, and so does a client that authenticates.
func TestFailingPublicClients(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("phone", oauth.AuthNone))
	g.add(app("web", ""))
	code := g.code("phone", nil)
	first := g.want(g.token("phone", redeeming(g.code("phone", nil))), 200, "")
	slowed := func(form url.Values) {
		t.Helper()
		for range 2000 { // time goes by meanwhile
			a := g.token("phone", form, "DPoP", g.proof(newDPoPKey(t)))
			if a.status == 429 {
				g.reason(a, 429, "temporarily_unavailable")
				return
			}
			g.reason(a, 400, "invalid_grant")
		}
		t.Error("nothing was slowed down")
	}
	slowed(refreshing("made up"))
	slowed(redeeming("made up"))
	g.reason(g.token("web", refreshing("made up")), 400, "invalid_grant")
	g.want(g.token("phone", refreshing(first.str("refresh_token"))), 200, "")
	g.want(g.token("phone", redeeming(code)), 200, "")
	g.clock.advance(time.Second)
	g.reason(g.token("phone", redeeming("made up")), 400, "invalid_grant")
}

// What an operator demands of a client that registered itself, the client does not get rid of.
func TestRestrictionsStay(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.OAuth.RegistrationTokenFile = secretFile(t, 0o600, longSecret) })
	metadata := map[string]any{"redirect_uris": []string{callback}}
	made := g.want(g.register(g.client, "POST", "/oauth/register", longSecret, metadata), 201, "")
	id, manage := made.str("client_id"), made.str("registration_access_token")
	c, err := g.db.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.RequirePushed, c.DPoPBound = true, true
	if err := g.db.ChangeClient(t.Context(), c, audit.Event{Action: audit.ClientChanged}); err != nil {
		t.Fatal(err)
	}
	metadata["client_id"] = id
	told := g.want(g.register(g.client, "PUT", "/oauth/register/"+id, manage, metadata), 200, "")
	kept, err := g.db.Client(t.Context(), id)
	if err != nil || !kept.RequirePushed || !kept.DPoPBound {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if told.body["dpop_bound_access_tokens"] != true || told.body["require_pushed_authorization_requests"] != true {
		t.Errorf("told %s", told.raw)
	}
	kept.FAPI = true
	if err := g.db.ChangeClient(t.Context(), kept, audit.Event{Action: audit.ClientChanged}); err != nil {
		t.Fatal(err)
	}
	g.reason(g.register(g.client, "PUT", "/oauth/register/"+id, manage, metadata), 400, "invalid_client_metadata") // FAPI knows no secret
}
