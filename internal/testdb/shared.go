package testdb

import (
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// shared are the servers that the tests of one binary have in common. They are
// global because a test can hand nothing to the next one.
var shared struct{ postgres, mariadb once }

// once is a server that is started by the first who asks. One that could not be
// started is not tried again.
type once struct {
	mu     sync.Mutex // guards what follows
	asked  bool
	server *Server
	err    error
}

func (o *once) get(start func(Options) (*Server, error)) (*Server, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.asked {
		o.asked = true
		o.server, o.err = start(Options{})
	}
	return o.server, o.err
}

func (o *once) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.server != nil {
		o.server.Close()
	}
}

// Postgres answers with the store URL of an empty database for one test, on a
// PostgreSQL server that all tests of this binary share. It must not be stopped:
// see StartPostgres for one that may be. Where the programs are missing the test
// is skipped, and fails with CI=true.
func Postgres(tb testing.TB) string {
	tb.Helper()
	s, err := shared.postgres.get(NewPostgres)
	need(tb, err)
	return s.CreateDatabase(tb)
}

// MariaDB is Postgres for MariaDB.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	s, err := shared.mariadb.get(NewMariaDB)
	need(tb, err)
	return s.CreateDatabase(tb)
}

// Main is the TestMain of a package that uses Postgres or MariaDB: it runs the
// tests, ends the shared servers and looks for goroutines left behind. It does
// not return.
func Main(m *testing.M, options ...goleak.Option) { goleak.VerifyTestMain(tests{m}, options...) }

type tests struct{ m *testing.M }

func (t tests) Run() int {
	defer shared.postgres.close()
	defer shared.mariadb.close()
	return t.m.Run()
}

func continuousIntegration() bool { return os.Getenv("CI") == "true" }
