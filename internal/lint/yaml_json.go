package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
)

// jsonReader builds a tree of JSON from the standard library's tokens: unlike its Unmarshal they say where they stand.
type jsonReader struct {
	*document
	tokens *json.Decoder
	depth  int
}

func (d *document) parseJSON() error {
	r := jsonReader{document: d, tokens: json.NewDecoder(bytes.NewReader(d.source.Text))}
	r.tokens.UseNumber()
	root, err := r.value()
	if err != nil {
		return err
	}
	if at := int(r.tokens.InputOffset()); len(bytes.TrimSpace(d.source.Text[at:])) > 0 {
		return d.unreadable(at, "is not well-formed JSON: there is more after its end")
	}
	d.roots, d.comments = []*tree{root}, false
	return nil
}

// next is a token and where it begins: behind white space and what parts values.
func (r *jsonReader) next() (token json.Token, start int, err error) {
	start = int(r.tokens.InputOffset())
	token, err = r.tokens.Token()
	if err == nil {
		text := r.source.Text
		for start < len(text) && (unicode.IsSpace(rune(text[start])) || text[start] == ',' || text[start] == ':') {
			start++
		}
		return token, start, nil
	}
	at := start
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		at = int(syntax.Offset) - 1
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, at, r.unreadable(at, fmt.Sprintf("is not well-formed JSON: %v", err))
}

func (r *jsonReader) value() (*tree, error) {
	token, start, err := r.next()
	if err != nil {
		return nil, err
	}
	t := &tree{shape: scalar, start: start, end: int(r.tokens.InputOffset())}
	switch token := token.(type) {
	case json.Delim:
		return t, r.inside(t, token)
	case nil:
		t.shape = null
	case string:
		t.text = token
	default:
		t.text = fmt.Sprint(token)
	}
	return t, nil
}

// inside reads an object or an array to its end.
func (r *jsonReader) inside(t *tree, open json.Delim) error {
	if r.depth++; r.depth > MaxDepth {
		return r.unreadable(t.start, fmt.Sprintf("is nested deeper than %d", MaxDepth))
	}
	t.shape = sequence
	if open == '{' {
		t.shape = mapping
	}
	for r.tokens.More() {
		var k treeKey
		if t.shape == mapping {
			name, start, err := r.next()
			if err != nil {
				return err
			}
			k.name, _ = name.(string)
			k.start, k.end = start, int(r.tokens.InputOffset())
		}
		value, err := r.value()
		if err != nil {
			return err
		}
		if k.value = value; t.shape == mapping {
			t.keys = append(t.keys, k)
		} else {
			t.items = append(t.items, value)
		}
	}
	r.depth--
	_, _, err := r.next()
	t.end = int(r.tokens.InputOffset())
	return err
}
