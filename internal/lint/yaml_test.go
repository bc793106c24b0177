package lint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sandi-auth/sandi/internal/lint"
)

// access reads one text's first access token lifetime.
func access(t *testing.T, format, file, text string) lint.Lifetime {
	t.Helper()
	policies, err := reader(t, format).Read(&lint.Source{Name: file, Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range policies {
		if l, ok := policies[i].Lifetime(lint.Access); ok {
			return l
		}
	}
	t.Fatal("no lifetime of an access token")
	return lint.Lifetime{}
}

// A value is found to the byte whatever stands around it, and written back in its own quotes and unit.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format, file, text, raw, write string
		line, column                   int
		value                          time.Duration
		comment                        string
	}{
		"JSON":            {"keycloak", "r.json", "{\"realm\": \"é☃\", \"accessTokenLifespan\" :\t7200}", "7200", "1800", 1, 41, 2 * time.Hour, ""},
		"JSON text":       {"keycloak", "r.json", "{\"realm\": \"a\",\r\n\"accessTokenLifespan\": \"7200\"}", `"7200"`, `"1800"`, 2, 24, 2 * time.Hour, ""},
		"JSON exponent":   {"keycloak", "r.json", `{"realm": "a", "accessTokenLifespan": 7.2e3}`, "7.2e3", "1800", 1, 39, 2 * time.Hour, ""},
		"last of two":     {"keycloak", "r.json", `{"realm": "a", "accessTokenLifespan": 1, "accessTokenLifespan": 7200}`, "7200", "1800", 1, 65, 2 * time.Hour, ""},
		"list of realms":  {"keycloak", "r.json", `[{"realm": "a", "accessTokenLifespan": 7200}]`, "7200", "1800", 1, 40, 2 * time.Hour, ""},
		"plain":           {"hydra", "h.yaml", "# é\nttl:\n  access_token: 2h # two hours", "2h", "30m", 3, 17, 2 * time.Hour, "two hours"},
		"single quotes":   {"hydra", "h.yaml", "ttl: { 'access_token': '2h' }", "'2h'", "'30m'", 1, 24, 2 * time.Hour, ""},
		"behind letters":  {"hydra", "h.yaml", "ttl: {é☃𝄞: \"\\u00e9é\", access_token: \"2h\"}", `"2h"`, `"30m"`, 1, 37, 2 * time.Hour, ""},
		"carriage return": {"hydra", "h.yaml", "x: |\r\n  é\r\nttl:\r\n  access_token: 2h\r\n", "2h", "30m", 4, 17, 2 * time.Hour, ""},
		"second document": {"hydra", "h.yaml", "%YAML 1.2\n---\na: b\n...\n---\nttl:\n  access_token: 2h\n", "2h", "30m", 7, 17, 2 * time.Hour, ""},
		"tag":             {"hydra", "h.yaml", "ttl:\n  access_token: !!str 2h\n", "2h", "30m", 2, 23, 2 * time.Hour, ""},
		"anchor":          {"hydra", "h.yaml", "ttl:\n  access_token: &a 2h\n  id_token: *a", "2h", "30m", 2, 20, 2 * time.Hour, ""},
		"alias":           {"hydra", "h.yaml", "a: &a 2h\nttl:\n  access_token: *a", "*a", "", 3, 17, 2 * time.Hour, ""},
		"merged":          {"hydra", "h.yaml", "a: &a\n  access_token: 2h\nttl:\n  <<: *a\n  id_token: 1h", "2h", "", 2, 17, 2 * time.Hour, ""},
		"merged over":     {"hydra", "h.yaml", "a: &a\n  access_token: 9h\nttl:\n  access_token: 2h\n  <<: *a", "2h", "30m", 4, 17, 2 * time.Hour, ""},
		"comment before":  {"hydra", "h.yaml", "ttl:\n  # id_token: 1h\n  # two\n  # hours\n  access_token: 2h", "2h", "30m", 5, 17, 2 * time.Hour, "two hours"},
		"TOML":            {"supabase", "c.toml", "[auth]\nsite_url = \"é\"\njwt_expiry = 7_200 # two hours\n", "7_200", "1800", 3, 14, 2 * time.Hour, "two hours"},
		"inline TOML":     {"supabase", "c.toml", "auth = { site_url = 'é', jwt_expiry = 7200 }", "7200", "1800", 1, 39, 2 * time.Hour, ""},
		"units":           {"cloudformation", "t.yaml", "Resources:\n  A:\n    Type: AWS::Cognito::UserPoolClient\n    Properties:\n      TokenValidityUnits: {AccessToken: seconds}\n      AccessTokenValidity: 7200", "7200", "1800", 6, 28, 2 * time.Hour, ""},
		"default unit":    {"cloudformation", "t.json", `{"Resources": {"A": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"AccessTokenValidity": 2}}}}`, "2", "", 1, 100, 2 * time.Hour, ""},
		"Sandi":           {"sandi", "sandi.yaml", "token:\n  access: 1h60m\n", "1h60m", "30m", 2, 11, 2 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := access(t, c.format, c.file, c.text)
			if l.Raw != c.raw || l.At.Line != c.line || l.At.Column != c.column || l.Value != c.value || l.Comment != c.comment || l.State != lint.Literal {
				t.Errorf("got %q at %d:%d, %v, comment %q, state %d %s", l.Raw, l.At.Line, l.At.Column, l.Value, l.Comment, l.State, l.Problem)
			}
			if got := c.text[l.At.Start:l.At.End]; got != c.raw {
				t.Errorf("the span is of %q", got)
			}
			write := ""
			if l.Write != nil {
				write = l.Write(30 * time.Minute)
			}
			if write != c.write {
				t.Errorf("writes %q, want %q", write, c.write)
			}
		})
	}
}

// What cannot be known says where it comes from, with what holds meanwhile.
func TestReferences(t *testing.T) {
	t.Parallel()
	cfn := func(value string) string {
		return "Parameters:\n  Life:\n    Type: Number\n    Default: 2\nResources:\n  A:\n    Type: AWS::Cognito::UserPoolClient\n    Properties:\n      AccessTokenValidity: " + value
	}
	for name, c := range map[string]struct {
		format, file, text, ref string
		fallback                time.Duration
	}{
		"Ref":               {"cloudformation", "t.yaml", cfn("!Ref Life"), "parameter Life", 2 * time.Hour},
		"long Ref":          {"cloudformation", "t.yaml", cfn("{Ref: Life}"), "parameter Life", 2 * time.Hour},
		"other Ref":         {"cloudformation", "t.yaml", cfn("!Ref Other"), "parameter Other", 0},
		"Sub":               {"cloudformation", "t.yaml", cfn("!Sub '${Life}'"), "!Sub", 0},
		"If":                {"cloudformation", "t.yaml", cfn("!If [Prod, 1, 2]"), "!If", 0},
		"long If":           {"cloudformation", "t.yaml", cfn("{'Fn::If': [Prod, 1, 2]}"), "Fn::If", 0},
		"FindInMap in JSON": {"cloudformation", "t.json", `{"Resources": {"A": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"AccessTokenValidity": {"Fn::FindInMap": ["a", "b", "c"]}}}}}`, "Fn::FindInMap", 0},
		"Keycloak":          {"keycloak", "r.json", `{"realm": "a", "accessTokenLifespan": "${LIFE:7200}"}`, "LIFE", 2 * time.Hour},
		"Hydra":             {"hydra", "h.yaml", "ttl:\n  access_token: ${LIFE:-2h}", "LIFE", 2 * time.Hour},
		"Helm":              {"hydra", "h.yaml", "ttl:\n  access_token: '{{ .Values.life }}'", "{{ .Values.life }}", 0},
		"Supabase":          {"supabase", "c.toml", "[auth]\njwt_expiry = \"env(LIFE)\"", "env(LIFE)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := access(t, c.format, c.file, c.text)
			if l.State != lint.Dynamic || l.Ref != c.ref || l.HasFallback != (c.fallback > 0) || l.Value != c.fallback || l.Write != nil {
				t.Errorf("got state %d of %q, %v %v", l.State, l.Ref, l.HasFallback, l.Value)
			}
		})
	}
}

// A product's own 0, -1 and defaults.
func TestInherited(t *testing.T) {
	t.Parallel()
	text := `{"realm": "a", "ssoSessionIdleTimeout": 900, "clientSessionIdleTimeout": 0, "ssoSessionMaxLifespan": 7200, "clientSessionMaxLifespan": 3600,
		"clients": [{"clientId": "b", "attributes": {"access.token.lifespan": "-1"}}, {"clientId": "c", "protocol": "saml"}]}`
	policies, err := reader(t, "keycloak").Read(&lint.Source{Name: "r.json", Text: []byte(text)})
	if err != nil || len(policies) != 2 {
		t.Fatalf("got %d policies, %v", len(policies), err)
	}
	for kind, want := range map[lint.Kind]string{
		lint.RefreshIdle: "ssoSessionIdleTimeout 15m0s", lint.Refresh: "clientSessionMaxLifespan 1h0m0s", lint.SessionMax: "ssoSessionMaxLifespan 2h0m0s", lint.Code: "accessCodeLifespan 1m0s",
	} {
		if l, _ := policies[0].Lifetime(kind); l.Key+" "+l.Value.String() != want {
			t.Errorf("%s: got %s %v, want %s", kind, l.Key, l.Value, want)
		}
	}
	if l, _ := policies[1].Lifetime(lint.Access); l.Value != 2*time.Hour {
		t.Errorf("-1 is %v, not as long as the session", l.Value)
	}
	if !strings.HasPrefix(policies[1].Name, "client b") {
		t.Errorf("got %s", policies[1].Name)
	}
}

// The examples of the guides are fixtures: the bad one gives what its guide says, the hardened one passes.
func TestGuides(t *testing.T) {
	t.Parallel()
	for guide, fixtures := range map[string][]string{
		"keycloak": {"keycloak/guide-before", "keycloak/hardened-realm"},
		"hydra":    {"hydra/guide-before", "hydra/hardened-hydra"},
		"supabase": {"supabase/guide-before", "supabase/hardened-config"},
		"cognito":  {"cloudformation/guide-before", "cloudformation/hardened-client"},
	} {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", "lint", guide+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, fixture := range fixtures {
			archive, err := txtar.ParseFile(filepath.Join("testdata", filepath.FromSlash(fixture)+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(page), "\n"+string(archive.Files[0].Data)+"```\n") {
				t.Errorf("docs/lint/%s.md does not show %s", guide, fixture)
			}
			for line := range strings.Lines(string(archive.Files[1].Data)) {
				if rule := line[strings.LastIndexByte(line, ' ')+1:]; !strings.Contains(string(page), strings.TrimSpace(rule)) {
					t.Errorf("docs/lint/%s.md does not speak of %s", guide, rule)
				}
			}
		}
	}
}
