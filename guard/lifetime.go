package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Lifetime is ctx until its Identity no longer counts, for what outlives the check of its request: a
// WebSocket, a stream of events, a long download.
//
//	life := guard.Lifetime(r.Context())
//	select {
//	case <-life.Done():
//		err := context.Cause(life) // errors.Is(err, guard.TokenExpired)
//	...
//
// Its cause is an *Error: TokenExpired from the instant at which the Guard that verified the token
// refuses it, exp and Leeway by the Guard's clock; TokenRevoked as soon as its Revocations say so;
// Unavailable when they cannot say, or are stale, which answers requests with 503 at that time. A
// Revocations that is no Watcher is asked every second. Routes with SkipRevocation are asked for
// too: what ends later does harm there. A token that no Guard verified ends at its exp alone, and
// one without exp (InsecureNoExpiry) when it is revoked.
//
// Without an Identity it is ctx itself: nobody, let in by Optional, does not expire. What has ended
// already is done when Lifetime returns. It holds no goroutine, and all that it holds is freed
// when it or ctx ends; net/http ends a request's context when its handler returns.
func Lifetime(ctx context.Context) context.Context {
	t := Identity(ctx)
	if t == nil {
		return ctx
	}
	if l, ok := ctx.Value(lifetimeKey{}).(*lifetime); ok && l.token.Load() == t {
		return ctx
	}
	inner, end := context.WithCancelCause(ctx)
	l := &lifetime{Context: inner, end: end}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token.Store(t)
	l.timer = time.AfterFunc(lookAgain, l.look)
	l.unwatch = t.watch(l.look)
	l.keep = context.AfterFunc(inner, l.release)
	l.judge()
	return l
}

// Extend makes a Lifetime, or a context derived from one, that of a newer token of the same
// subject, which is its Identity from then on. What it may do is for the caller to check:
//
//	newer, err := g.CheckToken(ctx, token, guard.Role("pilot")) // as the route does
//	if err == nil {
//		err = guard.Extend(life, newer)
//	}
//
// The newer token was verified by the same Guard and counts, is of the same typ and no refresh token, has
// the same issuer, subject and client, and does not end sooner. Its session may be another, of a user
// who has signed in again: from then on the end of that one counts. Otherwise the error is an
// *Error, or wraps the cause of a Lifetime that has ended, and nothing has changed.
func Extend(life context.Context, newer *Token) error {
	l, ok := life.Value(lifetimeKey{}).(*lifetime)
	if !ok {
		return errNoLifetime
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge()
	if l.Err() != nil {
		return fmt.Errorf("guard: extend lifetime that has ended: %w", context.Cause(l))
	}
	if err := l.token.Load().refuseSuccessor(newer); err != nil {
		return err
	}
	unwatch := newer.watch(l.look) // before it is judged: what is revoked in between wakes
	wait, err := newer.counts(l)
	if err != nil {
		unwatch()
		return err
	}
	l.unwatch()
	l.unwatch = unwatch
	l.token.Store(newer)
	l.timer.Reset(wait)
	return nil
}

var (
	errNoLifetime   = errors.New("guard: extend lifetime: the context is not from Lifetime, or is nobody's")
	errOtherGuard   = errors.New("newer token was not verified by the same Guard")
	errOtherCaller  = errors.New("newer token is of another issuer, subject or client")
	errSoonerExpiry = errors.New("newer token ends sooner")
)

// lookAgain bounds how long a timer runs: it does not count the sleep of a machine, nor the steps
// of its clock. lookEvery is for a Revocations that is no Watcher.
const (
	lookAgain = time.Minute
	lookEvery = time.Second
)

type lifetimeKey struct{}

// lifetime is a context because Identity must change with it. The timer alone looks after it: it
// fires when the token expires, and when Revocations that cannot be watched are to be asked.
type lifetime struct {
	context.Context // ends with it
	end             context.CancelCauseFunc
	token           atomic.Pointer[Token]

	mu      sync.Mutex // guards what follows, and that one token is exchanged or judged at a time
	timer   *time.Timer
	unwatch func()
	keep    func() bool // has release not called; false where it is under way
}

// Value implements context.Context.
func (l *lifetime) Value(key any) any {
	switch key.(type) {
	case identityKey:
		return l.token.Load()
	case lifetimeKey:
		return l
	}
	return l.Context.Value(key)
}

// look is called by the timer, and when the token may have been revoked.
func (l *lifetime) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge()
}

// judge ends the lifetime if its token no longer counts. l.mu is held.
func (l *lifetime) judge() {
	if l.Err() != nil {
		return // released, or about to be: the timer is not to be set again
	}
	wait, err := l.token.Load().counts(l)
	if err == nil {
		l.timer.Reset(wait)
		return
	}
	if l.keep() { // and not from a goroutine for each of many that end at once
		l.free()
	}
	l.end(err)
}

// release is called when the context that the lifetime came from has ended.
func (l *lifetime) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free()
}

func (l *lifetime) free() {
	l.timer.Stop()
	l.unwatch()
}

// watch has look called when t may be revoked, where that can be watched.
func (t *Token) watch(look func()) (stop func()) {
	if w, ok := t.verifiedBy().cfg.Revocations.(Watcher); ok {
		return w.Watch(t, look)
	}
	return func() {}
}

// counts says after what time to ask again whether t counts, or why it does not.
func (t *Token) counts(ctx context.Context) (time.Duration, *Error) {
	g, wait := t.verifiedBy(), lookAgain
	if r := g.cfg.Revocations; r != nil && !tells(r) {
		wait = lookEvery
	}
	if exp := t.ExpiresAt(); !exp.IsZero() {
		left := exp.Add(g.cfg.Leeway).Sub(g.cfg.Now())
		if left <= 0 {
			return 0, g.refuse(TokenExpired, jwt.ErrExpired)
		}
		wait = max(min(wait, left), time.Millisecond)
	}
	if err := g.checkRevoked(ctx, &g.base, t, time.Time{}); err != nil {
		return 0, g.refuse(err.Reason, err.Cause)
	}
	return wait, nil
}

// refuseSuccessor says why newer cannot take the place of t.
func (t *Token) refuseSuccessor(newer *Token) *Error {
	g := t.verifiedBy()
	switch old, exp := t.ExpiresAt(), newer.ExpiresAt(); {
	case newer == nil || newer.guard != t.guard:
		return g.refuse(TokenInvalid, errOtherGuard)
	case newer.Type() != t.Type() || newer.String("type") == "refresh" || t.guard != nil && g.base.wrongKind(newer, g.cfg.InsecureAnyType):
		return g.refuse(TokenWrongType, errKind)
	case newer.Subject() == "" || newer.Subject() != t.Subject() || newer.Issuer() != t.Issuer() || newer.ClientID() != t.ClientID():
		return g.refuse(Forbidden, errOtherCaller)
	case !exp.IsZero() && (old.IsZero() || exp.Before(old)):
		return g.refuse(TokenInvalid, errSoonerExpiry)
	}
	return nil
}

// verifiedBy is the Guard that verified t, or one that has only a clock.
func (t *Token) verifiedBy() *Guard {
	if t.guard != nil {
		return t.guard
	}
	return &Guard{cfg: Config{Now: time.Now}}
}

// refuse is a refusal in the Guard's realm.
func (g *Guard) refuse(reason Reason, cause error) *Error {
	return &Error{Reason: reason, Cause: cause, Realm: g.cfg.Realm}
}
