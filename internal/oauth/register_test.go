package oauth

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// Whatever is registered is valid by the rules for all clients, has nothing that an operator grants, and is told as it is.
func FuzzClientMetadata(f *testing.F) {
	for _, s := range []string{
		`{"redirect_uris":["https://app.example.com/callback"],"scope":"openid read","client_name":"A"}`,
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"native","token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"]}`,
		`{"redirect_uris":["javascript:alert(1)"],"skip_consent":true,"insecure_password_grant":true,"roles":["admin"],"serves":["x"]}`,
		`{"grant_types":["urn:ietf:params:oauth:grant-type:device_code"],"jwks":{"keys":[]}}`,
		`{"jwks":null,"redirect_uris":null,"client_id":"a","client_secret":"b","origin":"config"}`,
		`[]`, `{"redirect_uris":{}}`, `{"a":1,"a":2}`, `{"scope":"\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		f.Fatal(err)
	}
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	minter, err := token.New(token.Config{Issuer: testIssuer, Audience: []string{testIssuer}, Lifetime: time.Minute, Signer: func() *jwt.Key { return key }, Now: now})
	if err != nil {
		f.Fatal(err)
	}
	e := &Endpoint{Config: Config{Issuer: testIssuer, Policy: shop, Minter: minter, Now: now}}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, registerPath, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		var m clientMetadata
		err := decodeMetadata(httptest.NewRecorder(), r, &m)
		c := Client{ID: newClientID(), Origin: FromRegistration}
		plain := ""
		if err == nil {
			plain, err = e.apply(m, &c)
		}
		if err != nil {
			if !slices.Contains([]string{"invalid_redirect_uri", "invalid_client_metadata"}, code(err)) {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if err := Validate(c, shop); err != nil {
			t.Errorf("%q was registered: %v", body, err)
		}
		if c.SkipConsent || c.MayImpersonate || c.Native && c.FAPI || len(c.Roles)+len(c.Serves)+len(c.Resources)+len(c.Insecure()) > 0 {
			t.Errorf("%q granted itself something: %+v", body, c)
		}
		for _, g := range c.GrantTypes {
			if g != GrantCode && g != GrantRefresh && g != GrantDevice {
				t.Errorf("%q has the grant %s", body, g)
			}
		}
		text, err := json.Marshal(e.registered(c, plain, "token"))
		if err != nil || (plain != "") != strings.Contains(string(text), `"client_secret":`) {
			t.Errorf("%q is told as %s, %v", body, text, err)
		}
	})
}

// An initial access token that is not configured opens nothing.
func TestRegistrationRoutes(t *testing.T) {
	t.Parallel()
	for want, registration := range map[int][]byte{http.StatusNotFound: nil, http.StatusUnauthorized: make([]byte, 32)} {
		d := newDoor(t)
		d.Registration, d.Web = registration, web.New(web.Config{Logger: slog.New(slog.DiscardHandler)})
		mux := http.NewServeMux()
		d.registrationRoutes(mux)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, registerPath, nil))
		if w.Code != want {
			t.Errorf("with an initial access token %v: %d, want %d", registration != nil, w.Code, want)
		}
	}
}
