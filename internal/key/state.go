package key

import (
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Phase is where a key stands in its life.
type Phase string

// The phases, as the package comment draws them.
const (
	Next     Phase = "next"     // published, does not sign yet
	Active   Phase = "active"   // signs
	Retiring Phase = "retiring" // signs no more; its tokens are still accepted
	Gone     Phase = "gone"     // no token of it is alive; about to be removed
)

// State is one key as people see it.
type State struct {
	KID        string        `json:"kid"`
	Algorithm  jwt.Algorithm `json:"alg"`
	State      Phase         `json:"state"`
	CreatedAt  time.Time     `json:"created_at"`
	ActivateAt time.Time     `json:"activate_at"`
	RetireAt   time.Time     `json:"retire_at,omitzero"` // zero while there is no successor
	GoneAt     time.Time     `json:"gone_at,omitzero"`
}

// States computes the phase of every record at an instant. records are ordered
// by ActivateAt. life is how long after its retirement a key is still needed:
// the lifetime of the last token it signed, and what clocks and caches are off.
func States(records []Record, now time.Time, life time.Duration) []State {
	states := make([]State, len(records))
	for i, r := range records {
		s := State{
			KID: r.KID, Algorithm: jwt.Algorithm(r.Algorithm), State: Active,
			CreatedAt: r.CreatedAt, ActivateAt: r.ActivateAt,
		}
		if i+1 < len(records) {
			s.RetireAt = records[i+1].ActivateAt
			s.GoneAt = s.RetireAt.Add(life)
		}
		switch {
		case now.Before(s.ActivateAt):
			s.State = Next
		case s.RetireAt.IsZero() || now.Before(s.RetireAt):
		case now.Before(s.GoneAt):
			s.State = Retiring
		default:
			s.State = Gone
		}
		states[i] = s
	}
	return states
}
