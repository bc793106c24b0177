package interop_test

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const guidePath = "../../docs/guides/from-flask-jwt-extended.md"

// The guide has every name of the installed library: settings, arguments, loaders, helpers, errors.
func TestFlaskGuide(t *testing.T) {
	t.Parallel()
	guide := string(must(os.ReadFile(guidePath)))
	p := startPython(t, "names.py")
	if !p.Scan() {
		t.Fatalf("no names from Python: %v", p.Err())
	}
	var names []string
	if err := json.Unmarshal(p.Bytes(), &names); err != nil || len(names) < 100 {
		t.Fatalf("got %d names: %v", len(names), err)
	}
	for _, name := range names {
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("the guide does not say what %s is here", name)
		}
	}
}

// The pieces of the guide, one after the other, are a program that compiles, as gofmt would have it.
func TestFlaskGuideCompiles(t *testing.T) {
	t.Parallel()
	const before = `package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

func program(mux *http.ServeMux, hello, pay http.Handler, signedIn func(*http.Request) (string, bool), blocked func(context.Context, string) (bool, error),
	writeJSON func(http.ResponseWriter, int, any), find func(context.Context, string) (any, bool),
) http.Handler {
`
	var program strings.Builder
	program.WriteString(before)
	blocks := 0
	for piece := range strings.SplitSeq(string(must(os.ReadFile(guidePath))), "```go\n") {
		code, _, ok := strings.Cut(piece, "```\n")
		if blocks++; blocks == 1 || !ok { // what stands before the first
			continue
		}
		if formatted, err := format.Source([]byte(code)); err != nil || string(formatted) != code {
			t.Errorf("want, by gofmt (%v):\n%s", err, formatted)
		}
		program.WriteString(code)
	}
	program.WriteString("\treturn everything\n}\n\nfunc main() { program(nil, nil, nil, nil, nil, nil, nil) }\n")
	path := filepath.Join(t.TempDir(), "guide.go")
	if err := os.WriteFile(path, []byte(program.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "vet", path).CombinedOutput(); err != nil || blocks < 10 {
		t.Errorf("%d pieces: %v\n%s", blocks, err, out)
	}
}
