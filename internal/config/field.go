package config

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// envPrefix begins the name of every environment variable that is ours.
const envPrefix = "SANDI_"

// field is one setting, or one section of settings, of a Config.
type field struct {
	path  string // "token.access"
	value reflect.Value
	tag   reflect.StructTag
}

// key is the last part of the path.
func (f field) key() string { return f.path[strings.LastIndexByte(f.path, '.')+1:] }

// env is the name of the environment variable that sets f.
func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(f.path, ".", "_"))
}

func (f field) section() bool { return f.value.Kind() == reflect.Struct }

// list says that f is a list of sections.
func (f field) list() bool {
	return f.value.Kind() == reflect.Slice && f.value.Type().Elem().Kind() == reflect.Struct
}

// items are the fields of each section of a list.
func (f field) items() [][]field {
	all := make([][]field, f.value.Len())
	for i := range all {
		all[i] = children(f.value.Index(i), item(f.path, i))
	}
	return all
}

// itemFields are the fields that a section of the list has, with the path "oauth.clients[].id".
func (f field) itemFields() []field {
	return children(reflect.New(f.value.Type().Elem()).Elem(), f.path+"[].")
}

// children are the fields of v, a struct, in the order of its declaration.
func children(v reflect.Value, prefix string) []field {
	fields := make([]field, v.NumField())
	for i := range fields {
		t := v.Type().Field(i)
		fields[i] = field{path: prefix + t.Tag.Get("yaml"), value: v.Field(i), tag: t.Tag}
	}
	return fields
}

// opened are the fields of c, sections opened, lists of sections closed.
func opened(c *Config) []field {
	var all []field
	for _, f := range settingsTree(c) {
		if f.section() {
			all = append(all, children(f.value, f.path+".")...)
		} else {
			all = append(all, f)
		}
	}
	return all
}

// settings are those of c that are one value each: what the environment and flags can set. Setting a value sets it in c.
func settings(c *Config) []field { return slices.DeleteFunc(opened(c), field.list) }

// entries are the settings within c's lists of sections.
func entries(c *Config) []field {
	var all []field
	for _, f := range opened(c) {
		if f.list() {
			all = append(all, slices.Concat(f.items()...)...)
		}
	}
	return all
}

// set reads text into the field. The message it returns otherwise does not
// repeat the text where the setting may hold a secret.
func (f field) set(text string) (message, hint string) {
	if !printableText(text) {
		return "holds bytes that are not printable text", ""
	}
	switch p := f.value.Addr().Interface().(type) {
	case *string:
		*p = text
	case *bool:
		if text != "true" && text != "false" {
			return strconv.Quote(text) + " is not true or false", ""
		}
		*p = text == "true"
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return strconv.Quote(text) + " is not a whole number", ""
		}
		*p = n
	case *time.Duration:
		d, err := ParseDuration(text)
		if err != nil {
			return strconv.Quote(text) + " " + err.Error(), ""
		}
		*p = d
	case *[]string:
		*p = nil
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*p = append(*p, item)
			}
		}
	}
	return f.check()
}

// kind is what the field holds: text, list, duration, number or switch.
func (f field) kind() string {
	switch f.value.Interface().(type) {
	case []string:
		return "list"
	case time.Duration:
		return "duration"
	case int:
		return "number"
	case bool:
		return "switch"
	}
	return "text"
}

func (f field) setList(items []string) {
	if len(items) == 0 {
		items = nil
	}
	f.value.Set(reflect.ValueOf(items))
}

// printableText says that s can be shown and logged as it is.
func printableText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// printable is s in a form that can be shown.
func printable(s string) string {
	if printableText(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// check judges the value by the tags of the field alone.
func (f field) check() (message, hint string) {
	if words := f.tag.Get("oneof"); words != "" {
		return checkWord(f.value.String(), strings.Fields(words))
	}
	least, greatest, ok := strings.Cut(f.tag.Get("range"), "..")
	if !ok {
		return "", ""
	}
	switch v := f.value.Interface().(type) {
	case time.Duration:
		lo, _ := ParseDuration(least)
		hi, _ := ParseDuration(greatest)
		switch {
		case v <= 0 && lo > 0:
			return "must be more than 0", "there is no value for \"never\"; write " + least + " to " + greatest
		case v%time.Second != 0 && lo >= time.Second:
			return FormatDuration(v) + " is not whole seconds", ""
		}
		return checkRange(v, lo, hi, FormatDuration)
	case int:
		lo, _ := strconv.Atoi(least)
		hi, _ := strconv.Atoi(greatest)
		return checkRange(v, lo, hi, strconv.Itoa)
	}
	return "", ""
}

func checkRange[T cmp.Ordered](v, lo, hi T, format func(T) string) (message, hint string) {
	if v < lo || v > hi {
		return format(v) + " is outside " + format(lo) + " to " + format(hi), ""
	}
	return "", ""
}

func checkWord(word string, allowed []string) (message, hint string) {
	for _, a := range allowed {
		if a == word {
			return "", ""
		}
	}
	hint = "one of: " + strings.Join(allowed, ", ")
	if near := nearest(strings.ToLower(word), lower(allowed)); near != "" {
		for _, a := range allowed {
			if strings.ToLower(a) == near {
				hint = "did you mean " + strconv.Quote(a) + "? " + hint
			}
		}
	}
	return strconv.Quote(word) + " is not known", hint
}

func lower(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}
