package lint

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of XML, so that a hostile text of MaxFile bytes fills no memory.
const (
	maxToken    = 1 << 20 // bytes of one tag, text or comment
	maxElements = 200_000 // in policies, of one source
	maxComment  = 500     // bytes of a comment that can be said of the one element beside it
)

// xmlElement is one of a policy, with where it stands.
type xmlElement struct {
	name                 string // without its prefix
	called, ref, enabled string // its attributes: name is the first of them
	start, tag, end      int    // offsets of its <, behind its start tag, and behind its end tag
	value                []byte // its text, without white space around it
	from, to             int    // where that stands
	plain                bool   // value is what stands there: no entity, CDATA or comment in it
	before, beside       string // the comment before it; the one in it, or after it on its line
	children             []*xmlElement
}

// attributes keeps those that are asked for: held, an attribute takes ten times its bytes.
func (e *xmlElement) attributes(all []xml.Attr) {
	for _, a := range all {
		switch {
		case a.Name.Space == "xmlns":
		case a.Name.Local == "name":
			e.called = a.Value
		case a.Name.Local == "ref":
			e.ref = a.Value
		case a.Name.Local == "enabled":
			e.enabled = a.Value
		}
	}
}

// child is the first of a name; nil for none.
func (e *xmlElement) child(name string) *xmlElement {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// attributeAt is where the value of an attribute stands; from is 0 where it does not.
func (e *xmlElement) attributeAt(text []byte, name string) (from, to int) {
	tag := text[e.start:e.tag]
	for i := bytes.IndexAny(tag, " \t\r\n"); i >= 0; {
		key, rest, ok := bytes.Cut(tag[i:], []byte{'='})
		quote := bytes.IndexAny(rest, `"'`)
		if !ok || quote < 0 {
			break
		}
		begin := i + len(key) + 1 + quote + 1
		length := bytes.IndexByte(tag[begin:], rest[quote])
		if length < 0 {
			break
		}
		key = bytes.Trim(key, " \t\r\n")
		if string(key[bytes.IndexByte(key, ':')+1:]) == name {
			return e.start + begin, e.start + begin + length
		}
		i = begin + length + 1
	}
	return 0, 0
}

// xmlParser builds the elements that are wanted, with all in them, and only looks at the rest. What encoding/xml leaves to its Token, which
// knows no offsets of what it joins, is done here: end tags must fit, and a DTD is refused.
type xmlParser struct {
	text   []byte
	in     *xmlInput
	wanted func(name string) bool
	stack  []xmlOpen
	roots  []*xmlElement
	count  int
	last   *xmlElement // that was closed right before
	before string      // comment that may belong to the next element
	until  int         // where it ends
}

// xmlOpen is an element that is not closed yet; element is nil outside of what is wanted.
type xmlOpen struct {
	name    xml.Name
	element *xmlElement
}

// parseXML reads a text of one root, or of several. An error is an *Unreadable.
func parseXML(text []byte, wanted func(name string) bool) ([]*xmlElement, error) {
	p := xmlParser{text: text, in: &xmlInput{text: text}, wanted: wanted}
	d := xml.NewDecoder(p.in)
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decodeXML did it
	for {
		start := int(d.InputOffset())
		p.in.limit = start + maxToken
		token, err := d.RawToken()
		end := int(d.InputOffset())
		if err == nil {
			err = p.token(token, start, end)
		}
		switch {
		case errors.Is(err, io.EOF) && len(p.stack) > 0:
			err = fmt.Errorf("is not well-formed XML: <%s> is not closed", p.stack[len(p.stack)-1].name.Local)
		case errors.Is(err, io.EOF):
			return p.roots, nil
		}
		if err != nil {
			return nil, &Unreadable{At: newLines(text).span(start, end), Problem: xmlProblem(err)}
		}
	}
}

// xmlProblem says what is wrong with a text, of an error of encoding/xml or one's own.
func xmlProblem(err error) string {
	if syntax := (*xml.SyntaxError)(nil); errors.As(err, &syntax) {
		return "is not well-formed XML: " + syntax.Msg
	}
	return strings.Replace(err.Error(), "xml: ", "is XML that cannot be read: ", 1)
}

// token takes the next one, which stands at [start, end).
func (p *xmlParser) token(token xml.Token, start, end int) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.open(t, start, end)
	case xml.EndElement:
		return p.close(t, end)
	case xml.CharData:
		if e := p.top(); e != nil {
			e.add(p.text[start:end], t, start)
		}
	case xml.Comment:
		if e := p.top(); e != nil {
			p.comment(e, t, start, end)
		}
	case xml.Directive:
		if bytes.HasPrefix(t, []byte("DOCTYPE")) && bytes.IndexByte(t, '[') >= 0 {
			return errors.New("has a DOCTYPE that declares something: entities are not expanded, write their text")
		}
	}
	return nil
}

// top is the innermost element that is open; nil outside of what is wanted.
func (p *xmlParser) top() *xmlElement {
	if len(p.stack) == 0 {
		return nil
	}
	return p.stack[len(p.stack)-1].element
}

func (p *xmlParser) open(t xml.StartElement, start, end int) error {
	if len(p.stack) == MaxDepth {
		return fmt.Errorf("has elements deeper than %d levels", MaxDepth)
	}
	parent := p.top()
	if parent == nil && !p.wanted(t.Name.Local) {
		p.stack = append(p.stack, xmlOpen{name: t.Name})
		return nil
	}
	if p.count++; p.count > maxElements {
		return fmt.Errorf("has more than %d elements", maxElements)
	}
	e := &xmlElement{name: t.Name.Local, start: start, tag: end}
	e.attributes(t.Attr)
	if p.before != "" && breaks(p.text[p.until:start]) <= 1 {
		e.before = p.before
	}
	p.before, p.last = "", nil
	if parent != nil {
		parent.children = append(parent.children, e)
	} else {
		p.roots = append(p.roots, e)
	}
	p.stack = append(p.stack, xmlOpen{name: t.Name, element: e})
	return nil
}

func (p *xmlParser) close(t xml.EndElement, end int) error {
	if len(p.stack) == 0 {
		return fmt.Errorf("is not well-formed XML: </%s> closes nothing", t.Name.Local)
	}
	open := p.stack[len(p.stack)-1]
	if open.name != t.Name {
		return fmt.Errorf("is not well-formed XML: <%s> is closed by </%s>", open.name.Local, t.Name.Local)
	}
	p.stack = p.stack[:len(p.stack)-1]
	if open.element != nil {
		open.element.end = end
	}
	p.before, p.last = "", open.element
	return nil
}

// comment gives one to the element that it is said of: the one that it stands in, the one before it on its line, or the next one.
func (p *xmlParser) comment(in *xmlElement, t xml.Comment, start, end int) {
	text := bytes.TrimSpace(t)
	if len(text) == 0 || len(text) > maxComment || bytes.Contains(text, []byte(ignoreWord)) {
		p.until = end
		return
	}
	root := len(p.stack) == 1 || p.stack[len(p.stack)-2].element == nil
	switch {
	case !root && len(in.children) == 0:
		in.beside = string(text)
	case p.last != nil && breaks(p.text[p.last.end:start]) == 0 && p.last.beside == "":
		p.last.beside = string(text)
	default:
		p.before, p.until, p.last = string(text), end, nil
	}
}

// breaks counts line ends, of any kind.
func breaks(text []byte) int {
	n := bytes.Count(text, []byte{'\n'})
	for i, c := range text {
		if c == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			n++
		}
	}
	return n
}

// add takes a piece of an element's text: raw as it stands from start on, and what that means.
func (e *xmlElement) add(raw, text []byte, start int) {
	const space = " \t\r\n"
	if text = bytes.Trim(text, space); len(text) == 0 {
		return
	}
	left := len(raw) - len(bytes.TrimLeft(raw, space))
	raw = bytes.Trim(raw, space)
	plain := bytes.IndexByte(raw, '&') < 0 && !bytes.HasPrefix(raw, []byte("<!["))
	switch {
	case len(e.value) > 0:
		e.value, e.plain = append(e.value, text...), false
	case plain:
		e.value, e.plain, e.from = raw[:len(raw):len(raw)], true, start+left // the decoder's text is gone with the next token
	default:
		e.value, e.from = bytes.Clone(text), start+left
	}
	e.to = start + left + len(raw)
}

// xmlInput gives a text byte by byte, and ends it where one token is too long: encoding/xml would hold all of it.
type xmlInput struct {
	text     []byte
	i, limit int
}

// ReadByte implements io.ByteReader.
func (x *xmlInput) ReadByte() (byte, error) {
	if x.i >= len(x.text) {
		return 0, io.EOF
	}
	if x.i >= x.limit {
		return 0, fmt.Errorf("has a tag, a text or a comment of more than %d MB", maxToken>>20)
	}
	x.i++
	return x.text[x.i-1], nil
}

// Read implements io.Reader; the decoder uses ReadByte alone.
func (x *xmlInput) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c, err := x.ReadByte()
	if err != nil {
		return 0, err
	}
	b[0] = c
	return 1, nil
}
