package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// losses are the ways in which a Redis that served stops serving, and the way back.
var losses = map[string]struct {
	lose, restore func(w *world)
	says          string // in the log
}{
	"killed": {
		lose:    func(w *world) { w.server.Stop() },
		restore: func(w *world) { w.start() },
	},
	"frozen": {
		lose:    func(w *world) { w.server.Freeze() },
		restore: func(w *world) { w.server.Thaw() },
	},
	"black hole": {
		lose:    func(w *world) { w.proxy.Blackhole(true) },
		restore: func(w *world) { w.proxy.Blackhole(false) },
	},
	"slow": {
		lose:    func(w *world) { w.proxy.Delay(20 * time.Second) },
		restore: func(w *world) { w.proxy.Delay(0) },
	},
	"another password": {
		lose: func(w *world) {
			w.do("CONFIG", "SET", "requirepass", "another")
			w.do("CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")
		},
		restore: func(w *world) { w.do("CONFIG", "SET", "requirepass", w.admin.Options().Password) },
		says:    "cluster.password_file",
	},
	"read-only replica": {
		lose:    func(w *world) { w.do("REPLICAOF", "127.0.0.1", "1") },
		restore: func(w *world) { w.do("REPLICAOF", "NO", "ONE") },
		says:    "name the primary",
	},
	"out of memory": {
		lose:    func(w *world) { w.do("CONFIG", "SET", "maxmemory", "1") },
		restore: func(w *world) { w.do("CONFIG", "SET", "maxmemory", "0") },
		says:    "raise maxmemory",
	},
}

// Whatever happens to Redis, who is locked out stays so, fresh keys have limits,
// calls end before their deadline, and counting goes on in Redis afterwards.
// secure-defaults 13d
func TestLosses(t *testing.T) {
	t.Parallel()
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.hasty()
			for range 5 {
				r.Try(t.Context(), "locked", cluster.Backoff{Free: 5, Base: time.Hour, Max: 10 * time.Hour, Forget: 100 * time.Hour})
			}
			loss.lose(w)
			w.limited(r)
			eventually(t, "the loss is noticed", func() bool { return !r.Healthy() })
			w.limited(r)
			if r.Lost() == 0 {
				t.Error("no call was counted as lost")
			}
			eventually(t, "the log says "+loss.says, func() bool { return strings.Contains(w.log.String(), loss.says) })
			w.quiet()
			loss.restore(w)
			eventually(t, "Redis serves again", r.Healthy)
			w.config.Timeout = 20 * time.Second
			other := w.open()
			if got := r.Try(t.Context(), "locked", slow); !about(got, 4*time.Hour) {
				t.Errorf("after it came back: Try = %v, want 4h", got)
			}
			w.wait(other, "another node, after it came back", "locked", 4*time.Hour)
			if strings.Contains(w.log.String(), w.admin.Options().Password) {
				t.Error("the log has the password")
			}
		})
	}
}

// limited fails unless "locked" is, fresh keys soon are, and calls keep to a deadline.
func (w *world) limited(r *cluster.Redis) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if got := r.Try(ctx, "locked", slow); !about(got, 4*time.Hour) {
		w.Errorf("Try = %v, want 4h", got)
	}
	key := w.Name() + time.Now().String()
	for _, want := range []time.Duration{0, 0, 0, time.Hour} {
		if got := r.Try(ctx, key, slow); !about(got, want) {
			w.Errorf("fresh key: Try = %v, want %v", got, want)
		}
	}
	for _, want := range []time.Duration{0, 0, time.Hour} {
		if got := r.Take(ctx, key, cluster.Rate{Burst: 2, Every: time.Hour}); !about(got, want) {
			w.Errorf("fresh key: Take = %v, want %v", got, want)
		}
	}
	r.Undo(ctx, key)
	r.Forget(ctx, key)
	_ = r.Publish(ctx, "topic", nil)
	if got := r.Try(ctx, key, slow); got != 0 {
		w.Errorf("forgotten key: Try = %v, want 0", got)
	}
	if ctx.Err() != nil {
		w.Error("the calls took longer than their deadline")
	}
}

func (w *world) start() {
	w.Helper()
	if err := w.server.Start(); err != nil {
		w.Fatal(err)
	}
}

// A server that never served: the node starts, says so once, and takes it up when it comes.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(w *world){
		"stopped":  func(w *world) { w.server.Stop() },
		"frozen":   func(w *world) { w.server.Freeze() },
		"silent":   func(w *world) { w.config.URL = impostor(t, "") },
		"loading":  func(w *world) { w.config.URL = impostor(t, "-LOADING Redis is loading the dataset in memory\r\n") },
		"nonsense": func(w *world) { w.config.URL = impostor(t, "*3\r\n:1\r\n$2\r\nab\r\n*0\r\n") },
		"no Redis": func(w *world) { w.config.URL = impostor(t, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"password": func(w *world) { w.config.URL, w.config.Password = "redis://"+w.server.Addr(), "wrong" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			lose(w)
			w.config.Timeout = 3 * time.Second
			r := w.open()
			if r.Healthy() {
				t.Error("Redis is said to serve")
			}
			w.quiet()
			for _, want := range []time.Duration{0, 0, 0, time.Hour} {
				w.wait(r, "local", "a", want)
			}
			if name != "stopped" && name != "frozen" {
				return
			}
			w.server.Thaw()
			w.start()
			eventually(t, "Redis serves", r.Healthy)
			w.wait(r, "what was counted meanwhile counts", "a", time.Hour)
			w.config.Timeout = 20 * time.Second
			w.wait(w.open(), "on another node too", "a", time.Hour)
		})
	}
}

// secure-defaults 13d: nobody is let off by what becomes of Redis's data.
func TestDataLost(t *testing.T) {
	t.Parallel()
	rate := cluster.Rate{Burst: 3, Every: time.Hour}
	for name, lose := range map[string]func(w *world, a, b *cluster.Redis){
		"flushed": func(w *world, _, _ *cluster.Redis) { w.do("FLUSHALL") },
		"flushed, and another node is first": func(w *world, _, b *cluster.Redis) {
			w.do("FLUSHALL")
			w.do("SCRIPT", "FLUSH")
			w.wait(b, "a node that knows nothing", "a", 0)
			b.Take(w.Context(), "a", rate)
		},
		"flushed, and a node has been restarted": func(w *world, _, b *cluster.Redis) {
			w.do("FLUSHALL")
			_ = b.Publish(w.Context(), "topic", nil)
			c := w.open()
			w.wait(c, "a new node", "a", 0)
			c.Undo(w.Context(), "a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.open(), w.open()
			for range 5 {
				a.Try(t.Context(), "a", cluster.Backoff{Free: 5, Base: time.Hour, Max: 10 * time.Hour, Forget: 100 * time.Hour})
				a.Take(t.Context(), "a", rate)
			}
			lose(w, a, b)
			if got := a.Take(t.Context(), "a", rate); !about(got, time.Hour) {
				t.Errorf("Take = %v, want 1h", got)
			}
			w.wait(a, "the node that knows", "a", 4*time.Hour)
			w.wait(b, "and tells", "a", 4*time.Hour)
			w.advance(4 * time.Hour)
			w.wait(b, "after the wait", "a", 0)
			w.wait(a, "doubled", "a", 8*time.Hour)
		})
	}
}

// A replica that lagged behind takes over: the life of the key is the same, but older.
func TestFailoverToThePast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	past := map[string]string{}
	for i := range 6 {
		r.Try(t.Context(), "a", cluster.Backoff{Free: 6, Base: time.Hour, Max: 10 * time.Hour, Forget: 100 * time.Hour})
		if i > 0 {
			continue
		}
		for _, key := range w.keys() {
			if value := w.admin.Dump(t.Context(), key).Val(); value != "" { // else a probe that has expired
				past[key] = value
			}
		}
	}
	for key, value := range past {
		w.do("RESTORE", key, 1000_000, value, "REPLACE")
	}
	w.wait(r, "after the failover", "a", 8*time.Hour)
	w.wait(w.open(), "on another node", "a", 8*time.Hour)
}
