package lint_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/lint"
)

// found is a finding at a text of a source.
func found(s *lint.Source, raw, rule string, severity lint.Severity) lint.Finding {
	at := strings.Index(string(s.Text), raw)
	before := string(s.Text[:at])
	begin := strings.LastIndexAny(before, "\r\n") + 1
	line := 1 + strings.Count(strings.ReplaceAll(before, "\r\n", "\n"), "\n")
	return lint.Finding{
		Rule: rule, Severity: severity, Policy: "p", Product: lint.Apigee, Source: s, Raw: raw, Message: "It is too long.",
		At:    lint.Span{Start: at, End: at + len(raw), Line: line, Column: utf8.RuneCountInString(before[begin:]) + 1},
		Value: 10 * 24 * time.Hour, Limit: time.Hour, Suggest: "1800000",
	}
}

func written(t *testing.T, r lint.Report, format string, all ...lint.Finding) string {
	t.Helper()
	r.Result = &lint.Result{Findings: all, Sources: 1, Policies: 1}
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The carets stand below what was found, whatever stands before it on the line.
func TestReportCarets(t *testing.T) {
	t.Parallel()
	const long = "0123456789"
	for name, c := range map[string]struct {
		text, raw, line, carets string
	}{
		"plain":         {"a\n  ttl: 864000 # x\n", "864000", "  ttl: 864000 # x", "       ^^^^^^"},
		"tab":           {"\tttl: 864000\n", "864000", "    ttl: 864000", "         ^^^^^^"},
		"tab in a line": {"ab\tttl: 1\n", "1", "ab  ttl: 1", "         ^"},
		"wide":          {"名前 = 864000\n", "864000", "名前 = 864000", "       ^^^^^^"},
		"combining":     {"e\u0301 = 864000\n", "864000", "e\u0301 = 864000", "    ^^^^^^"},
		"windows":       {"a\r\nttl: 1\r\n", "1", "ttl: 1", "     ^"},
		"control":       {"\x1b[31m = 1\x7f\u202e\n", " 1", "␛[31m = 1␡<U+202E>", "       ^^"},
		"several lines": {"f(\n  1,\n 2)\n", "1,\n 2", "  1,", "  ^^"},
		"invalid UTF-8": {"\xff = 1\n", "1", "\ufffd = 1", "    ^"},
		"cut":           {strings.Repeat(long, 20) + "X" + strings.Repeat(long, 20), "X", "…" + long + "X" + long + long + "…", strings.Repeat(" ", 11) + "^"},
		"cut, long run": {strings.Repeat("X", 500), strings.Repeat("X", 500), strings.Repeat("X", 31) + "…", strings.Repeat("^", 31)},
		"at the end":    {strings.Repeat(long, 1000) + "X", "X", "…" + long + "X", strings.Repeat(" ", 11) + "^"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &lint.Source{Name: "a.xml", Text: []byte(c.text)}
			lines := strings.Split(written(t, lint.Report{Width: 40}, "text", found(s, c.raw, "SND101", lint.Error)), "\n")
			_, line, _ := strings.Cut(lines[1], " | ")
			_, carets, _ := strings.Cut(lines[2], " | ")
			if line != c.line || carets != c.carets {
				t.Errorf("got\n%q\n%q, want\n%q\n%q", line, carets, c.line, c.carets)
			}
		})
	}
}

func TestReportText(t *testing.T) {
	t.Parallel()
	s := &lint.Source{Name: "::bad\x1b.xml", Text: []byte("secret: hunter2 ttl: 1\n"), Secrets: []lint.Span{{Start: 8, End: 15}}}
	f := found(s, "ttl", "SND101", lint.Warning)
	f.Fix = &lint.Edit{At: f.At, New: "x"}
	gone := lint.Finding{Rule: "SND205", Severity: lint.Note, Source: &lint.Source{Name: "b.xml"}, At: lint.Span{Line: 3, Column: 1, Start: 90, End: 99}, Message: "It is."}
	got := written(t, lint.Report{Settings: "../.sandi-lint.yaml"}, "text", f, gone)
	for _, want := range []string{
		"./::bad␛.xml:1:17: warning SND101 access-too-long\n  1 | secret: ******* ttl: 1\n", "\n  It is too long.\n  instead: 1800000 (--fix writes it)\n  " + lint.RulesURL + "#snd101\n",
		"\nb.xml:3:1: note SND205 refresh-never-used\n  It is.\n", "1 warning, 1 note in 1 file; --fix can mend 1, --diff shows how (settings: ../.sandi-lint.yaml)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter2") || strings.Contains(got, "\x1b") {
		t.Errorf("a secret or a control character is shown:\n%s", got)
	}
	if got := written(t, lint.Report{Color: true}, "text", f); !strings.Contains(got, "\x1b[1;33mwarning\x1b[0m SND101") {
		t.Errorf("no colour:\n%q", got)
	}
}

func TestReportUnknownFormat(t *testing.T) {
	t.Parallel()
	r := lint.Report{Result: &lint.Result{}}
	if err := r.Write(&bytes.Buffer{}, "html"); err == nil || !strings.Contains(err.Error(), `no format "html": the formats are text, json`) {
		t.Errorf("error %v", err)
	}
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	s := &lint.Source{Name: "a.xml", Text: []byte("é\nü <ExpiresIn>864000000</ExpiresIn>\n")}
	f := found(s, "864000000", "SND101", lint.Error)
	f.Fix = &lint.Edit{At: f.At, New: "1800000"}
	f.Raw = strings.Repeat("9", 300)
	var got struct {
		Version  int
		Profile  string
		Findings []map[string]any
		Unknown  []string
		Summary  map[string]int
	}
	if err := json.Unmarshal([]byte(written(t, lint.Report{Profile: "strict"}, "json", f)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || got.Profile != "strict" || got.Unknown == nil || got.Summary["errors"] != 1 || got.Summary["fixable"] != 1 {
		t.Errorf("got %+v", got)
	}
	one := got.Findings[0]
	for key, want := range map[string]any{
		"rule": "SND101", "name": "access-too-long", "severity": "error", "file": "a.xml", "line": 2., "column": 14., "end_line": 2., "end_column": 23.,
		"value_seconds": 864000., "limit_seconds": 3600., "help": lint.RulesURL + "#snd101", "raw": strings.Repeat("9", 199) + "…",
	} {
		if one[key] != want {
			t.Errorf("%s = %v, want %v", key, one[key], want)
		}
	}
	if fix, _ := one["fix"].(map[string]any); fix["text"] != "1800000" || fix["start"] != 17. || fix["end"] != 26. {
		t.Errorf("fix = %v", one["fix"])
	}
}

func TestReportGitHub(t *testing.T) {
	t.Parallel()
	s := &lint.Source{Name: "a,b:c%.xml", Text: []byte("ttl: 1\n")}
	f := found(s, "1", "SND101", lint.Note)
	f.Message, f.Suggest = "100 %\nof ##[error]it", "2"
	got := written(t, lint.Report{Root: "/repo", Folder: "/repo/sub"}, "github", f)
	want := "::notice file=sub/a%2Cb%3Ac%25.xml,line=1,col=6,endLine=1,endColumn=7,title=sandi SND101 access-too-long::100 %25␊of ## [error]it Instead: 2 " + lint.RulesURL + "#snd101\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReportMarkdown(t *testing.T) {
	t.Parallel()
	f := found(&lint.Source{Name: "a|b`<i>.xml", Text: []byte("1")}, "1", "SND101", lint.Error)
	f.Message = "@all [x](y) *z*\n| _"
	got := written(t, lint.Report{}, "markdown", f)
	if want := "| error | [SND101](" + lint.RulesURL + "#snd101) | a\\|b\\`&#60;i&#62;.xml:1:1 | &#64;all \\[x\\]\\(y\\) \\*z\\*␊\\| \\_ | 1800000 |\n\n1 error in 1 file\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
}

func TestReportJUnit(t *testing.T) {
	t.Parallel()
	s, other := &lint.Source{Name: "a\x00.xml", Text: []byte("ttl: 1 2\n")}, &lint.Source{Name: "b.xml", Text: []byte("3")}
	type count struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	for name, c := range map[string]struct {
		failOn lint.Severity
		found  []lint.Finding
		want   count
		suites int
	}{
		"nothing":  {lint.Error, nil, count{1, 0, 0}, 1},
		"error":    {lint.Error, []lint.Finding{found(s, "1", "SND101", lint.Error), found(s, "2", "SND111", lint.Note), found(other, "3", "SND101", lint.Warning)}, count{3, 1, 2}, 2},
		"warnings": {lint.Warning, []lint.Finding{found(s, "1", "SND101", lint.Error), found(other, "3", "SND101", lint.Warning)}, count{2, 2, 0}, 2},
		"never":    {0, []lint.Finding{found(s, "1", "SND101", lint.Error)}, count{1, 0, 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got struct {
				count
				Suites []struct{ count } `xml:"testsuite"`
			}
			if err := xml.Unmarshal([]byte(written(t, lint.Report{FailOn: c.failOn}, "junit", c.found...)), &got); err != nil {
				t.Fatal(err)
			}
			if got.count != c.want || len(got.Suites) != c.suites {
				t.Errorf("got %+v in %d suites, want %+v in %d", got.count, len(got.Suites), c.want, c.suites)
			}
		})
	}
}

func TestReportFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failOn, worst lint.Severity
		want          bool
	}{{0, lint.Error, false}, {lint.Error, lint.Warning, false}, {lint.Error, lint.Error, true}, {lint.Note, lint.Note, true}, {lint.Note, 0, false}} {
		r := lint.Report{Result: &lint.Result{}, FailOn: c.failOn}
		if c.worst > 0 {
			r.Findings = []lint.Finding{{Severity: c.worst}}
		}
		if r.Failed() != c.want {
			t.Errorf("fail on %s, found %s: %v", c.failOn, c.worst, r.Failed())
		}
	}
}

// sarif is what GitHub reads of a log.
type sarif struct {
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name, SemanticVersion, Version string
				Rules                          []struct {
					ID                                      string
					ShortDescription, FullDescription, Help struct{ Text string }
					Properties                              map[string]any
				}
			}
		}
		Results []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Message   struct{ Text string }
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
					Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
				}
			}
			PartialFingerprints map[string]string
			Fixes               []any
		}
	}
}

// What GitHub needs of SARIF: docs.github.com, "SARIF support for code scanning".
func TestReportSARIF(t *testing.T) {
	t.Parallel()
	s := &lint.Source{Name: "a b/ü%.xml", Text: []byte("x\nttl: 864000 864000\n")}
	f := found(s, "864000", "SND101", lint.Error)
	f.Fix = &lint.Edit{At: f.At, New: "1800"}
	second := f
	second.At.Start, second.At.End, second.At.Column = 14, 20, 13
	nowhere := lint.Finding{Rule: "SND901", Severity: lint.Error, Source: &lint.Source{Name: "../b.xml"}, Message: "It is unreadable."}
	var got sarif
	text := written(t, lint.Report{Version: "v1.2.3", Root: "/repo", Folder: "/repo/sub"}, "sarif", f, second, nowhere)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	if got.Version != "2.1.0" || len(got.Runs) != 1 || run.Tool.Driver.Name != "sandi" || run.Tool.Driver.SemanticVersion != "1.2.3" || len(run.Results) != 3 {
		t.Errorf("got %+v", got)
	}
	for _, r := range run.Tool.Driver.Rules {
		tags, _ := r.Properties["tags"].([]any)
		if _, ranked := r.Properties["security-severity"]; r.ShortDescription.Text == "" || r.FullDescription.Text == "" || r.Help.Text == "" || ranked && !slices.Contains(tags, any("security")) || len(tags) > 10 {
			t.Errorf("rule %s: %+v", r.ID, r)
		}
	}
	prints := map[string]bool{}
	for i, r := range run.Results {
		at := r.Locations[0].PhysicalLocation
		u, err := url.Parse(at.ArtifactLocation.URI)
		if err != nil || u.IsAbs() || strings.HasPrefix(u.Path, "/") || at.ArtifactLocation.URIBaseID != "%SRCROOT%" {
			t.Errorf("result %d: URI %q", i, at.ArtifactLocation.URI)
		}
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Message.Text == "" || r.Level != "error" || at.Region.StartLine < 1 || len(r.Locations) != 1 {
			t.Errorf("result %d: %+v", i, r)
		}
		prints[r.PartialFingerprints["primaryLocationLineHash"]] = true
	}
	if len(prints) != 3 {
		t.Errorf("fingerprints %v, want three", prints)
	}
	first := run.Results[0].Locations[0].PhysicalLocation
	if first.ArtifactLocation.URI != "sub/a%20b/%C3%BC%25.xml" || fmt.Sprint(first.Region) != "{2 6 2 12}" || len(run.Results[0].Fixes) != 1 {
		t.Errorf("first result at %+v", first)
	}
	if u := run.Results[2].Locations[0].PhysicalLocation.ArtifactLocation.URI; u != "b.xml" {
		t.Errorf("a file beside the working folder is %q", u)
	}
}

// A finding that moves down is the same for GitHub; another file's is not.
func TestReportSARIFStable(t *testing.T) {
	t.Parallel()
	print := func(name, text string) string {
		var got sarif
		if err := json.Unmarshal([]byte(written(t, lint.Report{}, "sarif", found(&lint.Source{Name: name, Text: []byte(text)}, "864000", "SND101", lint.Error))), &got); err != nil {
			t.Fatal(err)
		}
		return got.Runs[0].Results[0].PartialFingerprints["primaryLocationLineHash"]
	}
	first := print("a.yaml", "ttl: 864000\n")
	if moved := print("a.yaml", "# a comment\n\n  ttl: 864000\n"); moved != first {
		t.Errorf("fingerprint %s became %s", first, moved)
	}
	if other := print("b.yaml", "ttl: 864000\n"); other == first {
		t.Error("two files have one fingerprint")
	}
}

// Files outside of the checkout, standard input, and more than GitHub takes.
func TestReportSARIFEdges(t *testing.T) {
	t.Parallel()
	s := func(name string) lint.Finding {
		return lint.Finding{Rule: "SND101", Severity: lint.Note, Source: &lint.Source{Name: name, Text: []byte("1")}, Message: "m"}
	}
	many := slices.Repeat([]lint.Finding{s("/etc/a b")}, 25_000)
	worst := s("-")
	worst.Severity = lint.Error
	var got sarif
	if err := json.Unmarshal([]byte(written(t, lint.Report{Version: "(devel)", Root: "/repo", Folder: "/repo"}, "sarif", append(many, worst)...)), &got); err != nil {
		t.Fatal(err)
	}
	uri := func(i int) string { return got.Runs[0].Results[i].Locations[0].PhysicalLocation.ArtifactLocation.URI }
	if n := len(got.Runs[0].Results); n != 25_000 || uri(0) != "stdin" || uri(1) != "file:///etc/a%20b" || got.Runs[0].Tool.Driver.Version != "(devel)" {
		t.Errorf("%d results, first %q, then %q", n, uri(0), uri(1))
	}
}
