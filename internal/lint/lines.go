package lint

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// lines finds lines and columns of byte offsets. A line ends with \n, \r\n or a lone \r; a column counts characters, a tab is one.
type lines struct {
	text   []byte
	starts []int
	// plain says that the text is ASCII: then a column is a difference, even in a file that is one line of megabytes.
	plain bool
	// Where the last column was counted: the next on the same line goes on from there. It makes lines of one goroutine.
	line0, at, column int
}

// newLines indexes a text.
func newLines(text []byte) *lines {
	l := &lines{text: text, plain: true, starts: make([]int, 1, 1+bytes.Count(text, []byte{'\n'}))}
	for i, c := range text {
		switch {
		case c == '\n', c == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			l.starts = append(l.starts, i+1)
		case c >= utf8.RuneSelf:
			l.plain = false
		}
	}
	return l
}

// span is where [start, end) stands. Offsets beyond the text are taken as its end.
func (l *lines) span(start, end int) Span {
	start = min(max(start, 0), len(l.text))
	end = min(max(end, start), len(l.text))
	line := sort.SearchInts(l.starts, start+1) // lines that begin at or before start
	begin := l.starts[line-1]
	column := start - begin
	if !l.plain {
		if l.line0 != line || l.at > start {
			l.line0, l.at, l.column = line, begin, 0
		}
		l.column += utf8.RuneCount(l.text[l.at:start])
		l.at, column = start, l.column
	}
	return Span{Start: start, End: end, Line: line, Column: column + 1}
}

// line is the text of a line (from 1) without its end; nil beyond the text.
func (l *lines) line(n int) []byte {
	if n < 1 || n > len(l.starts) {
		return nil
	}
	end := len(l.text)
	if n < len(l.starts) {
		end = l.starts[n]
	}
	return bytes.TrimRight(l.text[l.starts[n-1]:end], "\r\n")
}
