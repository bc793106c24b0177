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
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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

func (s *feedServer) page(epoch string, after int64) (feedPage, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := feedPage{Epoch: s.epoch, Head: s.head}
	if epoch != s.epoch || after > s.head {
		p.Reset, after = true, 0
	}
	for _, e := range s.entries {
		if e.Seq > after && len(p.Entries) < 1000 {
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
	timer := time.NewTimer(time.Duration(wait) * time.Second)
	defer timer.Stop()
	for {
		p, news := s.page(q.Get("epoch"), after)
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

// TestFollow: what was there is loaded, news count when they come, and a quiet feed is asked every
// 25 s and stays trusted.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		toks := tokens(t, w.list, names(6)...)
		w.add(1, 2, 3)
		if _, err := w.list.Revoked(t.Context(), toks[1]); !errors.Is(err, ErrStale) {
			t.Errorf("before Load: %v, want ErrStale", err)
		}
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wantRevoked(toks[3], true)
		w.wantRevoked(toks[4], false)
		defer w.run()()
		synctest.Wait()
		w.add(4)
		w.wantRevoked(toks[4], true)
		time.Sleep(time.Second)
		w.requests()
		time.Sleep(time.Hour)
		w.wantRevoked(toks[5], false)
		if n := w.requests(); n < 140 || n > 145 {
			t.Errorf("asked %d times in a quiet hour", n)
		}
		w.add(5)
		w.wantRevoked(toks[5], true)
	})
}

// A feed of many pages is read to its end, also after an outage.
func TestFollowManyPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		var seqs []int64
		for seq := range int64(2500) {
			seqs = append(seqs, seq+1)
		}
		w.add(seqs...)
		if err := w.Load(t.Context()); err != nil || w.list.Len() != 2500 {
			t.Errorf("%d entries, %v", w.list.Len(), err)
		}
		for i := range seqs {
			seqs[i] += 2500
		}
		w.add(seqs...)
		if err := w.Load(t.Context()); err != nil || w.list.Len() != 5000 {
			t.Errorf("%d entries, %v", w.list.Len(), err)
		}
		if n := w.requests(); n != 6 {
			t.Errorf("asked %d times, want 3 and 3", n)
		}
	})
}

// A lost feed makes the list stale, and nothing is missed when it is back.
// secure-defaults 23d
func TestFollowOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		toks := tokens(t, w.list, names(2)...)
		w.change(func() { w.down = true })
		if err := w.Load(t.Context()); err == nil {
			t.Error("Load of a lost feed succeeded")
		}
		defer w.run()()
		time.Sleep(time.Minute)
		w.change(func() { w.down = false })
		time.Sleep(longestRetry)
		w.wantRevoked(toks[1], false)
		w.change(func() { w.down = true })
		time.Sleep(time.Minute + longestWait)
		if _, err := w.list.Revoked(t.Context(), toks[1]); !errors.Is(err, ErrStale) {
			t.Errorf("a minute after the feed was lost: %v, want ErrStale", err)
		}
		w.requests()
		time.Sleep(10 * time.Minute)
		if n := w.requests(); n < 60 || n > 70 {
			t.Errorf("asked %d times in ten minutes, want about one in 10 s", n)
		}
		w.change(func() { w.down = false })
		w.add(1)
		time.Sleep(longestRetry)
		w.wantRevoked(toks[1], true)
		if log := w.log.String(); strings.Count(log, "cannot be read") != 2 || strings.Count(log, "read again") != 2 || strings.Contains(log, readerSecret) {
			t.Errorf("log of two outages:\n%s", log)
		}
	})
}

// What commits after entries with a higher seq is found within a second, for as long as a transaction
// may take; then the feed is quiet again.
func TestFollowGaps(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before, after []int64       // seqs at Load and afterwards
		late          int64         // one that commits then,
		delay         time.Duration // so much later
	}{
		"in the news":        {[]int64{1}, []int64{3, 5}, 2, 5 * time.Second},
		"second of two gaps": {[]int64{1}, []int64{3, 5}, 4, time.Second},
		"when loaded":        {[]int64{1, 3}, nil, 2, 3 * time.Second},
		"before the first":   {[]int64{4, 5}, nil, 3, 3 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFollowing(t, newFeedServer())
				late := tokens(t, w.list, fmt.Sprint("s", tt.late))[0]
				w.add(tt.before...)
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.run()()
				w.add(tt.after...)
				time.Sleep(tt.delay)
				w.wantRevoked(late, false)
				w.add(tt.late)
				time.Sleep(time.Second)
				w.wantRevoked(late, true)
				time.Sleep(gapLife)
				w.requests()
				time.Sleep(10 * time.Minute)
				if n := w.requests(); n > 26 {
					t.Errorf("asked %d times in ten quiet minutes", n)
				}
				if len(w.gaps) != 0 {
					t.Errorf("gaps left: %v", w.gaps)
				}
			})
		})
	}
}

// A gap far behind the end, as expired entries leave one, is asked about once more and not all the
// time, and what it held is found.
func TestFollowFarGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		late := tokens(t, w.list, "s7")[0]
		var seqs []int64
		for seq := range int64(3000) {
			seqs = append(seqs, 5001+seq)
		}
		w.add(seqs...)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		time.Sleep(time.Second)
		w.add(7)
		time.Sleep(time.Minute)
		w.wantRevoked(late, true)
		w.change(func() {
			if w.sent != 6001 {
				t.Errorf("%d entries were sent, want the 3000 twice and the late one", w.sent)
			}
		})
	})
}

// Another epoch, or a head behind what was read, is read anew; the list is not called up to date
// before it is whole.
func TestFollowNewHistory(t *testing.T) {
	t.Parallel()
	for name, epoch := range map[string]string{"restored": "e2", "gone back": "e1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFollowing(t, newFeedServer())
				toks := tokens(t, w.list, names(10)...)
				w.add(7, 8, 9)
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.run()()
				time.Sleep(time.Minute)
				w.change(func() { w.feedServer.epoch, w.head, w.entries = epoch, 0, nil })
				w.add(1, 2)
				time.Sleep(longestWait + time.Second)
				w.wantRevoked(toks[2], true)
				w.wantRevoked(toks[9], false)
				if !strings.Contains(w.log.String(), "history was replaced") {
					t.Errorf("log: %s", &w.log)
				}
			})
		})
	}
}

// answers are what a server must not say; none is believed, nor called up to date by.
func TestFollowRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
	}{
		"redirect":              {http.StatusFound, ""},
		"unknown credential":    {http.StatusUnauthorized, ""},
		"wrong URL":             {http.StatusNotFound, ""},
		"busy":                  {http.StatusServiceUnavailable, ""},
		"a page of something":   {http.StatusOK, "<html>sign in to the hotel's network</html>"},
		"an empty object":       {http.StatusOK, "{}"},
		"another history":       {http.StatusOK, `{"epoch":"e1","head":1,"entries":[]}`},
		"seq twice":             {http.StatusOK, `{"epoch":"e1","head":3,"reset":true,"entries":[{"seq":2},{"seq":2}]}`},
		"seq beyond the head":   {http.StatusOK, `{"epoch":"e1","head":3,"reset":true,"entries":[{"seq":4}]}`},
		"seq 0":                 {http.StatusOK, `{"epoch":"e1","head":3,"reset":true,"entries":[{"seq":0}]}`},
		"always the first page": {http.StatusOK, `{"epoch":"e1","head":3,"reset":true,"entries":[{"seq":1}]}`},
		"too long":              {http.StatusOK, `{"epoch":"` + strings.Repeat("e", maxFeedPage) + `","head":0,"reset":true}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.RawQuery, readerSecret) || r.URL.Path != "/revocations" {
					t.Errorf("asked for %s", r.URL)
				}
				w.Header().Set("Location", "/revocations")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			list := NewRevocationList(RevocationListConfig{MaxStaleness: time.Minute})
			f, err := NewFollower(FollowerConfig{
				URL: srv.URL + "/revocations", List: list, InsecureAllowHTTP: true,
				Credential: func(context.Context) (string, error) { return readerSecret, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer f.client.CloseIdleConnections()
			if err := f.Load(t.Context()); err == nil || strings.Contains(err.Error(), readerSecret) {
				t.Errorf("error %v", err)
			} else {
				t.Log(err)
			}
			if _, err := list.Revoked(t.Context(), nil); !errors.Is(err, ErrStale) || list.Len() != 0 {
				t.Errorf("list has %d entries, %v", list.Len(), err)
			}
		})
	}
}

// A credential that cannot be had, or sent, is an error that does not show it.
func TestFollowerCredential(t *testing.T) {
	t.Parallel()
	w := newFollowing(t, newFeedServer())
	for credential, cause := range map[string]error{"": nil, "line\r\nbreak": nil, "never sent": errors.New("vault is sealed"), "unknown": nil} {
		w.cfg.Credential = func(context.Context) (string, error) { return credential, cause }
		err := w.Load(t.Context())
		if err == nil || cause != nil && !errors.Is(err, cause) || credential != "" && strings.Contains(err.Error(), credential) {
			t.Errorf("%q: %v", credential, err)
		}
	}
}

func TestFollowerConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*FollowerConfig){
		"no URL":                   func(c *FollowerConfig) { c.URL = "" },
		"plain http":               func(c *FollowerConfig) { c.URL = "http://127.0.0.1/revocations" },
		"plain http elsewhere":     func(c *FollowerConfig) { c.URL, c.InsecureAllowHTTP = "http://10.0.0.1/revocations", true },
		"password in the URL":      func(c *FollowerConfig) { c.URL = "https://a:hunter2@auth.example/revocations" },
		"credential in the query":  func(c *FollowerConfig) { c.URL = "https://auth.example/revocations?token=hunter2" },
		"no credential":            func(c *FollowerConfig) { c.Credential = nil },
		"no list":                  func(c *FollowerConfig) { c.List = nil },
		"list that is never stale": func(c *FollowerConfig) { c.List = NewRevocationList(RevocationListConfig{}) },
	}
	for name, edit := range tests {
		c := FollowerConfig{
			URL: "https://auth.example/revocations", List: NewRevocationList(RevocationListConfig{MaxStaleness: time.Minute}),
			Credential: func(context.Context) (string, error) { return readerSecret, nil },
		}
		if _, err := NewFollower(c); err != nil {
			t.Fatal(err)
		}
		edit(&c)
		if _, err := NewFollower(c); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
