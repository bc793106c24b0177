package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/gaps"
)

// transport answers requests without a network.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func (w *following) stale() bool {
	_, err := w.list.Revoked(w.t.Context(), nil)
	return errors.Is(err, ErrStale)
}

// An answer that comes late says how things were when it was asked for, at the least.
// secure-defaults 23d
func TestFollowLateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		w.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			res, err := w.feedServer.RoundTrip(r)
			time.Sleep(answerTime - time.Second) // on its way
			return res, err
		})
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked, wait := time.Now(), w.wait()
		defer w.run()()
		time.Sleep(wait)
		w.change(func() { w.down = true })
		time.Sleep(time.Until(asked.Add(time.Minute)))
		if synctest.Wait(); w.stale() {
			t.Error("stale at its limit")
		}
		if time.Sleep(time.Millisecond); !w.stale() {
			t.Error("trusted beyond its limit")
		}
	})
}

// A list that may be five seconds behind is asked for so often that it is not, and is pruned.
func TestFollowShortStaleness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		w.list.maxStaleness = leastStaleness
		w.add(1)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.list.Add(RevocationEntry{Kind: RevokedToken, Handle: "over", ExpiresAt: time.Now().Add(pruneEvery / 2)})
		defer w.run()()
		for range 2 * pruneEvery / time.Second {
			if time.Sleep(time.Second); w.stale() {
				t.Fatal("stale, though the feed is there")
			}
		}
		if n := w.requests(); n > 125 || w.list.Len() != 1 {
			t.Errorf("asked %d times in two minutes, %d entries are left of 1", n, w.list.Len())
		}
	})
}

// A server that takes the request and says nothing is given up.
func TestFollowSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		w.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		begun := time.Now()
		if err := w.Load(t.Context()); err == nil || time.Since(begun) != answerTime {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

// A head behind what was read, of the history that it was read from, is no answer: nothing is forgotten over it, nor called up to date.
func TestFollowLaggingProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		tok := tokens(t, w.list, "s3")[0]
		w.add(1, 3)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if q := r.URL.Query(); q.Get("epoch") != "e1" || q.Get("after") != "3" || q.Get("missing") != "2" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			body, err := json.Marshal(feedPage{Epoch: "e1", Head: 1})
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, err
		})
		if err := w.Load(t.Context()); !errors.Is(err, errHistory) {
			t.Errorf("got %v, want %v", err, errHistory)
		}
		w.wantRevoked(tok, true)
	})
}

// A gap of a new history is as old as that, though one of the old had the same seq.
func TestFollowGapOfNewHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		late := tokens(t, w.list, "s2")[0]
		w.add(1, 3)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		time.Sleep(gaps.Life - time.Second/2)
		w.change(func() { w.feedServer.epoch = "e2" })
		w.add()
		time.Sleep(gaps.Life / 2)
		w.add(2)
		time.Sleep(time.Second)
		w.wantRevoked(late, true)
	})
}

// From the first answer of another history on the list answers nobody, until the last.
// secure-defaults 23d
func TestFollowNewHistoryIsStaleUntilRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		w.add(1)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.change(func() { w.feedServer.epoch = "e2" })
		for seq := range int64(1500) {
			w.add(seq + 2)
		}
		pages := 0
		w.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if pages++; pages == 2 {
				if !w.stale() {
					t.Error("trusted between two pages of a new history")
				}
				return nil, errors.New("connection lost")
			}
			return w.feedServer.RoundTrip(r)
		})
		if err := w.Load(t.Context()); err == nil || !w.stale() {
			t.Errorf("half of a new history: %v, stale %t", err, w.stale())
		}
		if err := w.Load(t.Context()); err != nil || w.stale() || w.list.Len() != 1501 {
			t.Errorf("the whole: %v, stale %t, %d entries", err, w.stale(), w.list.Len())
		}
	})
}
