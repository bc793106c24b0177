package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sandi-auth/sandi/internal/realtime"
)

// network carries news between nodes over links that lose, hold back and turn around what they carry.
type network struct {
	mu    sync.Mutex
	links map[string]*link
}

// link is a node's.
type link struct {
	net    *network
	node   string
	broken bool // loses what comes in
	holds  bool // keeps it until release
	held   []func()
	subs   map[string][]func([]byte)
}

func (l *link) Publish(_ context.Context, topic string, message []byte) error {
	l.net.mu.Lock()
	var now []func()
	for _, to := range l.net.links {
		for _, handle := range to.subs[topic] {
			switch deliver := func() { handle(message) }; {
			case to.node == l.node:
			case to.broken:
			case to.holds:
				to.held = append(to.held, deliver)
			default:
				now = append(now, deliver)
			}
		}
	}
	l.net.mu.Unlock()
	for _, deliver := range now {
		deliver()
	}
	return nil
}

func (l *link) Subscribe(topic string, handle func([]byte)) func() {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	var mu sync.Mutex // guards what follows
	var queue [][]byte
	var busy bool
	l.subs[topic] = append(l.subs[topic], func(b []byte) { // as cluster does
		mu.Lock()
		defer mu.Unlock()
		queue = append(queue, b)
		if busy {
			return
		}
		busy = true
		go func() {
			mu.Lock()
			defer mu.Unlock()
			for len(queue) > 0 {
				b, queue = queue[0], queue[1:]
				mu.Unlock()
				handle(b)
				mu.Lock()
			}
			busy = false
		}()
	})
	return func() {
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		delete(l.subs, topic)
	}
}

// model is three nodes and some clients that move between them.
type model struct {
	*site
	rt       *rapid.T
	net      *network
	hubs     [3]*realtime.Hub
	stops    [3]func()
	sessions []*session
	sent     []string        // what was accepted, in order
	shaky    map[string]bool // did not reach a node, which may not know yet
}

// session is what a client makes of its connections.
type session struct {
	client  *client // nil while it is away
	hub     int
	cursor  string
	seen    map[string]bool
	excused int // of sent: what came before that it may lack
	may     map[string]bool
}

// A client that says its cursor gets what it lacks, on whichever node, or is told that it may lack something; and nothing twice.
func TestHistoryModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) { // whose deadline is not of this bubble
			m := &model{site: newSite(t), rt: rt, net: &network{links: map[string]*link{}}, shaky: map[string]bool{}}
			for i := range m.hubs {
				m.start(i)
			}
			time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 30}).Draw(rt, "age")) * time.Second)
			for range 3 {
				m.sessions = append(m.sessions, &session{seen: map[string]bool{}, may: map[string]bool{}})
			}
			defer func() {
				for _, stop := range m.stops {
					stop()
				}
			}()
			rt.Repeat(map[string]func(*rapid.T){
				"publish": m.publish, "come": m.come, "come back": m.come, "go": m.leave, "link": m.link,
				"restart": m.restart, "quiet": m.quiet, "": m.check,
			})
			m.quiet(rt)
		})
	})
}

func (m *model) start(i int) {
	node := fmt.Sprintf("n%d", i)
	m.net.mu.Lock()
	l := &link{net: m.net, node: node, subs: map[string][]func([]byte){}}
	m.net.links[node] = l
	m.net.mu.Unlock()
	m.hubs[i], m.stops[i] = m.hub(node, func(c *realtime.Config) {
		c.News, c.DrainTime = l, 0
		c.Channels = []realtime.Channel{{Name: "hq", Keep: 8, KeepFor: 5 * time.Minute}}
	})
}

func (m *model) publish(rt *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(rt, "node")
	broken := m.unwell()
	id, err := m.hubs[i].Publish(context.Background(), "hq", json.RawMessage(fmt.Sprint(len(m.sent))))
	if err != nil {
		rt.Fatalf("publish: %v", err)
	}
	m.sent = append(m.sent, id)
	synctest.Wait()
	if broken {
		m.shaky[id] = true
	}
}

// unwell says whether any link loses or holds.
func (m *model) unwell() bool {
	m.net.mu.Lock()
	defer m.net.mu.Unlock()
	for _, l := range m.net.links {
		if l.broken || l.holds {
			return true
		}
	}
	return false
}

func (m *model) come(rt *rapid.T) {
	s := rapid.SampledFrom(m.sessions).Draw(rt, "session")
	if s.client != nil {
		return
	}
	s.hub = rapid.IntRange(0, 2).Draw(rt, "node")
	s.client = m.client(m.hubs[s.hub], map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()})
	before := len(m.sent)
	got, err := s.client.Subscribe("hq", s.cursor)
	if err != nil {
		rt.Fatalf("subscribe: %v", err)
	}
	if s.cursor == "" || !got.Complete {
		s.excused = before
	}
	s.cursor = got.Cursor // unless a message has come
	synctest.Wait()
	m.take(s)
	for _, id := range m.sent[s.excused:before] {
		if !s.seen[id] && !m.shaky[id] && !s.may[id] {
			rt.Fatalf("%s is missing, and the history was complete; got %v", id, got)
		}
	}
}

// take notes what came.
func (m *model) take(s *session) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	for _, msg := range s.client.got {
		if s.seen[msg.ID] {
			m.rt.Fatalf("%s came twice", msg.ID)
		}
		s.seen[msg.ID] = true
		s.cursor = msg.Cursor
	}
	s.client.got = nil
}

func (m *model) leave(rt *rapid.T) {
	s := rapid.SampledFrom(m.sessions).Draw(rt, "session")
	if s.client == nil {
		return
	}
	synctest.Wait()
	m.take(s)
	m.away(s)
}

// away ends a connection: what its node lost meanwhile it may lack.
func (m *model) away(s *session) {
	for _, id := range m.sent[s.excused:] {
		if !s.seen[id] && m.shaky[id] {
			s.may[id] = true
		}
	}
	s.client.Leave("gone")
	s.client = nil
}

func (m *model) link(rt *rapid.T) {
	l := m.net.links[fmt.Sprintf("n%d", rapid.IntRange(0, 2).Draw(rt, "node"))]
	what := rapid.SampledFrom([]string{"break", "hold", "heal"}).Draw(rt, "what")
	m.net.mu.Lock()
	l.broken, l.holds = what == "break", what == "hold" || what == "break" && l.holds
	var held []func()
	if what == "heal" {
		held, l.held = l.held, nil
	}
	m.net.mu.Unlock()
	for _, i := range rapid.Permutation(slices.Collect(indices(len(held)))).Draw(rt, "order") {
		held[i]()
	}
	synctest.Wait()
}

func indices(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func (m *model) restart(rt *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(rt, "node")
	synctest.Wait()
	for _, s := range m.sessions {
		if s.client != nil && s.hub == i {
			m.take(s)
			m.away(s)
		}
	}
	unwell := m.unwell()
	m.stops[i]()
	m.start(i)
	if unwell { // what only it had, and what it did not say
		for _, s := range m.sessions {
			for _, id := range m.sent {
				if m.shaky[id] {
					s.may[id] = true
				}
			}
		}
	}
	time.Sleep(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms")) * time.Millisecond)
}

// quiet heals all links, and waits until each node knows what it has not got.
func (m *model) quiet(rt *rapid.T) {
	m.net.mu.Lock()
	var held []func()
	for _, l := range m.net.links {
		held = append(held, l.held...)
		l.broken, l.holds, l.held = false, false, nil
	}
	m.net.mu.Unlock()
	for _, deliver := range held {
		deliver()
	}
	time.Sleep(11 * time.Second)
	synctest.Wait()
	for _, s := range m.sessions {
		if s.client == nil {
			continue
		}
		m.take(s)
		for _, id := range m.sent[s.excused:] {
			if !s.seen[id] && m.shaky[id] {
				s.may[id] = true
			}
			if !s.seen[id] && !s.may[id] {
				rt.Fatalf("%s was never delivered, though all links were good", id)
			}
		}
	}
	clear(m.shaky)
}

func (m *model) check(*rapid.T) {
	synctest.Wait()
	for _, s := range m.sessions {
		if s.client != nil {
			m.take(s)
		}
	}
}
