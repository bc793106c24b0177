package revocation_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gaps"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// servers are the databases on which transactions commit out of order.
var servers = map[string]func(testing.TB) string{"PostgreSQL": testdb.Postgres, "MariaDB": testdb.MariaDB}

// database is a store and connections beside it, for transactions that hesitate.
type database struct {
	*store.DB
	t   *testing.T
	url string
	raw *sql.DB
}

func newDatabase(t *testing.T, storeURL string) *database {
	t.Helper()
	d := &database{t: t, url: storeURL}
	d.DB = d.another()
	driver, dsn := "sqlite", "file:"+strings.TrimPrefix(storeURL, "sqlite:")+"?_pragma=busy_timeout(5000)"
	switch u, err := url.Parse(storeURL); {
	case err != nil:
		t.Fatal(err)
	case u.Scheme == "postgres":
		driver, dsn = "pgx", storeURL
	case u.Scheme == "mysql":
		c := mysql.NewConfig()
		c.Net, c.Addr, c.User, c.DBName = "tcp", u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
		c.Passwd, _ = u.User.Password()
		driver, dsn = "mysql", c.FormatDSN()
	}
	var err error
	if d.raw, err = sql.Open(driver, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.raw.Close() })
	return d
}

// another is the store as another node has it.
func (d *database) another() *store.DB {
	d.t.Helper()
	db, err := store.Open(d.t.Context(), store.Config{URL: d.url})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { db.Close() })
	return db
}

// begin revokes sessions in a transaction that goes on.
func (d *database) begin(expires time.Time, handles ...string) *sql.Tx {
	d.t.Helper()
	tx, err := d.raw.BeginTx(context.WithoutCancel(d.t.Context()), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	var rows []string
	for _, h := range handles {
		rows = append(rows, fmt.Sprintf("('session', '%s', 0, %d)", h, expires.UnixMilli()))
	}
	statement := `INSERT INTO revocations (kind, handle, not_before, expires_at) VALUES ` + strings.Join(rows, ", ")
	if _, err := tx.ExecContext(d.t.Context(), statement); err != nil {
		d.t.Fatal(err)
	}
	return tx
}

func (d *database) commit(txs ...*sql.Tx) {
	d.t.Helper()
	for _, tx := range txs {
		if err := tx.Commit(); err != nil {
			d.t.Fatal(err)
		}
	}
}

// A transaction that commits after later ones counts on nodes that have read those, and is told to a reader that
// asks another node than before. One that is rolled back holds up nothing.
func TestLateCommitOfDatabase(t *testing.T) {
	t.Parallel()
	for name, empty := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, empty(t))
			later := time.Now().Add(time.Hour)
			late := d.begin(later, "late1")
			defer func() { _ = late.Rollback() }()
			d.commit(d.begin(later, "a"))
			first := newNode(t, d.another())
			latest, rolledBack := d.begin(later, "late2"), d.begin(later, "never")
			defer func() { _ = latest.Rollback() }()
			if err := rolledBack.Rollback(); err != nil {
				t.Fatal(err)
			}
			d.commit(d.begin(later, "b"))
			second := newNode(t, d.another())
			found := make(chan string, 20)
			for _, n := range []*node{first, second} {
				if err := n.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := n.list.handles(); !slices.Equal(got, []string{"a", "b"}) {
					t.Fatalf("at first %v count", got)
				}
				n.list.onAdd = func(handle string) { found <- handle }
			}
			for _, n := range []*node{first, second} {
				defer n.run()()
			}
			p, _, err := first.feed.Read(t.Context(), "orders", revocation.Query{})
			if err != nil || len(p.Entries) != 2 {
				t.Fatalf("%+v, %v", p, err)
			}
			a, b := p.Entries[0].Seq, p.Entries[1].Seq
			missing := []gaps.Range{{From: a - 1, To: a - 1}, {From: a + 1, To: b - 1}}
			d.commit(latest, late)
			for range 2 {
				p, reset, err := second.feed.Read(t.Context(), "orders", revocation.Query{Epoch: p.Epoch, After: b, Missing: missing, Wait: time.Minute})
				if err != nil || reset || len(p.Entries) == 0 {
					t.Fatalf("%+v, reset %t, %v", p, reset, err)
				}
				if len(p.Entries) == 2 {
					break
				}
			}
			for want := map[string]int{"late1": 2, "late2": 2}; want["late1"]+want["late2"] > 0; {
				select {
				case h := <-found:
					want[h]--
				case <-time.After(20 * time.Second):
					t.Fatalf("still missing on nodes: %v", want)
				}
			}
		})
	}
}

// What is asked for by ranges is what there is in them, ascending, of no more than a thousand; a purge keeps the head.
func TestRevocationsInDatabase(t *testing.T) {
	t.Parallel()
	all := map[string]func(testing.TB) string{"SQLite": func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "sandi.db") }}
	for name, empty := range servers {
		all[name] = empty
	}
	for name, empty := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, empty(t))
			over := time.Now().Add(-time.Hour)
			var handles []string
			for i := range 2300 {
				handles = append(handles, fmt.Sprint("s", i+1))
			}
			d.commit(d.begin(over, handles...))
			var many []gaps.Range
			for seq := int64(1); seq < 500; seq += 2 {
				many = append(many, gaps.Range{From: seq, To: seq})
			}
			for name, tt := range map[string]struct {
				ranges []gaps.Range
				n      int
				last   int64
			}{
				"one":     {[]gaps.Range{{From: 7, To: 7}}, 1, 7},
				"nothing": {[]gaps.Range{{From: 2301, To: 1 << 62}}, 0, 0},
				"a few":   {[]gaps.Range{{From: 1, To: 2}, {From: 5, To: 6}, {From: 2299, To: 9999}}, 6, 2300},
				"many":    {many, 250, 499},
				"all":     {[]gaps.Range{{From: 1, To: 1 << 62}}, 1000, 1000},
			} {
				got, err := d.RevocationsIn(t.Context(), tt.ranges)
				if err != nil || len(got) != tt.n || tt.n > 0 && got[tt.n-1].Seq != tt.last || tt.n > 0 && got[tt.n-1].Handle != fmt.Sprint("s", tt.last) {
					t.Errorf("%s: %d entries, %v", name, len(got), err)
				}
			}
			n := newNode(t, d.DB)
			if got := len(n.list.handles()); got != 2300 {
				t.Errorf("%d entries were loaded", got)
			}
			for _, want := range []int{500, 500, 500, 500, 299, 0} {
				if got, err := d.PurgeRevocations(t.Context(), time.Now(), 500); got != want || err != nil {
					t.Errorf("purged %d, %v; want %d", got, err, want)
				}
			}
			p, err := d.Revocations(t.Context(), 0, 10)
			if err != nil || p.Head != 2300 || len(p.Entries) != 1 || p.Entries[0].Kind != revocation.Session {
				t.Errorf("left: %+v, %v", p, err)
			}
			l := guard.NewRevocationList(guard.RevocationListConfig{})
			if err := revocation.Apply(l, p.Entries); err != nil || l.Len() != 1 {
				t.Error(err)
			}
		})
	}
}
