package guard_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// secure-defaults 17a, checklist 169: where lists are fetched from, and what of an answer counts.
func TestStatusListFetch(t *testing.T) {
	t.Parallel()
	l := newLists(t)
	good := l.token(nil)
	tests := map[string]struct {
		answer http.HandlerFunc
		edit   func(*guard.StatusListsConfig)
		uri    string
		want   string
	}{
		"good": {text(good, ""), nil, "", ""},
		"what it asks": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.Header.Get("Accept") != "application/statuslist+jwt" || r.Header.Get("Cookie") != "" {
				w.WriteHeader(http.StatusNotAcceptable)
			}
			io.WriteString(w, good)
		}, nil, "", ""},
		"redirect":        {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, nil, "", "redirects are not followed"},
		"not found":       {http.NotFound, nil, "", "answered 404"},
		"too large":       {text(strings.Repeat("x", 1<<20+1), ""), nil, "", "over 1048576 bytes"},
		"another host":    {text(good, ""), func(c *guard.StatusListsConfig) { c.Hosts = []string{"lists.example"} }, "", "StatusListsConfig.Hosts"},
		"issuer's host":   {text(good, ""), func(c *guard.StatusListsConfig) { c.Hosts = nil }, "", "StatusListsConfig.Hosts"},
		"private address": {text(good, ""), func(c *guard.StatusListsConfig) { c.InsecureAllowPrivate = false }, "", "not on the public Internet"},
		"plain http":      {text(good, ""), nil, "http://" + l.host() + "/lists/1", "not https"},
		"user name":       {text(good, ""), nil, "https://a@" + l.host() + "/lists/1", "user name"},
		"fragment":        {text(good, ""), nil, l.uri() + "#a", "fragment"},
		"not a URL":       {text(good, ""), nil, ":", "not a URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l.set(tt.answer)
			uri := tt.uri
			if uri == "" {
				uri = l.uri()
			}
			token := l.with(map[string]any{"status_list": map[string]any{"idx": 1, "uri": uri}})
			for _, open := range []bool{false, true} {
				s := l.reader(func(c *guard.StatusListsConfig) {
					if c.InsecureFailOpen = open; tt.edit != nil {
						tt.edit(c)
					}
				})
				revoked, err := s.Revoked(t.Context(), token)
				if open && tt.want != "" {
					saying(t, err, "")
				} else {
					saying(t, err, tt.want)
				}
				if revoked != (tt.want == "") {
					t.Errorf("revoked: %v", revoked)
				}
			}
		})
	}
}

// checklist 169, 172: a list is kept for its ttl, fetched ahead where it is asked for, and beyond that used for MaxStaleness,
// never after its exp.
func TestStatusListAge(t *testing.T) {
	t.Parallel()
	l := newLists(t)
	l.serve(nil)
	s := l.reader(nil)
	token := l.at(1)
	ask := func(want bool, fetches int) {
		t.Helper()
		if revoked, err := s.Revoked(t.Context(), token); revoked != want || err != nil || l.count() != fetches {
			t.Errorf("got %v, %v after %d fetches; want %v after %d", revoked, err, l.count(), want, fetches)
		}
	}
	ask(true, 1)
	l.pass(40 * time.Second)
	ask(true, 1)
	l.serve(map[string]any{"status_list": map[string]any{"bits": 1, "lst": deflated(0)}})
	l.pass(15 * time.Second)
	s.Revoked(t.Context(), token) // fetches ahead, and waits for nothing
	l.pass(10 * time.Second)
	ask(false, 2)
	l.set(http.NotFound)
	l.pass(70 * time.Second)
	ask(false, 3) // stale, and good enough
	ask(false, 3) // no other fetch within a second
	l.pass(2 * time.Second)
	ask(false, 4)
	l.pass(time.Minute)
	if _, err := s.Revoked(t.Context(), token); err == nil || !strings.Contains(err.Error(), "answered 404") {
		t.Errorf("after MaxStaleness: %v", err)
	}
	l.serve(nil)
	l.pass(time.Minute)
	ask(true, 6)

	l.serve(map[string]any{"ttl": 3600, "exp": l.clock().Add(10 * time.Second).Unix()})
	s = l.reader(func(c *guard.StatusListsConfig) { c.MaxStaleness = time.Hour })
	ask(true, 7)
	l.set(http.NotFound)
	l.pass(10 * time.Second)
	if _, err := s.Revoked(t.Context(), token); err == nil {
		t.Error("a list is used after its exp")
	}
}

// What a list says of its own age is held within bounds, and wins over what HTTP says.
func TestStatusListTTL(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ttl    any
		cache  string
		max    time.Duration
		within time.Duration // it is not asked for again
		after  time.Duration // it is
	}{
		"its own":          {100, "max-age=1", 0, 80 * time.Second, 101 * time.Second},
		"none, HTTP's":     {nil, "max-age=100", 0, 80 * time.Second, 101 * time.Second},
		"none at all":      {nil, "", 0, 4 * time.Minute, 301 * time.Second},
		"a second":         {1, "", 0, 4 * time.Second, 6 * time.Second},
		"a day":            {86400, "", 0, 48 * time.Minute, 61 * time.Minute},
		"a day, ten here":  {86400, "", 10 * time.Second, 8 * time.Second, 11 * time.Second},
		"larger than ages": {1e300, "", 0, 48 * time.Minute, 61 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLists(t)
			l.set(text(l.token(map[string]any{"ttl": tt.ttl, "exp": nil}), tt.cache))
			s := l.reader(func(c *guard.StatusListsConfig) { c.MaxTTL = tt.max })
			for _, step := range []struct {
				pass time.Duration
				want int
			}{{0, 1}, {tt.within, 1}, {tt.after - tt.within, 2}} {
				l.pass(step.pass)
				if revoked, err := s.Revoked(t.Context(), l.at(1)); !revoked || err != nil || l.count() != step.want {
					t.Errorf("after %v: %v, %v, %d fetches; want %d", step.pass, revoked, err, l.count(), step.want)
				}
			}
		})
	}
}

// However many ask at once, one fetch answers them; and a reader keeps no more lists than it may.
func TestStatusListFlight(t *testing.T) {
	t.Parallel()
	l := newLists(t)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	token := l.token(nil)
	l.set(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		io.WriteString(w, token)
	})
	s := l.reader(func(c *guard.StatusListsConfig) { c.Size = 2 })
	revoked := l.at(1)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := s.Revoked(t.Context(), revoked); !got || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	<-arrived
	close(release)
	wg.Wait()
	if l.count() != 1 {
		t.Errorf("%d fetches", l.count())
	}
	l.set(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, l.token(map[string]any{"sub": l.srv.URL + r.URL.Path}))
	})
	for i := range 10 {
		uri := fmt.Sprintf("%s/lists/%d", l.srv.URL, i%5+2)
		if got, err := s.Revoked(t.Context(), l.with(map[string]any{"status_list": map[string]any{"idx": 1, "uri": uri}})); !got || err != nil {
			t.Errorf("%s: %v, %v", uri, got, err)
		}
	}
	if n := s.Known(); n != 2 {
		t.Errorf("%d lists are kept, want 2", n)
	}
}
