package realtime_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// A socket ends at the exp of its token, whatever leeway requests have, after it was told.
// secure-defaults 21c
// WS-d
func TestExpiry(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		c := s.client(h, map[string]any{"exp": time.Now().Add(time.Minute).Unix()})
		short := s.client(h, map[string]any{"exp": time.Now().Add(10 * time.Second).Unix()})
		synctest.Wait()
		want(t, "a short life is announced at once", short.told("auth_expiring"), []string{`{"expires_in":10}`})
		want(t, "a long one is not", c.told("auth_expiring"), nil)
		time.Sleep(time.Until(short.ExpiresAt()))
		if got := short.end(); got != "expired" {
			t.Errorf("ended %q, want expired", got)
		}
		time.Sleep(time.Until(c.ExpiresAt()) - 30*time.Second)
		synctest.Wait()
		want(t, "announced", c.told("auth_expiring"), []string{`{"expires_in":30}`})
		time.Sleep(30*time.Second - time.Nanosecond)
		if got := c.end(); got != "" {
			t.Fatalf("ended %q too soon", got)
		}
		time.Sleep(time.Nanosecond)
		if got := c.end(); got != "expired" {
			t.Errorf("ended %q, want expired", got)
		}
	})
}

// A socket ends at once when its session, user, client, key or token is revoked.
// secure-defaults 21c
// WS-d
func TestRevocation(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		for i, e := range []guard.RevocationEntry{
			{Kind: guard.RevokedSession, Handle: "s1"},
			{Kind: guard.RevokedUser, Handle: "bob", NotBefore: time.Now()},
			{Kind: guard.RevokedClient, Handle: "other", NotBefore: time.Now()},
			{Kind: guard.RevokedToken, Handle: "t2"},
		} {
			claims := []map[string]any{{}, {"sub": "bob", "sid": "s2"}, {"client_id": "other", "sid": "s3"}, {"jti": "t2", "sid": "s4"}}[i]
			c, stays := s.client(h, claims), s.client(h, map[string]any{"sub": "carol", "sid": "s5"})
			s.list.Add(e)
			if got := c.end(); got != "revoked" {
				t.Errorf("%s: ended %q, want revoked", e.Kind, got)
			}
			if got := stays.end(); got != "" {
				t.Errorf("%s: another ended %q", e.Kind, got)
			}
		}
	})
}

// A message that comes right behind the logout is not sent, though the life has not heard of it yet.
func TestPublishRevoked(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) { c.Revocations = s.list })
		for i := range 100 {
			sid := fmt.Sprintf("s%d", i)
			c := s.client(h, map[string]any{"sid": sid})
			s.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: sid})
			_, err := c.Publish(t.Context(), "hq", []byte(`1`))
			wantCode(t, err, "forbidden")
		}
	})
}

// A logout between the check of the handshake and Join is not missed.
// secure-defaults 21c
func TestRevokedBeforeJoin(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		a := s.arrival(&client{tb: t, seen: map[string]int{}}, nil)
		s.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
		_, err := h.Join(context.Background(), a)
		e, ok := errors.AsType[*realtime.End](err)
		if !ok || e.Why != "revoked" || e.Code != 4004 {
			t.Fatalf("Join: %v, want revoked", err)
		}
		time.Sleep(time.Second)
		want(t, "audit", s.store.actions(), []string{"socket.refused revoked"})
	})
}

// A newer token keeps the socket, and its session, expiry and roles count from then on.
// WS-f
func TestReauthenticate(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) {
			c.Channels = []realtime.Channel{{Name: "hq"}, {Name: "secret", Subscribe: realtime.Requirement{Roles: []string{"general"}}}}
		})
		c := s.client(h, map[string]any{"exp": time.Now().Add(time.Minute).Unix(), "roles": []string{"general"}})
		c.subscribe("hq", "")
		c.subscribe("secret", "")
		time.Sleep(40 * time.Second)
		expires, err := c.Reauthenticate(t.Context(), s.token(map[string]any{"sid": "s2", "jti": "t2"}))
		if err != nil || !expires.Equal(c.ExpiresAt()) {
			t.Fatalf("Reauthenticate: %v, %v", expires, err)
		}
		want(t, "lost with the role", c.told("unsubscribed"), []string{`{"channel":"secret","reason":"forbidden"}`})
		s.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
		time.Sleep(2 * time.Minute)
		if got := c.end(); got != "" {
			t.Fatalf("ended %q with its first token", got)
		}
		want(t, "announced for the first token alone", c.told("auth_expiring"), []string{`{"expires_in":30}`})
		s.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s2"})
		if got := c.end(); got != "revoked" {
			t.Errorf("ended %q, want revoked", got)
		}
		want(t, "told once", c.told("unsubscribed"), []string{`{"channel":"secret","reason":"forbidden"}`})
	})
}

// A token of another subject, client or key, a worse one, or none changes nothing.
// WS-f
func TestReauthenticateRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", nil)
		exp := time.Now().Add(5 * time.Minute).Truncate(time.Second)
		c := s.client(h, map[string]any{"exp": exp.Unix()})
		s.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "dead"})
		tests := map[string]struct {
			claims map[string]any
			code   string
		}{
			"subject": {map[string]any{"sub": "bob"}, "forbidden"},
			"client":  {map[string]any{"client_id": "other"}, "forbidden"},
			"sooner":  {map[string]any{"exp": time.Now().Add(time.Minute).Unix()}, "token_invalid"},
			"revoked": {map[string]any{"sid": "dead"}, "token_revoked"},
			"expired": {map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, "token_expired"},
			"bound":   {map[string]any{"cnf": map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, "token_invalid"},
		}
		for _, test := range tests {
			_, err := c.Reauthenticate(t.Context(), s.token(test.claims))
			wantCode(t, err, test.code)
		}
		_, err := c.Reauthenticate(t.Context(), "garbage")
		wantCode(t, err, "token_invalid")
		if got := c.ExpiresAt(); !got.Equal(exp) {
			t.Errorf("the token ends at %v, want %v", got, exp)
		}
		time.Sleep(time.Until(exp))
		if got := c.end(); got != "expired" {
			t.Errorf("ended %q, want expired", got)
		}
	})
}

// Limits: in all, for each subject (the oldest goes), for each network.
// WS-j
func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) {
			c.Limits = realtime.Limits{Connections: 5, PerUser: 2, PerAddress: 3, Exempt: func(a string) bool { return a == "127.0.0.1" }}
		})
		join := func(subject, address string) (*client, error) {
			c := &client{tb: t, seen: map[string]int{}}
			a := s.arrival(c, map[string]any{"sub": subject})
			a.From.Address = address
			var err error
			c.Member, err = h.Join(context.Background(), a)
			return c, err
		}
		first, _ := join("alice", "192.0.2.1")
		second, _ := join("alice", "192.0.2.2")
		if _, err := join("alice", "192.0.2.3"); err != nil || first.end() != "many" || second.end() != "" {
			t.Errorf("a third of one subject: %v, first %q, second %q", err, first.end(), second.end())
		}
		for _, a := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"} {
			if _, err := join("u"+a, a); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := join("full", "198.51.100.1"); err == nil {
			t.Error("a sixth was let in")
		}
		second.Leave("gone")
		if _, err := join("v", "2001:db8::4"); err == nil {
			t.Error("a fourth of one /64 was let in")
		}
		if _, err := join("w", "127.0.0.1"); err != nil {
			t.Errorf("exempt: %v", err)
		}
	})
}

// Too many messages end the socket.
// WS-j
func TestFlood(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) { c.Limits.Rate = 10 })
		c := s.client(h, nil)
		for range 20 {
			if !c.Allow() {
				t.Fatal("twice the rate at once was not allowed")
			}
		}
		time.Sleep(100 * time.Millisecond)
		if !c.Allow() || c.Allow() || c.end() != "flood" {
			t.Errorf("want one more and then the end, got %q", c.end())
		}
	})
}

// What happened is in the audit log, and the store knows who is there.
// WS-l
func TestRecords(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, stop := s.hub("n1", nil)
		c := s.client(h, nil)
		time.Sleep(time.Second)
		if n := s.store.live(); n != 1 {
			t.Errorf("%d sockets in the store, want 1", n)
		}
		if _, err := c.Reauthenticate(t.Context(), s.token(map[string]any{"sid": "s2", "exp": time.Now().Add(time.Hour).Unix()})); err != nil {
			t.Fatal(err)
		}
		s.store.mu.Lock()
		s.store.fail = errors.New("down")
		s.store.mu.Unlock()
		c.Leave("transport close")
		for range 100 {
			h.Refused(s.arrival(nil, nil).From, "token_invalid")
		}
		time.Sleep(time.Second)
		s.store.mu.Lock()
		s.store.fail = nil
		s.store.mu.Unlock()
		time.Sleep(2 * time.Minute)
		stop()
		want(t, "audit", s.store.actions(), []string{
			"socket.opened", "socket.reauthenticated", "socket.closed closedtransport close",
			"socket.refused token_invalid", "socket.refused token_invalid x99",
		})
		if n := s.store.live(); n != 0 {
			t.Errorf("%d sockets in the store, want none", n)
		}
	})
}

// A socket that ends before it was recorded has no row.
func TestRecordBrief(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, stop := s.hub("n1", nil)
		s.client(h, nil).Leave("")
		c := s.client(h, nil)
		time.Sleep(time.Second)
		live := s.store.live()
		if s.store.rows != 1 || live != 1 {
			t.Errorf("%d rows written, %d there, want 1 and 1", s.store.rows, live)
		}
		c.Leave("")
		stop()
		want(t, "audit", s.store.actions(), []string{"socket.opened", "socket.closed closed", "socket.opened", "socket.closed closed"})
		if s.store.live() != 0 {
			t.Errorf("%d sockets in the store, want none", s.store.live())
		}
	})
}

// An administrator's word ends a socket within a second, and at once where nodes hear of it.
func TestKick(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h1, _ := s.hub("n1", nil)
		h2, _ := s.hub("n2", nil)
		a, b := s.client(h2, nil), s.client(h2, map[string]any{"sub": "bob"})
		time.Sleep(1500 * time.Millisecond)
		_ = s.store.EndSocket(t.Context(), a.ID(), audit.Event{})
		h1.Look(t.Context())
		time.Sleep(time.Millisecond)
		if a.end() != "kicked" || b.end() != "" {
			t.Errorf("ended %q and %q", a.end(), b.end())
		}
		_ = s.store.EndSocket(t.Context(), b.ID(), audit.Event{})
		time.Sleep(time.Second)
		if b.end() != "kicked" {
			t.Errorf("ended %q, want kicked", b.end())
		}
	})
}

// A node that stops tells each client a time of its own, and closes all.
func TestDrain(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, stop := s.hub("n1", func(c *realtime.Config) { c.DrainTime = 10 * time.Second })
		var all []*client
		for range 5 {
			all = append(all, s.client(h, nil))
			time.Sleep(time.Millisecond)
		}
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
		for i, c := range all {
			if c.end() != "going_away" || c.ends[0].RetryAfter != time.Duration(i+1)*2*time.Second || len(c.told("going_away")) != 1 {
				t.Errorf("client %d: %q after %v, told %v", i, c.end(), c.ends, c.told("going_away"))
			}
		}
		if _, err := h.Join(context.Background(), s.arrival(all[0], nil)); err == nil {
			t.Error("a stopped node let somebody in")
		}
	})
}

// EndOf gives each refusal its close code.
func TestEndOf(t *testing.T) {
	t.Parallel()
	for reason, code := range map[guard.Reason]int{
		guard.TokenInvalid: 4001, guard.TokenMissing: 4001, guard.TokenWrongType: 4001, guard.TokenNotYetValid: 4001, guard.InvalidRequest: 4001,
		guard.ProofInvalid: 4001, guard.TokenExpired: 4002, guard.Forbidden: 4003, guard.CSRFFailed: 4003, guard.TokenNotFresh: 4003,
		guard.TokenRevoked: 4004, guard.Unavailable: 1001,
	} {
		if got := realtime.EndOf(&guard.Error{Reason: reason}); got.Code != code {
			t.Errorf("%s: %d, want %d", reason, got.Code, code)
		}
	}
	if got := realtime.EndOf(errors.New("other")); got != realtime.EndInvalid {
		t.Errorf("another error: %v", got)
	}
	if got := realtime.EndOf(&realtime.End{Code: 4008}); got.Code != 4008 {
		t.Errorf("an End: %v", got)
	}
}
