package lint

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
)

// Limits of YAML beside MaxDepth. Its parser takes about a kilobyte for a word, and for a mapping or a list of documents time by the square of its length.
const (
	maxYAML   = 2 << 20 // bytes
	maxWords  = 400_000 // and marks
	maxWork   = 25e6    // the squares of all lengths, together
	maxMerged = 100_000 // keys that << brings in
)

func (d *document) parseYAML() error {
	d.comments = true
	if len(d.source.Text) > maxYAML {
		return d.unreadable(0, fmt.Sprintf("is YAML of more than %d MB", maxYAML>>20))
	}
	if at := bytes.IndexByte(d.source.Text, 0); at >= 0 {
		return d.unreadable(at, "is not well-formed YAML: it holds a NUL")
	}
	// The parser counts a \r\n as one character: as a space and a \n it is two, and means the same.
	text := strings.ReplaceAll(strings.ReplaceAll(string(d.source.Text), "\r\n", " \n"), "\r", "\n")
	tokens := lexer.Tokenize(text)
	if len(tokens) > maxWords {
		return d.unreadable(0, fmt.Sprintf("is YAML of more than %d words", maxWords))
	}
	if at, problem := beyond(tokens); problem != "" {
		return d.unreadable(d.offset(at), problem)
	}
	file, err := parsed(tokens)
	if err != nil {
		if e := yaml.Error(nil); errors.As(err, &e) { // whose Error would print all tokens
			return d.unreadable(d.offset(e.GetToken()), "is not well-formed YAML: "+e.GetMessage())
		}
		return d.unreadable(0, "is not well-formed YAML: "+err.Error())
	}
	r := yamlReader{document: d}
	for _, doc := range file.Docs {
		r.anchors = map[string]*tree{}
		root, err := r.node(doc.Body, 0)
		if err != nil {
			return err
		}
		d.roots = append(d.roots, root)
	}
	return nil
}

// parsed is the parser's tree. What its authors did not think of is an error like others.
func parsed(tokens yamltoken.Tokens) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("its parser gives up")
		}
	}()
	if err := invalid(tokens); err != nil {
		return nil, err
	}
	return yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
}

// invalid is the fault of a text that has no tokens; the parser would print all of the others to say so.
func invalid(tokens yamltoken.Tokens) error {
	for _, t := range tokens {
		if t.Type == yamltoken.InvalidType {
			return errors.New(t.Error)
		}
	}
	return nil
}

// beyond looks at tokens for what would take the parser too long, or too deep.
func beyond(tokens yamltoken.Tokens) (at *yamltoken.Token, problem string) {
	type block struct{ column, keys int }
	var blocks []block
	var work, docs, flow int
	for _, t := range tokens {
		switch t.Type {
		case yamltoken.MappingStartType, yamltoken.SequenceStartType:
			flow++
		case yamltoken.MappingEndType, yamltoken.SequenceEndType:
			flow = max(flow-1, 0)
		case yamltoken.DocumentHeaderType, yamltoken.DocumentEndType:
			docs++
			work += 2 * docs
		case yamltoken.MappingValueType, yamltoken.SequenceEntryType, yamltoken.MappingKeyType, yamltoken.TagType, yamltoken.AnchorType:
			if flow > 0 { // these take no more time than they are long
				continue
			}
			column := t.Position.Column
			if t.Type == yamltoken.MappingValueType && t.Prev != nil {
				column = t.Prev.Position.Column
			}
			for len(blocks) > 0 && blocks[len(blocks)-1].column > column {
				blocks = blocks[:len(blocks)-1]
			}
			if len(blocks) == 0 || blocks[len(blocks)-1].column < column {
				blocks = append(blocks, block{column: column})
			}
			last := &blocks[len(blocks)-1]
			last.keys++
			if t.Type == yamltoken.MappingValueType {
				work += 2 * last.keys
			}
		}
		switch {
		case flow+len(blocks) > MaxDepth:
			return t, fmt.Sprintf("is nested deeper than %d", MaxDepth)
		case work > maxWork:
			return t, "has too many keys in one mapping"
		}
	}
	return nil, ""
}

// offset is the byte where a token begins: the lexer counts lines, and characters within them.
func (d *document) offset(t *yamltoken.Token) int {
	if t == nil || t.Position == nil || t.Position.Line < 1 || t.Position.Line > len(d.lines.starts) {
		return 0
	}
	start := d.lines.starts[t.Position.Line-1]
	if d.lines.plain {
		return min(start+max(t.Position.Column-1, 0), len(d.source.Text))
	}
	column := 1
	for i := range string(d.lines.line(t.Position.Line)) {
		if column == t.Position.Column {
			return start + i
		}
		column++
	}
	return start + len(d.lines.line(t.Position.Line))
}
