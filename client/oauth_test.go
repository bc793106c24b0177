package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/client"
)

func TestOAuth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config client.OAuthConfig
		forms  []string // of one fetch after another
		basic  string   // user and password as RFC 6749 section 2.3.1 encodes them
	}{
		{"client credentials", client.OAuthConfig{
			ClientID: "a:b", ClientSecret: "p w%", Scope: []string{"read", "write"}, Params: url.Values{"resource": {"https://api.example"}},
		}, []string{
			"grant_type=client_credentials&resource=https%3A%2F%2Fapi.example&scope=read+write",
			"grant_type=client_credentials&resource=https%3A%2F%2Fapi.example&scope=read+write",
		}, "a%3Ab p+w%25"},
		{"refresh token of a public client", client.OAuthConfig{ClientID: "app", RefreshToken: "r"}, []string{
			"client_id=app&grant_type=refresh_token&refresh_token=r", "client_id=app&grant_type=refresh_token&refresh_token=r%2B",
		}, ""},
		{"refresh token of a confidential client", client.OAuthConfig{ClientID: "app", ClientSecret: "s", RefreshToken: "r"}, []string{
			"grant_type=refresh_token&refresh_token=r", "grant_type=refresh_token&refresh_token=r%2B",
		}, "app s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var forms []string
			refresh, saved := "r", ""
			tt.config.URL = "https://idp.example/token"
			tt.config.Save = func(_ context.Context, s client.Secret) error { saved = s.Reveal(); return nil }
			tt.config.Base = inMemory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil || r.Method != "POST" || r.URL.RawQuery != "" {
					t.Errorf("%s %s: %v", r.Method, r.URL, err)
				}
				forms = append(forms, r.PostForm.Encode())
				if user, password, _ := r.BasicAuth(); strings.TrimSpace(user+" "+password) != tt.basic {
					t.Errorf("Basic: got %q %q, want %q", user, password, tt.basic)
				}
				body := `{"access_token":"a","token_type":"bearer","expires_in":60}`
				if r.PostForm.Get("grant_type") == "refresh_token" {
					refresh += "+"
					body = fmt.Sprintf(`{"access_token":"a","token_type":"bearer","expires_in":60,"refresh_token":%q}`, refresh)
				}
				fmt.Fprint(w, body)
			})}
			fetch, err := client.OAuth(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			for range tt.forms {
				if got, err := fetch(t.Context()); err != nil || got.Access.Reveal() != "a" || got.ExpiresAt.IsZero() {
					t.Errorf("got %+v, %v", got, err)
				}
			}
			if fmt.Sprint(forms) != fmt.Sprint(tt.forms) {
				t.Errorf("forms: got %q, want %q", forms, tt.forms)
			}
			if tt.config.RefreshToken != "" && saved != "r++" {
				t.Errorf("saved %q, want the newest", saved)
			}
		})
	}
}

// invalid_client is about who asks: the grant is not over, and may be tried again.
func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		asked  int // in two fetches
	}{{401, "invalid_client", 2}, {400, "invalid_grant", 1}, {400, "invalid_scope", 2}} {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			asked := 0
			fetch, err := client.OAuth(client.OAuthConfig{
				URL: "https://idp.example/token", ClientID: "app", RefreshToken: "r",
				Base: inMemory{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					asked++
					fail(w, tt.status, tt.code, "")
				})},
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := fetch(t.Context())
				if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != tt.code || e.Status != tt.status {
					t.Errorf("got %v, want %d %s", err, tt.status, tt.code)
				}
			}
			if asked != tt.asked {
				t.Errorf("asked %d times, want %d", asked, tt.asked)
			}
		})
	}
}
