package lint

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// tfSection is a resource, or a block in one. A nil section is one that is not there; its methods take it.
type tfSection struct {
	start, end int // its head: type and labels
	settings   []tfSetting
	blocks     []tfBlock
}

// tfSetting is an argument.
type tfSetting struct {
	name       string
	start, end int // of the name
	value      tfExpr
}

// tfBlock is a block in a section.
type tfBlock struct {
	name       string
	start, end int // of the name
	body       *tfSection
}

// tfExpr is an expression: of HCL, or a list of JSON.
type tfExpr struct {
	hclsyntax.Expression
	items      []tfExpr
	text       []byte // what the ranges of Expression are of
	start, end int    // where it stands in the source
}

// setting finds an argument.
func (s *tfSection) setting(name string) (found tfSetting, ok bool) {
	if s == nil {
		return found, false
	}
	i := slices.IndexFunc(s.settings, func(a tfSetting) bool { return a.name == name })
	if i < 0 {
		return found, false
	}
	return s.settings[i], true
}

// block finds the first block of a name; nil for none.
func (s *tfSection) block(name string) *tfSection {
	if s == nil {
		return nil
	}
	if i := slices.IndexFunc(s.blocks, func(b tfBlock) bool { return b.name == name }); i >= 0 {
		return s.blocks[i].body
	}
	return nil
}

// section is a block of HCL with all in it. Dynamic blocks count as what they make.
func (t *terraform) section(b *hclsyntax.Block) *tfSection {
	at := b.DefRange()
	s := &tfSection{start: at.Start.Byte, end: at.End.Byte}
	for name, a := range b.Body.Attributes {
		s.settings = append(s.settings, tfSetting{name: name, start: a.NameRange.Start.Byte, end: a.NameRange.End.Byte, value: t.expr(a.Expr)})
	}
	slices.SortFunc(s.settings, func(a, b tfSetting) int { return cmp.Compare(a.start, b.start) })
	for _, in := range b.Body.Blocks {
		name, start, end := in.Type, in.TypeRange.Start.Byte, in.TypeRange.End.Byte
		if name == "dynamic" && len(in.Labels) == 1 {
			name, start, end = in.Labels[0], in.LabelRanges[0].Start.Byte, in.LabelRanges[0].End.Byte
			if t.source.Text[start] == '"' {
				start, end = start+1, end-1
			}
			for _, content := range in.Body.Blocks {
				if content.Type == "content" {
					in = content
				}
			}
		}
		s.blocks = append(s.blocks, tfBlock{name: name, start: start, end: end, body: t.section(in)})
	}
	return s
}

func (t *terraform) expr(e hclsyntax.Expression) tfExpr {
	at := e.Range()
	return tfExpr{Expression: e, text: t.source.Text, start: at.Start.Byte, end: at.End.Byte}
}

// json parses the JSON syntax of Terraform.
func (t *terraform) json() (*tfFile, error) {
	if err := t.few(); err != nil {
		return nil, err
	}
	d := document{source: t.source, lines: t.lines}
	if err := d.parseJSON(); err != nil {
		return nil, err
	}
	root := &tfFile{defaults: map[string]tfExpr{}, locals: map[string]tfExpr{}}
	for _, top := range d.roots[0].keys {
		for _, in := range tfObjects(top.value) {
			for _, k := range in.keys {
				switch top.name {
				case "resource":
					t.jsonResources(root, k)
				case "variable":
					if e, ok := t.jsonSection(k).setting("default"); ok {
						root.defaults[k.name] = e.value
					}
				case "locals":
					root.locals[k.name] = t.jsonExpr(k.value)
				}
			}
		}
	}
	return root, nil
}

// jsonResources are those of a type.
func (t *terraform) jsonResources(root *tfFile, kind treeKey) {
	if !tfRead(kind.name) {
		return
	}
	for _, in := range tfObjects(kind.value) {
		for _, k := range in.keys {
			for _, body := range tfObjects(k.value) {
				s := t.jsonSection(treeKey{start: k.start, end: k.end, value: body})
				root.resources = append(root.resources, tfResource{kind: kind.name, name: k.name, body: s})
			}
		}
	}
}

// tfObjects are an object, or those of a list: JSON has both for blocks.
func tfObjects(value *tree) []*tree {
	switch {
	case value == nil:
		return nil
	case value.shape == mapping:
		return []*tree{value}
	case value.shape == sequence && !slices.ContainsFunc(value.items, func(item *tree) bool { return item.shape != mapping }):
		return value.items
	}
	return nil
}

// jsonSection is an object with all in it.
func (t *terraform) jsonSection(k treeKey) *tfSection {
	s := &tfSection{start: k.start, end: k.end}
	if k.value == nil {
		return s
	}
	for _, in := range k.value.keys {
		start, end := in.start+1, in.end-1 // without quotes
		blocks := tfObjects(in.value)
		for _, value := range blocks {
			s.blocks = append(s.blocks, tfBlock{name: in.name, start: start, end: end, body: t.jsonSection(treeKey{start: in.start, end: in.end, value: value})})
		}
		if len(blocks) == 0 {
			s.settings = append(s.settings, tfSetting{name: in.name, start: start, end: end, value: t.jsonExpr(in.value)})
		}
	}
	return s
}

// jsonExpr is a value. A text is a template, as in HCL.
func (t *terraform) jsonExpr(value *tree) tfExpr {
	e := tfExpr{start: value.start, end: value.end}
	raw := string(t.source.Text[value.start:value.end])
	literal := func(v cty.Value) hclsyntax.Expression { return &hclsyntax.LiteralValueExpr{Val: v} }
	switch {
	case value.shape == sequence:
		for _, item := range value.items {
			e.items = append(e.items, t.jsonExpr(item))
		}
	case value.shape == scalar && strings.HasPrefix(raw, `"`) && (strings.Contains(value.text, "${") || strings.Contains(value.text, "%{")):
		part := &terraform{source: &Source{Text: []byte(value.text)}, lines: t.lines}
		if part.bounded() == nil && len(value.text) < longestComment {
			e.text = part.source.Text
			e.Expression, _ = hclsyntax.ParseTemplate(e.text, "", hcl.InitialPos)
		}
	case value.shape == scalar && strings.HasPrefix(raw, `"`):
		e.Expression = literal(cty.StringVal(value.text))
	case value.shape == scalar && (raw == "true" || raw == "false"):
		e.Expression = literal(cty.BoolVal(raw == "true"))
	case value.shape == scalar:
		if n, err := cty.ParseNumberVal(raw); err == nil {
			e.Expression = literal(n)
		}
	case value.shape == null:
		e.Expression = literal(cty.NullVal(cty.DynamicPseudoType))
	}
	return e
}

// tfComments are comments by line: beside something, and on the lines right above.
type tfComments struct {
	beside, above map[int]string
}

// commented collects them from tokens.
func (t *terraform) commented(tokens hclsyntax.Tokens) tfComments {
	c := tfComments{beside: map[int]string{}, above: map[int]string{}}
	last := 0 // the line where the last token that is none ended
	for _, token := range tokens {
		begin := t.line(token.Range.Start.Byte)
		if token.Type != hclsyntax.TokenComment {
			if last = t.line(token.Range.End.Byte); token.Type == hclsyntax.TokenNewline {
				last = 0
			}
			continue
		}
		said := tfComment(token.Bytes)
		if last == begin {
			c.beside[begin] = said
			continue
		}
		if more := c.above[begin-1]; more != "" && len(more) < longestComment {
			said = more + "; " + said
		}
		c.above[t.line(token.Range.Start.Byte+len(bytes.TrimRight(token.Bytes, "\r\n")))] = said
	}
	return c
}

// tfComment is a comment without its marks; one to this program says nothing.
func tfComment(token []byte) string {
	if bytes.Contains(token, []byte(ignoreWord)) {
		return ""
	}
	said := strings.TrimSpace(string(token[:min(len(token), longestComment)]))
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimLeft(said, "#/* \t"), "*/"))
}

// near is the comment beside a line, or above it.
func (c tfComments) near(line int) string {
	if said := c.beside[line]; said != "" {
		return said
	}
	return c.above[line-1]
}
