package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/jwt"
)

var ticketStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newMaster(t testing.TB) *key.Master {
	t.Helper()
	m, err := key.CreateMaster(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ticketsOf(now *time.Time, first *key.Master, others ...*key.Master) *tickets {
	return newTickets(key.NewMasters(first, others...), func() time.Time { return *now })
}

func sealed(t testing.TB, box *tickets, token string, left time.Duration) (ticket string) {
	t.Helper()
	ticket, _, err := box.Seal(token, box.now().Add(left))
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// A ticket holds its token until its time, which is never after the token's, and no two are alike. ASVS 4.4.3
func TestTickets(t *testing.T) {
	t.Parallel()
	now := ticketStart
	box := ticketsOf(&now, newMaster(t))
	ids := map[string]bool{}
	for _, tt := range []struct{ left, want time.Duration }{
		{15 * time.Minute, 30 * time.Second}, {30 * time.Second, 30 * time.Second}, {5500 * time.Millisecond, 5500 * time.Millisecond}, {time.Second, time.Second},
	} {
		ticket, life, err := box.Seal("a.b.c", now.Add(tt.left))
		if err != nil || life != tt.want || !strings.HasPrefix(ticket, "sdt_") || strings.Contains(ticket, "a.b.c") {
			t.Fatalf("token with %v left: %v, %v; want %v", tt.left, life, err, tt.want)
		}
		token, id, expires, err := box.Open(t.Context(), ticket)
		if err != nil || token != "a.b.c" || len(id) != 22 || ids[id] || !expires.Equal(now.Add(tt.want)) {
			t.Errorf("got %q, id %q, %v, %v", token, id, expires, err)
		}
		ids[id] = true
	}
	for _, left := range []time.Duration{time.Second - 1, 0, -time.Hour} {
		if ticket, _, err := box.Seal("a.b.c", now.Add(left)); !errors.Is(err, guard.TokenExpired) || ticket != "" {
			t.Errorf("token with %v left: %v", left, err)
		}
	}
	large := strings.Repeat("x", 16<<10)
	if token, _, _, err := box.Open(t.Context(), sealed(t, box, large, time.Minute)); err != nil || token != large {
		t.Errorf("token of 16 KiB: %v", err)
	}
}

// What is not byte for byte a ticket of this server opens as nothing.
func TestTicketsRefused(t *testing.T) {
	t.Parallel()
	now := ticketStart
	box, other := ticketsOf(&now, newMaster(t)), ticketsOf(&now, newMaster(t))
	good := sealed(t, box, "a.b.c", time.Minute)
	raw, err := base64.RawURLEncoding.DecodeString(good[4:])
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{
		"", "sdt_", "sdt_AQ", good[4:], "SDT_" + good[4:], "sdr_" + good[4:], good + "A", good + "=", good + "\n", " " + good,
		good[:len(good)-4], "sdt_" + good, "a.b.c", "sdt_" + strings.Repeat("A", 40<<10), sealed(t, other, "a.b.c", time.Minute),
	}
	for i := range raw {
		raw[i] ^= 1
		bad = append(bad, "sdt_"+base64.RawURLEncoding.EncodeToString(raw))
		raw[i] ^= 1
	}
	for _, ticket := range bad {
		if token, id, _, err := box.Open(t.Context(), ticket); !errors.Is(err, guard.ErrTicket) || token+id != "" {
			t.Errorf("%.60q: got %q, %v", ticket, token, err)
		}
	}
	if _, _, _, err := box.Open(t.Context(), good); err != nil {
		t.Error(err)
	}
}

// While the master key changes, nodes of either key open the tickets of both; one that knows no key of the store hands out none.
// secure-defaults 18c
func TestTicketsWhileTheMasterKeyChanges(t *testing.T) {
	t.Parallel()
	now := ticketStart
	former, latter := newMaster(t), newMaster(t)
	a, b := ticketsOf(&now, former, latter), ticketsOf(&now, latter, former)
	for _, ticket := range []string{sealed(t, a, "a.b.c", time.Minute), sealed(t, b, "a.b.c", time.Minute)} {
		for _, box := range []*tickets{a, b} {
			if _, _, _, err := box.Open(t.Context(), ticket); err != nil {
				t.Error(err)
			}
		}
	}
	a.current = func() int { return -1 }
	if _, _, err := a.Seal("a.b.c", now.Add(time.Minute)); !errors.Is(err, problem.Unavailable) {
		t.Errorf("without the store's key: %v", err)
	}
}

// With a guard: once, within 30 seconds, and only while the token counts.
func TestTicketsOfGuard(t *testing.T) {
	t.Parallel()
	now := ticketStart
	clock := func() time.Time { return now }
	k, err := jwt.NewKey(jwt.HS256, "k1", []byte("a test key of 32 bytes and more!"))
	if err != nil {
		t.Fatal(err)
	}
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: k, Issuer: "https://auth.example", Audience: []string{"https://api.example"}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	box := ticketsOf(&now, newMaster(t))
	c := iss.Config()
	c.Now, c.Tickets, c.Replay = clock, box, guard.NewReplayMemory(guard.ReplayMemoryConfig{Now: clock})
	c.Sources = []guard.Source{guard.FromTicket("ticket")}
	g, err := guard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	token, err := iss.Access(guard.Grant{Subject: "ani"})
	if err != nil {
		t.Fatal(err)
	}
	try := func(ticket string) error {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/missions?ticket="+ticket, http.NoBody)
		_, err := g.Check(r)
		return err
	}
	first, second := sealed(t, box, token, time.Minute), sealed(t, box, token, time.Minute)
	now = now.Add(29 * time.Second)
	if err := try(first); err != nil {
		t.Error(err)
	}
	if err := try(first); !errors.Is(err, guard.TokenInvalid) || !errors.Is(err, guard.ErrReused) {
		t.Errorf("second use: %v", err)
	}
	now = now.Add(time.Second)
	if err := try(second); !errors.Is(err, guard.TokenExpired) {
		t.Errorf("after 30 s: %v", err)
	}
}

func FuzzTicket(f *testing.F) {
	now := ticketStart
	box := ticketsOf(&now, newMaster(f))
	good := sealed(f, box, "a.b.c", time.Minute)
	for _, s := range []string{"TICKET", "sdt_", "TICKETA", "sdt_AQ", "xTICKET"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ReplaceAll(s, "TICKET", good)
		if token, _, _, err := box.Open(t.Context(), s); (err == nil) != (s == good) || err == nil && token != "a.b.c" {
			t.Errorf("%q: %q, %v", s, token, err)
		}
	})
}
