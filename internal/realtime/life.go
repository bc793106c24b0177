package realtime

import (
	"context"
	"math"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// live gives a member the life of its token. What has ended by now is why the member is refused: it was registered before, so that a
// revocation finds it either here or there. m.mu is held.
func (m *Member) live(t *guard.Token) *End {
	m.leash.Context, m.leash.never = guard.WithIdentity(context.Background(), t), m.hub.never // a request's would keep all of it
	m.life = guard.Lifetime(&m.leash)
	if err := context.Cause(m.life); err != nil {
		m.leash.free()
		end := EndOf(err)
		return &end
	}
	m.kept = context.AfterFunc(m.life, m.expire)
	return nil
}

// expire is called by a goroutine of its own when the token has ended.
func (m *Member) expire() { m.end(EndOf(context.Cause(m.life))) }

// schedule sets the timer for the token: for the notice, then for its exp, which counts here without any leeway. m.mu is held.
func (m *Member) schedule(t *guard.Token) {
	exp := t.ExpiresAt()
	if exp.IsZero() {
		return
	}
	wait := exp.Sub(m.hub.cfg.Now())
	if !m.told {
		wait -= m.hub.cfg.ExpiringNotice
	}
	wait = max(wait, 0)
	if m.timer == nil {
		m.timer = time.AfterFunc(wait, m.tick)
	} else {
		m.timer.Reset(wait)
	}
}

// tick is the timer.
func (m *Member) tick() {
	m.mu.Lock()
	if m.ended {
		m.mu.Unlock()
		return
	}
	t := m.token()
	left := t.ExpiresAt().Sub(m.hub.cfg.Now())
	tell := left > 0 && !m.told && left <= m.hub.cfg.ExpiringNotice
	m.told = m.told || tell
	if left > 0 {
		m.schedule(t)
	}
	m.mu.Unlock()
	switch {
	case left <= 0:
		m.end(EndExpired)
	case tell:
		m.peer.Tell(Notice{"auth_expiring", expiring{int64(math.Ceil(left.Seconds()))}})
	}
}

// Reauthenticate replaces the member's token by a newer one of the same issuer, subject, client and key, that does not end sooner;
// subscriptions that it does not allow end. A token that is bound to a key (cnf) is taken without another proof where it is the key that
// the member's token is bound to: who holds the connection has proved that key. The error is an *Error, and nothing has changed.
func (m *Member) Reauthenticate(ctx context.Context, token string) (expires time.Time, err error) {
	newer, err := m.hub.cfg.Guard.CheckToken(ctx, token, guard.BoundAs(m.token()))
	if err != nil {
		m.hub.metrics.reauthenticated.WithLabelValues("refused").Inc()
		return time.Time{}, refusedBy(err)
	}
	m.mu.Lock()
	if m.ended {
		m.mu.Unlock()
		return time.Time{}, &Error{Code: string(guard.TokenInvalid), Msg: "the connection has ended"}
	}
	if err := guard.Extend(m.life, newer); err != nil {
		m.mu.Unlock()
		m.hub.metrics.reauthenticated.WithLabelValues("refused").Inc()
		return time.Time{}, refusedBy(err)
	}
	m.told = false
	m.schedule(newer)
	m.mu.Unlock()
	m.hub.metrics.reauthenticated.WithLabelValues("done").Inc()
	m.hub.recorder.renewed(m, newer)
	m.judge()
	return newer.ExpiresAt(), nil
}
