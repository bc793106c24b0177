package lint_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/lint"
)

// edits are findings that would replace texts of a source by others.
func edits(s *lint.Source, pairs ...string) []lint.Finding {
	var all []lint.Finding
	for i := 0; i < len(pairs); i += 2 {
		f := found(s, pairs[i], "SND101", lint.Error)
		f.Fix = &lint.Edit{At: f.At, New: pairs[i+1]}
		all = append(all, f)
	}
	return all
}

func TestChanges(t *testing.T) {
	t.Parallel()
	s := &lint.Source{Name: "b", Text: []byte("one two three\n")}
	weak := edits(s, "two three", "X")[0]
	weak.Severity = lint.Note
	beyond := lint.Finding{Source: s, Fix: &lint.Edit{At: lint.Span{Start: 5, End: 99}}}
	gone := lint.Finding{Source: &lint.Source{Name: "c"}, Fix: &lint.Edit{}}
	all := append([]lint.Finding{weak, beyond, gone}, edits(s, "three", "3", "one", "1", "three", "3")...)
	got := lint.Changes(all)
	if len(got) != 1 || len(got[0].Edits) != 2 || string(got[0].Text()) != "1 two 3\n" {
		t.Errorf("got %+v", got)
	}
	if string(s.Text) != "one two three\n" {
		t.Errorf("the source became %q", s.Text)
	}
}

// Every byte that no edit names stays: marks of Windows, no line end at the end, characters that are none.
func TestChangeWrite(t *testing.T) {
	t.Parallel()
	const text = "\xff a: 1\r\n\tb: 2\r c: \u00e9"
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o664); err != nil { // as no umask gives it
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	s := &lint.Source{Name: filepath.ToSlash(link), Text: []byte(text)}
	c := lint.Changes(edits(s, "1", "1800", "2", ""))[0]
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "\xff a: 1800\r\n\tb: \r c: \u00e9"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o664 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if err := c.Write(); !errors.Is(err, lint.ErrChanged) { // it was read before the first Write
		t.Errorf("a file that changed: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestChangeWriteRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.ToSlash(t.TempDir())
	zip := lint.Changes(edits(&lint.Source{Name: dir + "/a.zip!b.xml", Text: []byte("1")}, "1", "2"))[0]
	if err := zip.Write(); !errors.Is(err, lint.ErrPacked) {
		t.Errorf("in a zip: %v", err)
	}
	gone := lint.Changes(edits(&lint.Source{Name: dir + "/gone.xml", Text: []byte("1")}, "1", "2"))[0]
	if err := gone.Write(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}

func TestChangeDiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		name, text string
		edits      []string
		want       string
	}{
		"one":            {"a", "x\n1\ny\n", []string{"1", "2"}, "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n x\n-1\n+2\n y\n"},
		"no line end":    {"a", "1", []string{"1", "2"}, "--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-1\n\\ No newline at end of file\n+2\n\\ No newline at end of file\n"},
		"two on a line":  {"a", "1 2\n", []string{"1", "3", "2", "4"}, "--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-1 2\n+3 4\n"},
		"windows":        {"a", "1\r\n", []string{"1", "2"}, "--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-1\r\n+2\r\n"},
		"apart":          {"a", "1\nb\nc\nd\ne\nf\ng\nh\n2\n", []string{"1", "x", "2", "y"}, "--- a/a\n+++ b/a\n@@ -1,4 +1,4 @@\n-1\n+x\n b\n c\n d\n@@ -6,4 +6,4 @@\n f\n g\n h\n-2\n+y\n"},
		"near":           {"a", "1\nb\nc\nd\ne\nf\ng\n2\n", []string{"1", "x", "2", "y"}, "--- a/a\n+++ b/a\n@@ -1,8 +1,8 @@\n-1\n+x\n b\n c\n d\n e\n f\n g\n-2\n+y\n"},
		"neighbours":     {"a", "1\n2\n", []string{"1", "3", "2", "4"}, "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n-1\n-2\n+3\n+4\n"},
		"over lines":     {"a", "f(\n1,\n2)\n", []string{"1,\n2", "3"}, "--- a/a\n+++ b/a\n@@ -1,3 +1,2 @@\n f(\n-1,\n-2)\n+3)\n"},
		"strange name":   {"/d/\n\"", "1\n", []string{"1", "2"}, "--- \"a/d/\\n\\\"\"\n+++ \"b/d/\\n\\\"\"\n@@ -1,1 +1,1 @@\n-1\n+2\n"},
		"lines added up": {"a", "1\nb\nc\nd\ne\nf\ng\nh\n2\n", []string{"1", "x\nz", "2", "y"}, "--- a/a\n+++ b/a\n@@ -1,4 +1,5 @@\n-1\n+x\n+z\n b\n c\n d\n@@ -6,4 +7,4 @@\n f\n g\n h\n-2\n+y\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &lint.Source{Name: c.name, Text: []byte(c.text)}
			change := lint.Changes(edits(s, c.edits...))[0]
			if got := string(change.Diff()); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if c.name == "a" {
				gitApplies(t, c.text, string(change.Diff()), string(change.Text()))
			}
		})
	}
}

// gitApplies has git apply a diff.
func gitApplies(t *testing.T, text, diff, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	git := exec.Command("git", "-c", "core.autocrlf=false", "apply", "-")
	git.Dir, git.Stdin = filepath.Dir(path), strings.NewReader(diff)
	git.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(filepath.Dir(path)))
	if out, err := git.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, diff)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("git made %q, %v, want %q", got, err, want)
	}
}

func TestChangeDiffHidesSecrets(t *testing.T) {
	t.Parallel()
	s := &lint.Source{Name: "a", Text: []byte("key: hunter2\nttl: 1\n"), Secrets: []lint.Span{{Start: 5, End: 12}}}
	c := lint.Changes(edits(s, "1", "2"))
	c[0].Edits[0] = lint.Edit{At: lint.Span{Start: 18, End: 19}, New: "9"}
	if got := string(c[0].Diff()); strings.Contains(got, "hunter2") || !strings.Contains(got, " key: *******\n-ttl: 1\n+ttl: 9\n") {
		t.Errorf("got %s", got)
	}
}

// A byte order mark stays before what is mended: in the text, in the diff, in the file, and in what programs are told of places.
func TestChangeMarked(t *testing.T) {
	t.Parallel()
	const mark = "\xEF\xBB\xBF"
	dir := tree(t, map[string]string{"a.xml": mark + long, "b.env": mark + "JWT_ACCESS_TOKEN_EXPIRES=864000"})
	result, _ := lints(t, dir, lint.Options{}, ".")
	changes := lint.Changes(result.Findings)
	if len(changes) != 2 {
		t.Fatalf("%d changes", len(changes))
	}
	for _, c := range changes {
		path := c.Source.Name
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := mark + strings.NewReplacer(">864000000<", ">1800000<", ">8640000000<", ">86400000<", "=864000", "=1800").Replace(strings.TrimPrefix(string(old), mark))
		c.Source.Name = "a"
		gitApplies(t, string(old), string(c.Diff()), string(c.Text()))
		c.Source.Name = path
		if err := c.Write(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}
