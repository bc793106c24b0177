package lint

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	defaultWidth = 100 // columns
	leastWidth   = 40
)

// text is the report for people. Errors of w come out when it is flushed.
func (r *Report) text(w io.Writer) {
	rules, at := rulesByID(), places{}
	for i := range r.Findings {
		f := &r.Findings[i]
		r.paragraph(w, f, at.shown(f.Source), rules[f.Rule])
	}
	t := r.tally()
	summary := t.String()
	if t.Fixable > 0 {
		summary += "; --fix can mend " + strconv.Itoa(t.Fixable) + ", --diff shows how"
	}
	if r.Settings != "" {
		summary += " (settings: " + picture(r.Settings) + ")"
	}
	fmt.Fprintln(w, summary)
}

// paragraph is one finding: where, what, the line with carets, why, what instead.
func (r *Report) paragraph(w io.Writer, f *Finding, shown []byte, rule Rule) {
	name := picture(f.Source.Name)
	if strings.HasPrefix(name, "::") { // a CI log reads such a line as a command
		name = "./" + name
	}
	fmt.Fprintf(w, "%s:%d:%d: %s %s %s\n", name, f.At.Line, f.At.Column, r.painted(f.Severity, f.Severity.String()), f.Rule, rule.Name)
	number := strconv.Itoa(f.At.Line)
	columns := r.Width
	if columns == 0 {
		columns = defaultWidth
	}
	if line, carets := excerpt(f, shown, max(columns, leastWidth)-len(number)-6); line != "" {
		fmt.Fprintf(w, "  %s | %s\n  %s | %s\n", number, line, strings.Repeat(" ", len(number)), r.painted(f.Severity, carets))
	}
	fmt.Fprintln(w, "  "+picture(f.Message))
	switch {
	case f.Fix != nil:
		fmt.Fprintln(w, "  instead: "+picture(f.Suggest)+" (--fix writes it)")
	case f.Suggest != "":
		fmt.Fprintln(w, "  instead: "+picture(f.Suggest))
	default:
		fmt.Fprintln(w, "  do: "+rule.Fix)
	}
	fmt.Fprintf(w, "  %s\n\n", link(f.Rule))
}

// painted is a text in the colour of a severity.
func (r *Report) painted(s Severity, text string) string {
	if !r.Color {
		return text
	}
	return map[Severity]string{Error: "\x1b[1;31m", Warning: "\x1b[1;33m", Note: "\x1b[1;36m"}[s] + text + "\x1b[0m"
}
