package lint_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

// What cannot be parsed in bounded time, memory and stack is *Unreadable, with its place.
func TestTerraformUnreadable(t *testing.T) {
	t.Parallel()
	const many = 20_000
	fill := strings.Repeat
	for name, c := range map[string]struct{ text, problem string }{
		"parentheses":       {oktaRule(fill("(", many)), "deeper"},
		"lists":             {oktaRule(fill("[", many)), "deeper"},
		"objects":           {oktaRule(fill("{a=", many)), "deeper"},
		"calls":             {oktaRule(fill("f(", many)), "deeper"},
		"indexes":           {oktaRule(fill("a[", many)), "deeper"},
		"blocks":            {oktaRule("1\n" + fill("a {\n", many)), "deeper"},
		"minus":             {oktaRule(fill("-", many) + "1"), "deeper"},
		"not":               {oktaRule(fill("!", many) + "true"), "deeper"},
		"not, spread":       {oktaRule("(" + fill("!\n", many) + "true)"), "deeper"},
		"conditions":        {oktaRule(fill("a?b:", many) + "1"), "deeper"},
		"conditions inside": {oktaRule(fill("a?", many/2) + "1" + fill(":1", many/2)), "deeper"},
		"splats":            {oktaRule("a" + fill("[*]", many)), "deeper"},
		"templates":         {oktaRule(fill(`"${`, many)), "deeper"},
		"directives":        {oktaRule(`"` + fill("%{if a}", many) + `"`), "deeper"},
		"directives, for":   {oktaRule("<<E\n" + fill("%{~ for x in y ~}", many/2) + "\nE"), "deeper"},
		"lines of a text":   {oktaRule("<<E\n" + fill("x y\n", many) + "E"), "lines"},
		"tokens":            {oktaRule("1") + fill("a\n", 300_000), "tokens"},
		"not closed":        {oktaRule("(1"), "HCL"},
		"no heredoc's end":  {oktaRule("<<EOT\n1"), "HCL"},
		"invalid UTF-8":     {oktaRule("\"\xff\""), "HCL"},
		"NUL":               {oktaRule("\x00"), "HCL"},
		"twice":             {oktaRule("1\n  access_token_lifetime_minutes = 2"), "HCL"},
		"JSON":              {`{"resource": {"okta_auth_server_policy_rule": `, "JSON"},
		"deep JSON":         {`{"okta_auth_server_policy_rule": ` + fill(`[`, many), "deeper"},
	} {
		policies, err := terraformReader(t).Read(&lint.Source{Name: "x.tf", Text: []byte(c.text)})
		u := (*lint.Unreadable)(nil)
		if !errors.As(err, &u) || !strings.Contains(u.Problem, c.problem) || u.At.Line < 1 || u.At.Column < 1 || policies != nil {
			t.Errorf("%s: %v (%d policies), want *Unreadable with %q", name, err, len(policies), c.problem)
		}
	}
}

// Texts within the limits are read in time, however they are made.
func TestTerraformHostile(t *testing.T) {
	t.Parallel()
	fill := strings.Repeat
	for name, text := range map[string]string{
		"sum":           oktaRule(fill("1 + ", 5_000) + "1"),
		"difference":    oktaRule(fill("1 - ", 5_000) + "1"),
		"traversal":     oktaRule("a" + fill(".b", 5_000)),
		"long list":     `resource "okta_app_oauth" "x" { grant_types = [` + fill(`"implicit",`, 5_000) + "]}",
		"long text":     oktaRule(`"` + fill("1", 1<<20) + `"`),
		"heredoc":       oktaRule("<<E\n" + fill("x y\n", 5_000) + "E"),
		"number":        oktaRule(fill("9", 2_500)),
		"comments":      fill("# 10 days\n", 5_000) + oktaRule("30"),
		"one line":      oktaRule("30 " + fill("/* é */", 2_500)),
		"many":          fill(oktaRule("90 # 5 minutes"), 500),
		"unknown":       strings.TrimSuffix(oktaRule("90"), "}\n") + manyNames(2_500) + "}\n",
		"blocks":        strings.TrimSuffix(oktaRule("90"), "}\n") + fill("refresh_tokn {}\n", 2_500) + "}\n",
		"nothing known": fill("\r", 25_000) + oktaRule("30"),
		"JSON":          `{"resource": {"okta_auth_server_policy_rule": {` + strings.TrimSuffix(fill(`"é": {"access_token_lifetime_minutes": 90},`, 5_000), ",") + "}}}",
		"JSON list":     `{"resource": {"okta_app_oauth": {"x": {"grant_types": [` + strings.TrimSuffix(fill(`"implicit",`, 5_000), ",") + "]}}}}",
	} {
		begin := time.Now()
		policies, err := terraformReader(t).Read(&lint.Source{Name: "x.tf", Text: []byte(text)})
		if err != nil && name != "nothing known" || err == nil && len(policies) == 0 {
			t.Errorf("%s: %d policies, %v", name, len(policies), err)
		}
		t.Logf("%s: %d policies in %v", name, len(policies), time.Since(begin).Round(time.Millisecond))
	}
}

// manyNames are different arguments.
func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("access_token_lifetime_minute_" + string(rune('a'+i%26)) + strings.Repeat("x", i/26%50) + string(rune('a'+i/1300%26)) + string(rune('a'+i/33800%26)) + " = 1\n")
	}
	return b.String()
}

// Whatever the text is, nothing panics, every span is of the text that it says, and a fix is read as what was written.
func FuzzTerraform(f *testing.F) {
	for _, seed := range []string{
		oktaRule("60 * 24 # 1 day"),
		"locals {\n  a = \"${var.x}\"\n}\nvariable \"x\" {\n  default = \"30\"\n}\n" + oktaRule("local.a"),
		"resource \"aws_cognito_user_pool_client\" \"é\" {\n  access_token_validity = \"2\" /* 1 h */\n  token_validity_units {\n    access_token = \"minutes\"\n  }\n  refresh_token_rotation {\n    feature = \"DISABLED\"\n  }\n allowed_oauth_flows = [\"code\", \"implicit\"]\n}",
		"resource \"auth0_client\" \"x\" {\n  grant_types = [\"refresh_token\"]\n  dynamic \"refresh_token\" {\n    content {\n      token_lifetime = true ? 1 : 2\n      infinite_idle_token_lifetime = \"true\"\n    }\n  }\n}",
		"resource \"auth0_resource_server\" \"x\" {\n  token_lifetme = 1\n  signing_secret = <<-E\n    %{ if true }a%{ endif }\n  E\n}",
		`{"resource": {"zitadel_default_oidc_settings": [{"x": {"access_token_lifetime": "1h", "refresh_token_expiration": "${var.x}é"}}]}, "locals": {"a": [1, null, true]}}`,
		"resource \"okta_app_oauth\" \"x\" {\r\n  status = \"INACTIVE\"\r\n  pkce_required = !true\r\n  client_basic_secret = (\"x\")\r\n}\r\nresource \"auth0_tenant\" \"t\" {\n session_lifetime = 0.5\n ephemeral_session_lifetime = 1\n}",
	} {
		f.Add([]byte(seed))
	}
	r := terraformReader(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		s := &lint.Source{Name: "main.tf", Text: text}
		r.Is(s)
		policies, err := r.Read(s)
		if u := (*lint.Unreadable)(nil); err != nil && (!errors.As(err, &u) || u.At.Line < 1) {
			t.Fatalf("error without a place: %v", err)
		}
		for i, p := range policies {
			checkSpan(t, s, p.At, "")
			for _, fault := range p.Invalid {
				checkSpan(t, s, fault.At, fault.Raw)
			}
			for _, fact := range p.Facts {
				checkSpan(t, s, fact.At, fact.Raw)
			}
			for _, l := range p.Lifetimes {
				checkSpan(t, s, l.At, l.Raw)
				if l.Write != nil {
					checkTerraformWritten(t, s, i, l)
				}
			}
		}
	})
}

// checkTerraformWritten puts half an hour, or what comes nearest to it, in the place of a lifetime, and reads that again.
func checkTerraformWritten(t *testing.T, s *lint.Source, policy int, l lint.Lifetime) {
	t.Helper()
	written := l.Write(30 * time.Minute)
	if written == "" {
		return
	}
	fixed := &lint.Source{Name: s.Name, Text: []byte(string(s.Text[:l.At.Start]) + written + string(s.Text[l.At.End:]))}
	policies, err := terraformReader(t).Read(fixed)
	if err != nil || len(policies) <= policy {
		t.Fatalf("fixed %q: %v", fixed.Text, err)
	}
	for _, got := range policies[policy].Lifetimes {
		if got.At.Start == l.At.Start && got.Key == l.Key && got.Value != 30*time.Minute {
			t.Fatalf("fixed %q is read as %+v", fixed.Text, got)
		}
	}
}
