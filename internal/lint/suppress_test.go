package lint

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Suppressions count with a reason and until their day, on the line, right before it, or for a file.
func TestSuppress(t *testing.T) {
	t.Parallel()
	const because = `reason="old client"`
	for name, c := range map[string]struct {
		text string // findings SND101 and SND111 stand on the line with "HERE"
		name string
		want string // what stays
	}{
		"none":                 {"HERE", "a.xml", "SND101@1 SND111@1"},
		"same line, XML":       {"HERE <!-- sandi:ignore SND101 " + because + " -->", "a.xml", "SND111@1"},
		"line before":          {"<!-- sandi:ignore SND101 SND111 " + because + " -->\nHERE", "a.xml", ""},
		"commas":               {"# sandi:ignore SND101,SND111 " + because + "\nHERE", "a.yaml", ""},
		"two lines before":     {"# sandi:ignore SND101 " + because + "\n# sandi:ignore SND111 reason='b'\nHERE", "a.yaml", ""},
		"a line between":       {"# sandi:ignore SND101 " + because + "\n\nHERE", "a.yaml", "SND101@3 SND111@3"},
		"line after":           {"HERE\n# sandi:ignore SND101 " + because, "a.yaml", "SND101@1 SND111@1"},
		"until today":          {"// sandi:ignore SND101 SND111 " + because + " until=2026-06-01\nHERE", "a.js", ""},
		"until yesterday":      {"// sandi:ignore SND101 " + because + " until=2026-05-31\nHERE", "a.js", "SND903@1 SND101@2 SND111@2"},
		"no date":              {"// sandi:ignore SND101 " + because + " until=soon\nHERE", "a.js", "SND903@1 SND101@2 SND111@2"},
		"no reason":            {"HERE # sandi:ignore SND101", "a.py", "SND101@1 SND111@1 SND903@1"},
		"empty reason":         {`HERE # sandi:ignore SND101 reason=" "`, "a.py", "SND101@1 SND111@1 SND903@1"},
		"date before reason":   {"HERE /* sandi:ignore SND101 SND111 until=2027-01-01 " + because + " */", "a.js", ""},
		"date at the end, XML": {"<!-- sandi:ignore SND101 SND111 " + because + " until=2027-01-01-->\nHERE", "a.xml", ""},
		"in a block":           {"/*\n * sandi:ignore SND101 SND111 " + because + "\nHERE", "a.js", ""},
		"the whole file":       {"# sandi:ignore-file SND101 " + because + "\n\n\nHERE", "a.tf", "SND111@4"},
		"too far down":         {strings.Repeat("\n", 20) + "# sandi:ignore-file SND101 " + because + "\n\nHERE", "a.tf", "SND101@23 SND111@23"},
		"no comment":           {"sandi:ignore SND101 " + because + "\nHERE", "a.py", "SND101@2 SND111@2"},
		"JSON":                 {`"#": "sandi:ignore SND101 ` + because + `"` + "\nHERE", "a.json", "SND101@2 SND111@2"},
		"another rule":         {"# sandi:ignore SND102 " + because + "\nHERE", "a.py", "SND101@2 SND111@2"},
		"outside":              {"HERE", "batch/old/a.json", "SND111@1"},
		"outside, ended":       {"HERE", "ended/a.json", "SND101@1 SND111@1 SND903@1"},
		"outside mends inside": {"HERE # sandi:ignore SND101", "batch/a.py", "SND111@1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := newRun(Options{
				Now: func() time.Time { return time.Date(2026, 6, 1, 23, 0, 0, 0, time.UTC) },
				Ignores: []Ignore{
					{Path: "batch/**", Rule: "SND101", Reason: "moves in March"},
					{Path: "ended/*.json", Rule: "SND101", Reason: "moves in March", Until: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			s := &Source{Name: c.name, Text: []byte(c.text)}
			at := strings.Index(c.text, "HERE")
			here := newLines(s.Text).span(at, at+4)
			var out outcome
			r.suppress(&out, s, []Finding{{Rule: "SND101", Source: s, At: here}, {Rule: "SND111", Source: s, At: here}})
			var got []string
			for _, f := range ordered(out.findings) {
				got = append(got, fmt.Sprintf("%s@%d", f.Rule, f.At.Line))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("stay %v, want %v", got, c.want)
			}
			if len(out.suppressed)+len(out.findings) < 2 {
				t.Error("a finding got lost")
			}
		})
	}
}

// A path in the settings begins in their folder, wherever the program runs and however a source was named.
func TestIgnoresFromTheirFolder(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"apigee/*.txtar", "testdata/apigee/a.txtar", true},
		{"./apigee/**", filepath.ToSlash(here) + "/apigee/b/a.txtar", true},
		{"testdata/apigee/*.txtar", "testdata/apigee/a.txtar", false},
		{"**", "testdata/apigee/a.zip!apiproxy/a.xml", true},
		{"a.txtar", "testdata/apigee/a.txtar", true},
		{"../*.go", "run.go", true},
		{"*.go", "run.go", true},
		{"apigee/*", "-", false},
	} {
		r := run{Options: Options{Ignores: []Ignore{{Root: here, Path: c.glob, Rule: "SND101", Reason: "it goes"}}, Now: time.Now}}
		if _, got := r.ignored(Finding{Rule: "SND101", Source: &Source{Name: c.name}}); got != c.want {
			t.Errorf("%s of %s: %v", c.glob, c.name, got)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"*.xml", "a/b/c.xml", true},
		{"*.xml", "c.json", false},
		{"a/*.xml", "a/c.xml", true},
		{"a/*.xml", "a/b/c.xml", false},
		{"a/**", "a/b/c.xml", true},
		{"**/c.xml", "a/b/c.xml", true},
		{"**/c.xml", "c.xml", true},
		{"a/**/c.xml", "a/c.xml", true},
		{"./a/c.xml", "a/c.xml", true},
		{"a/**/d.xml", "a/b/c.xml", false},
		{"[", "a", false},
	} {
		if got := matches(c.glob, c.name); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.glob, c.name, got)
		}
	}
}

// Whatever a line holds, what comes of it names rules and counts only with a reason.
func FuzzComments(f *testing.F) {
	for _, seed := range []string{
		`<!-- sandi:ignore SND101 SND111 reason="a b" until=2027-01-01 -->`, "# sandi:ignore-file SND101,SND102 reason=x", "// sandi:ignore", `/* sandi:ignore reason="`,
		"10 days", "1 hour and 30 minutes", "an hour", "99999999999 years", "1.5.5 h",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
		s := suppressionIn([]byte(line), now)
		if s != nil && (s.at.Start < 0 || s.at.End > len(line) || s.at.Start >= s.at.End) {
			t.Errorf("%q stands at %+v", line, s.at)
		}
		if s != nil && s.problem == "" && !strings.Contains(line, "reason=") {
			t.Errorf("%q counts without a reason", line)
		}
		all, ok := stated(line)
		for _, d := range all {
			if d <= 0 {
				t.Errorf("%q states %d", line, d)
			}
		}
		if ok && len(all) == 0 {
			t.Errorf("%q states nothing", line)
		}
	})
}
