package lint

import "testing"

func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text         string
		at           int
		line, column int
		of           string
	}{
		"empty":                {"", 0, 1, 1, ""},
		"first":                {"ab\ncd", 1, 1, 2, "ab"},
		"line end":             {"ab\ncd", 2, 1, 3, "ab"},
		"second":               {"ab\ncd", 3, 2, 1, "cd"},
		"CRLF":                 {"ab\r\ncd", 4, 2, 1, "cd"},
		"old Mac":              {"ab\rcd", 4, 2, 2, "cd"},
		"characters":           {"äö\nüß=1", 9, 2, 3, "üß=1"},
		"a tab is one":         {"\t\tx", 2, 1, 3, "\t\tx"},
		"end after a line end": {"ab\n", 3, 2, 1, ""},
		"beyond":               {"ab", 99, 1, 3, "ab"},
		"before":               {"ab", -4, 1, 1, "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLines([]byte(c.text))
			got := l.span(c.at, c.at)
			if got.Line != c.line || got.Column != c.column {
				t.Errorf("span(%d) of %q = %d:%d, want %d:%d", c.at, c.text, got.Line, got.Column, c.line, c.column)
			}
			if of := string(l.line(got.Line)); of != c.of {
				t.Errorf("line(%d) = %q, want %q", got.Line, of, c.of)
			}
		})
	}
}
