package arch_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/security/checklist.md anew")

// lists are what the comments of tests cite, as they are headed in the document.
var lists = []struct{ cited, heading, about string }{
	{"secure-defaults", "Secure defaults", `The project's own list of defaults, all of it: what is safe without being asked for, and what refuses to start. "Not yet" is a line that
no test names; where several tests stand, they may prove it together.`},
	{"ASVS", "OWASP ASVS 5.0", "Requirements of the OWASP Application Security Verification Standard 5.0.0 that tests name, by their ids, in our words."},
	{"checklist", "OAuth and JOSE", "The project's normative checklist for token servers, all of it; what no test names has the reason in its place."},
}

const checklistHead = `# What is proven, and by which test

Written by ` + "`go test ./internal/arch -update`" + ` from the comments of the tests and from [lines.tsv](lines.tsv); ` + "`make check`" + ` fails where it is out
of date. A test that proves a line names it in a comment; a test that stands here exists and runs. What is missing here is not claimed.
`

// The checklist says what the tests say.
func TestChecklist(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "security", "checklist.md")
	want := checklist(t)
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go test ./internal/arch -update", path)
	}
}

func checklist(t *testing.T) []byte {
	t.Helper()
	proofs := map[string]map[string][]string{} // list, line, tests
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && skipped(path, d.Name()) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			return cite(path, proofs)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	said, reasons := lineTexts(t)
	var out bytes.Buffer
	out.WriteString(checklistHead)
	for _, l := range lists {
		tests, texts := proofs[l.cited], said[l.cited]
		ids := slices.Collect(maps.Keys(tests))
		if l.cited != "ASVS" {
			ids = slices.AppendSeq(ids, maps.Keys(texts))
		}
		slices.SortFunc(ids, byNumbers)
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| line | what it says | tests |\n|---|---|---|\n", l.heading, l.about)
		for _, id := range slices.Compact(ids) {
			text, by := texts[id], slices.Compact(slices.Sorted(slices.Values(tests[id])))
			if text == "" {
				t.Errorf("%s %s has no text in lines.tsv, or several lines that are told apart by a letter; cited by %s", l.cited, id, by)
			}
			fmt.Fprintf(&out, "| %s | %s | %s |\n", id, text, cmp.Or(strings.Join(by, ", "), reasons[l.cited+" "+id], "not yet"))
		}
	}
	return out.Bytes()
}

// lineTexts reads what the lines say: list, line, text; and why no test names one, by list and line.
func lineTexts(t *testing.T) (out map[string]map[string]string, reasons map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "security", "lines.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	out, reasons = map[string]map[string]string{}, map[string]string{}
	for row := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(row), "\t")
		if len(f) == 4 {
			reasons[f[0]+" "+f[1]] = f[3]
			f = f[:3]
		}
		if len(f) != 3 || len(f[2]) > 160 || strings.Contains(f[2], "|") {
			t.Fatalf("lines.tsv: %q: want list, line and a text of at most 160 characters", row)
		}
		if out[f[0]] == nil {
			out[f[0]] = map[string]string{}
		}
		out[f[0]][f[1]] = f[2]
	}
	return out, reasons
}

const lineID = `\d+(?:\.\d+)*[a-z]?\b(?:-\d+)?`

var citation = regexp.MustCompile(`(secure-defaults|ASVS|checklist) ((?:` + lineID + `(?:, | and )?)+)`)

// cite notes, for every comment of a test file that cites lines, the test that it stands in or before.
func cite(path string, proofs map[string]map[string][]string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	folder, err := filepath.Rel(filepath.Join("..", ".."), filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, group := range file.Comments {
		for _, m := range citation.FindAllStringSubmatch(strings.ReplaceAll(group.Text(), "\n", " "), -1) {
			name := testAt(file, group)
			if name == "" {
				continue
			}
			if proofs[m[1]] == nil {
				proofs[m[1]] = map[string][]string{}
			}
			for _, id := range ids(m[2]) {
				proofs[m[1]][id] = append(proofs[m[1]][id], "`"+filepath.ToSlash(folder)+"."+name+"`")
			}
		}
	}
	return nil
}

// testAt is the test that a comment stands in, or the next one behind it.
func testAt(file *ast.File, group *ast.CommentGroup) string {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && group.Pos() < f.End() && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
			return f.Name.Name
		}
	}
	return ""
}

// ids are the lines that a citation names, ranges of whole numbers spelt out.
func ids(s string) (out []string) {
	for _, id := range regexp.MustCompile(lineID).FindAllString(s, -1) {
		from, to, ranged := strings.Cut(id, "-")
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if !ranged || errA != nil || errB != nil {
			out = append(out, from)
			continue
		}
		for ; a <= b; a++ {
			out = append(out, strconv.Itoa(a))
		}
	}
	return out
}

// byNumbers orders 6.2.4 before 6.2.11, and 9 before 9a before 10.
func byNumbers(a, b string) int {
	pad := func(id string) string {
		return regexp.MustCompile(`\d+`).ReplaceAllStringFunc(id, func(n string) string { return fmt.Sprintf("%4s", n) })
	}
	return cmp.Compare(pad(a), pad(b))
}
