package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/client"
)

// secure-defaults 16a
func TestSecretsArePrintedAsRedacted(t *testing.T) {
	t.Parallel()
	s := client.Secret("hunter2")
	source := client.New(client.Config{Fetch: mint(nil, 0)})
	for name, v := range map[string]any{
		"Secret": s, "*Secret": &s, "Token": client.Token{Access: s, Refresh: s}, "*Token": &client.Token{Access: s, Refresh: s},
		"LoginConfig":  client.LoginConfig{Password: s, RefreshToken: s},
		"OAuthConfig":  &client.OAuthConfig{ClientSecret: s, RefreshToken: s},
		"CookieConfig": client.CookieConfig{Password: s}, "Source": source,
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if got := out.String(); strings.Contains(got, "hunter2") || strings.Contains(got, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if s.Reveal() != "hunter2" || s.String() != "[redacted]" {
		t.Errorf("got %q, %q", s.Reveal(), s.String())
	}
}
