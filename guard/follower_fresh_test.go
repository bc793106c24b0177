package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
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

// Of several processes behind one name one may lag, and be asked about a gap before what it has: nothing is forgotten over it.
func TestFollowLaggingProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		tok := tokens(t, w.list, "s3")[0]
		w.add(1, 3)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		asks := true // its store
		w.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			q := r.URL.Query()
			after, err := strconv.ParseInt(q.Get("after"), 10, 64)
			if err != nil || q.Get("epoch") != "e1" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			p := feedPage{Epoch: "e1", Head: 1} // which it has in memory
			if asks {
				p.Head = max(after, 1)
			}
			body, err := json.Marshal(p)
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, err
		})
		if err := w.Load(t.Context()); err != nil {
			t.Error(err)
		}
		w.wantRevoked(tok, true)
		if len(w.gaps) != 1 || w.last != 3 {
			t.Errorf("gaps %v, read up to %d; want 2 to be asked about still", w.gaps, w.last)
		}
		asks = false
		if err := w.Load(t.Context()); !errors.Is(err, errHistory) {
			t.Errorf("a head behind what was read: %v, want %v", err, errHistory)
		}
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
		time.Sleep(gapLife - time.Second/2)
		w.change(func() { w.feedServer.epoch = "e2" })
		time.Sleep(gapLife / 2)
		w.add(2)
		time.Sleep(time.Second)
		w.wantRevoked(late, true)
	})
}
