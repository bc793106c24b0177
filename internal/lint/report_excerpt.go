package lint

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const tabWidth = 4

// excerpt is the line of what was found, of the text of its source, and carets below it, in at most so many columns: a long line is cut around them. "" where there is
// nothing to show. Of what spans several lines it is the first.
func excerpt(f *Finding, text []byte, columns int) (line, carets string) {
	if f.At.Line == 0 || f.At.Start > len(text) || len(text) == 0 || f.Rule == "SND901" && f.At.End == 0 {
		return "", ""
	}
	begin, end := around(text, f.At.Start, 4*columns)
	all := cellsOf(text[begin:end])
	start, stop := cellAt(all, f.At.Start-begin), cellAt(all, max(f.At.End, f.At.Start)-begin)
	from, to := window(all, start, columns)
	if begin > 0 && from == 0 && !lineEnd(text[begin-1]) {
		from = min(1, start)
	}
	if end < len(text) && to == len(all) && !lineEnd(text[end]) {
		to = max(to-1, start)
	}
	var b strings.Builder
	lead := 0
	if from > 0 {
		b.WriteString("…")
		lead = 1
	}
	for _, c := range all[from:to] {
		b.WriteString(c.text)
	}
	if to < len(all) {
		b.WriteString("…")
	}
	return strings.TrimRight(b.String(), " "), strings.Repeat(" ", lead+columnsOf(all[from:start])) + strings.Repeat("^", max(1, columnsOf(all[start:max(start, min(stop, to))])))
}

// around is the part of a line about a place, at most so many bytes to each side of it, cut between characters.
func around(text []byte, at, reach int) (begin, end int) {
	begin, end = at, at
	for begin > 0 && !lineEnd(text[begin-1]) && at-begin < reach {
		begin--
	}
	for end < len(text) && !lineEnd(text[end]) && end-at < reach {
		end++
	}
	for begin < at && !utf8.RuneStart(text[begin]) {
		begin++
	}
	for end > at && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return begin, end
}

func lineEnd(c byte) bool { return c == '\n' || c == '\r' }

// cell is a character as a terminal shows it.
type cell struct {
	at      int // its first byte
	text    string
	columns int
}

// cellsOf are those of a piece of a line: tabs become spaces, and what a terminal would obey becomes a picture.
func cellsOf(b []byte) []cell {
	all := make([]cell, 0, len(b))
	column := 0
	for at := 0; at < len(b); {
		r, size := utf8.DecodeRune(b[at:])
		c := cell{at: at, text: picture(string(b[at : at+size]))}
		switch {
		case r == '\t':
			c.columns = tabWidth - column%tabWidth
			c.text = strings.Repeat(" ", c.columns)
		default:
			c.columns = columnsIn(c.text)
		}
		all = append(all, c)
		column += c.columns
		at += size
	}
	return all
}

// columnsIn is how wide a terminal shows a text.
func columnsIn(s string) (n int) {
	for _, r := range s {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me): // they stand on the character before
		case kind == width.EastAsianWide, kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// cellAt is the cell that begins at a byte or behind it.
func cellAt(all []cell, at int) int {
	for i, c := range all {
		if c.at >= at {
			return i
		}
	}
	return len(all)
}

func columnsOf(all []cell) (n int) {
	for _, c := range all {
		n += c.columns
	}
	return n
}

// window is what is shown of a line that may be too long: a third of the columns for what stands before start.
func window(all []cell, start, columns int) (from, to int) {
	if columnsOf(all) <= columns {
		return 0, len(all)
	}
	columns -= 2 // for the two cuts
	from = start
	for n := 0; from > 0 && n+all[from-1].columns <= columns/3; from-- {
		n += all[from-1].columns
	}
	to = from
	for n := 0; to < len(all) && n+all[to].columns <= columns; to++ {
		n += all[to].columns
	}
	return from, to
}

// picture is a text of strangers that cannot steer a terminal: control characters are shown by their pictures, others that do not print (those
// that turn the direction of writing, blanks that look like none) by their numbers.
func picture(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ':
			b.WriteRune('\u2400' + r)
		case r == 0x7f:
			b.WriteRune('\u2421')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}
