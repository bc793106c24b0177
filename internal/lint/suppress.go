package lint

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Ignore is a suppression that stands outside of the sources, for formats without comments.
type Ignore struct {
	// Path is a glob over the names of sources: "**" is any number of folders, a pattern without a slash is of the file's name alone.
	Path string
	// Root is the absolute folder that Path begins in; "" for names as they were given.
	Root string
	// Rule is the id of what is ignored.
	Rule string
	// Reason says why; without one the entry does not count, and is SND903.
	Reason string
	// Until is the last day on which it counts, in UTC; zero for no end.
	Until time.Time
}

const (
	ignoreWord = "sandi:ignore"
	headLines  = 20 // in which sandi:ignore-file counts
	// longestComment is how much of a comment is read, in bytes: a line can be megabytes.
	longestComment = 1000
)

// suppression is one comment.
type suppression struct {
	rules   []string
	whole   bool   // of the file
	problem string // why it does not count
	at      Span
}

// suppress sorts what was found in a source by its comments and Options.Ignores, and adds SND903 for those that do not count.
func (r *run) suppress(out *outcome, s *Source, found []Finding) {
	if len(found) == 0 {
		return
	}
	c := comments{now: r.Now(), known: map[int]*suppression{}}
	if bytes.Contains(s.Text, []byte(ignoreWord)) && !strings.HasSuffix(s.Name, ".json") {
		c.lines = newLines(s.Text)
	}
	for _, f := range found {
		by, ok := c.of(f)
		if !ok || by.problem != "" {
			if outer, also := r.ignored(f); also {
				by, ok = outer, true
			}
		}
		switch {
		case ok && by.problem == "":
			out.suppressed = append(out.suppressed, f)
			continue
		case ok && r.wants("SND903"):
			out.findings = append(out.findings, Finding{Rule: "SND903", Severity: Warning, Policy: f.Policy, Product: f.Product, Source: s, At: by.at, Message: by.problem})
		}
		out.findings = append(out.findings, f)
	}
}

// ignored asks Options.Ignores.
func (r *run) ignored(f Finding) (by *suppression, ok bool) {
	for _, i := range r.Ignores {
		if i.Rule != f.Rule || !matches(i.Path, below(i.Root, f.Source.Name)) {
			continue
		}
		by = &suppression{at: f.At, problem: counts(i.Reason, i.Until, r.Now())}
		if by.problem == "" {
			return by, true
		}
	}
	return by, by != nil
}

// counts is why a suppression does not count; "" where it does.
func counts(reason string, until, now time.Time) string {
	switch {
	case strings.TrimSpace(reason) == "":
		return `This suppression gives no reason="...", so that nobody can judge it later: it does not count.`
	case !until.IsZero() && !now.Before(until.AddDate(0, 0, 1)):
		return "This suppression ended on " + until.Format(time.DateOnly) + ": it counts no more; mend what it hid, or decide anew."
	}
	return ""
}

// comments are those of a source, looked for around findings.
type comments struct {
	lines *lines // nil: none
	now   time.Time
	known map[int]*suppression // by line
}

// of is what ignores a finding: on its line, on lines right before it that are suppressions themselves, or of the whole file.
func (c *comments) of(f Finding) (by *suppression, ok bool) {
	if c.lines == nil {
		return nil, false
	}
	if s := c.on(f.At.Line); s != nil && !s.whole && slices.Contains(s.rules, f.Rule) {
		return s, true
	}
	for n := f.At.Line - 1; n > 0; n-- {
		s := c.on(n)
		if s == nil {
			break
		}
		if !s.whole && slices.Contains(s.rules, f.Rule) {
			return s, true
		}
	}
	for n := range min(headLines, len(c.lines.starts)) {
		if s := c.on(n + 1); s != nil && s.whole && slices.Contains(s.rules, f.Rule) {
			return s, true
		}
	}
	return nil, false
}

// on is the suppression of a line; nil for none.
func (c *comments) on(n int) *suppression {
	s, known := c.known[n]
	if !known {
		s = suppressionIn(c.lines.line(n), c.now)
		if s != nil {
			start := c.lines.starts[n-1]
			s.at = c.lines.span(start+s.at.Start, start+s.at.End)
		}
		c.known[n] = s
	}
	return s
}

// suppressionIn reads a line: sandi:ignore SND101 SND111 reason="..." until=2027-01-01, behind the mark of a comment.
func suppressionIn(line []byte, now time.Time) *suppression {
	start := bytes.Index(line, []byte(ignoreWord))
	if start < 0 || !comment(line[:start]) {
		return nil
	}
	rest := string(line[start+len(ignoreWord) : min(len(line), start+longestComment)])
	s := &suppression{}
	rest, s.whole = strings.CutPrefix(rest, "-file")
	var reason string
	var until time.Time
	var wrong string
	for {
		rest = strings.TrimLeft(rest, " \t,")
		word, after, _ := strings.Cut(rest, " ")
		switch {
		case strings.HasPrefix(rest, "reason="):
			reason, rest = quoted(rest[len("reason="):])
			continue
		case strings.HasPrefix(word, "until="):
			day, err := time.Parse(time.DateOnly, strings.TrimRight(word[len("until="):], "->*/"))
			if err != nil {
				wrong = "This suppression's until= is no date like 2027-01-01: it does not count."
			}
			until, rest = day, after
			continue
		case strings.HasPrefix(word, "SND"):
			ids, _, _ := strings.Cut(word, "-->")
			s.rules = append(s.rules, strings.FieldsFunc(ids, func(c rune) bool { return c == ',' || c == '*' || c == '/' })...)
			rest = after
			continue
		}
		break
	}
	s.at = Span{Start: start, End: min(len(line), start+longestComment) - len(rest)}
	s.problem = wrong
	if s.problem == "" {
		s.problem = counts(reason, until, now)
	}
	return s
}

// quoted cuts a text in quotes, or a word, off the beginning.
func quoted(s string) (text, rest string) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if text, rest, ok := strings.Cut(s[1:], s[:1]); ok {
			return text, rest
		}
	}
	text, rest, _ = strings.Cut(s, " ")
	return text, rest
}

// comment says whether a line's text opens a comment, in any of the syntaxes.
func comment(before []byte) bool {
	for _, mark := range []string{"<!--", "#", "//", "/*"} {
		if bytes.Contains(before, []byte(mark)) {
			return true
		}
	}
	return bytes.HasPrefix(bytes.TrimLeft(before, " \t"), []byte("*"))
}

// below is a name from a folder on; standard input has none, and is itself.
func below(root, name string) string {
	if root == "" || name == "-" {
		return name
	}
	full, err := filepath.Abs(filepath.FromSlash(name))
	if err == nil {
		full, err = filepath.Rel(root, full)
	}
	if err != nil { // on another drive
		return name
	}
	return filepath.ToSlash(full)
}

// matches says whether a name is meant by a glob.
func matches(glob, name string) bool {
	if !strings.Contains(glob, "/") {
		ok, _ := path.Match(glob, path.Base(name))
		return ok
	}
	return parts(strings.Split(path.Clean(glob), "/"), strings.Split(name, "/"))
}

func parts(globs, names []string) bool {
	for i, glob := range globs {
		if glob == "**" {
			for j := i; j <= len(names); j++ {
				if parts(globs[i+1:], names[j:]) {
					return true
				}
			}
			return false
		}
		if i >= len(names) {
			return false
		}
		if ok, _ := path.Match(glob, names[i]); !ok {
			return false
		}
	}
	return len(globs) == len(names)
}
