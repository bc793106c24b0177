package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaURL is what a schema is called while it is compiled.
const schemaURL = "sandi://channel/schema"

// alone refuses whatever a schema refers to outside of itself: no file is read and nothing fetched for it.
type alone struct{}

// Load implements jsonschema.URLLoader.
func (alone) Load(url string) (any, error) {
	return nil, fmt.Errorf("$ref %.100q: a schema may refer to itself alone; put what it needs into its $defs", url)
}

// schema is a JSON Schema, and what it costs to check a message by it.
type schema struct {
	*jsonschema.Schema
	price price
}

// compileSchema reads a JSON Schema, of draft 2020-12 where it does not say. A draft's own meta-schema, which is built in, may be referred to.
func compileSchema(text json.RawMessage) (*schema, error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("it has %d bytes, and may have %d", len(text), maxSchema)
	}
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(alone{})
	p := &patterns{}
	c.UseRegexpEngine(p.compile)
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(schemaURL)
	if err != nil {
		return nil, errors.New(shorten(strings.ReplaceAll(err.Error(), schemaURL, ""), 1000)) // which may name each of 1,000 places
	}
	p.made = true
	if err := checkCost(s); err != nil {
		return nil, err
	}
	return &schema{s, priceOf(s)}, nil
}

// meets says where a message fails a schema.
func meets(s *schema, data json.RawMessage) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return &Error{Code: "bad_request", Msg: "data is no JSON"}
	}
	if err := s.price.pays(doc, len(data)); err != nil {
		return err
	}
	err = s.Validate(doc)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return &Error{Code: "invalid", Msg: "data does not meet the channel's schema"}
	}
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return &Error{Code: "invalid", Msg: clip(e.BasicOutput().Error), Path: pointer(e.InstanceLocation)}
}

// clip shortens what a failure says: it may repeat what the client sent.
func clip(e *jsonschema.OutputError) string {
	if e == nil {
		return "data does not meet the channel's schema"
	}
	return shorten(e.String(), 200)
}

// shorten is at most so many bytes of text.
func shorten(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// pointer is a JSON Pointer (RFC 6901 section 3); "" is the whole message.
func pointer(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(t))
	}
	return b.String()
}

// Bounds of JSON that others made: deep nesting exhausts the stack of those who read it, and a number such as 1e999999999 the memory of
// those who compute with it (RFC 8259 sections 6 and 9 allow both to be refused).
const (
	maxDepth    = 32
	maxNumber   = 64
	maxExponent = 3
)

// checkJSON refuses what is no JSON text in UTF-8 (bad_request), or beyond the bounds (invalid).
func checkJSON(data json.RawMessage) error {
	if !utf8.Valid(data) || !json.Valid(data) {
		return &Error{Code: "bad_request", Msg: "data is no JSON text in UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &Error{Code: "bad_request", Msg: "data is no JSON text in UTF-8"}
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case json.Number:
			if !sane(v.String()) {
				return &Error{Code: "invalid", Msg: fmt.Sprintf("a number has more than %d characters, or an exponent of more than %d digits", maxNumber, maxExponent)}
			}
		}
		if depth > maxDepth {
			return &Error{Code: "invalid", Msg: fmt.Sprintf("data is nested deeper than %d", maxDepth)}
		}
	}
}

func sane(number string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	return len(number) <= maxNumber && len(strings.TrimLeft(exponent, "+-")) <= maxExponent
}
