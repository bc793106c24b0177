package lint

import (
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlReader builds a tree from the parser's expressions.
type tomlReader struct {
	*document
	parser unstable.Parser
	tables int // keys that headers named, for a limit
}

func (d *document) parseTOML() error {
	d.comments = true
	r := tomlReader{document: d}
	r.parser.Reset(d.source.Text)
	root := &tree{shape: mapping}
	d.roots = []*tree{root}
	table := root
	for r.parser.NextExpression() {
		var err error
		switch e := r.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, err = r.table(root, e)
		case unstable.KeyValue:
			err = r.keyValue(table, e, 0)
		}
		if err != nil {
			return err
		}
	}
	if err := r.parser.Error(); err != nil {
		at := 0
		if e := (*unstable.ParserError)(nil); errors.As(err, &e) {
			at = r.offset(e.Highlight)
		}
		return d.unreadable(at, fmt.Sprintf("is not well-formed TOML: %v", err))
	}
	return nil
}

// offset is where a part of the text begins; of what is no part of it, 0.
func (r *tomlReader) offset(part []byte) (at int) {
	defer func() {
		if recover() != nil { // Range's way to say so
			at = 0
		}
	}()
	return int(r.parser.Range(part).Offset)
}

// table is the mapping that a header names, made where it is new.
func (r *tomlReader) table(root *tree, e *unstable.Node) (*tree, error) {
	t, depth := root, 0
	for it := e.Key(); it.Next(); depth++ {
		k := it.Node()
		if r.tables++; depth > MaxDepth || r.tables > maxMerged {
			return nil, r.unreadable(int(k.Raw.Offset), "has too many tables, or too deep ones")
		}
		t = r.child(t, k)
	}
	if e.Kind == unstable.ArrayTable { // of several the last counts: none of them is about tokens
		t.keys = nil
	}
	return t, nil
}

// child is the mapping of a key.
func (r *tomlReader) child(t *tree, k *unstable.Node) *tree {
	start := int(k.Raw.Offset)
	end := start + int(k.Raw.Length)
	if known, ok := t.key(string(k.Data)); ok && known.value.shape == mapping {
		return known.value
	}
	child := &tree{shape: mapping, start: start, end: end}
	t.keys = append(t.keys, treeKey{name: string(k.Data), start: start, end: end, value: child})
	return child
}

func (r *tomlReader) keyValue(t *tree, e *unstable.Node, depth int) error {
	value, err := r.value(e.Value(), depth)
	if err != nil {
		return err
	}
	for it := e.Key(); it.Next(); {
		k := it.Node()
		if depth++; depth > MaxDepth {
			return r.unreadable(int(k.Raw.Offset), fmt.Sprintf("is nested deeper than %d", MaxDepth))
		}
		if !it.IsLast() {
			t = r.child(t, k)
			continue
		}
		start := int(k.Raw.Offset)
		t.keys = append(t.keys, treeKey{name: string(k.Data), start: start, end: start + int(k.Raw.Length), value: value})
	}
	return nil
}

func (r *tomlReader) value(n *unstable.Node, depth int) (*tree, error) {
	t := &tree{shape: scalar, start: int(n.Raw.Offset), end: int(n.Raw.Offset + n.Raw.Length), text: string(n.Data)}
	if n.Raw.Length == 0 {
		t.start = r.offset(n.Data)
		t.end = t.start + len(n.Data)
	}
	if depth > MaxDepth {
		return nil, r.unreadable(t.start, fmt.Sprintf("is nested deeper than %d", MaxDepth))
	}
	switch n.Kind {
	case unstable.Array:
		t.shape = sequence
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			item, err := r.value(it.Node(), depth+1)
			if err != nil {
				return nil, err
			}
			t.items = append(t.items, item)
		}
	case unstable.InlineTable:
		t.shape = mapping
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.KeyValue {
				continue
			}
			if err := r.keyValue(t, it.Node(), depth+1); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}
