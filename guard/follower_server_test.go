package guard

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/gaps"
)

const readerSecret = "a-secret-of-the-resource-server-1"

// feedServer answers GET /revocations in memory, so that it can stand in a synctest bubble.
type feedServer struct {
	mu      sync.Mutex
	epoch   string
	head    int64
	entries []feedEntry
	news    chan struct{}
	down    bool
	asked   int
	sent    int // entries
}

func newFeedServer() *feedServer { return &feedServer{epoch: "e1", news: make(chan struct{})} }

// add commits entries with these seq, one of which may be below the head.
func (s *feedServer) add(seqs ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seq := range seqs {
		s.entries = append(s.entries, feedEntry{Seq: seq, Kind: RevokedSession, Handle: fmt.Sprint("s", seq)})
		s.head = max(s.head, seq)
	}
	slices.SortFunc(s.entries, func(a, b feedEntry) int { return cmp.Compare(a.Seq, b.Seq) })
	close(s.news)
	s.news = make(chan struct{})
}

func (s *feedServer) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// requests says how many requests there were since it was last asked.
func (s *feedServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked
	s.asked = 0
	return n
}

func (s *feedServer) page(epoch string, after int64, missing []gaps.Range) (feedPage, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := feedPage{Epoch: s.epoch, Head: s.head}
	if epoch != s.epoch || after > s.head {
		p.Reset, after, missing = true, 0, nil
	}
	late, news := 0, 0
	for _, e := range s.entries {
		switch {
		case e.Seq > after && news < 1000:
			news++
			p.Entries = append(p.Entries, e)
		case e.Seq <= after && late < 1000 && slices.ContainsFunc(missing, func(r gaps.Range) bool { return r.From <= e.Seq && e.Seq <= r.To }):
			late++
			p.Entries = append(p.Entries, e)
		}
	}
	s.sent += len(p.Entries)
	return p, s.news
}

// RoundTrip implements http.RoundTripper.
func (s *feedServer) RoundTrip(r *http.Request) (*http.Response, error) {
	down := false
	s.change(func() { s.asked++; down = s.down })
	if down {
		return nil, errors.New("connection refused")
	}
	if r.Header.Get("Authorization") != "Bearer "+readerSecret {
		return &http.Response{StatusCode: 401, Body: http.NoBody}, nil
	}
	q := r.URL.Query()
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64)
	wait, _ := strconv.Atoi(q.Get("wait"))
	missing, err := gaps.Parse(q.Get("missing"))
	if err != nil {
		return &http.Response{StatusCode: 400, Body: http.NoBody}, nil
	}
	timer := time.NewTimer(time.Duration(wait) * time.Second)
	defer timer.Stop()
	for {
		p, news := s.page(q.Get("epoch"), after, missing)
		if len(p.Entries) == 0 && !p.Reset && wait > 0 {
			select {
			case <-news:
				continue
			case <-timer.C:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		body, _ := json.Marshal(p)
		return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(body))}, nil
	}
}

// following is a Follower of a feedServer.
type following struct {
	*feedServer
	*Follower
	t    *testing.T
	list *RevocationList
	log  bytes.Buffer
}

func newFollowing(t *testing.T, s *feedServer) *following {
	w := &following{feedServer: s, t: t, list: NewRevocationList(RevocationListConfig{MaxStaleness: time.Minute})}
	var err error
	w.Follower, err = NewFollower(FollowerConfig{
		URL: "https://auth.example/revocations", List: w.list, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		Credential: func(context.Context) (string, error) { return readerSecret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client.Transport = s
	return w
}

// run follows until the test ends.
func (w *following) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

func (w *following) wantRevoked(tok *Token, want bool) {
	w.t.Helper()
	synctest.Wait()
	if got, err := w.list.Revoked(w.t.Context(), tok); got != want || err != nil {
		w.t.Fatalf("Revoked = %v, %v; want %v", got, err, want)
	}
}
