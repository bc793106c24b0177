package lint_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

// Rules are complete, unique and in order.
func TestRules(t *testing.T) {
	t.Parallel()
	rules := lint.Rules()
	if !slices.IsSortedFunc(rules, func(a, b lint.Rule) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("rules are not in the order of their ids")
	}
	names := map[string]bool{}
	for _, r := range rules {
		if !regexp.MustCompile(`^SND\d{3}$`).MatchString(r.ID) || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(r.Name) || names[r.ID] || names[r.Name] {
			t.Errorf("%s %s: id or name is not one of its own", r.ID, r.Name)
		}
		names[r.ID], names[r.Name] = true, true
		if r.Severity < lint.Note || r.Summary == "" || r.Why == "" || r.Fix == "" || len(r.Sources) == 0 || r.Bad == "" || r.Good == "" {
			t.Errorf("%s: something is missing", r.ID)
		}
		if inFiles := r.ID == "SND901" || r.ID == "SND903"; (r.Check != nil) == (r.CheckBundle != nil) && !inFiles {
			t.Errorf("%s: not one of Check and CheckBundle is set", r.ID)
		}
	}
	if len(rules) != 39 {
		t.Errorf("%d rules, want 39", len(rules))
	}
}

// docs/lint/rules.md says what the rules say.
func TestRulesDoc(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "lint", "rules.md")
	want := rulesDoc()
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Errorf("%s is out of date: run go test ./internal/lint -run TestRulesDoc -update", path)
	}
}

// rulesDoc is docs/lint/rules.md.
func rulesDoc() []byte {
	var b bytes.Buffer
	b.WriteString("# The rules of `sandi lint`\n\n" +
		"Written by `go test ./internal/lint -run TestRulesDoc -update` from the rules themselves; `sandi lint rules ID` prints the same.\n\n" +
		"What a severity says is the highest that a rule gives. A policy that is disabled counts one step less.\n\n## Profiles\n\n")
	profiles(&b)
	b.WriteString("\n## Rules\n\n| Rule | Name | Severity | Finds |\n| --- | --- | --- | --- |\n")
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Name, r.Severity, r.Summary)
	}
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "\n### %s\n\n**%s**, %s. %s\n\n%s\n\n**Fix.** %s\n\n**Sources.** %s.\n\nBad:\n\n%s\nGood:\n\n%s",
			r.ID, r.Name, r.Severity, r.Summary, r.Why, r.Fix, strings.Join(r.Sources, "; "), fenced(r.Bad), fenced(r.Good))
	}
	return b.Bytes()
}

func fenced(text string) string { return "```text\n" + text + "\n```\n" }

// profiles is a table of thresholds.
func profiles(b *bytes.Buffer) {
	var head, line strings.Builder
	var all []lint.Thresholds
	for _, name := range lint.Profiles() {
		t, _ := lint.Profile(name)
		all = append(all, t)
		head.WriteString(" | " + name)
		line.WriteString(" | ---")
	}
	fmt.Fprintf(b, "| Limit%s |\n| ---%s |\n", head.String(), line.String())
	for _, row := range []struct {
		name string
		of   func(t lint.Thresholds) string
	}{
		{"access token: note above, warning above, error from", func(t lint.Thresholds) string {
			return fmt.Sprintf("%s, %s, %s", lint.Words(t.AccessNote), lint.Words(t.AccessWarning), lint.Words(t.AccessError))
		}},
		{"refresh token: note, warning, error above", func(t lint.Thresholds) string {
			return fmt.Sprintf("%s, %s, %s", lint.Words(t.RefreshNote), lint.Words(t.RefreshWarning), lint.Words(t.RefreshError))
		}},
		{"authorization code: note, error above", func(t lint.Thresholds) string {
			return fmt.Sprintf("%s, %s", lint.Words(t.CodeNote), lint.Words(t.CodeError))
		}},
		{"reuse window: warning above", func(t lint.Thresholds) string { return lint.Words(t.ReuseWindow) }},
		{"revocation seen: note, warning above", func(t lint.Thresholds) string {
			return fmt.Sprintf("%s, %s", lint.Words(t.RevocationNote), lint.Words(t.RevocationWarning))
		}},
		{"session, unused session: error above", func(t lint.Thresholds) string {
			return fmt.Sprintf("%s, %s", orNone(t.SessionMax), orNone(t.SessionIdle))
		}},
	} {
		b.WriteString("| " + row.name)
		for _, t := range all {
			b.WriteString(" | " + row.of(t))
		}
		b.WriteString(" |\n")
	}
}

func orNone(d time.Duration) string {
	if d == 0 {
		return "not judged"
	}
	return lint.Words(d)
}
