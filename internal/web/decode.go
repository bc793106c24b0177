package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/problem"
)

// Limits of a JSON request body.
const (
	MaxBody   = 64 << 10 // bytes
	maxDepth  = 32
	maxTokens = 1000 // names, values, braces and brackets
)

// Decode reads the JSON object in the body into the struct that v points to. Names match exactly and stand
// once; unknown ones are ignored. Errors are *problem.Error: 415 for another content type, 413 for more than MaxBody,
// 400 for anything that is not the object asked for, with the field named.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		e := problem.New(problem.UnsupportedMedia, "unsupported_media_type")
		e.Cause = err
		return e
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return problem.New(problem.TooLarge, "body_too_large")
		}
		return problem.Wrap(problem.Invalid, "invalid_request", err)
	}
	return Unmarshal(body, v)
}

// Unmarshal is Decode for bytes at hand.
func Unmarshal(body []byte, v any) error {
	if !utf8.Valid(body) {
		return malformed(errors.New("not UTF-8"))
	}
	if loneSurrogate(body) {
		return malformed(errors.New("half a surrogate pair"))
	}
	if err := checkNames(body, v); err != nil {
		return err
	}
	err := json.Unmarshal(body, v)
	if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && te.Field != "" {
		return problem.InvalidField(te.Field, "field_wrong_type")
	}
	if err != nil {
		return malformed(err)
	}
	return nil
}

func malformed(cause error) error {
	e := problem.Wrap(problem.Invalid, "invalid_request", cause)
	e.Sentence = "json_malformed"
	return e
}

// checkNames walks the body once: one object, no name twice in any object, none at its top that differs from a wanted one
// by letter case alone (encoding/json would take it for the wanted one), depth and size bounded.
func checkNames(body []byte, v any) error {
	w := walk{dec: json.NewDecoder(bytes.NewReader(body)), left: maxTokens}
	if t, err := w.next(); err != nil || t != json.Delim('{') {
		return malformed(errors.New("not a JSON object"))
	}
	if err := w.object(names(v), 1); err != nil {
		return err
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return malformed(errors.New("data after the object"))
	}
	return nil
}

// walk reads a JSON text token by token, which is dear: left bounds it, so that a body of thousands of numbers costs its
// sender more than us.
type walk struct {
	dec  *json.Decoder
	left int
}

func (w *walk) next() (json.Token, error) {
	if w.left--; w.left < 0 {
		return nil, malformed(errors.New("too many members"))
	}
	t, err := w.dec.Token()
	if err != nil {
		return nil, malformed(err)
	}
	return t, nil
}

// object reads the members of an object behind its brace, and the closing one.
func (w *walk) object(wanted []string, depth int) error {
	seen := map[string]bool{}
	for w.dec.More() {
		t, err := w.next()
		if err != nil {
			return err
		}
		name, _ := t.(string) // the decoder lets nothing else stand here
		if seen[name] {
			return problem.InvalidField(visible(name), "field_twice")
		}
		seen[name] = true
		if slices.ContainsFunc(wanted, func(w string) bool { return name != w && strings.EqualFold(name, w) }) {
			return problem.InvalidField(visible(name), "field_case")
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	_, err := w.next()
	return err
}

// value reads one value of any kind.
func (w *walk) value(depth int) error {
	t, err := w.next()
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return malformed(errors.New("nested too deeply"))
	}
	switch t {
	case json.Delim('{'):
		return w.object(nil, depth)
	case json.Delim('['):
		for w.dec.More() {
			if err := w.value(depth + 1); err != nil {
				return err
			}
		}
		_, err = w.next()
	}
	return err
}

// loneSurrogate finds an escape that stands for half a character. encoding/json would make U+FFFD of every such half, and one
// password of two.
func loneSurrogate(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		r := escaped(body, i)
		if !utf16.IsSurrogate(r) {
			continue
		}
		if i+5 >= len(body) || body[i+5] != '\\' || utf16.DecodeRune(r, escaped(body, i+6)) == utf8.RuneError {
			return true
		}
		i += 10
	}
	return false
}

// escaped is the code unit of the escape whose letter stands at i, -1 where that is not uXXXX.
func escaped(body []byte, i int) rune {
	if i+5 > len(body) || body[i] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(body[i+1:i+5]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// names are the JSON names of the struct that v points to.
func names(v any) (out []string) {
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// visible bounds what of the caller's own text is said back.
func visible(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "..."
	}
	return s
}

// Required is the 400 for a field that is absent or empty, nil when value is there.
func Required(field, value string) error {
	if value != "" {
		return nil
	}
	return problem.InvalidField(field, "field_missing")
}
