package oauth

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
)

// clientTries slows down who guesses at a client's credential (RFC 6749 section 2.3.1), counted by client and network.
var clientTries = cluster.Backoff{Free: 10, Base: time.Second, Max: 15 * time.Minute, Forget: time.Hour}

// maxSuspects bounds what is remembered of failures. Where it is exceeded any one is forgotten, and caught again at its next failure.
const maxSuspects = 4096

// suspects are those who failed lately, by client and network (or by network alone). Only their tries are counted before they are made, so that a client that never
// fails is asked no counter, however many of its requests come at once. The zero value has none.
type suspects struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

func (s *suspects) has(who string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.until[who])
}

func (s *suspects) add(who string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	for one := range s.until {
		if len(s.until) < maxSuspects {
			break
		}
		delete(s.until, one)
	}
	s.until[who] = until
}

func (s *suspects) clear(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, who)
}

// throttled runs try for who; its failures, which are invalid_client, make the next wait (429). Who is right once is no suspect any more.
func (e *Endpoint) throttled(ctx context.Context, who string, try func() error) error {
	key, suspect := "client "+who, e.suspects.has(who, e.Now())
	if suspect {
		if wait := e.Limits.Try(ctx, key, clientTries); wait > 0 {
			return &problem.Error{
				Kind: problem.TooMany, Code: "temporarily_unavailable", RetryAfter: wait,
				Description: "too many failed authentications of this client from this network: wait as Retry-After says",
			}
		}
	}
	err := try()
	failed := errors.Is(err, problem.Unauthenticated)
	switch {
	case failed && !suspect:
		e.Limits.Try(ctx, key, clientTries) // counted afterwards: the answer is known
		fallthrough
	case failed:
		e.suspects.add(who, e.Now().Add(clientTries.Forget))
	case err == nil && suspect:
		e.Limits.Forget(ctx, key)
		e.suspects.clear(who)
	case suspect:
		e.Limits.Undo(ctx, key) // nothing was found out
	}
	return err
}
