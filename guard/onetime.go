package guard

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Replay remembers which one-time tokens, tickets and DPoP proofs were used; see Rotation for refresh tokens. *ReplayMemory
// is one, for a single process; several need a store that they share and that answers atomically,
// such as a table with a unique column or SET NX of Redis.
type Replay interface {
	// Spend uses id up: first is true for the first call with it and false for every other until
	// expires, after which the token is dead and the id may be forgotten. The id is a hash of the
	// token's iss, typ and jti, of a proof's key, URL and jti, or of a ticket's id, 43 characters long. An error means that it is not known, and the
	// request gets 503; but jwt.ErrExpired, that expires has come by the store's own clock.
	Spend(ctx context.Context, id string, expires time.Time) (first bool, err error)
}

// ErrReused is the Cause of a refusal where what counts once came again: token_revoked for a token,
// token_invalid for a ticket.
var ErrReused = errors.New("guard: token has been used before")

var (
	errSafeMethod = errors.New("token that counts once with a method that may be repeated")
	errNoID       = errors.New("one-time token without jti or exp")
)

// OneTime asks for a token of one purpose, by its header typ, and uses it up: a second request with
// it is token_revoked. Issuer.OneTime makes such tokens, for example "reset+jwt" for a link that
// sets a new password. It is Type, and needs Config.Replay.
//
// The token is spent last of all, when everything else about the request is good; if the handler
// then fails it stays spent. Every check spends: a handler behind Require takes Identity, and does
// not Check again. GET, HEAD and other safe methods are refused (invalid_request), for mail
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

// spend uses the token up: a refresh token in its session, any other by itself.
func (g *Guard) spend(ctx context.Context, p *policy, t *Token) *Error {
	ask := g.askReplay
	if p.refresh {
		ask = g.askRotation
	}
	first, err := g.tellReuse(ctx, t, ask)
	switch {
	case err == errNoID || err == errNoGeneration:
		return refuse(TokenInvalid, err)
	case errors.Is(err, jwt.ErrExpired): // between its verification and now, or by another clock
		return refuse(TokenExpired, err)
	case err != nil: // fail closed
		return refuse(Unavailable, err)
	case !first:
		return refuse(TokenRevoked, ErrReused)
	}
	return nil
}

func (g *Guard) tellReuse(ctx context.Context, t *Token, ask func(context.Context, *Token) (bool, error)) (first bool, err error) {
	defer recovered(&err)
	if first, err = ask(ctx, t); err == nil && !first && g.cfg.OnReuse != nil {
		g.cfg.OnReuse(ctx, t)
	}
	return first, err
}

func (g *Guard) askReplay(ctx context.Context, t *Token) (first bool, err error) {
	if t.ID() == "" || t.ExpiresAt().IsZero() {
		return false, errNoID
	}
	sum := sha256.Sum256([]byte(t.Issuer() + "\x00" + t.Type() + "\x00" + t.ID()))
	return g.cfg.Replay.Spend(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), t.ExpiresAt().Add(g.cfg.Leeway))
}

// ReplayMemoryConfig configures a ReplayMemory.
type ReplayMemoryConfig struct {
	// Size is how many used tokens that have not expired are remembered, at about 200 bytes each;
	// default 100000. When it is full, others get 503: the program makes these tokens, and is to
	// bound how many it makes for anyone.
	Size int
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// ReplayMemory is a Replay in the memory of one process, which forgets everything when it ends: a
// token that was used before a restart counts again after it, until it expires. It is safe for
// concurrent use.
type ReplayMemory struct{ spent *spentMemory }

var _ Replay = (*ReplayMemory)(nil)

// NewReplayMemory makes an empty memory.
func NewReplayMemory(c ReplayMemoryConfig) *ReplayMemory {
	if c.Size < 0 {
		panic("guard: ReplayMemoryConfig.Size is below 0")
	}
	return &ReplayMemory{newSpentMemory(cmp.Or(c.Size, 100_000), c.Now)}
}

// Spend implements Replay. The error is ErrReplayFull or jwt.ErrExpired.
func (m *ReplayMemory) Spend(_ context.Context, id string, expires time.Time) (first bool, err error) {
	return m.spent.use(id, 1, expires)
}
