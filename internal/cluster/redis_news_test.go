package cluster_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

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

// A message that no node could receive goes to the own subscribers only, and ends
// nobody's connection; the longest one arrives.
func TestLongNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(), w.open()
	here, there := make(chan string, 1000), make(chan string, 1000)
	defer a.Subscribe("topic", func(m []byte) { here <- string(m) })()
	defer b.Subscribe("topic", func(m []byte) { there <- string(m) })()
	reach(t, a, there)
	const most = 65480
	if err := a.Publish(t.Context(), "topic", make([]byte, most+1)); err == nil || !strings.Contains(err.Error(), "65480") {
		t.Errorf("too long a message: error %v, want one that names the most", err)
	}
	for m := ""; len(m) != most+1; {
		m = <-here
	}
	if err := a.Publish(t.Context(), "topic", make([]byte, most)); err != nil {
		t.Fatal(err)
	}
	for m := "hello"; len(m) != most; {
		if m = <-there; len(m) > most {
			t.Error("too long a message came through")
		}
	}
	if !a.Healthy() || !b.Healthy() {
		t.Errorf("healthy %v, %v", a.Healthy(), b.Healthy())
	}
}
