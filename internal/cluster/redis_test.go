package cluster_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"regexp"
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

// Who can write to Redis cannot send news: neither made up, nor altered, nor old, nor under another topic.
func TestForgedNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(), w.open()
	got := make(chan string, 1000)
	for _, topic := range []string{"topic", "other"} {
		defer b.Subscribe(topic, func(m []byte) { got <- topic + " " + string(m) })()
	}
	tap := w.admin.Subscribe(t.Context(), "sandi:topic")
	defer tap.Close()
	if _, err := tap.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	reach(t, a, got)
	if err := a.Publish(t.Context(), "topic", []byte("genuine")); err != nil {
		t.Fatal(err)
	}
	genuine := ""
	for !strings.HasSuffix(genuine, "genuine") {
		m, err := tap.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		genuine = m.Payload
	}
	altered := strings.Replace(genuine, "genuine", "altered", 1)
	younger := []byte(genuine)
	younger[39]++
	for _, forged := range []string{"", "kick alice", strings.Repeat("x", 100), altered, string(younger), genuine[:40]} {
		w.do("PUBLISH", "sandi:topic", forged)
	}
	w.do("PUBLISH", "sandi:other", genuine)
	eventually(t, "all forged ones are dropped", func() bool { return b.Dropped() == 7 })
	w.advance(2 * time.Minute)
	w.do("PUBLISH", "sandi:topic", genuine)
	eventually(t, "the old one is dropped", func() bool { return b.Dropped() == 8 })
	if err := a.Publish(t.Context(), "topic", []byte("last")); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for m := ""; m != "topic last"; {
		switch m = <-got; m {
		case "topic genuine":
			seen++
		case "topic hello", "topic last":
		default:
			t.Errorf("received %q", m)
		}
	}
	if seen != 1 {
		t.Errorf("the genuine message came %d times, want once", seen)
	}
}

// A subscription outlives its server, and a frozen one; the own subscribers need none.
func TestNewsComeBack(t *testing.T) {
	t.Parallel()
	for name, loss := range map[string]struct{ lose, restore func(w *world) }{
		"killed":       {func(w *world) { w.server.Stop() }, func(w *world) { w.start() }},
		"frozen":       {func(w *world) { w.server.Freeze() }, func(w *world) { w.server.Thaw() }},
		"disconnected": {func(w *world) { w.do("CLIENT", "KILL", "TYPE", "pubsub") }, func(*world) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.hasty(), w.hasty()
			here, there := make(chan string, 10000), make(chan string, 10000)
			defer a.Subscribe("topic", func(m []byte) { here <- string(m) })()
			defer b.Subscribe("topic", func(m []byte) { there <- string(m) })()
			reach(t, a, there)
			loss.lose(w)
			if name != "disconnected" {
				eventually(t, "publishing fails", func() bool { return a.Publish(t.Context(), "topic", nil) != nil })
			}
			_ = a.Publish(t.Context(), "topic", []byte("while away"))
			for m := ""; m != "while away"; {
				m = <-here
			}
			loss.restore(w)
			eventually(t, "news come again", func() bool {
				_ = a.Publish(t.Context(), "topic", []byte("again"))
				for len(there) > 0 {
					if <-there == "again" {
						return true
					}
				}
				return false
			})
		})
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
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Healthy() || !strings.Contains(log.String(), "certificate signed by unknown authority") {
		t.Errorf("healthy %v, log:\n%s", r.Healthy(), log.String())
	}
}

// A subscription lasts as long as its pings are answered, and is made anew when
// they are not, though the connection stands.
func TestSubscriptionIsKeptAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open()
	connection := regexp.MustCompile(`^id=(\d+) .* age=(\d+) .* cmd=ping`)
	pinged := func() (id, age string) {
		list, err := w.admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").Text()
		if err != nil {
			t.Fatal(err)
		}
		m := connection.FindStringSubmatch(list)
		if m == nil {
			return "", ""
		}
		return m[1], m[2]
	}
	var first string
	eventually(t, "pings are sent", func() bool { first, _ = pinged(); return first != "" })
	eventually(t, "pings are answered", func() bool {
		id, age := pinged()
		if id != first {
			t.Fatalf("connection %s is now %s", first, id)
		}
		return age >= "4" && len(age) == 1 || len(age) > 1
	})
	w.do("CLIENT", "PAUSE", "4000", "ALL")
	eventually(t, "another connection", func() bool { id, _ := pinged(); return id != "" && id != first })
}
