package lint

import (
	"slices"
	"strings"
)

// shape is what a value of YAML, JSON or TOML is.
type shape int

const (
	null shape = iota
	scalar
	mapping
	sequence
)

// tree is such a value and the bytes where it stands. A nil tree is one that is not there; all methods take it.
type tree struct {
	shape      shape
	start, end int
	text       string // of a scalar, without quotes and escapes
	tag        string // of YAML: "!Ref"
	keys       []treeKey
	items      []*tree
	// shared says that it stands elsewhere (an alias of YAML), or that it is not known to the byte: it is read and not rewritten.
	shared bool
}

// treeKey is a key of a mapping and what it names.
type treeKey struct {
	name       string
	start, end int
	value      *tree
}

// at is what a path of keys names; nil where that is nothing, or null. Of a key that comes twice the last one counts, as most parsers have it.
func (t *tree) at(path ...string) *tree {
	for _, name := range path {
		k, ok := t.key(name)
		if !ok {
			return nil
		}
		t = k.value
	}
	if t == nil || t.shape == null {
		return nil
	}
	return t
}

// key is the last one of a name.
func (t *tree) key(name string) (k treeKey, ok bool) {
	if t == nil {
		return k, false
	}
	for _, k := range slices.Backward(t.keys) {
		if k.name == name {
			return k, true
		}
	}
	return k, false
}

// has says whether one of the names is a key.
func (t *tree) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return t.at(name) != nil })
}

// string is the text of a scalar; "" of all else.
func (t *tree) string() string {
	if t == nil || t.shape != scalar || t.tag != "" {
		return ""
	}
	return t.text
}

// is says that a scalar is true or false, quoted or not; known is false where it is neither.
func (t *tree) is() (yes, known bool) {
	switch strings.ToLower(t.string()) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// yes is is, with all else as false.
func (t *tree) yes() bool { yes, _ := t.is(); return yes }

// words are the scalars of a sequence, or one scalar alone.
func (t *tree) words() []string {
	if t == nil {
		return nil
	}
	if t.shape == scalar {
		return strings.Fields(t.text)
	}
	var all []string
	for _, item := range t.items {
		if s := item.string(); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// fixed says that a sequence holds nothing that is known only later.
func (t *tree) fixed() bool {
	return t != nil && t.tag == "" && t.shape != mapping && !slices.ContainsFunc(t.items, func(item *tree) bool { return item.string() == "" })
}

// document is a source's values.
type document struct {
	source   *Source
	lines    *lines
	roots    []*tree
	comments bool // the format has them: # to the end of a line
	spelling
}

// parseTree reads JSON where the name or the beginning says so, and YAML elsewhere.
func parseTree(s *Source, by spelling) (*document, error) {
	d := &document{source: s, lines: newLines(s.Text), spelling: by}
	text := strings.TrimLeft(string(s.Text[:min(len(s.Text), beginning)]), " \t\r\n")
	named := strings.HasSuffix(strings.ToLower(s.Name), ".json")
	if !named && !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return d, d.parseYAML()
	}
	err := d.parseJSON()
	if err != nil && !named && d.parseYAML() == nil { // YAML's own {a: b}
		err = nil
	}
	return d, err
}

func (d *document) unreadable(start int, problem string) error {
	return &Unreadable{At: d.lines.span(start, start), Problem: problem}
}

// span is where a value stands; of none, where place is.
func (d *document) span(t, place *tree) Span {
	if t == nil {
		t = place
	}
	if t == nil {
		return d.lines.span(0, 0)
	}
	end := t.end
	if t.shape != scalar && t.tag == "" { // the first line says enough
		end = min(end, t.start+1)
	}
	return d.lines.span(t.start, end)
}

func (d *document) raw(t *tree) string {
	if t == nil {
		return ""
	}
	at := d.span(t, nil)
	return string(d.source.Text[at.Start:at.End])
}

// comment is what is said of a value, on its line or on those right before it.
func (d *document) comment(t *tree) string {
	if !d.comments {
		return ""
	}
	at := d.lines.span(t.start, t.end)
	rest := d.source.Text[at.End:]
	if i := slices.IndexFunc(rest, func(c byte) bool { return c == '\n' || c == '\r' }); i >= 0 {
		rest = rest[:i]
	}
	if said := strings.TrimLeft(string(rest), " \t,}]"); strings.HasPrefix(said, "#") {
		return strings.Trim(said, "# \t")
	}
	var said []string
	for n := at.Line - 1; n > 0 && len(said) < 8; n-- {
		line, ok := strings.CutPrefix(strings.TrimSpace(string(d.lines.line(n))), "#")
		if !ok {
			break
		}
		if line = strings.Trim(line, "# \t"); !strings.Contains(line, ignoreWord) && !switchedOff(line) {
			said = append(said, line)
		}
	}
	slices.Reverse(said)
	return strings.Join(said, " ")
}

// switchedOff says that a comment is a setting that was switched off: "ttl: 1h", "timebox = 24h".
func switchedOff(comment string) bool {
	i := strings.IndexAny(comment, ":=")
	return i > 0 && !strings.ContainsAny(strings.TrimSpace(comment[:i]), " \t") && !strings.ContainsAny(strings.TrimSpace(comment[i+1:]), " \t")
}
