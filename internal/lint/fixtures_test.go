package lint_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sandi-auth/sandi/internal/lint"
)

var update = flag.Bool("update", false, "write what is wanted anew")

// today is when the fixtures are read.
func today() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// fixture is one of testdata/<product>: files, and the findings that are wanted of them.
type fixture struct {
	path    string
	archive *txtar.Archive
	options lint.Options
}

// Every fixture gives exactly the findings that it names.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures(t) {
		t.Run(strings.TrimSuffix(f.path, ".txtar"), func(t *testing.T) {
			t.Parallel()
			got := said(f.run(t), "")
			if *update {
				f.write(t, got)
				return
			}
			if want := f.wanted(); got != want {
				t.Errorf("found\n%swanted\n%s(go test ./internal/lint -run 'TestFixtures/%s$' -update writes what is found)", got, want, strings.TrimSuffix(f.path, ".txtar"))
			}
		})
	}
}

// A configuration written by its vendor's hardening advice raises no alarm.
func TestHardened(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures(t) {
		if !strings.HasPrefix(filepath.Base(f.path), "hardened-") {
			continue
		}
		result := f.run(t)
		if result.Policies == 0 {
			t.Errorf("%s: no policy was read", f.path)
		}
		for _, found := range result.Findings {
			if found.Severity > lint.Note {
				t.Errorf("%s: %s %s: %s", f.path, found.Severity, found.Rule, found.Message)
			}
		}
	}
}

// fixtures are all of testdata/*/*.txtar. The comment above the first file may say "profile: strict" and "rate: 10".
func fixtures(t *testing.T) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{path: filepath.ToSlash(strings.TrimPrefix(path, "testdata"+string(filepath.Separator))), archive: archive}
		profile, rate := "baseline", ""
		for line := range strings.SplitSeq(string(archive.Comment), "\n") {
			switch key, value, _ := strings.Cut(line, ":"); key {
			case "profile":
				profile = strings.TrimSpace(value)
			case "rate":
				rate = strings.TrimSpace(value)
			}
		}
		thresholds, ok := lint.Profile(profile)
		if !ok {
			t.Fatalf("%s: no profile %q", path, profile)
		}
		if rate != "" {
			if thresholds.Rate, err = strconv.ParseFloat(rate, 64); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		f.options = lint.Options{Thresholds: thresholds, Keep: true, Now: today}
		all = append(all, f)
	}
	return all
}

// run writes the files and reads them with Run. Names of sources are those of the archive.
func (f *fixture) run(t *testing.T) *lint.Result {
	t.Helper()
	dir := t.TempDir()
	for _, file := range f.archive.Files {
		if file.Name == "want" {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	result, err := lint.Run(context.Background(), []string{dir}, nil, f.options)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range slices.Concat(result.Findings, result.Suppressed) {
		found.Source.Name = strings.TrimPrefix(found.Source.Name, filepath.ToSlash(dir)+"/")
	}
	if len(result.Unknown) > 0 {
		t.Errorf("nobody reads %v", result.Unknown)
	}
	return result
}

// said are findings, one a line: file:line:col: severity SNDnnn.
func said(result *lint.Result, dir string) string {
	var b strings.Builder
	for _, f := range result.Findings {
		fmt.Fprintf(&b, "%s:%d:%d: %s %s\n", strings.TrimPrefix(f.Source.Name, dir), f.At.Line, f.At.Column, f.Severity, f.Rule)
	}
	return b.String()
}

func (f *fixture) wanted() string {
	for _, file := range f.archive.Files {
		if file.Name == "want" {
			return string(file.Data)
		}
	}
	return "no file want\n"
}

func (f *fixture) write(t *testing.T, got string) {
	t.Helper()
	archive := *f.archive
	archive.Files = slices.DeleteFunc(slices.Clone(archive.Files), func(file txtar.File) bool { return file.Name == "want" })
	archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
	if b := txtar.Format(&archive); !bytes.Equal(b, txtar.Format(f.archive)) {
		if err := os.WriteFile(filepath.Join("testdata", filepath.FromSlash(f.path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
