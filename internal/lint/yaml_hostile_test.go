package lint_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sandi-auth/sandi/internal/lint"
)

// reader is the one of a format.
func reader(t testing.TB, format string) lint.Reader {
	t.Helper()
	for _, r := range lint.Readers() {
		if r.Format == format {
			return r
		}
	}
	t.Fatalf("no reader of %s", format)
	return lint.Reader{}
}

// Text that would take a parser too long, too deep or too much is refused, at its place; none of it is a crash.
func TestHostileStructure(t *testing.T) {
	t.Parallel()
	nested := func(open string, n int) string { return strings.Repeat(open, n) }
	var steps strings.Builder
	for i := range 300 {
		fmt.Fprintf(&steps, "%sa:\n", strings.Repeat(" ", i))
	}
	for name, c := range map[string]struct{ format, file, text, problem string }{
		"deep JSON":            {"keycloak", "r.json", nested(`{"realm":`, 100_000), "nested deeper than 200"},
		"deep lists":           {"keycloak", "r.json", nested("[", 1_000_000), "nested deeper than 200"},
		"JSON that ends":       {"keycloak", "r.json", `{"realm": "a", "accessTokenLifespan":`, "not well-formed JSON"},
		"JSON with more":       {"keycloak", "r.json", `{"realm": "a"} {`, "more after its end"},
		"JSON with comments":   {"keycloak", "r.json", "{\n// no\n}", "not well-formed JSON"},
		"deep YAML":            {"hydra", "h.yaml", steps.String(), "nested deeper than 200"},
		"deep YAML in flow":    {"hydra", "h.yaml", "a: " + nested("[", 100_000), "nested deeper than 200"},
		"deep YAML lists":      {"hydra", "h.yaml", nested("- ", 10_000), "nested deeper than 200"},
		"many keys":            {"hydra", "h.yaml", strings.Repeat("ttl: a\n", 100_000), "too many keys"},
		"many documents":       {"hydra", "h.yaml", strings.Repeat("---\nttl: a\n", 50_000), "too many keys"},
		"large YAML":           {"hydra", "h.yaml", "ttl: " + strings.Repeat("a", 3<<20), "more than 2 MB"},
		"many words":           {"hydra", "h.yaml", "ttl: [" + strings.Repeat("1,", 300_000) + "1]", "words"},
		"many question marks":  {"hydra", "h.yaml", strings.Repeat("? ", 30_000), ""},
		"many tags":            {"hydra", "h.yaml", strings.Repeat("!a ", 20_000) + "x", ""},
		"many merges":          {"hydra", "h.yaml", "a: &a {" + strings.Repeat("k: v, ", 2000) + "k: v}\nb:\n  <<: [" + strings.Repeat("*a, ", 500) + "*a]\n", "by <<"},
		"NUL":                  {"hydra", "h.yaml", "ttl:\n  access_token: \x00", "NUL"},
		"unknown alias":        {"hydra", "h.yaml", "ttl: *nowhere\nurls: {}", ""},
		"alias of itself":      {"hydra", "h.yaml", "ttl: &a\n  access_token: *a\nurls: {}", ""},
		"deep TOML":            {"supabase", "c.toml", "a = " + nested("[", 5000), ""},
		"deep inline TOML":     {"supabase", "c.toml", "[auth]\na = " + nested("{a=", 500) + "1" + nested("}", 500), "nested deeper than 200"},
		"deep dotted TOML":     {"supabase", "c.toml", strings.Repeat("a.", 1000) + "a = 1", "nested deeper than 200"},
		"many tables":          {"supabase", "c.toml", "[" + strings.Repeat("a.", 1000) + "a]", "too deep"},
		"TOML that ends":       {"supabase", "c.toml", "[auth]\njwt_expiry = ", "not well-formed TOML"},
		"no mapping":           {"cloudformation", "t.yaml", "- AWS::Cognito::UserPoolClient", ""},
		"nothing":              {"sandi", "sandi.yaml", "", ""},
		"resources of nothing": {"cloudformation", "t.json", `{"Resources": {"A": null, "B": {"Type": "AWS::Cognito::UserPoolClient"}, "C": []}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := reader(t, c.format).Read(&lint.Source{Name: c.file, Text: []byte(c.text)})
			if c.problem == "" {
				return
			}
			if u := (*lint.Unreadable)(nil); !errors.As(err, &u) || !strings.Contains(u.Problem, c.problem) || u.At.Line < 1 {
				t.Errorf("got %v, want an Unreadable that says %q", err, c.problem)
			}
		})
	}
}

// A billion laughs are read, and take no room: aliases share what they name.
func TestLaughs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [ha, ha]\n")
	for i := range 60 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i)
	}
	b.WriteString("ttl:\n  access_token: 2h\n  login_consent_request: *a60\n")
	policies, err := reader(t, "hydra").Read(&lint.Source{Name: "h.yaml", Text: []byte(b.String())})
	if err != nil || len(policies) != 1 {
		t.Fatalf("got %d policies, %v", len(policies), err)
	}
}

// Every reader's every span is of its text, and what is written in its place is read as what was meant.
func FuzzKeycloak(f *testing.F) { fuzz(f, "keycloak", "r.json", "r.yaml") }

func FuzzHydra(f *testing.F) { fuzz(f, "hydra", "h.json", "h.yaml") }

func FuzzSupabase(f *testing.F) { fuzz(f, "supabase", "config.toml") }

func FuzzCloudFormation(f *testing.F) { fuzz(f, "cloudformation", "t.json", "t.yaml") }

func FuzzSandi(f *testing.F) { fuzz(f, "sandi", "sandi.yaml") }

func FuzzEnvironment(f *testing.F) { fuzz(f, "environment", "c.json", "c.yaml") }

// fuzz begins with the files of the fixtures.
func fuzz(f *testing.F, format string, names ...string) {
	pattern := filepath.Join("testdata", format, "*.txtar")
	if format == "environment" {
		pattern = filepath.Join("testdata", "*", "*compose*.txtar")
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(txtar.Parse(b).Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		for _, name := range names {
			s := &lint.Source{Name: name, Text: text}
			r := reader(t, format)
			r.Is(s)
			policies, err := r.Read(s)
			if u := (*lint.Unreadable)(nil); err != nil && !errors.As(err, &u) {
				t.Fatalf("%T: %v", err, err)
			}
			for i := range policies {
				within(t, &policies[i], text)
			}
		}
	})
}

// within checks the spans of a policy.
func within(t *testing.T, p *lint.Policy, text []byte) {
	t.Helper()
	check := func(at lint.Span, raw string, unset bool) {
		if at.Start < 0 || at.End < at.Start || at.End > len(text) || at.Line < 1 || at.Column < 1 {
			t.Fatalf("%s: span %+v of %d bytes", p.Name, at, len(text))
		}
		if !unset && raw != "" && string(text[at.Start:at.End]) != raw {
			t.Fatalf("%s: %+v is %q, not %q", p.Name, at, text[at.Start:at.End], raw)
		}
	}
	check(p.At, "", true)
	for _, l := range p.Lifetimes {
		check(l.At, l.Raw, l.State == lint.Unset)
	}
	for _, f := range p.Facts {
		check(f.At, f.Raw, f.Unset)
	}
}
