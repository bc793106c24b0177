package guard

import (
	"context"
	"errors"
	"fmt"
	"math"
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
// Unavailable when they cannot say within 5 s, or are stale, which answers requests with 503 at that
// time. A Revocations that is no Watcher is asked every second; exp counts also while one that does
// not heed its context is still asked. Routes with SkipRevocation are asked for too: what ends later
// does harm there. A token that no Guard verified ends at its exp alone, and
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
	tick := l.tick
	l.timer = time.AfterFunc(lookAgain, tick)
	l.unwatch = watchFor(t.verifiedBy().cfg.Revocations, t, l.look)
	l.keep = context.AfterFunc(inner, tick)
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
	if err := l.ended(); err != nil {
		return err
	}
	if err := l.token.Load().refuseSuccessor(newer); err != nil {
		return err
	}
	unwatch := watchFor(newer.verifiedBy().cfg.Revocations, newer, l.look) // before it is judged: what is revoked in between wakes
	if err := newer.refuseRevoked(l); err != nil {
		unwatch()
		return err
	}
	l.unwatch()
	l.unwatch = unwatch
	l.token.Store(newer) // for which the timer does not come too late
	return l.ended()
}

var (
	errNoLifetime   = errors.New("guard: extend lifetime: the context is not from Lifetime, or is nobody's")
	errOtherGuard   = errors.New("newer token was not verified by the same Guard")
	errOtherCaller  = errors.New("newer token is of another issuer, subject or client")
	errSoonerExpiry = errors.New("newer token ends sooner")
)

// lookAgain bounds how long a timer runs: it does not count the sleep of a machine, nor the steps
// of its clock. lookEvery is for a Revocations that is no Watcher, lookSoon for when it is being
// asked already, and askTime is how long it may take.
const (
	lookAgain = time.Minute
	lookEvery = time.Second
	lookSoon  = 100 * time.Millisecond
	askTime   = 5 * time.Second
)

type lifetimeKey struct{}

// lifetime is a context because Identity must change with it. The timer alone looks after it: it
// fires when the token expires, and when Revocations that cannot be watched are to be asked.
type lifetime struct {
	context.Context // ends with it
	end             context.CancelCauseFunc
	token           atomic.Pointer[Token]
	timer           *time.Timer // set by Lifetime

	mu      sync.Mutex // guards what follows, and that one token is exchanged or judged at a time
	unwatch func()
	keep    func() bool // has the end start no goroutine for tick
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

// look is called when the token may have been revoked. Whoever tells has others to tell and does
// not wait: if the token is being judged, or exchanged, the timer judges it once more.
func (l *lifetime) look() {
	if !l.mu.TryLock() {
		l.timer.Reset(0)
		return
	}
	defer l.mu.Unlock()
	l.judge()
}

// tick is called by the timer, and when the context that the lifetime came from has ended. It does
// not wait either: Revocations that do not answer must not keep alive what has expired.
func (l *lifetime) tick() {
	if l.mu.TryLock() {
		defer l.mu.Unlock()
		l.judge()
		return
	}
	wait := lookSoon
	if left, err := l.token.Load().left(); err != nil {
		l.end(err)
	} else {
		wait = min(left, wait)
	}
	l.timer.Reset(wait)
}

// judge ends the lifetime if its token no longer counts. The timer is set before Revocations are
// asked, who may hang, or answer before what look is then called for. l.mu is held.
func (l *lifetime) judge() {
	if l.Err() != nil {
		l.free()
		return
	}
	t := l.token.Load()
	left, err := t.left()
	if err == nil {
		l.timer.Reset(min(left, t.lookAfter()))
		err = t.refuseRevoked(l)
	}
	if err == nil {
		return
	}
	l.keep() // many may end at once
	l.free()
	l.end(err)
}

// ended says why the lifetime cannot be extended any more.
func (l *lifetime) ended() error {
	if l.Err() == nil {
		return nil
	}
	return fmt.Errorf("guard: extend lifetime that has ended: %w", context.Cause(l))
}

// free lets go of all that is held. l.mu is held.
func (l *lifetime) free() {
	l.timer.Stop()
	l.unwatch()
	l.unwatch = func() {}
}

// left is how long t has until it expires.
func (t *Token) left() (time.Duration, *Error) {
	g, exp := t.verifiedBy(), t.ExpiresAt()
	if exp.IsZero() {
		return math.MaxInt64, nil
	}
	left := exp.Add(g.cfg.Leeway).Sub(g.cfg.Now())
	if left <= 0 {
		return 0, g.refuse(TokenExpired, jwt.ErrExpired)
	}
	return max(left, time.Millisecond), nil
}

// lookAfter is when to ask again whether t is revoked.
func (t *Token) lookAfter() time.Duration {
	if r := t.verifiedBy().cfg.Revocations; r != nil && !tells(r) {
		return lookEvery
	}
	return lookAgain
}

// refuseRevoked says why t no longer counts, though it may not have expired. ctx ends when it does.
func (t *Token) refuseRevoked(ctx context.Context) *Error {
	g := t.verifiedBy()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := g.checkRevoked(ctx, &g.base, t, time.Time{}); err != nil {
		return g.refuse(err.Reason, err.Cause)
	}
	return nil
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
