package arch_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sandi-auth/sandi/"

// row is what one folder may import besides the standard library.
type row struct {
	house   string // our own packages, separated by spaces
	modules string // other people's, by module path
}

// The house, higher rooms first: a row names only rooms that stand above it.
var house = []struct {
	folder string
	row
}{
	// Public: the standard library only, in their tests too, so that importing them adds nothing to a go.sum.
	{"jwt", row{}},
	{"internal/gaps", row{}},
	{"guard", row{house: "jwt internal/gaps"}},
	{"client", row{}},

	{"internal/problem", row{}},
	{"internal/config", row{modules: "github.com/goccy/go-yaml"}},
	{"internal/web", row{"guard internal/problem", "github.com/prometheus/client_golang github.com/nicksnyder/go-i18n/v2 golang.org/x/text"}},
	{"internal/cluster", row{modules: "github.com/redis/go-redis/v9"}},
	{"internal/audit", row{}},
	{"internal/socket", row{modules: "github.com/gobwas/ws"}},
	{"internal/socketio", row{"internal/socket", "github.com/gobwas/ws"}},
	{"internal/revocation", row{house: "guard internal/gaps"}},
	{"internal/lint", row{modules: "github.com/goccy/go-yaml github.com/pelletier/go-toml/v2 github.com/hashicorp/hcl/v2 github.com/zclconf/go-cty github.com/tdewolff/parse/v2 golang.org/x/text"}},
	{"internal/key", row{house: "jwt internal/problem internal/audit"}},
	{"internal/account", row{"internal/problem internal/cluster internal/audit", "golang.org/x/crypto golang.org/x/text github.com/ccojocar/zxcvbn-go github.com/go-crypt/x"}},
	{"internal/session", row{house: "internal/gaps internal/problem internal/audit internal/revocation internal/account"}},
	{"internal/token", row{house: "jwt internal/problem"}},
	{"internal/oauth", row{
		"jwt guard internal/problem internal/web internal/cluster internal/audit internal/revocation internal/account internal/session internal/token",
		"github.com/prometheus/client_golang",
	}},
	{"internal/api", row{
		"guard internal/problem internal/web internal/cluster internal/audit internal/account internal/session internal/token",
		"github.com/prometheus/client_golang",
	}},
	{"internal/console", row{
		"guard internal/problem internal/web internal/cluster internal/audit internal/account internal/session internal/oauth",
		"rsc.io/qr github.com/prometheus/client_golang",
	}},
	{"internal/realtime", row{
		"guard internal/problem internal/web internal/cluster internal/audit internal/account internal/socket internal/socketio",
		"github.com/prometheus/client_golang github.com/santhosh-tekuri/jsonschema/v6",
	}},
	{"internal/gateway", row{
		"jwt guard internal/problem internal/web internal/cluster internal/audit internal/socket",
		"github.com/prometheus/client_golang github.com/gobwas/ws golang.org/x/net",
	}},
	{"internal/demo", row{house: "guard internal/problem internal/web"}},
	{"internal/store", row{
		"internal/gaps internal/problem internal/audit internal/revocation internal/key internal/account internal/session internal/oauth internal/realtime internal/demo",
		"modernc.org/sqlite github.com/jackc/pgx/v5 github.com/go-sql-driver/mysql github.com/pressly/goose/v3 golang.org/x/sync",
	}},
	{"internal/server", row{
		"jwt guard internal/gaps internal/problem internal/config internal/web internal/cluster internal/audit internal/revocation internal/key " +
			"internal/account internal/session internal/token internal/oauth internal/api internal/console internal/socket internal/socketio internal/realtime internal/gateway internal/demo internal/store",
		"github.com/prometheus/client_golang golang.org/x/crypto golang.org/x/sync github.com/lmittmann/tint",
	}},
	{"cmd/sandi", row{
		"jwt guard internal/problem internal/config internal/cluster internal/audit internal/revocation internal/key internal/account " +
			"internal/lint internal/oauth internal/realtime internal/store internal/server client",
		"github.com/gobwas/ws github.com/spf13/cobra github.com/spf13/pflag golang.org/x/term github.com/schollz/progressbar/v3",
	}},
	{"internal/arch", row{}},
	// For tests.
	{"internal/testdb", row{modules: "github.com/jackc/pgx/v5 github.com/go-sql-driver/mysql go.uber.org/goleak"}},
	{"internal/drill", row{}},
}

// publicFolders may import nothing foreign even in their tests.
var publicFolders = []string{"jwt", "guard", "client"}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	rows := map[string]row{}
	for i, r := range house {
		rows[r.folder] = r.row
		for _, above := range strings.Fields(r.house) {
			if !slices.ContainsFunc(house[:i], func(h struct {
				folder string
				row
			},
			) bool {
				return h.folder == above
			}) {
				t.Errorf("row %s names %s, which does not stand above it", r.folder, above)
			}
		}
	}
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(path, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		folder = filepath.ToSlash(folder)
		found[folder] = true
		r, ok := rows[folder]
		if !ok {
			t.Errorf("%s has no row: say in internal/arch what it may import", folder)
			rows[folder] = row{}
		}
		checkFile(t, path, folder, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder := range rows {
		if !found[folder] {
			t.Errorf("row %s has no folder", folder)
		}
	}
}

// skipped folders are no rooms of this module: hidden ones, test data, and those with a go.mod of their own.
func skipped(path, name string) bool {
	if (strings.HasPrefix(name, ".") && name != "." && name != "..") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil && path != filepath.Join("..", "..")
}

// TestRandomness: no program of ours draws from a generator that can be predicted.
// secure-defaults 15b
func TestRandomness(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(path, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			if strings.HasPrefix(spec.Path.Value, `"math/rand`) {
				t.Errorf("%s imports %s", path, spec.Path.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path, folder string, r row) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	test := strings.HasSuffix(path, "_test.go")
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		ours, isOurs := strings.CutPrefix(imported, module)
		switch {
		case isOurs && (test && !slices.Contains(publicFolders, folder) || ours == folder || slices.Contains(strings.Fields(r.house), ours)):
		case isOurs:
			t.Errorf("%s imports %s, which its row does not allow", path, ours)
		case !strings.Contains(strings.SplitN(imported, "/", 2)[0], "."): // the standard library
		case test && !slices.Contains(publicFolders, folder):
		case !slices.ContainsFunc(strings.Fields(r.modules), func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") }):
			t.Errorf("%s imports %s, which its row does not allow", path, imported)
		}
	}
}
