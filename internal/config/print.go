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

// Print writes c as YAML that Read reads back, each setting under its
// documentation. A setting that follows from others (unset tag) and has no value
// of its own is commented out, with the value that Resolved gives it: written into
// a file it would no longer follow. Passwords in URLs are redacted.
func (c Config) Print(w io.Writer) error {
	resolved := c.Resolved("")
	var b strings.Builder
	effective := settingsTree(&resolved)
	for i, f := range settingsTree(&c) {
		comment(&b, "", f)
		if !f.section() {
			setting(&b, "", f, effective[i])
			b.WriteByte('\n')
			continue
		}
		fmt.Fprintf(&b, "%s:\n", f.key())
		inner := children(effective[i].value, f.path+".")
		for j, g := range children(f.value, f.path+".") {
			comment(&b, "  ", g)
			if g.list() {
				sections(&b, "  ", g)
				continue
			}
			setting(&b, "  ", g, inner[j])
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n"))
	return err
}

// setting writes the line of f, commented out where only effective has a value.
// Without its # it is a line of YAML; the sentences above it begin with "# ".
func setting(b *strings.Builder, indent string, f, effective field) {
	unset := f.tag.Get("unset")
	if unset == "" || !f.value.IsZero() {
		fmt.Fprintf(b, "%s%s: %s\n", indent, f.key(), f.yaml())
		return
	}
	fmt.Fprintf(b, "%s#%s: %s  # %s\n", indent, f.key(), effective.yaml(), unset)
}

// sections writes a list of sections, of each the settings that have a value.
func sections(b *strings.Builder, indent string, f field) {
	if f.value.Len() == 0 {
		fmt.Fprintf(b, "%s%s: []\n", indent, f.key())
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, f.key())
	for _, fields := range f.items() {
		dash := "- "
		for _, g := range fields {
			if !g.value.IsZero() {
				fmt.Fprintf(b, "%s  %s%s: %s\n", indent, dash, g.key(), g.yaml())
				dash = "  "
			}
		}
		if dash == "- " {
			fmt.Fprintf(b, "%s  - {}\n", indent)
		}
	}
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
		return redactURL(s)
	}
	return s
}

const redacted = "xxxxx" // as url.URL.Redacted writes it

// redactURL hides the passwords in a URL, and all of one in which they cannot be told from the rest.
func redactURL(s string) string {
	if rest, file := strings.CutPrefix(s, "sqlite:"); s == "" || file && !strings.HasPrefix(rest, "//") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" {
		return redacted
	}
	options := strings.Split(u.RawQuery, "&")
	for i, option := range options {
		name, _, _ := strings.Cut(option, "=")
		plain, err := url.QueryUnescape(name)
		switch {
		case err != nil || strings.Contains(option, ";"): // which servers of old took for "&"
			options[i] = redacted
		case namesPassword(plain):
			options[i] = name + "=" + redacted
		}
	}
	u.RawQuery = strings.Join(options, "&")
	if u.Fragment != "" { // the rest of a password with a "#"
		u.Fragment, u.RawFragment = redacted, ""
	}
	return u.Redacted()
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
			switch m[f.key()] = v; {
			case f.section():
				m[f.key()] = tree(children(f.value, f.path+"."))
			case f.list():
				items := []any{}
				for _, fields := range f.items() {
					items = append(items, tree(fields))
				}
				m[f.key()] = items
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
