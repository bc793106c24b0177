package client

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// answerWait is how long one refresh may take: a Sandi server gives up a token that it could not sign within 5 s.
	answerWait = 5 * time.Second
	// insistFor is how long after the first attempt a lost refresh may begin again. A Sandi server takes the old
	// refresh token for a retry for 10 s, and for a stolen one afterwards.
	insistFor = 8 * time.Second
)

// session keeps the newest refresh token, and signs in again where none counts any more.
type session struct {
	renew func(ctx context.Context, refresh Secret) (Token, error) // spends a refresh token
	begin func(ctx context.Context) (Token, error)                 // signs in; nil: there is no other way
	save  func(ctx context.Context, refresh Secret) error          // nil: nobody keeps it

	mu      sync.Mutex // guards what follows, and is held throughout a fetch: a refresh token is spent by one at a time
	refresh Secret
	unsaved *Token // got, but save failed
	ended   error  // why nothing helps any more
}

// fetch is a Fetch.
func (s *session) fetch(ctx context.Context) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsaved != nil {
		t, err := s.saved(ctx)
		if err != nil || t.ExpiresAt.IsZero() || time.Now().Before(t.ExpiresAt) {
			return t, err
		}
	}
	t, err := s.next(ctx)
	if err != nil {
		return Token{}, err
	}
	if t.Refresh == "" { // RFC 6749 section 6: the old one stays good
		t.Refresh = s.refresh
	}
	rotated := t.Refresh != s.refresh
	s.refresh = t.Refresh
	if s.save == nil || !rotated {
		return t, nil
	}
	s.unsaved = &t
	return s.saved(ctx)
}

// saved is the unsaved token, once its refresh token is kept.
func (s *session) saved(ctx context.Context) (Token, error) {
	if err := s.save(ctx, s.refresh); err != nil {
		return Token{}, fmt.Errorf("save refresh token: %w", err)
	}
	t := *s.unsaved
	s.unsaved = nil
	return t, nil
}

func (s *session) next(ctx context.Context) (Token, error) {
	if s.ended != nil {
		return Token{}, s.ended
	}
	if s.refresh != "" {
		t, err := s.insist(ctx)
		if err == nil {
			return t, nil
		}
		err = fmt.Errorf("refresh: %w", err)
		if s.begin == nil && grantOver(err) {
			s.ended = err
		}
		if s.begin == nil || !grantRefused(err) {
			return Token{}, err
		}
		s.refresh = ""
	}
	t, err := s.begin(ctx)
	if err != nil {
		return Token{}, fmt.Errorf("login: %w", err)
	}
	return t, nil
}

// insist refreshes, again where the answer was lost. Later would be too late: the server may have rotated, and the old token
// then ends the session.
func (s *session) insist(ctx context.Context) (Token, error) {
	for start := time.Now(); ; {
		attempt, cancel := context.WithTimeout(ctx, answerWait)
		t, err := s.renew(attempt, s.refresh)
		cancel()
		if !answerLost(err) {
			return t, err
		}
		wait := max(time.Second, retryAfter(err))
		if time.Since(start)+wait >= insistFor {
			return Token{}, err
		}
		select {
		case <-ctx.Done():
			return Token{}, err
		case <-time.After(wait):
		}
	}
}
