package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Fetch gets a token that is newer than all before. A Source calls it once at a
// time, with a context that ends after Config.Timeout or soon after Close.
type Fetch func(ctx context.Context) (Token, error)

// Config configures a Source.
type Config struct {
	// Fetch gets the tokens: Login, OAuth, or a function of the program's. Required.
	Fetch Fetch
	// Timeout bounds one fetch, default 30 s.
	Timeout time.Duration
	// OnError is told of every fetch that failed, for a log: callers do not see
	// those in the background while the old token lives. It must not block; it
	// may call Close, which does not wait for it.
	OnError func(error)
}

const (
	renewAt    = 0.80 // of a token's life
	renewShare = 0.05 // earlier or later, so that programs started at once do not come at once
	maxBackoff = time.Minute
	// forcedEvery is how often a token may be replaced only because a server calls it expired, or one that calls all of them so
	// would turn every request into a login.
	forcedEvery = 10 * time.Second
)

// Source is an access token that is always fresh. It is safe for concurrent use.
type Source struct {
	cfg Config

	mu       sync.Mutex // guards what follows
	held     *lease     // the newest token, nil before the first
	flight   *flight    // the fetch under way
	failures int        // since the last success
	failed   error      // the last of them
	retryAt  time.Time  // no fetch before
	forcedAt time.Time  // when a fetch was last forced
	closed   bool
}

// lease is a token and its times, never changed once it is shared.
type lease struct {
	Token
	due time.Time // when the next is fetched; zero: when a server asks for it
	end time.Time // when this is no longer handed out; zero: never
}

// flight is one fetch that any number of callers wait for.
type flight struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when lease and err are set
	lease  *lease
	err    error
}

// New makes a Source. Nothing is fetched before the first call of Token. It
// panics without Config.Fetch.
func New(c Config) *Source {
	if c.Fetch == nil {
		panic("client: New needs Config.Fetch")
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	return &Source{cfg: c}
}

// Token gives a token that lives. It waits only where there is none; ctx ends
// that wait, and the fetch goes on for others. Errors are the context's cause,
// ErrClosed, or why no token could be had, with an *Error where a server said so.
//
// A token counts as alive until 5 s before its end, or the last twentieth of
// its life where that is less, so that it is still good when it arrives.
func (s *Source) Token(ctx context.Context) (Token, error) {
	l, err := s.lease(ctx)
	if err != nil {
		return Token{}, err
	}
	return l.Token, nil
}

// Close fails all later calls. It lets the fetch under way finish, for 5 s at
// most: the refresh token that it brings may be the only one that still counts.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	f := s.flight
	s.mu.Unlock()
	if f != nil {
		defer time.AfterFunc(answerWait, f.cancel).Stop()
		<-f.done
	}
}

func (s *Source) lease(ctx context.Context) (*lease, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	held, f, err := s.heldOrFlight(time.Now())
	if held != nil || err != nil {
		return held, err
	}
	return f.wait(ctx)
}

// heldOrFlight is the token to use now, or the flight to wait for.
func (s *Source) heldOrFlight(now time.Time) (*lease, *flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	l := s.held
	alive := l != nil && (l.end.IsZero() || now.Before(l.end))
	if alive && (l.due.IsZero() || now.Before(l.due)) {
		return l, nil, nil
	}
	f, err := s.fly(now)
	if alive { // the flight is for those who come later
		return l, nil, nil
	}
	return nil, f, err
}

// newer is a token newer than old, which a server called expired; nil where none is to be had.
func (s *Source) newer(ctx context.Context, old *lease) *lease {
	held, f := s.newerOrFlight(old, time.Now())
	if f != nil {
		held, _ = f.wait(ctx) // OnError heard of it; what the server said is the answer
	}
	return held
}

func (s *Source) newerOrFlight(old *lease, now time.Time) (*lease, *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != old {
		return s.held, nil
	}
	if s.flight == nil {
		if !s.forcedAt.IsZero() && now.Sub(s.forcedAt) < forcedEvery {
			return nil, nil
		}
		s.forcedAt = now
	}
	f, _ := s.fly(now) // none: too early to try again
	return nil, f
}

// fly joins the flight under way, or starts one unless it is too early to try again. s.mu is held.
func (s *Source) fly(now time.Time) (*flight, error) {
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.flight != nil:
		return s.flight, nil
	case now.Before(s.retryAt):
		return nil, fmt.Errorf("%w (next attempt in %v)", s.failed, s.retryAt.Sub(now).Round(time.Millisecond))
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout) // not the caller's: others wait for it too
	f := &flight{cancel: cancel, done: make(chan struct{})}
	s.flight = f
	go s.fetch(ctx, f)
	return f, nil
}

// fetch is a flight's goroutine. It lands even where Fetch ends that (runtime.Goexit), or all would wait for ever.
func (s *Source) fetch(ctx context.Context, f *flight) {
	defer f.cancel()
	start, t, err := time.Now(), Token{}, errors.New("Fetch did not return")
	defer func() {
		s.land(f, start, t, err)
		if f.err != nil && s.cfg.OnError != nil {
			s.cfg.OnError(f.err)
		}
	}()
	t, err = s.cfg.Fetch(ctx)
}

func (f *flight) wait(ctx context.Context) (*lease, error) {
	select {
	case <-f.done:
		return f.lease, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// land ends a flight that began at start.
func (s *Source) land(f *flight, start time.Time, t Token, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	s.flight = nil
	if err == nil {
		f.lease, err = newLease(start, t)
	}
	if err == nil {
		s.held, s.failures, s.failed, s.retryAt = f.lease, 0, nil, time.Time{}
		return
	}
	if s.closed {
		err = ErrClosed
	} else {
		err = fmt.Errorf("client: fetch token: %w", err)
	}
	f.err, s.failed = err, err
	s.retryAt = time.Now().Add(backoff(s.failures, err))
	s.failures++
}

func newLease(start time.Time, t Token) (*lease, error) {
	if t.Access == "" {
		return nil, errors.New("answer has no access token")
	}
	l := &lease{Token: t}
	if t.ExpiresAt.IsZero() {
		return l, nil
	}
	// By the wall clock: the monotonic one stands still while a machine sleeps, and tokens do not.
	life := t.ExpiresAt.Round(0).Sub(start.Round(0))
	if life <= 0 {
		return nil, errors.New("token has expired already: compare the clocks")
	}
	l.ExpiresAt = t.ExpiresAt.Round(0)
	l.due = l.ExpiresAt.Add(-time.Duration((1 - renewAt + renewShare*spread()) * float64(life)))
	l.end = l.ExpiresAt.Add(-min(5*time.Second, life/20))
	return l, nil
}

// backoff is the wait after the nth failure since a success. A refusal will not be another a second later, and asking often
// looks like guessing.
func backoff(n int, err error) time.Duration {
	wait := maxBackoff
	if n < 6 && !refused(err) {
		wait = time.Second << n
	}
	wait += time.Duration(0.2 * spread() * float64(wait))
	return max(wait, retryAfter(err))
}

// spread is a random number from -1 to 1.
func spread() float64 {
	var b [8]byte
	rand.Read(b[:])
	return float64(binary.NativeEndian.Uint64(b[:])>>11)/(1<<52) - 1
}
