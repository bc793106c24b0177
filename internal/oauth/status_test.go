package oauth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// bitStore is a Store of which only StatusBits is asked.
type bitStore struct {
	Store
	mu    sync.Mutex
	asked int
	do    func() ([]int, error)
}

func (s *bitStore) StatusBits(context.Context, int64) ([]int, int, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	bits, err := s.do()
	return bits, 4096, time.Time{}, err
}

// However many ask for a list at once, the store is read once in five seconds; what fails, or panics, is asked for again.
func TestPublishedList(t *testing.T) {
	t.Parallel()
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	minter, err := token.New(token.Config{
		Issuer: "https://auth.example", Audience: []string{"https://api.example"}, Lifetime: time.Minute, Now: clock,
		Signer: func() *jwt.Key { return key },
	})
	if err != nil {
		t.Fatal(err)
	}
	store := &bitStore{do: func() ([]int, error) { return []int{3, 4095, 4096, -1}, nil }}
	places := revocation.NewPlaces(revocation.PlacesConfig{Store: noPlaces{}, Issuer: "https://auth.example", Now: clock})
	e := &Endpoint{Config: Config{Issuer: "https://auth.example", Store: store, Minter: minter, Status: places, Now: clock}}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if p, err := e.publishedList(t.Context(), 1); err != nil || len(p.token) == 0 || p.etag == "" {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
	wg.Wait()
	if store.asked != 1 {
		t.Errorf("the store was read %d times", store.asked)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.publishedList(gone, 1); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
	for name, do := range map[string]func() ([]int, error){
		"away":   func() ([]int, error) { return nil, errors.New("away") },
		"panics": func() ([]int, error) { panic("bad") },
	} {
		now = now.Add(time.Minute)
		before := store.asked
		good := store.do
		store.do = do
		func() {
			defer func() { _ = recover() }()
			if _, err := e.publishedList(t.Context(), 1); err == nil {
				t.Errorf("%s: no error", name)
			}
		}()
		store.do = good
		if p, err := e.publishedList(t.Context(), 1); err != nil || len(p.token) == 0 || store.asked != before+2 {
			t.Errorf("after the store %s: %v", name, err)
		}
	}
	for list := range int64(2 * maxStatusLists) {
		if _, err := e.publishedList(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.lists.known); n > maxStatusLists {
		t.Errorf("%d lists are kept, want %d at most", n, maxStatusLists)
	}
}

type noPlaces struct{}

func (noPlaces) TakePlaces(context.Context, time.Time, int) (int64, int, error) {
	return 0, 0, errors.New("none")
}
