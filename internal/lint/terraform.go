package lint

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// zitadel has a few settings in Terraform alone.
const zitadel Product = "zitadel"

// terraform reads one file. Values are followed within it: what another file, or whoever runs it, says is Dynamic.
type terraform struct {
	source   *Source
	lines    *lines
	comments tfComments
	values   tfScope
	// authentication is how clients prove themselves where a resource of its own says so, by the name of the client.
	authentication map[string]string
	policy         Policy
	policies       []Policy
	at             Span // the last one that was asked for
}

// terraformReaders are those of HCL: Cognito, Auth0, Okta, Zitadel.
func terraformReaders() []Reader {
	return []Reader{{Format: "terraform", Is: isTerraform, Read: readTerraform}}
}

// tfTypes are the resources that are read.
func tfTypes() []string {
	return []string{
		"aws_cognito_user_pool_client", "aws_cognito_managed_user_pool_client", "auth0_resource_server", "auth0_client", "auth0_tenant",
		"okta_auth_server_policy_rule", "okta_app_oauth", "zitadel_default_oidc_settings",
	}
}

// isTerraform goes by the name; standard input and names without an extension by a resource of ours.
func isTerraform(s *Source) bool {
	name := strings.ToLower(path.Base(s.Name))
	for _, end := range []string{".tf", ".tofu", ".tf.json", ".tofu.json"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	switch path.Ext(name) {
	case "", ".hcl":
		return bytes.Contains(s.Text, []byte("resource")) && tfMentioned(s.Text)
	}
	return false
}

// tfMentioned says whether one of our resources is named.
func tfMentioned(text []byte) bool {
	return slices.ContainsFunc(tfTypes(), func(kind string) bool { return bytes.Contains(text, []byte(`"`+kind+`"`)) })
}

// tfRead says whether a type of resource is looked at.
func tfRead(kind string) bool { return kind == tfCredentials || slices.Contains(tfTypes(), kind) }

// tfCredentials is the resource that says how a client of Auth0 proves itself. It says nothing else.
const tfCredentials = "auth0_client_credentials"

func readTerraform(s *Source) ([]Policy, error) {
	if !tfMentioned(s.Text) {
		return nil, nil
	}
	t := &terraform{source: s, lines: newLines(s.Text), values: tfScope{named: map[string]tfExpr{}}, authentication: map[string]string{}}
	read := t.native
	if first := bytes.TrimLeft(s.Text, " \t\r\n"); len(first) > 0 && first[0] == '{' {
		read = t.json
	}
	root, err := read()
	if err != nil {
		return nil, err
	}
	t.define(root)
	for _, r := range root.resources {
		t.resource(r)
	}
	return t.policies, nil
}

// tfFile is what is read of a file.
type tfFile struct {
	resources []tfResource
	defaults  map[string]tfExpr // var.name
	locals    map[string]tfExpr // local.name
}

// tfResource is a resource block.
type tfResource struct {
	kind, name string
	body       *tfSection
}

// native parses HCL's own syntax.
func (t *terraform) native() (*tfFile, error) {
	if err := t.bounded(); err != nil {
		return nil, err
	}
	file, diagnostics := hclsyntax.ParseConfig(t.source.Text, t.source.Name, hcl.InitialPos)
	for _, d := range diagnostics {
		if d.Severity == hcl.DiagError {
			at := 0
			if d.Subject != nil {
				at = d.Subject.Start.Byte
			}
			return nil, t.unreadable(at, "is not well-formed HCL: "+strings.ToLower(d.Summary))
		}
	}
	root := &tfFile{defaults: map[string]tfExpr{}, locals: map[string]tfExpr{}}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		switch {
		case b.Type == "resource" && len(b.Labels) == 2 && tfRead(b.Labels[0]):
			root.resources = append(root.resources, tfResource{kind: b.Labels[0], name: b.Labels[1], body: t.section(b)})
		case b.Type == "variable" && len(b.Labels) == 1 && b.Body.Attributes["default"] != nil:
			root.defaults[b.Labels[0]] = t.expr(b.Body.Attributes["default"].Expr)
		case b.Type == "locals":
			for name, a := range b.Body.Attributes {
				root.locals[name] = t.expr(a.Expr)
			}
		}
	}
	return root, nil
}

// define makes the names of a file known, and which client proves itself how.
func (t *terraform) define(f *tfFile) {
	for name, e := range f.defaults {
		t.values.named["var."+name] = e
	}
	for name, e := range f.locals {
		t.values.named["local."+name] = e
	}
	for _, r := range f.resources {
		if r.kind != tfCredentials {
			continue
		}
		client, _ := strings.CutPrefix(t.value(r.body, "client_id").ref, "auth0_client.")
		client, _, _ = strings.Cut(client, ".")
		if method := t.value(r.body, "authentication_method"); method.kind == tfText {
			t.authentication[client] = method.text
		}
	}
}

// resource reads one of ours.
func (t *terraform) resource(r tfResource) {
	read := map[string]func(*tfSection){
		"aws_cognito_user_pool_client":         t.cognito,
		"aws_cognito_managed_user_pool_client": t.cognito,
		"auth0_resource_server":                t.auth0API,
		"auth0_client":                         func(s *tfSection) { t.auth0Client(r.name, s) },
		"auth0_tenant":                         t.auth0Tenant,
		"okta_auth_server_policy_rule":         t.oktaRule,
		"okta_app_oauth":                       t.oktaApp,
		"zitadel_default_oidc_settings":        t.zitadel,
	}[r.kind]
	if read == nil {
		return
	}
	t.policy = Policy{Name: fmt.Sprintf("%.80s.%.80s", r.kind, r.name), Source: t.source, At: t.span(r.body.start, r.body.end)}
	read(r.body)
	t.policies = append(t.policies, t.policy)
}

func (t *terraform) unreadable(at int, problem string) error {
	return &Unreadable{At: t.lines.span(at, at), Problem: problem}
}

// span is that of the lines, counted from the last one that was asked for: in megabytes of JSON on one line that is not ASCII, counting each
// column from the beginning takes for ever.
func (t *terraform) span(start, end int) Span {
	between := t.source.Text[min(start, t.at.Start):max(start, t.at.Start)]
	if t.lines.plain || t.at.Line == 0 || breaks(between) > 0 {
		t.at = t.lines.span(start, end)
		return t.at
	}
	n := utf8.RuneCount(between)
	if start < t.at.Start {
		n = -n
	}
	t.at = Span{Start: start, End: end, Line: t.at.Line, Column: t.at.Column + n}
	return t.at
}

// line is the one that holds a place.
func (t *terraform) line(at int) int { return sort.SearchInts(t.lines.starts, at+1) }
