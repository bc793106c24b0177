package lint

import "unicode/utf8"

// jsonReport is what --format json prints. Fields are added to it, never changed or taken away while its version is 1.
type jsonReport struct {
	Version    int        `json:"version"`
	Tool       toolName   `json:"tool"`
	Profile    string     `json:"profile"`
	Settings   string     `json:"settings,omitempty"` // the file that they were read from
	Findings   []reported `json:"findings"`
	Suppressed []reported `json:"suppressed"`
	Unknown    []string   `json:"unknown"` // files given by name that are of no known format
	Summary    tally      `json:"summary"`
}

type toolName struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// reported is a finding. Lines and columns count from 1, columns in characters; the end is the first character that is no part of it any more.
type reported struct {
	Rule         string  `json:"rule"`
	Name         string  `json:"name"`
	Severity     string  `json:"severity"`
	File         string  `json:"file"`
	Line         int     `json:"line"`
	Column       int     `json:"column"`
	EndLine      int     `json:"end_line"`
	EndColumn    int     `json:"end_column"`
	Product      Product `json:"product,omitempty"`
	Policy       string  `json:"policy,omitempty"`
	Raw          string  `json:"raw,omitempty"` // as written, at most 200 characters of it
	Message      string  `json:"message"`
	ValueSeconds float64 `json:"value_seconds,omitempty"`
	LimitSeconds float64 `json:"limit_seconds,omitempty"`
	Suggest      string  `json:"suggest,omitempty"`
	Fix          *fixed  `json:"fix,omitempty"`
	Help         string  `json:"help"`
}

// fixed is what --fix would do: replace the bytes [start, end) of the file by the text.
type fixed struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Text  string `json:"text"`
}

func (r *Report) json() jsonReport {
	rules, at := rulesByID(), places{}
	list := func(all []Finding) []reported {
		out := make([]reported, 0, len(all))
		for i := range all {
			out = append(out, reportedOf(&all[i], rules, &at))
		}
		return out
	}
	return jsonReport{
		Version: 1, Tool: toolName{"sandi", r.Version}, Profile: r.Profile, Settings: r.Settings,
		Findings: list(r.Findings), Suppressed: list(r.Suppressed), Unknown: append([]string{}, r.Unknown...), Summary: r.tally(),
	}
}

func reportedOf(f *Finding, rules map[string]Rule, at *places) reported {
	end := at.end(f)
	out := reported{
		Rule: f.Rule, Name: rules[f.Rule].Name, Severity: f.Severity.String(), File: f.Source.Name,
		Line: f.At.Line, Column: f.At.Column, EndLine: end.Line, EndColumn: end.Column, Product: f.Product, Policy: f.Policy,
		Raw: shortened(f.Raw, 200), Message: f.Message, ValueSeconds: f.Value.Seconds(), LimitSeconds: f.Limit.Seconds(), Suggest: f.Suggest, Help: link(f.Rule),
	}
	if f.Fix != nil {
		e := f.Source.inFile(*f.Fix)
		out.Fix = &fixed{e.At.Start, e.At.End, e.New}
	}
	return out
}

// shortened is the beginning of a text.
func shortened(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// places finds lines and columns, source by source: findings come in that order.
type places struct {
	source *Source
	lines  *lines
	masked []byte
}

// of is where bytes of a finding's source stand.
func (p *places) of(s *Source, start, end int) Span {
	p.turn(s)
	if p.lines == nil {
		p.lines = newLines(s.Text)
	}
	return p.lines.span(start, end)
}

// shown is what may be printed of a source.
func (p *places) shown(s *Source) []byte {
	p.turn(s)
	if p.masked == nil {
		p.masked = s.Shown()
	}
	return p.masked
}

func (p *places) turn(s *Source) {
	if p.source != s {
		*p = places{source: s}
	}
}

// end is where a finding ends; where it begins if the text is not held any more.
func (p *places) end(f *Finding) Span {
	if f.Source.Text == nil || f.At.End <= f.At.Start {
		return f.At
	}
	return p.of(f.Source, f.At.End, f.At.End)
}
