package lint

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	yamltoken "github.com/goccy/go-yaml/token"
)

// yamlReader builds a tree from the parser's, with aliases followed. They share what they name, so that a billion laughs take no room.
type yamlReader struct {
	*document
	anchors map[string]*tree
	merged  int
}

func (r *yamlReader) node(n ast.Node, depth int) (*tree, error) {
	if n == nil {
		return &tree{}, nil
	}
	if depth > MaxDepth {
		return nil, r.unreadable(r.offset(n.GetToken()), fmt.Sprintf("is nested deeper than %d", MaxDepth))
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		t, err := r.node(n.Value, depth+1)
		if err == nil {
			r.anchors[n.Name.GetToken().Value] = t
		}
		return t, err
	case *ast.AliasNode:
		return r.alias(n), nil
	case *ast.TagNode:
		return r.tagged(n, depth)
	case *ast.MappingNode:
		return r.mapping(n.GetToken(), n.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping(n.GetToken(), []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		t := &tree{shape: sequence, start: r.offset(n.GetToken())}
		t.end = t.start + 1
		for _, value := range n.Values {
			item, err := r.node(value, depth+1)
			if err != nil {
				return nil, err
			}
			t.items = append(t.items, item)
			t.end = max(t.end, item.end)
		}
		return t, nil
	case *ast.LiteralNode:
		at := r.offset(n.GetToken())
		return &tree{shape: scalar, start: at, end: at + 1, text: n.Value.GetToken().Value, shared: true}, nil
	}
	return r.scalar(n), nil
}

// alias is what an anchor names, standing where the alias does. One that comes before its anchor, or within it, is null.
func (r *yamlReader) alias(n *ast.AliasNode) *tree {
	name := n.Value.GetToken().Value
	start := r.offset(n.GetToken())
	t := tree{}
	if target := r.anchors[name]; target != nil {
		t = *target
	}
	t.start, t.end, t.shared = start, min(start+1+len(name), len(r.source.Text)), true
	return &t
}

// tagged keeps the tags that are not YAML's own.
func (r *yamlReader) tagged(n *ast.TagNode, depth int) (*tree, error) {
	t, err := r.node(n.Value, depth+1)
	tag := n.GetToken().Value
	if err != nil || strings.HasPrefix(tag, "!!") {
		return t, err
	}
	own := *t
	own.tag, own.start = tag, r.offset(n.GetToken())
	own.end = max(own.end, own.start+len(tag))
	if own.shape == null {
		own.shape = scalar
	}
	return &own, nil
}

// mapping reads keys. What << brings in stands before them, so that the own ones count.
func (r *yamlReader) mapping(first *yamltoken.Token, values []*ast.MappingValueNode, depth int) (*tree, error) {
	t := &tree{shape: mapping, start: r.offset(first)}
	if len(values) > 0 && first.Type != yamltoken.MappingStartType {
		t.start = r.offset(values[0].Key.GetToken())
	}
	t.end = t.start + 1
	var outer []treeKey
	for _, v := range values {
		value, err := r.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		t.end = max(t.end, value.end)
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			from := []*tree{value}
			if value.shape == sequence {
				from = value.items
			}
			for _, one := range from { // of several the first counts
				outer = append(append([]treeKey(nil), shared(one.keys)...), outer...)
				if r.merged += len(outer); r.merged > maxMerged {
					return nil, r.unreadable(value.start, fmt.Sprintf("merges more than %d keys by <<", maxMerged))
				}
			}
			continue
		}
		key := r.scalar(v.Key)
		t.keys = append(t.keys, treeKey{name: key.text, start: key.start, end: key.end, value: value})
	}
	t.keys = append(outer, t.keys...)
	return t, nil
}

// shared are keys that stand elsewhere: what they say is found there, so that here it is not rewritten a second time.
func shared(keys []treeKey) []treeKey {
	var all []treeKey
	for _, k := range keys {
		if k.value != nil {
			value := *k.value
			value.shared = true
			k.value = &value
		}
		all = append(all, k)
	}
	return all
}

// scalar reads a value or a key, and finds its bytes. Where the text there is another one than the parser says, it is marked as shared.
func (r *yamlReader) scalar(n ast.Node) *tree {
	tk := n.GetToken()
	if _, ok := n.(*ast.NullNode); ok {
		at := r.offset(tk)
		return &tree{start: at, end: at}
	}
	t := &tree{shape: scalar, start: r.offset(tk), text: tk.Value}
	if i, ok := n.(*ast.IntegerNode); ok {
		t.text = fmt.Sprint(i.Value)
	}
	quote := ""
	switch tk.Type {
	case yamltoken.DoubleQuoteType:
		quote = `"`
	case yamltoken.SingleQuoteType:
		quote = "'"
	}
	begin := quote
	if quote == "" {
		begin = tk.Value
	}
	length := 0
	if at, ok := r.nearby(t.start, begin); ok {
		t.start, length = at, len(begin)
		if quote != "" {
			length = quotedLength(r.source.Text[at:], quote[0])
		}
	}
	if length == 0 {
		length, t.shared = 1, true
	}
	t.end = min(t.start+length, len(r.source.Text))
	return t
}

// nearby is where a text begins, at a place or else next to it: after some tags and line ends the lexer is a column off.
func (r *yamlReader) nearby(at int, text string) (start int, ok bool) {
	for _, off := range []int{0, 1, -1, 2, -2} {
		if from := at + off; from >= 0 && from <= len(r.source.Text) && bytes.HasPrefix(r.source.Text[from:], []byte(text)) {
			return from, true
		}
	}
	return at, false
}

// quotedLength is how many bytes a quoted text takes, with its quotes; 0 where it has no end.
func quotedLength(s []byte, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case quote == '"' && s[i] == '\\':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return 0
}
