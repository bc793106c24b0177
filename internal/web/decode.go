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
	"strings"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/problem"
)

// Limits of a JSON request body.
const (
	MaxBody  = 64 << 10 // bytes
	maxDepth = 32
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
// by letter case alone (encoding/json would take it for the wanted one), depth bounded.
func checkNames(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return malformed(errors.New("not a JSON object"))
	}
	if err := object(dec, names(v), 1); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return malformed(errors.New("data after the object"))
	}
	return nil
}

// object reads the members of an object behind its brace.
func object(dec *json.Decoder, wanted []string, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return malformed(err)
		}
		if seen[name] {
			return problem.InvalidField(visible(name), "field_twice")
		}
		seen[name] = true
		if slices.ContainsFunc(wanted, func(w string) bool { return name != w && strings.EqualFold(name, w) }) {
			return problem.InvalidField(visible(name), "field_case")
		}
		if err := value(dec, depth); err != nil {
			return err
		}
	}
	return end(dec)
}

// value reads one value of any kind.
func value(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return malformed(err)
	}
	if depth++; depth > maxDepth {
		return malformed(errors.New("nested too deeply"))
	}
	switch t {
	case json.Delim('{'):
		return object(dec, nil, depth)
	case json.Delim('['):
		for dec.More() {
			if err := value(dec, depth); err != nil {
				return err
			}
		}
		return end(dec)
	}
	return nil
}

// end reads the closing brace or bracket.
func end(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return malformed(err)
	}
	return nil
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
