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
	{"secure-defaults", "Secure defaults", "The numbers of the project's own list of defaults: what is safe without being asked for, and what refuses to start."},
	{"ASVS", "OWASP ASVS 5.0", "Requirements of the OWASP Application Security Verification Standard 5.0.0, by their ids."},
	{"checklist", "OAuth and JOSE", "The numbers of the project's normative checklist for token servers: RFC 6749, 6750, 7009, 7515 to 7519, 7638, 8725, 9068, 9449, 9700."},
}

const checklistHead = `# What is proven, and by which test

Written by ` + "`go test ./internal/arch -update`" + ` from the comments of the tests; ` + "`make check`" + ` fails where it is out of date. A test that proves a line
names it in a comment; a line that stands here has a test that exists and runs. What is missing here is not claimed.
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
	var out bytes.Buffer
	out.WriteString(checklistHead)
	for _, l := range lists {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| line | tests |\n|---|---|\n", l.heading, l.about)
		lines := proofs[l.cited]
		ids := make([]string, 0, len(lines))
		for id := range lines {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, byNumbers)
		for _, id := range ids {
			tests := lines[id]
			slices.Sort(tests)
			fmt.Fprintf(&out, "| %s | %s |\n", id, strings.Join(slices.Compact(tests), ", "))
		}
	}
	return out.Bytes()
}

var citation = regexp.MustCompile(`(secure-defaults|ASVS|checklist) ((?:\d[\d.]*(?:-\d+)?(?:, | and )?)+)`)

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
	for _, id := range regexp.MustCompile(`\d[\d.]*(-\d+)?`).FindAllString(s, -1) {
		from, to, ranged := strings.Cut(strings.TrimRight(id, "."), "-")
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

func byNumbers(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}
