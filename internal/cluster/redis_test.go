package cluster_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
)

func TestConfigurationFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]cluster.RedisConfig{
		"empty":         {},
		"no host":       {URL: "redis://"},
		"no scheme":     {URL: "secretive.example.com:6379"},
		"scheme":        {URL: "https://:secretive@redis.example.com"},
		"no URL":        {URL: "redis://:secretive@redis.example.com:port"},
		"control":       {URL: "redis://:secretive\x7f@redis.example.com"},
		"cluster":       {URL: "redis://:secretive@redis.example.com?cluster=1"},
		"weak TLS":      {URL: "rediss://:secretive@redis.example.com?skip_verify=true"},
		"database":      {URL: "redis://:secretive@redis.example.com/one"},
		"two passwords": {URL: "redis://:secretive@redis.example.com", Password: "secretive"},
		"prefix":        {URL: "redis://:secretive@redis.example.com", Prefix: "*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Secret, c.Now = make([]byte, 32), time.Now
			_, err := cluster.OpenRedis(t.Context(), c)
			hinted, ok := err.(interface{ Hint() string })
			if !ok || hinted.Hint() == "" {
				t.Fatalf("error %v has no hint", err)
			}
			if text := err.Error() + hinted.Hint(); strings.Contains(text, "secretive") {
				t.Errorf("the error repeats the URL: %s", text)
			}
		})
	}
}

// Redis learns nobody's name or address, and every key goes by itself.
func TestNoNamesInRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(), w.open()
	const key = "login alice 192.0.2.7"
	for _, r := range []*cluster.Redis{a, b, a, b} {
		r.Try(t.Context(), key, slow)
		r.Take(t.Context(), key, cluster.Rate{Burst: 2, Every: time.Hour})
	}
	a.Undo(t.Context(), key)
	b.Forget(t.Context(), key)
	keys := w.keys()
	if len(keys) < 2 {
		t.Fatalf("keys %v", keys)
	}
	for _, k := range keys {
		dump := w.admin.Dump(t.Context(), k).Val()
		if text := k + dump; strings.Contains(text, "alice") || strings.Contains(text, "192.0.2") || !strings.HasPrefix(k, "sandi:") {
			t.Errorf("key %s: %q", k, dump)
		}
		ttl, err := w.admin.PTTL(t.Context(), k).Result()
		if err != nil || ttl == -1 || ttl > slow.Forget {
			t.Errorf("key %s lives %v, %v", k, ttl, err)
		}
	}
}

// With another secret the same keys are others.
func TestSecretSeparates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.open()
	w.config.Secret = bytes.Repeat([]byte("t"), 32)
	b := w.open()
	for range 3 {
		w.wait(a, "free", "a", 0)
	}
	w.wait(b, "with another secret", "a", 0)
	w.wait(a, "with the same", "a", time.Hour)
}

// A node that alone knew of a key leaves nothing behind when it forgets it.
func TestForgetDeletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	hashes := func() (n int) {
		for _, k := range w.keys() {
			if w.admin.Type(t.Context(), k).Val() == "hash" {
				n++
			}
		}
		return n
	}
	r.Try(t.Context(), "a", slow)
	r.Try(t.Context(), "b", slow)
	if n := hashes(); n != 2 {
		t.Fatalf("%d keys, want 2", n)
	}
	r.Undo(t.Context(), "a")
	r.Forget(t.Context(), "b")
	if n := hashes(); n != 0 {
		t.Errorf("%d keys, want none", n)
	}
}

// A Redis whose clock or values are wild locks nobody out for longer than the limits do.
func TestWildValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	rate := cluster.Rate{Burst: 2, Every: time.Hour}
	r.Try(t.Context(), "a", slow)
	r.Take(t.Context(), "a", rate)
	const future = "9000000000000000"
	for _, k := range w.keys() {
		if w.admin.Type(t.Context(), k).Val() == "hash" {
			w.do("HSET", k, "level", "99999999999", "at", future)
		} else {
			w.do("SET", k, future)
		}
	}
	if got := r.Try(t.Context(), "a", slow); !about(got, slow.Max) {
		t.Errorf("Try = %v, want %v", got, slow.Max)
	}
	if got := r.Take(t.Context(), "a", rate); got > time.Hour {
		t.Errorf("Take = %v, want at most 1h", got)
	}
}

// After Close calls are answered, by this node.
func TestClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, err := cluster.OpenRedis(t.Context(), w.config)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Subscribe("topic", func([]byte) { t.Error("a message after Close") })()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []time.Duration{0, 0, 0, time.Hour} {
		w.wait(r, "closed", "a", want)
	}
	if err := r.Publish(t.Context(), "topic", nil); err == nil {
		t.Error("Publish after Close: no error")
	}
	if log := w.log.String(); log != "" {
		t.Errorf("log:\n%s", log)
	}
}

// The user of Redis needs no more than the package comment says.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("ACL", "SETUSER", "node", "on", ">password", "resetkeys", "~sandi:*", "resetchannels", "&sandi:*", "-@all", "+ping", "+eval", "+evalsha",
		"+time", "+get", "+set", "+hmget", "+hset", "+del", "+pexpire", "+publish", "+psubscribe")
	w.config.URL, w.config.Password = "redis://node@"+w.server.Addr(), "password"
	a, b := w.open(), w.open()
	a.Try(t.Context(), "a", slow)
	b.Try(t.Context(), "a", slow)
	b.Undo(t.Context(), "a")
	a.Forget(t.Context(), "a")
	a.Take(t.Context(), "a", cluster.Rate{Burst: 1, Every: time.Hour})
	got := make(chan string, 1000)
	defer b.Subscribe("topic", func(m []byte) { got <- string(m) })()
	reach(t, a, got)
	if a.Lost()+b.Lost() != 0 || w.log.String() != "" {
		t.Errorf("lost %d and %d, log:\n%s", a.Lost(), b.Lost(), w.log.String())
	}
}

// A server whose certificate nobody vouches for gets neither password nor news.
func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	var log buffer
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	defer s.Close()
	r, err := cluster.OpenRedis(t.Context(), cluster.RedisConfig{
		URL: strings.Replace(s.URL, "https", "rediss", 1), Password: "secretive", Secret: make([]byte, 32), Now: time.Now,
		Timeout: 20 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Healthy() || !strings.Contains(log.String(), "certificate signed by unknown authority") {
		t.Errorf("healthy %v, log:\n%s", r.Healthy(), log.String())
	}
}
