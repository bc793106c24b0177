package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile is the size of the largest configuration file read, in bytes; the time
// of the YAML parser grows with the square of it.
const maxFile = 64 << 10

// readFile reads at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("read %s: larger than %d bytes", path, maxFile)
	}
	return data, err
}

// yamlFile walks the syntax tree of a file instead of decoding it, so that
// every fault is found at once and has its place.
type yamlFile struct {
	*loader
	name string
}

// load sets c's settings from the text of a file.
func (y yamlFile) load(c *Config, text []byte) {
	if !utf8.Valid(text) {
		y.add(Fault{Source: y.name, Message: "is not UTF-8 text"})
		return
	}
	tree, err := parse(text)
	if err != nil {
		y.syntax(err)
		return
	}
	bodies := 0
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if bodies++; bodies > 1 {
			y.fault(doc.Body.GetToken(), "", "is a second YAML document; only one is read", "")
			return
		}
		y.mapping(doc.Body, "", settingsTree(c))
	}
}

// parse turns a panic of the YAML parser into an error: a file that its author
// never thought of is still only a bad file.
func parse(text []byte) (tree *ast.File, err error) {
	defer func() {
		if recover() != nil {
			tree, err = nil, errors.New("cannot be read as YAML")
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// syntax reports the parser's error without its excerpt of the file.
func (y yamlFile) syntax(err error) {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		y.fault(e.GetToken(), "", "is not YAML: "+e.GetMessage(), "")
		return
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	y.add(Fault{Source: y.name, Message: "is not YAML: " + first})
}

// fault adds a fault at a place in the file.
func (y yamlFile) fault(at *token.Token, path, message, hint string) {
	f := Fault{Path: path, Source: y.name, Message: message, Hint: hint}
	if at != nil && at.Position != nil {
		f.Line, f.Column = at.Position.Line, at.Position.Column
	}
	y.add(f)
}

// mapping reads one section, or the whole file where prefix is "".
func (y yamlFile) mapping(n ast.Node, prefix string, fields []field) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		y.fault(n.GetToken(), strings.TrimSuffix(prefix, "."), "must be a mapping of keys to values", "")
		return
	}
	seen := map[string]int{}
	for _, entry := range m.Values {
		at := entry.Key.GetToken()
		name := scalarText(entry.Key)
		path := prefix + name
		if line, twice := seen[name]; twice {
			y.fault(at, path, fmt.Sprintf("is set twice; the first is in line %d", line), "")
			continue
		}
		seen[name] = at.Position.Line
		f, ok := find(fields, path)
		switch {
		case !ok:
			y.fault(at, printable(path), "unknown key", suggest(path, fields))
		case f.list():
			y.sequence(f, entry.Value)
		case f.section():
			if _, empty := entry.Value.(*ast.NullNode); !empty {
				y.mapping(entry.Value, path+".", children(f.value, path+"."))
			}
		default:
			y.setting(f, entry.Value)
		}
	}
}

// sequence reads a list of sections.
func (y yamlFile) sequence(f field, n ast.Node) {
	y.origin(f.path, n)
	if _, empty := n.(*ast.NullNode); empty {
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		y.fault(n.GetToken(), f.path, "must be a list of sections", "one after each \"- \"")
		return
	}
	if len(seq.Values) == 0 {
		return
	}
	f.value.Set(reflect.MakeSlice(f.value.Type(), len(seq.Values), len(seq.Values)))
	for i, fields := range f.items() {
		path := item(f.path, i)
		y.origin(strings.TrimSuffix(path, "."), seq.Values[i])
		y.mapping(seq.Values[i], path, fields)
	}
}

// origin remembers where a setting stands.
func (y yamlFile) origin(path string, n ast.Node) {
	at := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		at = m.Values[0].Key.GetToken() // that of the mapping itself is its first colon
	}
	if at != nil && at.Position != nil {
		y.origins[path] = Fault{Source: y.name, Line: at.Position.Line, Column: at.Position.Column}
	}
}

// setting reads one value.
func (y yamlFile) setting(f field, n ast.Node) {
	at := n.GetToken()
	y.origin(f.path, n)
	message, hint := y.assign(f, n)
	if message != "" {
		y.fault(at, f.path, message, hint)
	}
}

// assign sets f from a node of the kind that the field wants.
func (y yamlFile) assign(f field, n ast.Node) (message, hint string) {
	text := scalarText(n)
	switch kind := f.kind(); kind {
	case "list":
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			return "must be a list", "write [...], or one item a line after \"- \""
		}
		items := make([]string, len(seq.Values))
		for i, v := range seq.Values {
			if !isText(v) || !printableText(scalarText(v)) {
				return fmt.Sprintf("item %d of the list is not printable text", i+1), "put it in quotes"
			}
			items[i] = scalarText(v)
		}
		f.setList(items)
		return "", ""
	case "duration":
		if _, number := n.(*ast.IntegerNode); number {
			return text + " has no unit", "write " + strconv.Quote(text+"s") + " or " + strconv.Quote(text+"m")
		}
		if !isText(n) {
			return "must be a duration", "such as 15m, 30d or 14d12h"
		}
	case "number":
		if _, ok := n.(*ast.IntegerNode); !ok {
			return "must be a whole number", ""
		}
	case "switch":
		if _, ok := n.(*ast.BoolNode); !ok {
			return "must be true or false", ""
		}
	default:
		if !isText(n) {
			return "must be text", "put it in quotes"
		}
	}
	return f.set(text)
}

func isText(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

// scalarText is the value of a scalar as text.
func scalarText(n ast.Node) string {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value
	case *ast.LiteralNode:
		return strings.TrimSuffix(v.Value.Value, "\n")
	}
	return n.GetToken().Value
}
