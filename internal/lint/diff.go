package lint

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// diffContext is how many lines stand around a change.
const diffContext = 3

// Diff is the change as git and patch read it: a unified diff. Secrets in the lines that it shows are masked; such a hunk shows what would change
// and cannot be applied.
func (c *Change) Diff() []byte {
	old := bytes.SplitAfter(c.Source.Shown(), []byte("\n"))
	if len(old[len(old)-1]) == 0 {
		old = old[:len(old)-1]
	}
	var b bytes.Buffer
	name := strings.TrimPrefix(c.Source.Name, "/")
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", diffName("a/"+name), diffName("b/"+name))
	shift := 0 // by how many lines the new text is longer so far
	pieces := c.pieces(old)
	for i := 0; i < len(pieces); {
		j := i + 1
		for j < len(pieces) && pieces[j].first-pieces[j-1].last <= 2*diffContext {
			j++
		}
		shift += hunk(&b, old, pieces[i:j], shift)
		i = j
	}
	return b.Bytes()
}

// changed is lines [first, last) of the old text and what stands in their place.
type changed struct {
	first, last int
	text        [][]byte
}

// pieces are the lines that edits touch; those that stand together are one.
func (c *Change) pieces(old [][]byte) []changed {
	var all []changed
	line, begin := 0, 0 // the line, and its first byte
	for i := 0; i < len(c.Edits); {
		for line+1 < len(old) && begin+len(old[line]) <= c.Edits[i].At.Start {
			begin += len(old[line])
			line++
		}
		last, end := line+1, begin+len(old[line])
		var inside []Edit
		for ; i < len(c.Edits) && c.Edits[i].At.Start < end; i++ {
			e := c.Edits[i]
			for ; last < len(old) && e.At.End > end; last++ {
				end += len(old[last])
			}
			e.At.Start, e.At.End = e.At.Start-begin, e.At.End-begin
			inside = append(inside, e)
		}
		text := bytes.SplitAfter(edited(bytes.Join(old[line:last], nil), inside), []byte("\n"))
		if len(text[len(text)-1]) == 0 {
			text = text[:len(text)-1]
		}
		if n := len(all); n > 0 && all[n-1].last == line {
			all[n-1].last, all[n-1].text = last, append(all[n-1].text, text...)
		} else {
			all = append(all, changed{line, last, text})
		}
		if last < len(old) {
			line, begin = last, end
		}
	}
	return all
}

// hunk writes pieces that stand close together, and says by how many lines the text grew.
func hunk(b *bytes.Buffer, old [][]byte, pieces []changed, shift int) (grown int) {
	first := max(pieces[0].first-diffContext, 0)
	last := min(pieces[len(pieces)-1].last+diffContext, len(old))
	for _, p := range pieces {
		grown += len(p.text) - (p.last - p.first)
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", first+1, last-first, first+1+shift, last-first+grown)
	at := first
	for _, p := range pieces {
		marked := func(mark byte, lines [][]byte) {
			for _, l := range lines {
				diffLine(b, mark, l)
			}
		}
		marked(' ', old[at:p.first])
		marked('-', old[p.first:p.last])
		marked('+', p.text)
		at = p.last
	}
	for _, l := range old[at:last] {
		diffLine(b, ' ', l)
	}
	return grown
}

func diffLine(b *bytes.Buffer, mark byte, line []byte) {
	b.WriteByte(mark)
	b.Write(line)
	if !bytes.HasSuffix(line, []byte("\n")) {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}

// diffName is a name as git writes it: in quotes where it could be taken for something else.
func diffName(name string) string {
	if q := strconv.Quote(name); q != `"`+name+`"` {
		return q
	}
	return name
}
