package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/jwt"
)

// site is a guard and what nodes share, in a synctest bubble.
type site struct {
	tb    testing.TB
	key   *jwt.Key
	list  *guard.RevocationList
	guard *guard.Guard
	news  *lossyNews
	store *memStore
	stops []func()
}

func newSite(tb testing.TB) *site {
	key, err := jwt.NewKey(jwt.HS256, "k1", []byte("a test key of 32 bytes and more!"))
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key)
	if err != nil {
		tb.Fatal(err)
	}
	s := &site{tb: tb, key: key, list: guard.NewRevocationList(guard.RevocationListConfig{}), store: newMemStore()}
	s.guard, err = guard.New(guard.Config{
		Keys: keys, Issuer: "https://a.example", Audience: []string{"https://a.example"}, Revocations: s.list, Leeway: 5 * time.Second,
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.news = &lossyNews{Memory: cluster.NewMemory(time.Now)}
	return s
}

// hub runs a node until stop.
func (s *site) hub(node string, edit func(c *realtime.Config)) (h *realtime.Hub, stop func()) {
	s.tb.Helper()
	c := realtime.Config{
		Guard: s.guard, Store: s.store, News: s.news, Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, Node: node,
		ExpiringNotice: 30 * time.Second, DrainTime: time.Second,
		Channels: []realtime.Channel{{Name: "hq"}},
	}
	if edit != nil {
		edit(&c)
	}
	h, err := realtime.NewHub(c)
	if err != nil {
		s.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.tb.Error(err)
		}
	})
	s.stops = append(s.stops, stop)
	time.Sleep(time.Millisecond) // it knows the store's channels
	return h, stop
}

func (s *site) close() {
	for _, stop := range s.stops {
		stop()
	}
}

// token is alice's for ten minutes, unless claims say otherwise.
func (s *site) token(claims map[string]any) string {
	s.tb.Helper()
	c := map[string]any{
		"iss": "https://a.example", "aud": "https://a.example", "sub": "alice", "client_id": "app", "jti": "t1", "sid": "s1",
		"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix(),
	}
	maps.Copy(c, claims)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	token, err := jwt.Sign(s.key, "at+jwt", c)
	if err != nil {
		s.tb.Fatal(err)
	}
	return token
}

func (s *site) check(claims map[string]any) *guard.Token {
	s.tb.Helper()
	t, err := s.guard.CheckToken(context.Background(), s.token(claims))
	if err != nil {
		s.tb.Fatal(err)
	}
	return t
}

// client joins a hub.
func (s *site) client(h *realtime.Hub, claims map[string]any) *client {
	s.tb.Helper()
	c := &client{tb: s.tb, seen: map[string]int{}}
	m, err := h.Join(context.Background(), s.arrival(c, claims))
	if err != nil {
		s.tb.Fatalf("join: %v", err)
	}
	c.Member = m
	return c
}

func (s *site) arrival(p realtime.Peer, claims map[string]any) realtime.Arrival {
	return realtime.Arrival{Token: s.check(claims), Peer: p, Transport: "websocket", From: audit.From{Address: "192.0.2.7"}}
}

// client is a Peer that remembers.
type client struct {
	*realtime.Member
	tb testing.TB

	mu      sync.Mutex
	got     []*realtime.Message
	seen    map[string]int // how often each message came
	notices []realtime.Notice
	ends    []realtime.End
	cursor  string
	onGot   func()
}

func (c *client) Deliver(m *realtime.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, m)
	c.seen[m.ID]++
	c.cursor = m.Cursor
	if c.onGot != nil {
		c.onGot()
	}
}

func (c *client) Tell(n realtime.Notice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notices = append(c.notices, n)
}

func (c *client) Close(e realtime.End) {
	c.mu.Lock()
	c.ends = append(c.ends, e)
	c.mu.Unlock()
	if c.Member != nil {
		c.Leave("closed by the hub")
	}
}

// data are the messages that came, as text.
func (c *client) data() (list []string) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.got {
		list = append(list, string(m.Data))
	}
	return list
}

// told are the notices of a type, as JSON.
func (c *client) told(kind string) (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.notices {
		if n.Type == kind {
			b, _ := json.Marshal(n.Data)
			list = append(list, string(b))
		}
	}
	return list
}

// end is why it was closed, "" while it is not.
func (c *client) end() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var whys []string
	for _, e := range c.ends {
		whys = append(whys, e.Why)
	}
	return strings.Join(whys, " ")
}

func (c *client) subscribe(channel, cursor string) realtime.Subscribed {
	c.tb.Helper()
	s, err := c.Subscribe(channel, cursor)
	if err != nil {
		c.tb.Fatalf("subscribe to %s: %v", channel, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = s.Cursor
	return s
}

func (c *client) publish(channel, data string) {
	c.tb.Helper()
	if _, err := c.Publish(context.Background(), channel, json.RawMessage(data)); err != nil {
		c.tb.Fatalf("publish: %v", err)
	}
}

func want[T comparable](tb testing.TB, what string, got, want []T) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantCode wants an *Error of that code.
func wantCode(tb testing.TB, err error, code string) *realtime.Error {
	tb.Helper()
	e, ok := errors.AsType[*realtime.Error](err)
	if !ok || e.Code != code {
		tb.Fatalf("error %v, want %s", err, code)
	}
	return e
}

// lossyNews is a Memory that can lose what is published, or fail.
type lossyNews struct {
	*cluster.Memory
	mu   sync.Mutex
	lose func(topic string) bool
	fail bool
}

func (n *lossyNews) set(f func(n *lossyNews)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n)
}

func (n *lossyNews) Publish(ctx context.Context, topic string, message []byte) error {
	n.mu.Lock()
	lost, fail := n.lose != nil && n.lose(topic), n.fail
	n.mu.Unlock()
	if fail {
		return errors.New("away")
	}
	if lost {
		return nil
	}
	return n.Memory.Publish(ctx, topic, message)
}

// memStore is a Store in memory.
type memStore struct {
	mu       sync.Mutex
	channels map[string]realtime.Channel
	version  int64
	sockets  map[string]realtime.SocketView
	asked    map[string]bool
	events   []audit.Event
	fail     error
	reads    int
	rows     int // of sockets that began, written
}

var _ realtime.Store = (*memStore)(nil)

func newMemStore() *memStore {
	return &memStore{channels: map[string]realtime.Channel{}, sockets: map[string]realtime.SocketView{}, asked: map[string]bool{}}
}

func (s *memStore) Channels(context.Context) ([]realtime.Channel, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return slices.Collect(maps.Values(s.channels)), s.version, s.fail
}

func (s *memStore) ChannelsVersion(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, s.fail
}

func (s *memStore) PutChannel(_ context.Context, c realtime.Channel, _ audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[c.Name] = c
	s.version++
	return nil
}

func (s *memStore) RemoveChannel(_ context.Context, name string, _ audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, name)
	s.version++
	return nil
}

func (s *memStore) RecordSockets(_ context.Context, r realtime.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.events = append(s.events, r.Events...)
	s.rows += len(r.Begun)
	for _, v := range r.Begun {
		s.sockets[v.ID] = v
	}
	for _, id := range r.Ended {
		delete(s.sockets, id)
	}
	return nil
}

func (s *memStore) Sockets(context.Context, string, int) ([]realtime.SocketView, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sockets)), nil
}

func (s *memStore) EndSocket(_ context.Context, id string, _ audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[id] = true
	return nil
}

func (s *memStore) SocketsToEnd(_ context.Context, node string) (ids []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.asked {
		if s.sockets[id].Node == node {
			ids = append(ids, id)
		}
	}
	return ids, s.fail
}

func (s *memStore) ForgetSockets(_ context.Context, node string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.sockets, func(_ string, v realtime.SocketView) bool { return v.Node == node })
	return nil
}

// live is how many rows there are, and actions the audit log.
func (s *memStore) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

func (s *memStore) actions() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		text := string(e.Action)
		if why := e.Detail["why"] + e.Detail["reason"]; why != "" {
			text += " " + why
		}
		if n := e.Detail["count"]; n != "" && n != "1" {
			text += " x" + n
		}
		list = append(list, text)
	}
	return list
}

// bubble runs a test in a synctest bubble, with a site that is closed at its end.
func bubble(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.close()
		test(t, s)
	})
}
