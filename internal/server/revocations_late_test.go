package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gaps"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/jwt"
)

// disordered is a store in which sessions are revoked in any order.
type disordered struct {
	revocation.Store
	mu      sync.Mutex // guards what follows
	entries []revocation.Entry
}

func (d *disordered) commit(seqs ...int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, seq := range seqs {
		e := revocation.Entry{Seq: seq, Kind: revocation.Session, Handle: fmt.Sprint("s", seq)}
		i, _ := slices.BinarySearchFunc(d.entries, seq, func(e revocation.Entry, seq int64) int { return int(e.Seq - seq) })
		d.entries = slices.Insert(d.entries, i, e)
	}
}

func (d *disordered) within(ranges ...gaps.Range) (out []revocation.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		if slices.ContainsFunc(ranges, func(r gaps.Range) bool { return r.From <= e.Seq && e.Seq <= r.To }) {
			out = append(out, e)
		}
	}
	return out
}

func (d *disordered) RevocationsIn(_ context.Context, ranges []gaps.Range) ([]revocation.Entry, error) {
	return d.within(ranges...), nil
}

func (d *disordered) Revocations(_ context.Context, after int64, limit int) (revocation.Page, error) {
	p := revocation.Page{Epoch: "e1", Entries: d.within(gaps.Range{From: after + 1, To: 1 << 62})}
	p.Head = after
	if n := len(p.Entries); n > 0 {
		p.Head = p.Entries[n-1].Seq
	}
	p.Entries = p.Entries[:min(limit, len(p.Entries))]
	return p, nil
}

// tokenOf is a token of a session.
func tokenOf(t *testing.T, session string) *guard.Token {
	t.Helper()
	k, err := jwt.NewKey(jwt.HS256, "k1", []byte("a test key of 32 bytes and more!"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jwt.NewKeySet(k)
	if err != nil {
		t.Fatal(err)
	}
	const name = "https://auth.example"
	signed, err := jwt.Sign(k, "at+jwt", map[string]any{
		"iss": name, "aud": name, "sub": "ani", "client_id": "app", "jti": session, "sid": session, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{Issuer: name, Audience: []string{name}, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := g.CheckToken(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// A transaction that commits after later ones counts in another process, whichever node that asks.
// secure-defaults 21c
func TestLateRevocationElsewhere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	store := &disordered{}
	store.commit(5, 6)
	var nodes []*Server
	for range 2 {
		s := &Server{feed: revocation.NewFeed(store, time.Now), readers: &readersFile{now: time.Now, readers: readers{{"orders", sha256.Sum256([]byte("secret"))}}}}
		f := revocation.NewFollower(revocation.Config{Store: store, List: guard.NewRevocationList(guard.RevocationListConfig{}), Feed: s.feed})
		if err := f.Load(ctx); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _ = f.Run(ctx) })
		defer s.feed.Close()
		nodes = append(nodes, s)
	}
	var asked atomic.Int64
	balanced := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := nodes[asked.Add(1)%2].readRevocations(w, r); err != nil && ctx.Err() == nil {
			t.Errorf("%s: %v", r.URL.RawQuery, err)
		}
	}))
	defer balanced.Close()
	defer cancel()
	list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute})
	f, err := guard.NewFollower(guard.FollowerConfig{
		URL: balanced.URL + "/revocations", List: list, InsecureAllowHTTP: true, Logger: slog.New(slog.DiscardHandler),
		Credential: func(context.Context) (string, error) { return "secret", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Load(ctx); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() { _ = f.Run(ctx) })
	revoked := map[int64]chan struct{}{}
	for _, seq := range []int64{1, 2, 3, 4, 7, 8, 9, 10, 11} {
		told := make(chan struct{})
		revoked[seq] = told
		defer list.Watch(tokenOf(t, fmt.Sprint("s", seq)), sync.OnceFunc(func() { close(told) }))()
	}
	for _, seq := range []int64{11, 9, 2, 10, 8, 1, 3, 7, 4} {
		store.commit(seq)
		select {
		case <-revoked[seq]:
		case <-time.After(20 * time.Second):
			t.Fatalf("the session of seq %d still counts", seq)
		}
	}
}

// What a reader says is missing is read strictly.
func TestMissingQuery(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"after=17&missing=12,15-17": true, "after=17&missing=": true, "after=16&missing=12,15-17": false, "missing=1": false,
		"after=9&missing=0": false, "after=9&missing=3-1": false, "after=9&missing=x": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/revocations?"+text, http.NoBody)
		if q, err := readQuery(r.URL.Query()); (err == nil) != ok || ok && q.Wait != 25*time.Second {
			t.Errorf("%s: %+v, %v", text, q, err)
		}
	}
}
