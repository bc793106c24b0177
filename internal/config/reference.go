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
	Env     string `json:"env,omitempty"` // empty for what stands in a list of sections: only the file can hold it
	Kind    string `json:"kind"`          // text, list, duration, number or switch
	Default string `json:"default"`
	Doc     string `json:"doc"`
}

// Settings are all settings, as documented by their tags, in the order of the file.
func Settings() []Setting {
	c := Default()
	var rows []Setting
	for _, f := range opened(&c) {
		if f.list() {
			for _, g := range f.itemFields() {
				rows = append(rows, g.reference())
			}
			continue
		}
		rows = append(rows, f.reference())
	}
	return rows
}

func (f field) reference() Setting {
	value := strings.Trim(f.yaml(), `"`)
	if unset := f.tag.Get("unset"); unset != "" {
		value = unset
	}
	env := f.env()
	if strings.Contains(f.path, "[") {
		env = ""
	}
	return Setting{Path: f.path, Env: env, Kind: f.kind(), Default: value, Doc: f.describe()}
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
		inner := children(f.value, f.path+".")
		for _, g := range inner {
			if !g.list() {
				row(&b, g)
			}
		}
		for _, g := range inner {
			if g.list() {
				heading(&b, g.path+"[]", g.tag.Get("doc")+" A list of sections, in the file alone.")
				for _, h := range g.itemFields() {
					row(&b, h)
				}
			}
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
	env := "-"
	if s.Env != "" {
		env = "`" + s.Env + "`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", s.Path, env, shown, strings.ReplaceAll(s.Doc, "|", `\|`))
}

// Insecure are the paths of the Insecure fields that are set in c: what its
// owner has loosened, to be logged at every start.
func (c Config) Insecure() []string {
	var paths []string
	for _, f := range append(settings(&c), entries(&c)...) {
		if on, ok := f.value.Interface().(bool); ok && on && strings.HasPrefix(f.key(), "insecure_") {
			paths = append(paths, f.path+c.owner(f.path))
		}
	}
	return paths
}

// owner is the id of the client that a path belongs to, in parentheses.
func (c Config) owner(path string) string {
	for i, one := range c.OAuth.Clients {
		if strings.HasPrefix(path, item("oauth.clients", i)) {
			return " (" + one.ID + ")"
		}
	}
	return ""
}
