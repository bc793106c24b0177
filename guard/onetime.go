package guard

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Replay remembers which tokens were used, where each counts once. *ReplayMemory is one, for a
// single process; several need a store that they share and that answers atomically, such as a table
// with a unique column or SET NX of Redis.
type Replay interface {
	// Spend uses id up: first is true for the first call with it and false for every other until
	// expires, after which the token is dead and the id may be forgotten. The id is a hash of the
	// token's iss, typ and jti, 43 characters long. An error means that it is not known: the request
	// gets 503.
	Spend(ctx context.Context, id string, expires time.Time) (first bool, err error)
}

// ErrReused is the Cause of a refusal, token_revoked, where a token that counts once came again.
var ErrReused = errors.New("guard: token has been used before")

var (
	errSafeMethod = errors.New("one-time token with a method that may be repeated")
	errNoID       = errors.New("one-time token without jti or exp")
)

// OneTime asks for a token of one purpose, by its header typ, and uses it up: a second request with
// it is token_revoked. Issuer.OneTime makes such tokens, for example "reset+jwt" for a link that
// sets a new password. It is Type, and needs Config.Replay.
//
// The token is spent last of all, when everything else about the request is good; if the handler
// then fails it stays spent. GET, HEAD and other safe methods are refused (invalid_request), for mail
// scanners and browsers fetch links that nobody has clicked. Let the link show a form, with
// Type(typ) before it if need be, which spends nothing, and the form send the token by POST.
func OneTime(typ string) Requirement {
	return Requirement{func(g *Guard, p *policy) error {
		if err := checkPurpose(typ); err != nil {
			return fmt.Errorf("OneTime(%q): %w", typ, err)
		}
		if g.cfg.Replay == nil {
			return errors.New("OneTime needs Config.Replay")
		}
		p.once = true
		return Type(typ).apply(g, p)
	}}
}

// checkPurpose keeps one-time tokens apart from all other kinds (RFC 8725 section 3.11).
func checkPurpose(typ string) error {
	name, ok := strings.CutSuffix(typ, "+jwt")
	if !ok || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return errors.New(`want a typ in lower case that ends in "+jwt", such as "reset+jwt"`)
	}
	switch name {
	case "at", "refresh", "id", "dpop", "logout", "secevent", "statuslist", "token-introspection":
		return errors.New("is the typ of another kind of token")
	}
	return nil
}

// spend uses the token up.
func (g *Guard) spend(ctx context.Context, t *Token) *Error {
	if t.ID() == "" || t.ExpiresAt().IsZero() {
		return refuse(TokenInvalid, errNoID)
	}
	first, err := g.askReplay(ctx, t)
	if err != nil { // fail closed
		return refuse(Unavailable, err)
	}
	if !first {
		return refuse(TokenRevoked, ErrReused)
	}
	return nil
}

func (g *Guard) askReplay(ctx context.Context, t *Token) (first bool, err error) {
	defer recovered(&err)
	sum := sha256.Sum256([]byte(t.Issuer() + "\x00" + t.Type() + "\x00" + t.ID()))
	first, err = g.cfg.Replay.Spend(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), t.ExpiresAt().Add(g.cfg.Leeway))
	if err == nil && !first && g.cfg.OnReuse != nil {
		g.cfg.OnReuse(ctx, t)
	}
	return first, err
}

// ReplayMemoryConfig configures a ReplayMemory.
type ReplayMemoryConfig struct {
	// Size is how many used tokens that have not expired are remembered, at about 150 bytes each;
	// default 100000.
	Size int
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// ErrReplayFull says that a ReplayMemory holds as many tokens as it may. It refuses more rather than
// forget one that could come again.
var ErrReplayFull = errors.New("guard: replay memory is full")

// ReplayMemory is a Replay in the memory of one process, which forgets everything when it ends: a
// token that was used before a restart counts again after it, until it expires. It is safe for
// concurrent use.
type ReplayMemory struct {
	size int
	now  func() time.Time

	mu    sync.Mutex // guards what follows
	known map[string]struct{}
	queue spentQueue
}

var _ Replay = (*ReplayMemory)(nil)

// NewReplayMemory makes an empty memory.
func NewReplayMemory(c ReplayMemoryConfig) *ReplayMemory {
	if c.Size < 0 {
		panic("guard: ReplayMemoryConfig.Size is below 0")
	}
	if c.Size == 0 {
		c.Size = 100_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &ReplayMemory{size: c.Size, now: c.Now, known: make(map[string]struct{})}
}

// Spend implements Replay. The error is ErrReplayFull. What has expired by its clock is not first.
func (m *ReplayMemory) Spend(_ context.Context, id string, expires time.Time) (first bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for len(m.queue) > 0 && !m.queue[0].expires.After(now) {
		delete(m.known, heap.Pop(&m.queue).(spent).id)
	}
	if _, known := m.known[id]; known || !expires.After(now) {
		return false, nil
	}
	if len(m.queue) >= m.size {
		return false, ErrReplayFull
	}
	m.known[id] = struct{}{}
	heap.Push(&m.queue, spent{id, expires})
	return true, nil
}

type spent struct {
	id      string
	expires time.Time
}

// spentQueue is a heap.Interface; what expires first is at its head.
type spentQueue []spent

func (q spentQueue) Len() int           { return len(q) }
func (q spentQueue) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }
func (q spentQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *spentQueue) Push(s any)        { *q = append(*q, s.(spent)) }

func (q *spentQueue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = spent{}
	*q = (*q)[:last]
	return s
}
