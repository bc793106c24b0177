package config_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/config"
)

const oneClient = `
oauth:
  scopes: [{name: invoices.read, description: Read your invoices}]
  resources: [{id: "https://api.example.com", scopes: [invoices.read], access: 5m}]
  clients:
    - id: portal
      auth: none
      redirect_uris: ["https://app.example.com/callback"]
      scopes: [openid, invoices.read]
      resources: ["https://api.example.com"]
    - id: legacy
      secret_file: legacy.secret
      profile: flask
      grants: [password, refresh_token]
      insecure_password_grant: true
`

func TestClientsOfTheFile(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, oneClient), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	want := []config.Client{
		{
			ID: "portal", Auth: "none", Grants: []string{"authorization_code", "refresh_token"}, RedirectURIs: []string{"https://app.example.com/callback"},
			Scopes: []string{"openid", "invoices.read"}, Resources: []string{"https://api.example.com"},
		},
		{
			ID: "legacy", Auth: "client_secret_basic", SecretFile: "legacy.secret", Profile: "flask", Grants: []string{"password", "refresh_token"},
			Access: 15 * time.Minute, Idle: 30 * day, Absolute: 30 * day, InsecurePasswordGrant: true, InsecureNoRotation: true,
		},
	}
	if diff := cmp.Diff(want, c.OAuth.Clients); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	if got, want := c.Insecure(), []string{"oauth.clients[1].insecure_password_grant (legacy)", "oauth.clients[1].insecure_no_rotation (legacy)"}; !cmp.Equal(got, want) {
		t.Errorf("Insecure() = %q, want %q", got, want)
	}
	if c.OAuth.MaxAccess != time.Hour || c.OAuth.MaxIdle != 30*day || c.OAuth.MaxAbsolute != 90*day || c.LongestAccess() != 15*time.Minute {
		t.Errorf("ceilings %v, %v, %v, longest %v", c.OAuth.MaxAccess, c.OAuth.MaxIdle, c.OAuth.MaxAbsolute, c.LongestAccess())
	}
	if text := c.String(); !strings.Contains(text, `"id":"portal"`) || !strings.Contains(text, `"access":"5m"`) {
		t.Errorf("as JSON: %s", text)
	}
}

func TestPrintedClientsAreReadBack(t *testing.T) {
	t.Parallel()
	first, err := config.Read(write(t, oneClient), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := first.Print(&b); err != nil {
		t.Fatal(err)
	}
	second, err := config.Read(write(t, b.String()), nil, nil)
	if err != nil {
		t.Fatalf("%v\nof:\n%s", err, b.String())
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("printed and read back (-first +second):\n%s", diff)
	}
}

// A Judge's faults are told with the rest, each once and with its place: the setting's, or where its section begins.
func TestJudges(t *testing.T) {
	t.Parallel()
	judge := func(c config.Config) []config.Fault {
		if len(c.OAuth.Clients) != 2 || c.OAuth.Clients[1].Auth != "client_secret_basic" {
			t.Errorf("judged %+v, want them resolved", c.OAuth.Clients)
		}
		return []config.Fault{
			{Path: "oauth.clients[0].redirect_uris", Message: "is wrong", Hint: "change it"},
			{Path: "oauth.clients[0].redirect_uris", Message: "is wrong again"},
			{Path: "oauth.clients[1].jwks_file", Message: "is missing"},
		}
	}
	path := write(t, oneClient)
	_, err := config.Read(path, nil, nil, judge)
	want := path + ":8:22: oauth.clients[0].redirect_uris: is wrong | change it\n" + path + ":11:7: oauth.clients[1].jwks_file: is missing\n"
	if got := faults(t, err); got != want {
		t.Errorf("faults:\n%swant:\n%s", got, want)
	}
}

func TestValidateOAuth(t *testing.T) {
	t.Parallel()
	client := func(s string) string { return "oauth: {clients: [{id: a, " + s + "}]}" }
	for _, tt := range []struct{ name, yaml, want string }{
		{"nothing", "oauth:\n", ""},
		{"empty lists", "oauth: {clients: [], scopes: , resources: []}", ""},
		{"public", client("auth: none"), ""},
		{"no secret", client("name: A"), "required by auth client_secret_basic"},
		{"hash", client("secret_sha256: ['" + strings.Repeat("ab", 32) + "']"), ""},
		{"hash in capitals", client("secret_sha256: ['" + strings.Repeat("AB", 32) + "']"), "64 hexadecimal digits"},
		{"both", client("secret_file: s, secret_sha256: ['" + strings.Repeat("ab", 32) + "']"), "beside secret_file"},
		{"secret of a public one", client("auth: none, secret_file: s"), "has no secret"},
		{"unknown method", client("auth: basic"), "is not known"},
		{"unknown profile", client("auth: none, profile: fast"), "is not known"},
		{"empty lifetime", client("auth: none, access: ''"), "is not a duration"},
		{"certificates without TLS", client("auth: tls_client_auth, tls_name: a.example"), "asks for none"},
		{"secret itself", client("auth: none, client_secret: hunter2"), "unknown key"},
		{"two", "oauth: {clients: [{id: a, auth: none}, {id: a, auth: none}]}", "listed twice"},
		{"a word for a client", "oauth: {clients: [portal]}", "must be a mapping"},
		{"clients as a mapping", "oauth: {clients: {portal: {}}}", "must be a list of sections"},
		{"no name", "oauth: {scopes: [{description: x}]}", "is not a scope"},
		{"resource twice", "oauth: {resources: [{id: 'https://a.example'}, {id: 'https://a.example'}]}", "listed twice"},
		{"scope of a resource", "oauth: {resources: [{id: 'https://a.example', scopes: [b]}]}", "add it to oauth.scopes"},
		{"resource above the ceiling", "oauth: {resources: [{id: 'https://a.example', access: 2h}]}", "more than oauth.max_access (1h)"},
		{"ceilings", "oauth: {max_idle: 2d, max_absolute: 1d}", "more than oauth.max_absolute"},
		{"browser", "oauth: {browser_idle: 15d}", "more than oauth.browser_absolute"},
		{"long access", "oauth: {max_access: 61m}", "token.insecure_long_access_tokens"},
		{"long access, allowed", "oauth: {max_access: 2h}\ntoken: {insecure_long_access_tokens: true}", ""},
		{"in the environment's place", "clients: []", `did you mean "oauth.clients"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(write(t, tt.yaml), nil, nil)
			got := faults(t, err)
			if tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("faults of %q:\n%swant %q", tt.yaml, got, tt.want)
			}
			if n := strings.Count(got, "\n"); n > 1 {
				t.Errorf("%d faults for one mistake:\n%s", n, got)
			}
		})
	}
	_, err := config.Load("", []string{"SANDI_OAUTH_CLIENTS=a"}, nil)
	if got := faults(t, err); !strings.Contains(got, "unknown environment variable") {
		t.Errorf("a list of sections in the environment: %q", got)
	}
}
