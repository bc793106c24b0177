package cluster_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// world is a Redis server with nodes, whose common clock can be turned forward.
type world struct {
	*testing.T
	server *testdb.RedisServer
	proxy  *testdb.Proxy // before the server, for nodes
	admin  *redis.Client
	offset atomic.Int64
	log    buffer
	config cluster.RedisConfig
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, server: testdb.Redis(t)}
	w.proxy = testdb.StartProxy(t, w.server.Addr())
	options, err := redis.ParseURL(w.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	options.Protocol, options.MaxRetries = 2, -1
	w.admin = redis.NewClient(options)
	t.Cleanup(func() { _ = w.admin.Close() })
	w.config = cluster.RedisConfig{
		URL: strings.Replace(w.server.URL(), w.server.Addr(), w.proxy.Addr(), 1), Secret: bytes.Repeat([]byte("s"), 32), Now: w.now,
		Timeout: 20 * time.Second, // so that a busy machine is not taken for a lost Redis
		Logger:  slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *world) open() *cluster.Redis {
	w.Helper()
	r, err := cluster.OpenRedis(w.Context(), w.config)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := r.Close(); err != nil {
			w.Error(err)
		}
	})
	return r
}

// hasty opens a node that does not wait long, but longer than a busy machine takes.
func (w *world) hasty() *cluster.Redis {
	w.config.Timeout = 3 * time.Second
	r := w.open()
	eventually(w.T, "Redis serves", r.Healthy)
	return r
}

// do is a command of the administrator.
func (w *world) do(args ...any) {
	w.Helper()
	if err := w.admin.Do(w.Context(), args...).Err(); err != nil {
		w.Fatal(args, err)
	}
}

// advance turns the nodes' clock forward, and what Redis holds back.
func (w *world) advance(d time.Duration) {
	w.Helper()
	w.offset.Add(int64(d))
	const older = `
local by = tonumber(ARGV[1])
local ttl = redis.call('PTTL', KEYS[1]) - by / 1000
if ttl <= 0 then return redis.call('DEL', KEYS[1]) end
if redis.call('TYPE', KEYS[1]).ok == 'hash' then
  redis.call('HINCRBY', KEYS[1], 'at', -by)
else
  redis.call('DECRBY', KEYS[1], by)
end
return redis.call('PEXPIRE', KEYS[1], ttl)`
	for _, key := range w.keys() {
		if err := w.admin.Eval(w.Context(), older, []string{key}, d.Microseconds()).Err(); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) keys() (keys []string) {
	w.Helper()
	all := w.admin.Scan(w.Context(), 0, "*", 1000).Iterator()
	for all.Next(w.Context()) {
		keys = append(keys, all.Val())
	}
	if err := all.Err(); err != nil {
		w.Fatal(err)
	}
	return keys
}

// wait fails unless a try of key has to wait so long.
func (w *world) wait(r shared, what, key string, want time.Duration) {
	w.Helper()
	if got := r.Try(w.Context(), key, slow); !about(got, want) {
		w.Errorf("%s: Try = %v, want %v", what, got, want)
	}
}

// eventually waits for what another process does in its own time.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for begun := time.Now(); !done(); <-ticker.C {
		if time.Since(begun) > 40*time.Second {
			t.Fatalf("%s: not in 40 s", what)
		}
	}
}

// reach publishes until a message comes through.
func reach(t *testing.T, from shared, to <-chan string) {
	t.Helper()
	eventually(t, "a message comes through", func() bool {
		_ = from.Publish(t.Context(), "topic", []byte("hello"))
		select {
		case <-to:
			return true
		default:
			return false
		}
	})
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// quiet fails unless the log says once that Redis was lost, and once more where
// only a later failure told why, each time that it was.
func (w *world) quiet() {
	w.Helper()
	log := w.log.String()
	lost, served := strings.Count(log, "redis does not serve"), strings.Count(log, "redis serves again")
	if lost == 0 || lost > 2*(served+1) {
		w.Errorf("lost %d times, came back %d times; log:\n%s", lost, served, log)
	}
}
