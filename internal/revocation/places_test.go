package revocation_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

// numbering is a store of places that counts what it was asked.
type numbering struct {
	mu    sync.Mutex
	lists map[time.Time]int // how many places of each were taken
	ids   map[time.Time]int64
	asked int
	err   error
	hang  chan struct{} // not nil: who asks is told of here, and answered after another
}

func (n *numbering) TakePlaces(_ context.Context, expires time.Time, count int) (list int64, first int, err error) {
	if n.hang != nil {
		n.hang <- struct{}{}
		<-n.hang
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.err != nil {
		return 0, 0, n.err
	}
	if n.lists == nil {
		n.lists, n.ids = map[time.Time]int{}, map[time.Time]int64{}
	}
	if n.ids[expires] == 0 {
		n.ids[expires] = int64(len(n.ids) + 1)
	}
	first = n.lists[expires]
	n.lists[expires] += count
	return n.ids[expires], first, nil
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// checklist 171: however many ask, each place is handed out once, and its number does not say when.
func TestPlaces(t *testing.T) {
	t.Parallel()
	n := &numbering{}
	p := revocation.NewPlaces(revocation.PlacesConfig{Store: n, Issuer: "https://auth.example", Block: 64, Now: func() time.Time { return noon }})
	const each, askers = 96, 8
	bits := make([][]int, askers)
	var wg sync.WaitGroup
	for i := range bits {
		wg.Go(func() {
			for range each {
				place, err := p.Next(t.Context(), noon.Add(10*time.Minute))
				if err != nil || place.List != 1 {
					t.Errorf("got %+v, %v", place, err)
				}
				bits[i] = append(bits[i], place.Bit)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(bits...)
	if slices.IsSorted(bits[0]) {
		t.Error("places are handed out in order")
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != each*askers || all[0] != 0 || all[len(all)-1] != each*askers-1 || n.asked != each*askers/64 {
		t.Errorf("%d places from %d to %d, %d blocks", len(all), all[0], all[len(all)-1], n.asked)
	}
	if got := p.URI(revocation.Place{List: 7, Bit: 3}); got != "https://auth.example/oauth/status/7" {
		t.Errorf("URI %s", got)
	}
}

// A list is shared by what expires in one hour, or on one day, and outlives all of it.
func TestPlacesByExpiry(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 12, 21, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct{ expires, want time.Time }{
		"in a minute":      {noon.Add(time.Minute), noon.Add(time.Hour)},
		"on the hour":      {noon.Add(time.Hour), noon.Add(2 * time.Hour)},
		"in four hours":    {noon.Add(4 * time.Hour), noon.Add(5 * time.Hour)},
		"in five hours":    {noon.Add(5 * time.Hour), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
		"in thirty days":   {noon.Add(30 * 24 * time.Hour), day.Add(24 * time.Hour)},
		"at midnight then": {day, day.Add(24 * time.Hour)},
		"in another zone":  {noon.Add(time.Minute).In(time.FixedZone("x", 3600)), noon.Add(time.Hour)},
		"already":          {noon.Add(-time.Minute), noon},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &numbering{}
			p := revocation.NewPlaces(revocation.PlacesConfig{Store: n, Issuer: "https://auth.example", Now: func() time.Time { return noon }})
			if _, err := p.Next(t.Context(), tt.expires); err != nil {
				t.Fatal(err)
			}
			if n.lists[tt.want] != 4096 {
				t.Errorf("took %v, want 4096 of a list that dies %v", n.lists, tt.want)
			}
		})
	}
}

// What the store cannot give is an error, and tried again; who gives up waits for nobody.
func TestPlacesWithoutStore(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	n := &numbering{err: away}
	p := revocation.NewPlaces(revocation.PlacesConfig{Store: n, Issuer: "https://auth.example", Now: func() time.Time { return noon }})
	if _, err := p.Next(t.Context(), noon); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	n.err = nil
	if _, err := p.Next(t.Context(), noon); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	n = &numbering{hang: make(chan struct{})}
	p = revocation.NewPlaces(revocation.PlacesConfig{Store: n, Issuer: "https://auth.example", Now: func() time.Time { return noon }})
	waiting := make(chan error)
	go func() {
		_, err := p.Next(t.Context(), noon)
		waiting <- err
	}()
	<-n.hang
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Next(ctx, noon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(n.hang)
	if err := <-waiting; err != nil {
		t.Errorf("who waited: %v", err)
	}
}
