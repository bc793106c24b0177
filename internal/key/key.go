// Package key is the signing keys: made, published, rotated, retired, and
// encrypted at rest under the master key.
//
//	next ── ActivateAt ──> active ── successor's ActivateAt ──> retiring ── last token dead ──> gone
//
// A key's state is not stored: it follows from its own ActivateAt, its
// successor's, and the clock, so that all nodes agree without talking.
package key

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
)

// Record is one signing key as it is stored.
type Record struct {
	KID        string // RFC 7638 thumbprint of the public key (for HS256: a random id)
	Algorithm  string
	Sealed     []byte // AES-256-GCM under the master key, KID as associated data
	CreatedAt  time.Time
	ActivateAt time.Time
}

// Store is where keys are kept.
type Store interface {
	Keys(ctx context.Context) ([]Record, error) // by ActivateAt, ascending
	// AddKey inserts r only if the newest key is still newest (its KID, or "" when there is none); says
	// whether it did, so that two nodes that rotate at once make one key.
	AddKey(ctx context.Context, r Record, newest string, e audit.Event) (bool, error)
	// RemoveKey deletes a key and says so in the audit log (audit.KeyRemoved); one that is not there is no fault.
	RemoveKey(ctx context.Context, kid string) error
	// MasterFingerprint returns the store's, setting it to fp when there is none yet; with an empty fp it returns "" then.
	MasterFingerprint(ctx context.Context, fp string) (string, error)
}
