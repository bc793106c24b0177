package guard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollow: what was there is loaded, news count when they come, and a quiet feed is asked every
// third of a minute and stays trusted.
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
		if n := w.requests(); n < 175 || n > 180 {
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

// What this version does not understand is not taken for nothing: the list is as it was and goes
// stale, until the entry is gone.
// secure-defaults 23c, 23d
func TestFollowUnknownKind(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]feedEntry{"kind": {Seq: 2, Kind: "galaxy", Handle: "s3"}, "handle": {Seq: 2, Kind: RevokedSession}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFollowing(t, newFeedServer())
				toks := tokens(t, w.list, names(4)...)
				w.add(1)
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.run()()
				w.change(func() { w.entries = append(w.entries, entry) })
				w.add(3)
				synctest.Wait()
				w.wantRevoked(toks[3], false)
				time.Sleep(2 * time.Minute)
				if _, err := w.list.Revoked(t.Context(), toks[0]); !errors.Is(err, ErrStale) || w.list.Len() != 1 {
					t.Errorf("%d entries, %v; want the list untouched and stale", w.list.Len(), err)
				}
				w.change(func() { w.entries = slices.DeleteFunc(w.entries, func(e feedEntry) bool { return e.Seq == 2 }) })
				time.Sleep(longestRetry)
				w.wantRevoked(toks[3], true)
				if !strings.Contains(w.log.String(), "update this program") {
					t.Errorf("log: %s", &w.log)
				}
			})
		})
	}
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
			var asked atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
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
			if n := asked.Load(); n != 1 && tt.status != http.StatusOK {
				t.Errorf("asked %d times after %d, want once", n, tt.status)
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
