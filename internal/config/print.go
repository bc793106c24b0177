package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Print writes c as YAML that Load reads back, each setting under its
// documentation. Passwords in URLs are redacted.
func (c Config) Print(w io.Writer) error {
	var b strings.Builder
	for _, f := range children(reflect.ValueOf(&c).Elem(), "") {
		comment(&b, "", f)
		if !f.section() {
			fmt.Fprintf(&b, "%s: %s\n\n", f.key(), f.yaml())
			continue
		}
		fmt.Fprintf(&b, "%s:\n", f.key())
		for _, g := range children(f.value, f.path+".") {
			comment(&b, "  ", g)
			fmt.Fprintf(&b, "  %s: %s\n", g.key(), g.yaml())
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n"))
	return err
}

// comment writes a field's documentation, wrapped.
func comment(b *strings.Builder, indent string, f field) {
	const width = 100
	line := indent + "#"
	for word := range strings.FieldsSeq(f.describe()) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// describe is the documentation of a field, with what its other tags say.
func (f field) describe() string {
	text := f.tag.Get("doc")
	if words := f.tag.Get("oneof"); words != "" {
		text += " One of: " + strings.Join(strings.Fields(words), ", ") + "."
	}
	if least, greatest, ok := strings.Cut(f.tag.Get("range"), ".."); ok {
		text += " From " + least + " to " + greatest + "."
	}
	return text
}

// text is the value of a setting, redacted.
func (f field) text() string {
	s := f.value.String()
	if f.tag.Get("secret") == "url" {
		if u, err := url.Parse(s); err == nil && u.User != nil {
			return u.Redacted()
		}
	}
	return s
}

// yaml is the value in YAML. Double-quoted Go strings of printable text are YAML too.
func (f field) yaml() string {
	switch v := f.value.Interface().(type) {
	case time.Duration:
		return FormatDuration(v)
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return strconv.Quote(f.text())
	default:
		return fmt.Sprint(v)
	}
}

// MarshalJSON writes the keys of the file, durations as text, passwords in URLs
// redacted.
func (c Config) MarshalJSON() ([]byte, error) {
	return json.Marshal(tree(children(reflect.ValueOf(&c).Elem(), "")))
}

func tree(fields []field) map[string]any {
	m := map[string]any{}
	for _, f := range fields {
		switch v := f.value.Interface().(type) {
		case time.Duration:
			m[f.key()] = FormatDuration(v)
		case []string:
			m[f.key()] = append([]string{}, v...)
		case string:
			m[f.key()] = f.text()
		default:
			if m[f.key()] = v; f.section() {
				m[f.key()] = tree(children(f.value, f.path+"."))
			}
		}
	}
	return m
}

// String is the configuration as JSON, redacted, so that no format verb prints more.
func (c Config) String() string {
	text, err := c.MarshalJSON()
	if err != nil {
		return "config: " + err.Error()
	}
	return string(text)
}

// GoString is String.
func (c Config) GoString() string { return c.String() }

// LogValue logs what String prints.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
