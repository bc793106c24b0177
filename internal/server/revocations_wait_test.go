package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// nothing is a store in which nothing was revoked.
type nothing struct{ revocation.Store }

func (nothing) Revocations(context.Context, int64, int) (revocation.Page, error) {
	return revocation.Page{Epoch: "e1"}, nil
}

// poll is an answer of GET /revocations that remembers until when the request may be read.
type poll struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (p *poll) SetReadDeadline(t time.Time) error {
	p.until = t
	return nil
}

// A reader waits as long as it asks to, its body no longer, and it takes no other reader's place.
func TestReadersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Server{feed: revocation.NewFeed(nothing{}, time.Now), readers: &readersFile{now: time.Now}}
		for _, name := range []string{"mallory", "orders"} {
			s.readers.readers = append(s.readers.readers, reader{name, sha256.Sum256([]byte(name))})
		}
		list := guard.NewRevocationList(guard.RevocationListConfig{})
		f := revocation.NewFollower(revocation.Config{Store: nothing{}, List: list, Feed: s.feed})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = f.Run(ctx) })
		time.Sleep(time.Second)
		read := func(name, wait string) error {
			r := httptest.NewRequestWithContext(ctx, "GET", "/revocations?epoch=e1&wait="+wait, nil)
			r.Header.Set("Authorization", "Bearer "+name)
			begun, w := time.Now(), &poll{ResponseRecorder: httptest.NewRecorder()}
			err := s.readRevocations(w, r)
			if until := time.Now().Add(10 * time.Second); err == nil && !w.until.Equal(until) {
				t.Errorf("asked at %s, answered at %s, body waited for until %s", begun, time.Now(), w.until)
			}
			return err
		}
		for range 200 {
			wg.Go(func() {
				if err := read("mallory", "30"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := read("mallory", "1"); !errors.Is(err, problem.Unavailable) {
			t.Errorf("one more of mallory: %v, want unavailable", err)
		}
		if err := read("orders", "1"); err != nil {
			t.Errorf("orders: %v", err)
		}
		time.Sleep(30 * time.Second)
		cancel()
		wg.Wait()
	})
}
