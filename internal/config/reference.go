package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Setting is one row of the reference.
type Setting struct {
	Path    string `json:"path"`
	Env     string `json:"env"`
	Kind    string `json:"kind"` // text, list, duration, number or switch
	Default string `json:"default"`
	Doc     string `json:"doc"`
}

// Settings are all settings, as documented by their tags, in the order of the file.
func Settings() []Setting {
	c := Default()
	var rows []Setting
	for _, f := range settings(&c) {
		rows = append(rows, f.reference())
	}
	return rows
}

func (f field) reference() Setting {
	value := strings.Trim(f.yaml(), `"`)
	if unset := f.tag.Get("unset"); unset != "" {
		value = unset
	}
	return Setting{Path: f.path, Env: f.env(), Kind: f.kind(), Default: value, Doc: f.describe()}
}

const preamble = `# Configuration

Sandi starts without any: every setting has a default that is safe. What you set is read in this
order, each over the one before: the file (` + "`--config sandi.yaml`" + `, or SANDI_CONFIG), the environment, flags.
An unknown key or variable is refused, and ` + "`sandi config check`" + ` reports everything that is wrong at once.

Durations are whole numbers with units, greatest first: ` + "`15m`, `30d`, `14d12h`" + `; a lifetime of 0 or "never" cannot be
written. Lists in the environment are separated by commas. Secrets stand in files of their own, never here.
Whatever loosens a safe default is called ` + "`insecure_...`" + ` and is logged at every start.

This page is written by ` + "`sandi config doc`" + `; the effective values are printed by ` + "`sandi config print`" + `.
`

// Doc writes the reference of all settings as Markdown.
func Doc(w io.Writer) error {
	c := Default()
	var b strings.Builder
	b.WriteString(preamble)
	heading(&b, "general", "")
	for _, f := range children(reflect.ValueOf(&c).Elem(), "") {
		if !f.section() {
			row(&b, f)
			continue
		}
		heading(&b, f.path, f.tag.Get("doc"))
		for _, g := range children(f.value, f.path+".") {
			row(&b, g)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func heading(b *strings.Builder, name, doc string) {
	fmt.Fprintf(b, "\n## %s\n\n", name)
	if doc != "" {
		fmt.Fprintf(b, "%s\n\n", doc)
	}
	b.WriteString("| setting | environment | default | meaning |\n|---|---|---|---|\n")
}

func row(b *strings.Builder, f field) {
	s := f.reference()
	shown := "`" + s.Default + "`"
	if f.tag.Get("unset") != "" {
		shown = s.Default
	} else if s.Default == "" {
		shown = "empty"
	}
	fmt.Fprintf(b, "| `%s` | `%s` | %s | %s |\n", s.Path, s.Env, shown, strings.ReplaceAll(s.Doc, "|", `\|`))
}

// Insecure are the paths of the Insecure fields that are set in c: what its
// owner has loosened, to be logged at every start.
func (c Config) Insecure() []string {
	var paths []string
	for _, f := range settings(&c) {
		if on, ok := f.value.Interface().(bool); ok && on && strings.HasPrefix(f.key(), "insecure_") {
			paths = append(paths, f.path)
		}
	}
	return paths
}
