package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

func TestMain(m *testing.M) {
	serveIfAsked() // a child of the crash tests
	testdb.Main(m)
}

// clock is time that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// running is a server of a test, stopped at its end.
type running struct {
	t      testing.TB
	url    string
	admin  string // the operators' listener
	before string // the gateway's, where there is one
	stdout string
	log    *lockedBuffer
	clock  *clock
	dir    string
	stop   func() error
}

// advance moves the clock, and waits until the server, to which its list of revocations now looks old, has read it anew.
func (r *running) advance(d time.Duration) {
	r.t.Helper()
	r.clock.advance(d)
	c := plain(r.t)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-poll.C {
		if r.call(c, "GET", "/readyz", "", "").status == 200 {
			return
		}
	}
	r.t.Fatal("not ready after the clock moved")
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// testConfig is the demo's configuration on a free port and a folder of the test's.
func testConfig(dir string) config.Config {
	c := server.DemoConfig(config.Default())
	c.Data, c.Listen.Addr = dir, "127.0.0.1:0"
	c.Password.Concurrency = 2
	return c
}

// migrated is the file of an empty store. It is made once: to migrate takes a fifth of a second under the race detector.
var migrated = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "sandi-migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "sandi.db")
	db, err := store.Open(context.Background(), store.Config{URL: "sqlite:" + path, AccessLifetime: time.Second})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(db.MigrateDemo(context.Background()), db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// migrate puts an empty store into a folder that has none.
func migrate(t testing.TB, dir string) {
	t.Helper()
	path := filepath.Join(dir, "sandi.db")
	if _, err := os.Stat(path); err == nil {
		return
	}
	file, err := migrated()
	if err = errors.Join(err, os.MkdirAll(dir, 0o700), os.WriteFile(path, file, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// start runs a demo server; change, when not nil, alters its configuration.
func start(t testing.TB, change func(*config.Config)) *running {
	t.Helper()
	return startIn(t, t.TempDir(), &server.Demo{}, change)
}

func startIn(t testing.TB, dir string, demo *server.Demo, change func(*config.Config)) *running {
	t.Helper()
	return startAt(t, dir, demo, 0, change)
}

// startAt is startIn on a clock that is ahead.
func startAt(t testing.TB, dir string, demo *server.Demo, ahead time.Duration, change func(*config.Config)) *running {
	t.Helper()
	c := testConfig(dir)
	if change != nil {
		change(&c)
	}
	if c.Store.URL == "" && c.Data == dir {
		migrate(t, dir)
	}
	r := &running{t: t, log: &lockedBuffer{}, clock: &clock{}, dir: dir}
	r.clock.advance(ahead)
	var stdout bytes.Buffer
	s, err := server.New(t.Context(), server.Options{
		Config: c, Stdout: &stdout, Demo: demo, Now: r.clock.now, InsecureWeakHash: true,
		Logger: slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.url, r.admin, r.before, r.stdout = "http://"+s.Addr(), "http://"+s.AdminAddr(), "http://"+s.GatewayAddr(), stdout.String()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", r.log)
		}
	})
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (a answer) str(field string) string { s, _ := a.body[field].(string); return s }

// call sends one request; body is JSON where it starts with a brace, else a form.
func (r *running) call(c *http.Client, method, path, token, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	switch {
	case strings.HasPrefix(body, "{"):
		req.Header.Set("Content-Type", "application/json")
	case body != "":
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Host = req.Header.Get("Host")
	a, err := do(c, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func do(c *http.Client, req *http.Request) (answer, error) {
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			return a, fmt.Errorf("%s: %w", raw, err)
		}
	}
	return a, nil
}

// plain is a client without cookies and without connections that outlive a test.
func plain(t testing.TB) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

func browser(t testing.TB) *http.Client {
	c := plain(t)
	c.Jar, _ = cookiejar.New(nil)
	return c
}

// want fails unless the answer has the status and, where given, the error code.
func (r *running) want(a answer, status int, code string) answer {
	r.t.Helper()
	if a.status != status || a.str("error") != code {
		r.t.Fatalf("got %d %s, want %d %s", a.status, a.raw, status, code)
	}
	return a
}

func (r *running) login(c *http.Client, username, password string) (access, refresh string) {
	r.t.Helper()
	a := r.want(r.call(c, "POST", "/login", "", credentials(username, password)), 200, "")
	return a.str("access_token"), a.str("refresh_token")
}

func credentials(username, password string) string {
	b, _ := json.Marshal(map[string]string{"username": username, "password": password})
	return string(b)
}

// adminPassword is what the demo printed.
func (r *running) adminPassword() string {
	m := regexp.MustCompile(`admin/(\w+)`).FindStringSubmatch(r.stdout)
	if m == nil {
		r.t.Fatalf("no admin password in %q", r.stdout)
	}
	return m[1]
}

func cookie(c *http.Client, rawURL, name string) string {
	u, _ := url.Parse(rawURL)
	for _, k := range c.Jar.Cookies(u) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// newServer builds a server that never runs.
func newServer(t *testing.T, change func(*testing.T, *config.Config)) (*server.Server, error) {
	c := testConfig(t.TempDir())
	change(t, &c)
	return server.New(t.Context(), server.Options{
		Config: c, Stdout: io.Discard, Demo: &server.Demo{}, InsecureWeakHash: true, Logger: slog.New(slog.DiscardHandler),
	})
}
