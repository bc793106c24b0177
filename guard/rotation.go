package guard

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// Rotation remembers how far each session has come with its refresh tokens, so that one that was
// used, or that is older than one that was, is known (RFC 9700 section 4.14.2). It holds one number
// a session, however often that refreshes. *RotationMemory is one, for a single process; several
// need a store that they share, such as a column, at first 0, of a table of sessions, where ok is
// that a row has changed:
//
//	UPDATE sessions SET generation = $2 WHERE id = $1 AND generation < $2
type Rotation interface {
	// Advance says whether generation is above every one that the session (claim sid) has come to,
	// and if so it is the one that it has come to now; both at once, for of two requests with one
	// token one is a thief's. The session may be forgotten when the latest expires of its calls has
	// come. An error means that it is not known, and the request gets 503; but jwt.ErrExpired, that
	// expires has come by the store's own clock.
	Advance(ctx context.Context, session string, generation int64, expires time.Time) (ok bool, err error)
}

var errNoGeneration = errors.New("refresh token without sid, generation or exp")

// generation is the token's number in its session, 0 where it has none.
func (t *Token) generation() (n int64) {
	if t.claims().Decode("generation", &n) != nil {
		return 0
	}
	return max(n, 0)
}

func (g *Guard) askRotation(ctx context.Context, t *Token) (ok bool, err error) {
	if t.Session() == "" || t.generation() == 0 || t.ExpiresAt().IsZero() {
		return false, errNoGeneration
	}
	return g.cfg.Rotation.Advance(ctx, t.Session(), t.generation(), t.ExpiresAt().Add(g.cfg.Leeway))
}

// RotationMemoryConfig configures a RotationMemory.
type RotationMemoryConfig struct {
	// Size is how many sessions that have refreshed and not expired are remembered, at about 200
	// bytes each; default 250000. When it is full, sessions that have not refreshed before get 503
	// when they do; the others go on. A user adds one with each sign-in: the program is to bound how
	// many of those it allows anyone.
	Size int
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// RotationMemory is a Rotation in the memory of one process, which forgets everything when it ends:
// a refresh token that was used before a restart counts again after it, until the session's next
// one is used or it expires. It is safe for concurrent use.
type RotationMemory struct{ spent *spentMemory }

var _ Rotation = (*RotationMemory)(nil)

// NewRotationMemory makes an empty memory.
func NewRotationMemory(c RotationMemoryConfig) *RotationMemory {
	if c.Size < 0 {
		panic("guard: RotationMemoryConfig.Size is below 0")
	}
	return &RotationMemory{newSpentMemory(cmp.Or(c.Size, 250_000), c.Now)}
}

// Advance implements Rotation. The error is ErrReplayFull or jwt.ErrExpired.
func (m *RotationMemory) Advance(_ context.Context, session string, generation int64, expires time.Time) (ok bool, err error) {
	return m.spent.use(session, generation, expires)
}
