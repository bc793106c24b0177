package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
)

//go:embed readme.tmpl
var readme string

// writeReadme writes the table of a whole run.
func writeReadme(path string, b *bench) error {
	page, err := template.New("readme").Funcs(template.FuncMap{
		"cell": func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
	}).Parse(readme)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := page.Execute(file, b); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close()
}

// The fields of the page that are not the run's own.

// Machine is what was measured on.
func (b *bench) Machine() machine { return thisMachine() }

// Summary counts the limits.
func (b *bench) Summary() string { return b.summary() }

// Rounds is how many slices were wanted.
func (b *bench) Rounds() int { return b.rounds }

// Slice is how long they were.
func (b *bench) Slice() string { return b.slice.String() }

// Peers are the versions of what was measured beside Sandi.
func (b *bench) Peers() []string {
	var names []string
	for _, m := range [][2]string{
		{"golang-jwt", golangJWT},
		{"kataras/jwt", katarasJWT},
		{"go-jose", goJOSE},
		{"jwx", jwx},
		{"jwtauth", jwtAuth},
		{"gin-jwt", ginJWT},
	} {
		names = append(names, version(m[0], m[1]))
	}
	return append(names, b.others...)
}

// section is a part with its rows.
type section struct {
	Title, Note string
	Rows        []row
}

// Sections are the parts that were measured.
func (b *bench) Sections() []section {
	var list []section
	for _, p := range b.parts {
		s := section{Title: p.title, Note: p.note}
		for _, r := range b.rows {
			if r.Part == p.id {
				s.Rows = append(s.Rows, r)
			}
		}
		list = append(list, s)
	}
	return list
}
