package session

import (
	"crypto/subtle"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
)

// Presented is a refresh token whose checksum and MAC were found genuine, and
// who presents it.
type Presented struct {
	ID         ID
	Generation uint32
	SecretHash [32]byte
	ClientID   string
	JKT        string
}

// Limits are the lifetimes that a rotation applies. All are positive, RetryWindow may be zero.
type Limits struct {
	RetryWindow time.Duration
	Idle        time.Duration
	// Rotate false answers a refresh with the same token (the flask profile).
	Rotate bool
	// Outage is when the store was last away, which it fills in itself: of a rotation of that time nobody may have had the
	// answer, so that its window is counted from the outage's end.
	Outage Outage
}

// Outage is a time in which a store did not answer, or not always; zero for none.
type Outage struct{ From, Until time.Time }

// pardons says that a token which was replaced at an instant may not be known to be. Without a window nothing is pardoned.
func (l Limits) pardons(rotated, now time.Time) bool {
	return l.RetryWindow > 0 && !rotated.Before(l.Outage.From) && !rotated.After(l.Outage.Until) && now.Sub(l.Outage.Until) < l.RetryWindow
}

// Step is which rule of the rotation answered (DESIGN.md, Rotation).
type Step int

// The steps.
const (
	StepRefused Step = iota // invalid_grant, nothing changed
	StepRotated             // 2: g -> g+1
	StepSame                // 3: rotated within the window, or never rotated by profile: answered with itself
	StepRetry               // 4: an older generation within the window: answered with the successor
	StepReuse               // 5: the session is ended
	StepForward             // 6: a lost write made good
)

// Rotation is what the store answers.
type Rotation struct {
	Step    Step
	Session Session      // as it is now
	User    account.User // as of the change, so that roles are fresh; without the password's hash
	// At is the instant of the change, as Begun's.
	At time.Time
}

// Begun is what the store answers of a session that it began. The session's CreatedAt is the
// instant of that change: the transaction's now, and the next whole second where the user was
// revoked in this one, because the watermark of a user takes all that was issued in its second.
type Begun struct {
	Session Session
	User    account.User // read in the same transaction
}

// BegunAt is s with all its instants moved, so that it is created at the given one.
func (s Session) BegunAt(at time.Time) Session {
	if s.AuthTime.Equal(s.CreatedAt) { // of a grant it is earlier, and stays
		s.AuthTime = at
	}
	moved := at.Sub(s.CreatedAt)
	s.CreatedAt, s.LastUsedAt = at, at
	s.IdleExpiresAt, s.ExpiresAt = s.IdleExpiresAt.Add(moved), s.ExpiresAt.Add(moved)
	return s
}

// Classify says which step p falls under at now, for the row s of the user u as
// they are before anything changes. It is the whole rule; what a store does in
// its UPDATE is the case StepRotated of it (without rotation: StepSame).
//
// A row that is not p's, or not alive, is refused whatever the generation:
// only who holds the session may end it by reuse.
func Classify(s Session, u account.User, p Presented, l Limits, now time.Time) Step {
	mine := s.ID == p.ID && s.ClientID == p.ClientID && s.JKT == p.JKT &&
		subtle.ConstantTimeCompare(s.SecretHash[:], p.SecretHash[:]) == 1
	alive := s.Alive(now) && !u.Disabled && u.CredentialVersion == s.CredentialVersion
	if !mine || !alive {
		return StepRefused
	}
	behind := int64(s.Generation) - int64(p.Generation) // of the presented token
	recent := now.Sub(s.RotatedAt).Abs() < l.RetryWindow
	switch {
	case behind == -1:
		return StepForward
	case behind < -1:
		return StepRefused
	case behind == 0 && (recent || !l.Rotate):
		return StepSame
	case behind == 0:
		return StepRotated
	case !l.Rotate:
		return StepRefused
	case behind == 1 && (recent || l.pardons(s.RotatedAt, now)):
		return StepRetry
	default:
		return StepReuse
	}
}
