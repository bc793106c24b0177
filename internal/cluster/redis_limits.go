package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Take is Memory.Take for all nodes.
func (r *Redis) Take(ctx context.Context, key string, rate Rate) time.Duration {
	begun := r.now()
	// What Redis has lost is put back. A node's time of arrival is off by how long
	// the calls took, which is no loss.
	ahead := max(0, r.local.arrival(key).Sub(begun)-r.timeout)
	p, ok := r.call(ctx, r.take, "dd", r.key("rate", key), max(1, rate.Every.Microseconds()), rate.Burst, ahead.Microseconds())
	if !ok {
		return r.local.Take(ctx, key, rate)
	}
	most := rate.Every * time.Duration(rate.Burst)
	r.local.learnArrival(key, begun.Add(p.duration(1, most)))
	return p.duration(0, most)
}

// Try is Memory.Try for all nodes.
func (r *Redis) Try(ctx context.Context, key string, b Backoff) time.Duration {
	begun, known := r.now(), r.local.tries(key)
	p, ok := r.call(
		ctx, r.try, "dddds", r.key("tries", key), r.node, b.Free, b.Base.Microseconds(), b.Max.Microseconds(), b.Forget.Microseconds(),
		known.level, max(0, begun.Sub(known.at)).Microseconds(), known.origin, known.version,
	)
	if !ok {
		return r.local.Try(ctx, key, b)
	}
	at := begun.Add(-p.duration(2, b.Forget))
	r.local.learn(key, tries{int(min(p.number(1), 1<<20)), at, p.text(4), p.number(3)}, at.Add(b.Forget))
	return p.duration(0, b.Max)
}

// Undo is Memory.Undo for all nodes.
func (r *Redis) Undo(ctx context.Context, key string) {
	r.local.Undo(ctx, key)
	r.call(ctx, r.undo, "", r.key("tries", key), r.node)
}

// Forget is Memory.Forget for all nodes.
func (r *Redis) Forget(ctx context.Context, key string) {
	r.local.Forget(ctx, key)
	r.call(ctx, r.forget, "", r.key("tries", key), r.node)
}

// key is where key is kept. It is a MAC, so that Redis learns no names and
// addresses. Whose it is shows to him alone who sees it change as he tries.
func (r *Redis) key(kind, key string) string {
	mac := hmac.New(sha256.New, r.keyMAC)
	mac.Write([]byte(kind + ":" + key))
	return r.prefix + kind + ":" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// reply is what a script returned, and is not believed: who can write to Redis
// must not lock anybody out for longer than the limits do.
type reply []any

func (p reply) number(i int) int64 {
	n, _ := p[i].(int64)
	return max(0, n)
}

func (p reply) text(i int) string {
	s, _ := p[i].(string)
	return s
}

func (p reply) duration(i int, most time.Duration) time.Duration {
	return time.Duration(min(p.number(i), most.Microseconds())) * time.Microsecond
}
