package oauth

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowStore answers each reading of a client after a while, and counts them.
type slowStore struct {
	ClientStore
	reads atomic.Int64
	fail  atomic.Bool
}

func (s *slowStore) Client(ctx context.Context, id string) (Client, error) {
	s.reads.Add(1)
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return Client{}, ctx.Err()
	}
	switch {
	case s.fail.Load():
		return Client{}, errors.New("store is away")
	case id[0] == 'x':
		return Client{}, ErrNoClient
	}
	return Client{ID: id, Name: "stored"}, nil
}

func (s *slowStore) Clients(context.Context) ([]Client, error) {
	return []Client{{ID: "a", Name: "stored"}, {ID: "b", Name: "stored"}}, nil
}

func TestClientsAreRememberedForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		known, err := NewClients(ClientsConfig{Store: store, Configured: []Client{{ID: "b", Name: "configured"}}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(id string, want error) {
			t.Helper()
			if c, err := known.Client(t.Context(), id); !errors.Is(err, want) || err == nil && c.ID != id {
				t.Errorf("%s: %q, %v, want %v", id, c.ID, err, want)
			}
		}
		reads := func(what string, want int64) {
			t.Helper()
			if got := store.reads.Swap(0); got != want {
				t.Errorf("%s: %d readings, want %d", what, got, want)
			}
		}
		var all sync.WaitGroup
		gone, cancel := context.WithCancel(t.Context())
		all.Go(func() { _, _ = known.Client(gone, "a") })
		synctest.Wait()
		cancel() // the first who asked goes: the others are answered all the same
		for range 50 {
			all.Go(func() { ask("a", nil) })
		}
		all.Wait()
		ask("a", nil)
		reads("50 at once", 1)
		time.Sleep(clientMemory)
		ask("a", nil)
		reads("after a second", 1)
		known.forget("a")
		ask("a", nil)
		reads("after a change made here", 1)
		for range 3 {
			ask("x", ErrNoClient)
		}
		reads("an unknown one", 1)
		ask("no such id!", ErrNoClient)
		ask("b", nil)
		reads("one that no store can have, and a configured one", 0)
		store.fail.Store(true)
		for range 2 {
			if _, err := known.Client(t.Context(), "c"); err == nil || errors.Is(err, ErrNoClient) {
				t.Errorf("an outage: %v", err)
			}
		}
		reads("an outage is not remembered", 2)
		store.fail.Store(false)
		for i := range maxRemembered + 100 {
			_, _ = known.Client(t.Context(), "x"+strconv.Itoa(i))
		}
		if n := len(known.known); n > maxRemembered {
			t.Errorf("%d ids are remembered, at most %d may be", n, maxRemembered)
		}
		list, err := known.List(t.Context())
		if err != nil || len(list) != 2 || list[0].Name != "stored" || list[1].Name != "configured" {
			t.Errorf("List() = %+v, %v", list, err)
		}
	})
	if _, err := NewClients(ClientsConfig{Store: noStore{}, Configured: []Client{{ID: "a"}, {ID: "a"}}, Now: time.Now}); err == nil {
		t.Error("two configured clients of one id are taken")
	}
}
