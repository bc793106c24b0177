package lint

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// RulesURL is the page of all rules; a rule is its anchor there, in lower case.
const RulesURL = "https://github.com/sandi-auth/sandi/blob/main/docs/lint/rules.md"

// Report writes a Result for people and for programs.
type Report struct {
	*Result
	Version  string   // of the program
	Profile  string   // that was judged by
	Settings string   // the file of settings; "" for none
	FailOn   Severity // what fails a run; 0: nothing does
	Color    bool     // text: severities in colour
	Width    int      // text: columns of the terminal; 0: 100
	// Root is the absolute folder that SARIF and annotations of GitHub name files from, and Folder the working folder, both with slashes; "": names
	// stay as they are.
	Root, Folder string
}

// ReportFormats are the names of the formats.
func ReportFormats() []string {
	return []string{"text", "json", "sarif", "github", "junit", "markdown"}
}

// Write writes one of ReportFormats. An error is that of w, or an unknown format.
func (r *Report) Write(w io.Writer, format string) error {
	b := bufio.NewWriter(w)
	switch format {
	case "text":
		r.text(b)
	case "json":
		if err := indented(b, r.json()); err != nil {
			return err
		}
	case "sarif":
		if err := indented(b, r.sarif()); err != nil {
			return err
		}
	case "github":
		r.github(b)
	case "junit":
		if err := r.junit(b); err != nil {
			return err
		}
	case "markdown":
		r.markdown(b)
	default:
		return fmt.Errorf("write report: there is no format %q: the formats are %s", format, strings.Join(ReportFormats(), ", "))
	}
	return b.Flush()
}

// Failed says whether something was found that is at least as bad as FailOn.
func (r *Report) Failed() bool { return r.FailOn > 0 && r.worst() >= r.FailOn }

// Unreadable says whether a file was not judged, or not all of it (SND901).
func (r *Report) Unreadable() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Rule == "SND901" })
}

func (r *Report) worst() (s Severity) {
	for _, f := range r.Findings {
		s = max(s, f.Severity)
	}
	return s
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// tally are findings by how bad they are.
type tally struct {
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Notes      int `json:"notes"`
	Suppressed int `json:"suppressed"`
	Fixable    int `json:"fixable"`
	Files      int `json:"files"`    // of a known format
	Skipped    int `json:"skipped"`  // of none
	Policies   int `json:"policies"` // places that speak of tokens
}

func (r *Report) tally() tally {
	t := tally{Suppressed: len(r.Suppressed), Files: r.Sources, Skipped: r.Skipped, Policies: r.Policies}
	for _, f := range r.Findings {
		switch f.Severity {
		case Error:
			t.Errors++
		case Warning:
			t.Warnings++
		case Note:
			t.Notes++
		}
		if f.Fix != nil {
			t.Fixable++
		}
	}
	return t
}

// String is "2 errors, 1 note in 3 files; 1 suppressed".
func (t tally) String() string {
	var said []string
	for _, c := range []struct {
		n    int
		what string
	}{{t.Errors, "error"}, {t.Warnings, "warning"}, {t.Notes, "note"}} {
		if c.n > 0 {
			said = append(said, many(c.n, c.what))
		}
	}
	if len(said) == 0 {
		said = []string{"nothing found"}
	}
	s := strings.Join(said, ", ") + " in " + many(t.Files, "file")
	if t.Files == 0 {
		s = "nothing to judge: no file of a known format"
	}
	if t.Suppressed > 0 {
		s += "; " + strconv.Itoa(t.Suppressed) + " suppressed"
	}
	return s
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// rulesByID are the rules, to look a finding's up.
func rulesByID() map[string]Rule {
	all := map[string]Rule{}
	for _, rule := range Rules() {
		all[rule.ID] = rule
	}
	return all
}

// link is where a rule is explained.
func link(id string) string { return RulesURL + "#" + strings.ToLower(id) }
