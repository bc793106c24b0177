package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/internal/store"
)

// live has nodes live for so long, by the database's clock.
func (f *fixture) live(tb testing.TB, d time.Duration, nodes ...string) {
	tb.Helper()
	for _, node := range nodes {
		if _, err := f.Lease(tb.Context(), "node "+node, node, d); err != nil {
			tb.Fatal(err)
		}
	}
}

func (f *fixture) socket(id, node, subject string) realtime.SocketView {
	return realtime.SocketView{
		ID: id, Node: node, Subject: subject, ClientID: "app", Session: "s1", Transport: "websocket", Address: "192.0.2.7",
		ConnectedAt: f.clock(), ExpiresAt: f.clock().Add(time.Minute),
	}
}

func (f *fixture) record(tb testing.TB, r realtime.Record) {
	tb.Helper()
	if err := f.RecordSockets(tb.Context(), r); err != nil {
		tb.Fatal(err)
	}
}

// ids are those of the live sockets.
func ids(list []realtime.SocketView, err error) string {
	got := []string{}
	for _, s := range list {
		got = append(got, s.ID)
	}
	return fmt.Sprint(got, err)
}

const many = 1000

// TestSockets: a socket is live from its beginning to its end, on its node, and an administrator finds it by its id and its subject.
func TestSockets(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		f.live(t, time.Hour, "a", "b")
		s1, s2 := f.socket("s1", "a", "ani"), f.socket("s2", "b", "budi")
		f.record(t, realtime.Record{Node: "a", Begun: []realtime.SocketView{s1}, Events: []audit.Event{{Action: audit.SocketOpened, Subject: "ani"}}})
		unnamed := s2
		unnamed.Node = ""
		f.record(t, realtime.Record{Node: "b", Begun: []realtime.SocketView{unnamed, f.socket("s3", "b", "ani")}, Ended: []string{"none"}})
		got, err := other.Sockets(t.Context(), "s1", 1)
		if diff := cmp.Diff([]realtime.SocketView{s2}, got); err != nil || diff != "" {
			t.Errorf("sockets, %v (-want +got):\n%s", err, diff)
		}
		for _, tt := range []struct{ got, want string }{
			{ids(f.Sockets(t.Context(), "", many)), "[s1 s2 s3] <nil>"},
			{ids(f.Sockets(t.Context(), "s3", many)), "[] <nil>"},
			{ids(f.SocketsOf(t.Context(), "ani", "", many)), "[s1 s3] <nil>"},
			{ids(f.SocketsOf(t.Context(), "ani", "s1", many)), "[s3] <nil>"},
			{ids(f.SocketsOf(t.Context(), "Ani", "", many)), "[] <nil>"},
		} {
			if tt.got != tt.want {
				t.Errorf("got %s, want %s", tt.got, tt.want)
			}
		}
		s1.Session, s1.ExpiresAt = "s9", s1.ExpiresAt.Add(time.Hour) // another token
		f.record(t, realtime.Record{Node: "a", Begun: []realtime.SocketView{s1}, Ended: []string{"s2", "s3"}})
		got, err = f.Sockets(t.Context(), "", many)
		if diff := cmp.Diff([]realtime.SocketView{s1}, got); err != nil || diff != "" {
			t.Errorf("with another token, %v (-want +got):\n%s", err, diff)
		}
		if n := f.has(t, audit.SocketOpened); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
	})
}

// TestEndSocket: an administrator's wish reaches the socket's node, and no other.
func TestEndSocket(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.live(t, time.Hour, "a", "b")
		f.record(t, realtime.Record{Node: "a", Begun: []realtime.SocketView{f.socket("s1", "a", "ani"), f.socket("s2", "a", "ani")}})
		kicked := audit.Event{Action: audit.SocketKicked}
		for range 2 {
			if err := f.another(t).EndSocket(t.Context(), "s1", kicked); err != nil {
				t.Error(err)
			}
		}
		for _, id := range []string{"", "none", "S1", "s1 ", "a\x00", "\xff"} {
			wantErr(t, id, f.EndSocket(t.Context(), id, kicked), realtime.ErrNoSocket)
		}
		f.record(t, realtime.Record{Node: "a", Begun: []realtime.SocketView{f.socket("s1", "a", "ani")}}) // another token is no way out
		if got := fmt.Sprint(f.SocketsToEnd(t.Context(), "a")); got != "[s1] <nil>" {
			t.Errorf("to end: %s", got)
		}
		f.record(t, realtime.Record{Node: "a", Ended: []string{"s1"}})
		for _, node := range []string{"a", "b"} {
			if got := fmt.Sprint(f.SocketsToEnd(t.Context(), node)); got != "[] <nil>" {
				t.Errorf("to end on %s: %s", node, got)
			}
		}
		if n := f.has(t, audit.SocketKicked); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
	})
}

// TestSocketsOfTheDead: those of a node that died are not listed, and forgotten later; a node that begins forgets its own.
func TestSocketsOfTheDead(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.live(t, time.Hour, "a", "b")
		for _, node := range []string{"a", "b", "c"} {
			f.record(t, realtime.Record{Node: node, Begun: []realtime.SocketView{f.socket("s"+node, node, "ani")}})
		}
		if got := ids(f.Sockets(t.Context(), "", many)); got != "[sa sb] <nil>" {
			t.Errorf("got %s, want those of a and b", got)
		}
		wantErr(t, "end one of the dead", f.EndSocket(t.Context(), "sc", audit.Event{}), realtime.ErrNoSocket)
		f.live(t, 0, "b") // a moment ago: it may come back
		if n, err := f.PurgeSockets(t.Context(), many); n != 1 || err != nil {
			t.Errorf("purged %d, %v; want 1", n, err)
		}
		if err := f.ForgetSockets(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		f.live(t, time.Hour, "b")
		if got := ids(f.Sockets(t.Context(), "", many)); got != "[sb] <nil>" {
			t.Errorf("got %s, want that of b", got)
		}
	})
}

// TestSocketsOfAnEarlierLife: the embedded store has one node, which begins without sockets after a crash too.
func TestSocketsOfAnEarlierLife(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.record(t, realtime.Record{Node: "a", Begun: []realtime.SocketView{f.socket("s1", "a", "ani")}})
	if err := f.ForgetSockets(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if got := ids(f.Sockets(t.Context(), "", many)); got != "[] <nil>" {
		t.Errorf("got %s", got)
	}
}

// TestRestoredChannels: a backup has the channels, and no sockets.
func TestRestoredChannels(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.record(t, realtime.Record{Node: "a", Begun: []realtime.SocketView{f.socket("s1", "a", "ani")}})
	if err := f.PutChannel(t.Context(), realtime.Channel{Name: "ops"}, audit.Event{}); err != nil {
		t.Fatal(err)
	}
	f.restore(t, store.RestoreConfig{From: f.backUp(t)})
	if got := ids(f.Sockets(t.Context(), "", many)); got != "[] <nil>" {
		t.Errorf("sockets: %s", got)
	}
	if list, _, err := f.Channels(t.Context()); err != nil || len(list) != 1 || list[0].Name != "ops" {
		t.Errorf("channels: %v, %v", list, err)
	}
}

// TestRecordMany: a storm of connections is a handful of statements.
func TestRecordMany(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.live(t, time.Hour, "a")
		var r realtime.Record
		for i := range 500 {
			id := fmt.Sprintf("s%03d", i)
			r.Begun = append(r.Begun, f.socket(id, "a", "ani"))
			r.Events = append(r.Events, audit.Event{Action: audit.SocketOpened, Subject: "ani", Detail: map[string]string{"socket": id}})
			if i%2 == 0 {
				r.Ended = append(r.Ended, id)
			}
		}
		begun := time.Now()
		f.record(t, r)
		t.Logf("500 events, 500 sockets begun, 250 ended: %v", time.Since(begun))
		if list, err := f.Sockets(t.Context(), "", many); err != nil || len(list) != 250 || f.has(t, audit.SocketOpened) != 500 {
			t.Errorf("%d sockets, %v", len(list), err)
		}
	})
}
