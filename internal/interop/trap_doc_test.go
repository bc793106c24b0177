package interop_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/traps.md anew")

// TestTrapsDoc: the table that readers see is the one that TestTraps and TestTrapsInNode prove.
func TestTrapsDoc(t *testing.T) {
	t.Parallel()
	columns := append(strings.Fields(everybody), strings.Fields(npm)...)
	refused := make([]int, len(columns))
	var rows strings.Builder
	for _, tt := range traps() {
		fmt.Fprintf(&rows, "| %s | refuses |", tt.name)
		accepting := strings.Fields(tt.inGo + " " + tt.inNode)
		for i, name := range columns {
			cell := "**accepts**"
			if !slices.Contains(accepting, name) {
				refused[i]++
				cell = "refuses"
			}
			fmt.Fprintf(&rows, " %s |", cell)
		}
		rows.WriteString("\n")
	}
	var doc strings.Builder
	doc.WriteString(trapsIntro)
	fmt.Fprintf(&doc, "| token | sandi | %s |\n|---|---|%s\n%s| refused, of %d | %d |", strings.Join(columns, " | "),
		strings.Repeat("---|", len(columns)), rows.String(), len(traps()), len(traps()))
	for _, n := range refused {
		fmt.Fprintf(&doc, " %d |", n)
	}
	doc.WriteString("\n")

	path := filepath.Join("..", "..", "docs", "traps.md")
	if *update {
		if err := os.WriteFile(path, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != doc.String() {
		t.Errorf("docs/traps.md is out of date (%v): run go test -run TestTrapsDoc -update in internal/interop", err)
	}
}

const trapsIntro = `# Tokens that must be refused

What the libraries that people use do with tokens that a strict verifier refuses: each signed with the right key, or differing from
such a one in nothing but its spelling. The versions are those of ` + "`internal/interop/go.mod` and `test/npm/package.json`" + `; its
tests send every token to every library, so that each cell is seen to be true. A library is asked as its documentation shows first;
golang-jwt also with map claims (golang-jwt/map) and with all of its strict options (golang-jwt/strict), jwx with one key and with a key
set (jwx/set). Where a library cannot read the kind of key in question, it counts as refusing.

`
