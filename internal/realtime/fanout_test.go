package realtime_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/realtime"
)

// Each message reaches each subscriber on each node once, and each sender's in order.
func TestFanOut(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		var clients []*client
		for i := range 3 {
			h, _ := s.hub(fmt.Sprintf("n%d", i), nil)
			for range 3 {
				c := s.client(h, map[string]any{"sub": fmt.Sprintf("user%d", i)})
				c.subscribe("hq", "")
				clients = append(clients, c)
			}
		}
		outside := s.client(s.newHub("n9"), nil) // has not joined the channel
		var sending sync.WaitGroup
		for i, c := range clients {
			sending.Go(func() {
				for j := range 20 {
					c.publish("hq", fmt.Sprintf(`"%d %02d"`, i, j))
				}
			})
		}
		sending.Wait()
		synctest.Wait()
		for i, c := range clients {
			if len(c.got) != 180 || len(c.seen) != 180 {
				t.Fatalf("client %d: %d messages, %d different, want 180", i, len(c.got), len(c.seen))
			}
			for sender := range clients {
				mine := slices.DeleteFunc(c.data(), func(d string) bool { return !strings.HasPrefix(d, fmt.Sprintf(`"%d `, sender)) })
				if !slices.IsSorted(mine) {
					t.Errorf("client %d: sender %d's came as %v", i, sender, mine)
				}
			}
		}
		if len(outside.got) != 0 {
			t.Errorf("a stranger got %d", len(outside.got))
		}
	})
}

func (s *site) newHub(node string) *realtime.Hub {
	h, _ := s.hub(node, nil)
	return h
}

// A client that comes back, on whichever node, gets what it missed, once, in order.
func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h1, _ := s.hub("n1", nil)
		h2, _ := s.hub("n2", nil)
		time.Sleep(20 * time.Second)
		a, b := s.client(h1, nil), s.client(h2, map[string]any{"sub": "bob"})
		first := a.subscribe("hq", "")
		if !first.Complete {
			t.Error("a new subscription is not complete")
		}
		later := s.client(h1, nil)
		for i, c := range []*client{b, a, b, later, b} {
			if i == 2 {
				a.Leave("lost")
			}
			c.publish("hq", fmt.Sprint(i+1))
			synctest.Wait()
		}
		for _, h := range []*realtime.Hub{h1, h2} {
			c := s.client(h, nil)
			if got := c.subscribe("hq", a.cursor); !got.Complete {
				t.Error("the history is not complete")
			}
			want(t, "missed", c.data(), []string{`3`, `4`, `5`})
			again := s.client(h, nil)
			again.subscribe("hq", c.got[1].Cursor)
			want(t, "missed after the second", again.data(), []string{`5`})
			all := s.client(h, nil)
			all.subscribe("hq", first.Cursor)
			want(t, "all", all.data(), []string{`1`, `2`, `3`, `4`, `5`})
		}
	})
}

// A fault while a message is handed on ends neither the node nor the channel.
func TestDeliverPanics(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		a, b := s.client(h, nil), s.client(h, nil)
		a.subscribe("hq", "")
		b.subscribe("hq", "")
		a.onGot = func() {
			a.onGot = nil
			panic("a fault")
		}
		b.publish("hq", `1`)
		synctest.Wait()
		b.publish("hq", `2`)
		want(t, "the other", b.data(), []string{`2`})
		if got := b.subscribe("hq", a.cursor); !got.Complete {
			t.Error("the history has a gap")
		}
		b.publish("hq", `3`)
		want(t, "the first", a.data(), []string{`1`, `2`, `3`})
	})
}

// Who says a cursor after joining gets what came before, once.
func TestResumeLater(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		a, b := s.client(h, nil), s.client(h, nil)
		a.subscribe("hq", "")
		a.publish("hq", `1`)
		synctest.Wait()
		cursor := a.cursor
		a.publish("hq", `2`)
		b.subscribe("hq", "")
		a.publish("hq", `3`)
		if got := b.subscribe("hq", cursor); !got.Complete {
			t.Error("not complete")
		}
		a.publish("hq", `4`)
		want(t, "data", b.data(), []string{`3`, `2`, `4`})
	})
}

// A cursor that this node cannot follow from says so; one that is none is refused.
func TestResumeLost(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, stop := s.hub("n1", func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "hq", Keep: 3, KeepFor: time.Minute}} })
		c := s.client(h, nil)
		c.subscribe("hq", "")
		var cursors []string
		for i := range 6 {
			c.publish("hq", fmt.Sprint(i))
			synctest.Wait()
			cursors = append(cursors, c.cursor)
		}
		back := func(h *realtime.Hub, cursor string) (bool, int) {
			t.Helper()
			c := s.client(h, nil)
			got := c.subscribe("hq", cursor)
			return got.Complete, len(c.got)
		}
		for i, cursor := range cursors {
			complete, n := back(h, cursor)
			if want := i >= 2; complete != want || n != min(3, 5-i) {
				t.Errorf("after %d: complete %t with %d", i, complete, n)
			}
		}
		time.Sleep(61 * time.Second)
		if complete, n := back(h, cursors[4]); complete || n != 0 {
			t.Errorf("after a minute: complete %t with %d", complete, n)
		}
		if complete, _ := back(h, cursors[5]); !complete {
			t.Error("nothing came since, and it is not complete")
		}
		stop()
		h, _ = s.hub("n1", nil)
		if complete, n := back(h, cursors[5]); complete || n != 0 {
			t.Errorf("in another life: complete %t with %d", complete, n)
		}
		for _, cursor := range []string{"x", "-", "1.abcdefgh-", "1.abcdefgh-n1.5", "1.abcdefgh-n1abcdefgh", "1.abcdefgh-n1abcdefgh.-1", "1.abcdefgh-b1abcdefgh.1-a1abcdefgh.1", strings.Repeat("1", 3000), cursors[0] + "\x00"} {
			_, err := c.Subscribe("hq", cursor)
			if err == nil {
				t.Errorf("cursor %.30q was taken", cursor)
				continue
			}
		}
	})
}

// A node that was started a moment ago asks the others for what was sent before.
func TestResumeOnYoungNode(t *testing.T) {
	for name, ago := range map[string]time.Duration{"just now": 0, "a while ago": time.Minute} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *site) { resumeOnYoungNode(t, s, ago) })
		})
	}
}

func resumeOnYoungNode(t *testing.T, s *site, ago time.Duration) {
	h1, stop1 := s.hub("n1", nil)
	h2, _ := s.hub("n2", nil)
	time.Sleep(time.Minute)
	a := s.client(h1, nil)
	a.subscribe("hq", "")
	for i := range 20 {
		a.publish("hq", fmt.Sprintf(`"%02d %s"`, i, strings.Repeat("x", 15_000))) // more than one piece of news
	}
	synctest.Wait()
	cursor := a.got[4].Cursor
	stop1() // whose messages the other has
	time.Sleep(ago)
	h3, _ := s.hub("n3", nil)
	time.Sleep(500 * time.Millisecond)
	last := s.client(h2, nil)
	last.publish("hq", `"last"`)
	c := s.client(h3, nil)
	if got := c.subscribe("hq", cursor); !got.Complete || len(c.got) != 16 || len(c.seen) != 16 {
		t.Fatalf("complete %t with %d messages, %d different, want 16", got.Complete, len(c.got), len(c.seen))
	}
	theirs := slices.DeleteFunc(c.data(), func(d string) bool { return d == `"last"` })
	if len(theirs) != 15 || !slices.IsSorted(theirs) || theirs[0][:3] != `"05` {
		t.Errorf("%d messages of the node that has died, not in order", len(theirs))
	}
	for i, m := range c.got {
		again := s.client(h3, nil)
		if got := again.subscribe("hq", m.Cursor); !got.Complete || len(again.got) != 15-i {
			t.Errorf("after %d: complete %t with %d", i, got.Complete, len(again.got))
		}
	}
	last.publish("hq", `"more"`)
	synctest.Wait()
	if len(c.got) != 17 || len(c.seen) != 17 {
		t.Errorf("%d messages, %d different, want 17", len(c.got), len(c.seen))
	}
}

// Where nobody can say what was sent before, a client that comes back is told so within two seconds.
func TestResumeAlone(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, stop := s.hub("n1", nil)
		time.Sleep(time.Minute)
		cursor := s.client(h, nil).subscribe("hq", "").Cursor
		stop()
		h, _ = s.hub("n1", nil)
		begun := time.Now()
		if got := s.client(h, nil).subscribe("hq", cursor); got.Complete || time.Since(begun) > 2*time.Second {
			t.Errorf("complete %t after %v", got.Complete, time.Since(begun))
		}
		begun = time.Now()
		if got := s.client(h, nil).subscribe("hq", cursor); got.Complete || time.Since(begun) > 0 {
			t.Errorf("the second time: complete %t after %v", got.Complete, time.Since(begun))
		}
	})
}

// A message that did not reach a node is counted, and whoever comes back to it before that is told; also where none follows.
func TestLostNews(t *testing.T) {
	for name, follows := range map[string]bool{"another follows": true, "none follows": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *site) {
				h1, _ := s.hub("n1", nil)
				h2, _ := s.hub("n2", nil)
				time.Sleep(30 * time.Second)
				a, b := s.client(h1, nil), s.client(h2, nil)
				a.subscribe("hq", "")
				b.subscribe("hq", "")
				a.publish("hq", `1`)
				synctest.Wait()
				before := b.cursor
				s.news.set(func(n *lossyNews) { n.lose = func(string) bool { return true } })
				a.publish("hq", `2`)
				s.news.set(func(n *lossyNews) { n.lose = nil })
				if follows {
					a.publish("hq", `3`)
				} else {
					time.Sleep(11 * time.Second)
				}
				synctest.Wait()
				for h, whole := range map[*realtime.Hub]bool{h1: true, h2: false} {
					if got := s.client(h, nil).subscribe("hq", before); got.Complete != whole {
						t.Errorf("complete %t, want %t", got.Complete, whole)
					}
				}
				if got := s.client(h2, nil).subscribe("hq", a.cursor); !got.Complete {
					t.Error("who has it is told that it is lost")
				}
			})
		})
	}
}

// Where other nodes cannot be reached, nobody gets the message, and its sender is told.
func TestNewsAway(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		c := s.client(h, nil)
		c.subscribe("hq", "")
		s.news.set(func(n *lossyNews) { n.fail = true })
		_, err := c.Publish(t.Context(), "hq", json.RawMessage(`1`))
		wantCode(t, err, "temporarily_unavailable")
		s.news.set(func(n *lossyNews) { n.fail = false })
		c.publish("hq", `2`)
		want(t, "data", c.data(), []string{`2`})
	})
}

// A peer may leave while it is handed a message.
func TestLeaveWhileDelivered(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "hq", Presence: true}} })
		a, b, c := s.client(h, nil), s.client(h, map[string]any{"sub": "bob"}), s.client(h, map[string]any{"sub": "carol"})
		for _, c := range []*client{a, b, c} {
			c.subscribe("hq", "")
		}
		a.onGot = func() { a.Leave("slow") }
		b.publish("hq", `1`)
		b.publish("hq", `2`)
		want(t, "the one that left", a.data(), []string{`1`})
		want(t, "the other", c.data(), []string{`1`, `2`})
		synctest.Wait()
		want(t, "told", b.told("presence"), []string{`{"channel":"hq","sub":"carol","joined":true}`, `{"channel":"hq","sub":"alice","joined":false}`})
	})
}

// Who is there is known on all nodes, and who stops or dies is gone.
func TestPresence(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		rooms := func(c *realtime.Config) {
			c.Channels = []realtime.Channel{{Name: "hq", Presence: true}, {Name: "plain"}}
		}
		h1, _ := s.hub("n1", rooms)
		h2, stop2 := s.hub("n2", rooms)
		h3, stop3 := s.hub("n3", rooms)
		a := s.client(h1, nil)
		if got := a.subscribe("hq", ""); len(got.Present) != 1 {
			t.Errorf("present %v", got.Present)
		}
		b1, b2, c := s.client(h2, map[string]any{"sub": "bob"}), s.client(h3, map[string]any{"sub": "bob"}), s.client(h3, map[string]any{"sub": "carol"})
		b1.subscribe("hq", "")
		time.Sleep(200 * time.Millisecond)
		b2.subscribe("hq", "")
		c.subscribe("hq", "")
		time.Sleep(200 * time.Millisecond)
		list, err := a.Presence("hq")
		if err != nil {
			t.Fatal(err)
		}
		want(t, "present", list, []realtime.Present{{Subject: "alice", Sockets: 1}, {Subject: "bob", Sockets: 2}, {Subject: "carol", Sockets: 1}})
		_, err = a.Presence("plain")
		wantCode(t, err, "forbidden")
		a.subscribe("plain", "")
		_, err = a.Presence("plain")
		wantCode(t, err, "bad_request")
		b1.Unsubscribe("hq")
		time.Sleep(time.Minute) // what is there is said again
		b2.Unsubscribe("hq")
		time.Sleep(200 * time.Millisecond)
		b1.subscribe("hq", "")
		time.Sleep(200 * time.Millisecond)
		stop2()
		time.Sleep(200 * time.Millisecond)
		s.news.set(func(n *lossyNews) { n.lose = func(string) bool { return true } })
		stop3()
		time.Sleep(time.Minute)
		s.news.set(func(n *lossyNews) { n.lose = nil })
		said := func(sub string, joined bool) string {
			return fmt.Sprintf(`{"channel":"hq","sub":%q,"joined":%t}`, sub, joined)
		}
		want(t, "told", a.told("presence"), []string{
			said("bob", true), said("carol", true), said("bob", false), said("bob", true), said("bob", false), said("carol", false),
		})
	})
}

// Channels below a prefix are made by clients, and let go of; their numbers are never used twice.
func TestChannelsFreed(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		edit := func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "m/*", KeepFor: time.Minute}} }
		h1, _ := s.hub("n1", edit)
		h2, _ := s.hub("n2", edit)
		time.Sleep(2 * time.Minute)
		a, b := s.client(h1, map[string]any{"exp": time.Now().Add(time.Hour).Unix()}), s.client(h2, map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		for i := range 5 {
			a.publish("m/1", fmt.Sprint(i))
		}
		synctest.Wait()
		b.subscribe("m/1", "")
		a.publish("m/1", `5`)
		synctest.Wait()
		old := b.cursor
		b.Unsubscribe("m/1")
		time.Sleep(5 * time.Minute)
		fresh := b.subscribe("m/2", "").Cursor
		a.publish("m/1", `6`)
		a.publish("m/2", `1`)
		synctest.Wait()
		if len(b.seen) != 2 || len(b.got) != 2 {
			t.Errorf("got %v", b.seen)
		}
		for _, h := range []*realtime.Hub{h1, h2} {
			c := s.client(h, nil)
			if got := c.subscribe("m/1", old); got.Complete {
				t.Error("what was let go of counts as complete")
			}
			if got := c.subscribe("m/2", fresh); !got.Complete {
				t.Error("a new channel is not complete")
			}
			want(t, "data", c.data(), []string{`6`, `1`})
		}
	})
}
