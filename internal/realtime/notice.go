package realtime

import "sync"

// Notice is what one client is told.
type Notice struct {
	Type string // auth_expiring, unsubscribed, presence, going_away
	Data any    // JSON object: expires_in; channel, reason; channel, sub, joined; retry_after
}

// What notices say; of unsubscribed the reason is forbidden or no_channel.
type (
	expiring struct {
		ExpiresIn int64 `json:"expires_in"` // seconds
	}
	presenceChange struct {
		Channel string `json:"channel"`
		Subject string `json:"sub"`
		Joined  bool   `json:"joined"`
	}
	goingAway struct {
		RetryAfter int64 `json:"retry_after"` // seconds
	}
)

// line does one thing after the other, each by whoever happens to be there: it holds no goroutine, and who adds something while a thing
// is done, also from within it, does not wait.
type line struct {
	mu    sync.Mutex // guards what follows
	queue []func()
	busy  bool
}

func (l *line) do(f func()) {
	l.mu.Lock()
	l.queue = append(l.queue, f)
	if l.busy {
		l.mu.Unlock()
		return
	}
	l.busy = true
	for len(l.queue) > 0 {
		next := l.queue[0]
		l.queue = l.queue[1:]
		l.mu.Unlock()
		next()
		l.mu.Lock()
	}
	l.busy, l.queue = false, nil
	l.mu.Unlock()
}
