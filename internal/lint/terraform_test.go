package lint_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

func terraformReader(t testing.TB) lint.Reader {
	t.Helper()
	all := lint.Readers()
	i := slices.IndexFunc(all, func(r lint.Reader) bool { return r.Format == "terraform" })
	if i < 0 {
		t.Fatal("no reader of terraform")
	}
	return all[i]
}

// terraformed reads a text that is one policy.
func terraformed(t *testing.T, name, text string) lint.Policy {
	t.Helper()
	policies, err := terraformReader(t).Read(&lint.Source{Name: name, Text: []byte(text)})
	if err != nil || len(policies) != 1 {
		t.Fatalf("%d policies, %v: %s", len(policies), err, text)
	}
	return policies[0]
}

// oktaRule is a rule with an expression as the lifetime of the access token, in minutes.
func oktaRule(expression string) string {
	return `resource "okta_auth_server_policy_rule" "x" {` + "\n  access_token_lifetime_minutes = " + expression + "\n}\n"
}

// What can be known of an expression is known, and only what is written in its place can be rewritten there.
func TestTerraformValues(t *testing.T) {
	t.Parallel()
	for expression, c := range map[string]struct {
		state   lint.State
		minutes time.Duration
		ref     string
		fixed   bool
	}{
		`30`:                       {lint.Literal, 30, "", true},
		`"30"`:                     {lint.Literal, 30, "", true},
		`30.0`:                     {lint.Literal, 30, "", true},
		`3e1`:                      {lint.Literal, 30, "", true},
		`(60 - 10 * 3)`:            {lint.Literal, 30, "", true},
		`-(-90) / 3`:               {lint.Literal, 30, "", true},
		`150 % 60`:                 {lint.Literal, 30, "", true},
		`"${15 * 2}"`:              {lint.Literal, 30, "", true},
		`"3${0}"`:                  {lint.Literal, 30, "", true},
		"<<EOT\n30\nEOT":           {lint.Wrong, 0, "", false},
		`tonumber("30")`:           {lint.Literal, 30, "", false},
		`true ? 30 : 60`:           {lint.Literal, 30, "", false},
		`local.half`:               {lint.Literal, 30, "", false},
		`local.half * 2 - 30`:      {lint.Literal, 30, "", false},
		`var.half`:                 {lint.Dynamic, 30, "var.half", false},
		`var.long ? 60 : 30`:       {lint.Dynamic, 30, "var.long", false},
		`var.none`:                 {lint.Dynamic, 0, "var.none", false},
		`var.null`:                 {lint.Dynamic, 0, "var.null", false},
		`module.x.minutes`:         {lint.Dynamic, 0, "module.x.minutes", false},
		`each.value["ttl"]`:        {lint.Dynamic, 0, `each.value["ttl"]`, false},
		`max(30, 60)`:              {lint.Dynamic, 0, "max(30, 60)", false},
		`[for x in [1] : x][0]`:    {lint.Dynamic, 0, "[for x in [1] : x][0]", false},
		`local.loop`:               {lint.Dynamic, 0, "", false},
		`local.laughs`:             {lint.Dynamic, 0, "", false},
		`30 / 0`:                   {lint.Dynamic, 0, "30 / 0", false},
		`null`:                     {lint.Unset, 60, "", false},
		`local.null`:               {lint.Unset, 60, "", false},
		`-30`:                      {lint.Wrong, 0, "", false},
		`30.5`:                     {lint.Wrong, 0, "", false},
		`"30m"`:                    {lint.Wrong, 0, "", false},
		`"0x1e"`:                   {lint.Wrong, 0, "", false},
		`false`:                    {lint.Wrong, 0, "", false},
		`[30]`:                     {lint.Wrong, 0, "", false},
		`1e300`:                    {lint.Wrong, 0, "", false},
		`9223372036854775807`:      {lint.Wrong, 0, "", false},
		`1e999999999`:              {lint.Dynamic, 0, "1e999999999", false},
		`var.half /* 5 minutes */`: {lint.Dynamic, 30, "var.half", false},
		`30 # "quoted" { brackets`: {lint.Literal, 30, "", true},
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			text := oktaRule(expression) + `
variable "half" { default = 30 }
variable "long" { default = false }
variable "null" { default = null }
variable "none" {}
locals {
  half   = 60 / 2
  null   = null
  loop   = local.loop + 1
  a      = "1"
  b      = "${local.a}${local.a}${local.a}${local.a}"
  c      = "${local.b}${local.b}${local.b}${local.b}"
  d      = "${local.c}${local.c}${local.c}${local.c}"
  e      = "${local.d}${local.d}${local.d}${local.d}"
  laughs = "${local.e}${local.e}${local.e}${local.e}"
}
`
			p := terraformed(t, "x.tf", text)
			l, _ := p.Lifetime(lint.Access)
			if l.State != c.state || l.Value != c.minutes*time.Minute || c.ref != "" && l.Ref != c.ref || c.fixed != (l.State == lint.Literal && l.Write != nil) {
				t.Errorf("got %+v", l)
			}
			if l.State == lint.Dynamic && (l.Ref == "" || l.HasFallback != (l.Value > 0)) {
				t.Errorf("dynamic, and from where, or with what, is not said: %+v", l)
			}
			if l.State != lint.Unset && !strings.HasPrefix(expression, l.Raw) {
				t.Errorf("raw %q", l.Raw)
			}
		})
	}
}

// A fix is in the unit of the key, and none where that takes a fraction.
func TestTerraformWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		kind lint.Kind
		want string
	}{
		"minutes":        {oktaRule("1440"), lint.Access, "30"},
		"seconds":        {`resource "auth0_resource_server" "x" { token_lifetime = 86400 }`, lint.Access, "1800"},
		"hours":          {`resource "aws_cognito_user_pool_client" "x" { access_token_validity = 24 }`, lint.Access, ""},
		"units":          {"resource \"aws_cognito_user_pool_client\" \"x\" {\n access_token_validity = 24\n token_validity_units {\n access_token = \"minutes\"\n }\n}", lint.Access, "30"},
		"words":          {`resource "zitadel_default_oidc_settings" "x" { access_token_lifetime = "12h0m0s" }`, lint.Access, `"30m"`},
		"infinite":       {"resource \"auth0_client\" \"x\" {\n refresh_token {\n infinite_token_lifetime = true\n }\n}", lint.Refresh, "false"},
		"without expiry": {"resource \"auth0_client\" \"x\" {\n refresh_token {\n expiration_type = \"non-expiring\"\n }\n}", lint.Refresh, `"expiring"`},
		"JSON":           {`{"resource": {"okta_auth_server_policy_rule": {"x": {"access_token_lifetime_minutes": "${24 * 60}"}}}}`, lint.Access, "30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := terraformed(t, "x.tf", c.text)
			l, ok := p.Lifetime(c.kind)
			if !ok || l.Write == nil || l.Write(30*time.Minute) != c.want {
				t.Errorf("%+v", l)
			}
			if !strings.Contains(c.text, l.Raw) || c.text[l.At.Start:l.At.End] != l.Raw {
				t.Errorf("%q is not at %+v", l.Raw, l.At)
			}
		})
	}
}

// Clients are public or confidential by what says so.
func TestTerraformClients(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]lint.ClientType{
		`resource "aws_cognito_user_pool_client" "x" {}`:                                                                lint.PublicClient,
		`resource "aws_cognito_user_pool_client" "x" { generate_secret = true }`:                                        lint.ConfidentialClient,
		`resource "aws_cognito_user_pool_client" "x" { generate_secret = var.secret }`:                                  lint.ClientUnknown,
		`resource "auth0_client" "x" { app_type = "spa" }`:                                                              lint.PublicClient,
		`resource "auth0_client" "x" { app_type = "native" }`:                                                           lint.PublicClient,
		`resource "auth0_client" "x" { app_type = "regular_web" }`:                                                      lint.ConfidentialClient,
		`resource "auth0_client" "x" { token_endpoint_auth_method = "none" }`:                                           lint.PublicClient,
		`resource "auth0_client" "x" {}`:                                                                                lint.ClientUnknown,
		`resource "okta_app_oauth" "x" { type = "browser" }`:                                                            lint.PublicClient,
		`resource "okta_app_oauth" "x" { type = "web" }`:                                                                lint.ConfidentialClient,
		"resource \"okta_app_oauth\" \"x\" {\n type = \"web\"\n token_endpoint_auth_method = \"none\"\n}":               lint.PublicClient,
		"resource \"okta_app_oauth\" \"x\" {\n type = \"native\"\n token_endpoint_auth_method = \"private_key_jwt\"\n}": lint.ConfidentialClient,
		`resource "okta_app_oauth" "x" { token_endpoint_auth_method = var.method }`:                                     lint.ClientUnknown,
	} {
		if p := terraformed(t, "x.tf", text); p.Client != want {
			t.Errorf("%s is %v, want %v", text, p.Client, want)
		}
	}
}

// Files are Terraform's by name, and what has none by its resources; those without a resource of ours are not even parsed.
func TestTerraformIs(t *testing.T) {
	t.Parallel()
	r := terraformReader(t)
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"main.tf":        {"", true},
		"a/b/MAIN.TF":    {"", true},
		"main.tf.json":   {"{}", true},
		"main.tofu":      {"", true},
		"-":              {oktaRule("30"), true},
		"x.hcl":          {oktaRule("30"), true},
		"y.hcl":          {"resource", false},
		"README.md":      {oktaRule("30"), false},
		"package.json":   {"{}", false},
		"terraform.yaml": {"", false},
	} {
		if got := r.Is(&lint.Source{Name: name, Text: []byte(c.text)}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if policies, err := r.Read(&lint.Source{Name: "main.tf", Text: []byte(`resource "x" "y" { ]`)}); err != nil || len(policies) > 0 {
		t.Errorf("what is not ours: %d policies, %v", len(policies), err)
	}
}

// No secret is told, and its place is its text alone.
func TestTerraformSecret(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"resource \"auth0_resource_server\" \"x\" {\n  signing_secret = \"correct horse\"\n}\n",
		"resource \"auth0_resource_server\" \"x\" {\n  signing_secret = (\"correct horse\")\n}\n",
		"resource \"auth0_resource_server\" \"x\" {\n  signing_secret = <<EOT\ncorrect horse\nEOT\n}\n",
		`{"resource": {"auth0_resource_server": {"x": {"signing_secret": "correct horse"}}}}`,
	} {
		s := &lint.Source{Name: "x.tf", Text: []byte(text)}
		policies, err := terraformReader(t).Read(s)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := policies[0].Fact(lint.Secret)
		if !ok || strings.TrimSpace(f.Text) != "correct horse" {
			t.Errorf("%q: %+v", text, f)
		}
		if s.Secrets = []lint.Span{f.At}; strings.Contains(string(s.Shown()), "horse") {
			t.Errorf("told: %s", s.Shown())
		}
	}
}
