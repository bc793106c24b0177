package drill_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// setup is what a drill asks for.
type setup struct {
	database string // "sqlite", "postgres" or "mariadb"
	nodes    int
	redis    bool
	planted  bool
	under    []string // what runs a node
	change   func(*config.Config)
}

// world is nodes over one database, each behind a proxy of its own.
type world struct {
	testing.TB
	database *testdb.Server // nil: SQLite
	redis    *testdb.RedisServer
	links    []*testdb.Proxy // from each node to the database
	nodes    []*node
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	w := &world{TB: t}
	dir := t.TempDir()
	master := filepath.Join(dir, "master.key")
	secret := make([]byte, 32)
	rand.Read(secret)
	if err := os.WriteFile(master, []byte(base64.RawURLEncoding.EncodeToString(secret)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := w.startDatabase(s.database)
	if s.redis {
		w.redis = testdb.Redis(t)
	}
	for i := range s.nodes {
		c := config.Default()
		c.Issuer, c.Listen.Addr, c.Admin.Addr = "http://127.0.0.1:1", "127.0.0.1:0", ""
		c.API.Registration = "open"
		c.Data, c.Key.MasterFile = filepath.Join(dir, fmt.Sprint("node", i)), master
		c.Session.MaxPerUser, c.Throttle.AccountFailures = 10_000, 100 // logins at once count as tries
		if url != "" {
			link := testdb.StartProxy(t, w.database.Addr())
			w.links = append(w.links, link)
			c.Store.URL = strings.Replace(url, w.database.Addr(), link.Addr(), 1)
		}
		if s.redis {
			c.Cluster.URL = w.redis.URL()
		}
		if s.change != nil {
			s.change(&c)
		}
		w.nodes = append(w.nodes, &node{order: order{Config: c, Planted: s.planted}, under: s.under})
	}
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.stop() })
		n.ready(t)
	}
	t.Cleanup(browser.CloseIdleConnections)
	return w
}

// startDatabase returns the store's URL, "" for SQLite in each node's own folder.
func (w *world) startDatabase(kind string) string {
	switch kind {
	case "postgres":
		w.database = testdb.StartPostgres(w, testdb.Options{Durable: true})
	case "mariadb":
		w.database = testdb.StartMariaDB(w, testdb.Options{Durable: true})
	default:
		return ""
	}
	return w.database.CreateDatabase(w)
}

// at is the address of one of the nodes, in turn.
func (w *world) at(i int) string { return w.nodes[i%len(w.nodes)].address() }

// revive starts the database that was stopped.
func (w *world) revive() {
	w.Helper()
	if err := w.database.Start(); err != nil {
		w.Fatal(err)
	}
}

// register makes accounts.
func (w *world) register(n int) []string {
	w.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("user%d", i)
		a, err := call(w.at(0), "POST", api+"/register", "", map[string]string{"username": names[i], "password": password})
		if err != nil || a.status != 201 {
			w.Fatalf("register: %d %s %v", a.status, a.body.Msg, err)
		}
	}
	return names
}

const password = "correct zebra 7 staple"

// login makes a session. A database that has just started, or is slow, may want it asked again.
func login(at, name string) (a answer, err error) {
	for range 20 {
		a, err = call(at, "POST", api+"/login", "", map[string]string{"username": name, "password": password})
		if err == nil && a.status == 200 {
			return a, nil
		}
		if !a.unknown(err) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return a, fmt.Errorf("login: %d %s %w", a.status, a.body.Msg, err)
}

func (w *world) login(at, name string) answer {
	w.Helper()
	a, err := login(at, name)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// logins makes n sessions of a user, on all nodes.
func (w *world) logins(name string, n int) []answer {
	w.Helper()
	sessions, errs := make([]answer, n), make([]error, n)
	var wg sync.WaitGroup
	for k := range 16 {
		wg.Go(func() {
			for i := k; i < n; i += 16 {
				sessions[i], errs[i] = login(w.at(i), name)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		w.Fatal(err)
	}
	return sessions
}

// quantile of durations, rounded to milliseconds.
func quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	ds = slices.Sorted(slices.Values(ds))
	return ds[min(len(ds)-1, int(float64(len(ds))*q))].Round(time.Millisecond)
}
