package guard

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	minTTL       = 5 * time.Second
	maxListRetry = 30 * time.Second
)

// statusEntry is one list: the last good one, and the fetch of the next.
type statusEntry struct {
	uri  string
	url  *url.URL
	list atomic.Pointer[statusList] // nil before the first

	mu       sync.Mutex    // guards what follows
	flight   *statusFlight // the last one, under way or landed; nil before the first
	failures int           // since the last good one
	retry    time.Time     // no flight starts before it
}

// statusFlight is one fetch, which all who ask meanwhile wait for.
type statusFlight struct {
	done chan struct{} // closed when it has landed, and err is set
	err  error
}

func (f *statusFlight) landed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// wait returns the outcome of the flight.
func (f *statusFlight) wait(ctx context.Context) error {
	if f.landed() { // also where ctx has ended
		return f.err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the flight under way, a new one where it is time, or else the last.
func (s *StatusLists) join(e *statusEntry, now time.Time) *statusFlight {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.flight == nil || e.flight.landed() && passed(e.retry, now) {
		e.flight = &statusFlight{done: make(chan struct{})}
		go s.fly(e, e.flight)
	}
	return e.flight
}

// fly ends with its time at the latest: whoever started it is not waited for.
func (s *StatusLists) fly(e *statusEntry, f *statusFlight) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), flightTime, errSlow)
	defer cancel()
	list, err := s.load(ctx, e)
	now := s.cfg.Now()
	e.mu.Lock()
	if err != nil {
		f.err = fmt.Errorf("%s: %w", shown(e.url), err)
		e.retry = now.Add(jittered(min(firstRetry<<min(e.failures, 6), maxListRetry)))
		e.failures++
	} else {
		e.failures, e.retry = 0, now // due says when
		e.list.Store(list)
	}
	e.mu.Unlock()
	close(f.done)
	if err != nil {
		s.cfg.Logger.Error("status list was not fetched", "error", f.err)
	}
}

// load fetches a list and says until when it counts.
func (s *StatusLists) load(ctx context.Context, e *statusEntry) (*statusList, error) {
	body, header, err := getDocument(ctx, s.client, e.url, "application/statuslist+jwt")
	if err != nil {
		return nil, err
	}
	list, ttl, expires, err := s.parse(ctx, e.uri, string(body))
	if err != nil {
		return nil, err
	}
	list.setTimes(s.cfg.Now(), s.life(ttl, header), expires, s.cfg.MaxStaleness)
	return list, nil
}

// life is the ttl of a list, which wins over what HTTP says, within the bounds that are set here.
func (s *StatusLists) life(ttl time.Duration, header http.Header) time.Duration {
	return min(max(cmp.Or(ttl, maxAge(header)), minTTL), s.cfg.MaxTTL)
}

// setTimes says from when a list is fetched ahead, and until when it counts if it can be, and if it cannot.
func (l *statusList) setTimes(now time.Time, life time.Duration, expires time.Time, staleness time.Duration) {
	l.due = now.Add(jittered(life - life/10))
	l.fresh = now.Add(life)
	l.until = l.fresh.Add(staleness)
	if expires.IsZero() {
		return
	}
	for _, t := range []*time.Time{&l.due, &l.fresh, &l.until} {
		if expires.Before(*t) {
			*t = expires
		}
	}
}
