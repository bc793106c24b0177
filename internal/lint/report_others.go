package lint

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// github are workflow commands of GitHub Actions: annotations at the lines of a pull request.
func (r *Report) github(w io.Writer) {
	rules, at := rulesByID(), places{}
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", "##[", "## [") // the last one is a command's older form
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C", "##[", "## [")
	for i := range r.Findings {
		f := &r.Findings[i]
		command := map[Severity]string{Error: "error", Warning: "warning", Note: "notice"}[f.Severity]
		where := fmt.Sprintf("file=%s,line=%d,col=%d", property.Replace(r.below(f.Source.Name)), f.At.Line, f.At.Column)
		if end := at.end(f); end.Line == f.At.Line && end.Column > f.At.Column {
			where += fmt.Sprintf(",endLine=%d,endColumn=%d", end.Line, end.Column)
		}
		message := f.Message
		if f.Suggest != "" {
			message += " Instead: " + f.Suggest
		}
		fmt.Fprintf(w, "::%s %s,title=%s::%s\n", command, where, property.Replace("sandi "+f.Rule+" "+rules[f.Rule].Name), value.Replace(picture(message+" ")+link(f.Rule)))
	}
}

// markdown is a table, for a comment or a job's summary.
func (r *Report) markdown(w io.Writer) {
	rules := rulesByID()
	if len(r.Findings) > 0 {
		fmt.Fprint(w, "| Severity | Rule | Place | Finding | Instead |\n| --- | --- | --- | --- | --- |\n")
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		fmt.Fprintf(w, "| %s | [%s](%s) | %s:%d:%d | %s | %s |\n", f.Severity, f.Rule, link(f.Rule), plain(f.Source.Name), f.At.Line, f.At.Column,
			plain(f.Message), plain(orElse(shortened(f.Suggest, 200), rules[f.Rule].Fix)))
	}
	if len(r.Findings) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, plain(r.tally().String()))
}

// plain is a text that Markdown, and the HTML in it, does not read as marks. @ is none of theirs, and yet would call people.
func plain(s string) string {
	var b strings.Builder
	for _, c := range picture(s) {
		switch {
		case c == '&' || c == '<' || c == '>' || c == '@':
			fmt.Fprintf(&b, "&#%d;", c)
		case strings.ContainsRune("\\`*_{}[]()#+!|~$", c):
			b.WriteByte('\\')
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// The elements of JUnit's XML, as CI systems read it.
type (
	suites struct {
		XMLName  xml.Name `xml:"testsuites"`
		Name     string   `xml:"name,attr"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Skipped  int      `xml:"skipped,attr"`
		Suites   []suite  `xml:"testsuite"`
	}
	suite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		File    string   `xml:"file,attr,omitempty"`
		Line    int      `xml:"line,attr,omitempty"`
		Failure *outcry  `xml:"failure"`
		Skipped *skipped `xml:"skipped"`
	}
	outcry struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	skipped struct {
		Message string `xml:"message,attr"`
	}
)

// junit has a suite per file and a case per finding: those that fail the run are failures, the others are skipped, with their message. Without
// findings there is one case that passes, as no case at all is taken for a fault of the run.
func (r *Report) junit(w io.Writer) error {
	rules := rulesByID()
	all := suites{Name: "sandi lint"}
	for i := range r.Findings {
		f := &r.Findings[i]
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != picture(f.Source.Name) {
			all.Suites = append(all.Suites, suite{Name: picture(f.Source.Name)})
		}
		in := &all.Suites[len(all.Suites)-1]
		in.Cases = append(in.Cases, r.testCase(f, rules[f.Rule], in))
	}
	if len(all.Suites) == 0 {
		all.Suites = []suite{{Name: "sandi lint", Tests: 1, Cases: []testCase{{Class: "sandi lint", Name: r.tally().String()}}}}
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// testCase counts a finding in its suite.
func (r *Report) testCase(f *Finding, rule Rule, in *suite) testCase {
	name := picture(f.Source.Name)
	c := testCase{Class: name, Name: fmt.Sprintf("%s %s at %d:%d", f.Rule, rule.Name, f.At.Line, f.At.Column), File: name, Line: f.At.Line}
	message := f.Severity.String() + ": " + picture(f.Message)
	in.Tests++
	if r.FailOn == 0 || f.Severity < r.FailOn {
		in.Skipped++
		c.Skipped = &skipped{message}
		return c
	}
	in.Failures++
	c.Failure = &outcry{Message: message, Type: f.Rule, Text: fmt.Sprintf("%s:%d:%d\n%s\ninstead: %s\n%s\n", name, f.At.Line, f.At.Column, picture(f.Message), picture(orElse(f.Suggest, rule.Fix)), link(f.Rule))}
	return c
}
