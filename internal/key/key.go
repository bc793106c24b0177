// Package key is the signing keys: made, published, rotated, revoked, retired,
// and encrypted at rest under the master key.
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
	// Master is the fingerprint of the master key that Sealed is under, for a record that is to be
	// stored; it is not set in those that are read.
	Master string
}

// Stored is what a store holds of keys.
type Stored struct {
	Keys   []Record // by ActivateAt, ascending
	Master string   // fingerprint of the master key that they are sealed under; empty while there is none
	// AccessLifetime is the longest life of an access token that any process told the store of.
	AccessLifetime time.Duration
}

// Reseal opens what was sealed in a place and seals it under the new master key; what is under that already comes back as it is. It may be called
// again for the same.
type Reseal func(sealed []byte, place string) ([]byte, error)

// Store is where keys are kept. Each change is one transaction with its audit events.
type Store interface {
	SigningKeys(ctx context.Context) (Stored, error)
	// AddKey inserts r only if the newest key is still newest (its KID, or "" when there is none) and
	// the store's master key is r.Master; says whether it did, so that two nodes that rotate at once make one key.
	AddKey(ctx context.Context, r Record, newest string, e audit.Event) (bool, error)
	// RemoveKey deletes a key and says so in the audit log (audit.KeyRemoved); one that is not there is no fault.
	RemoveKey(ctx context.Context, kid string) error
	// RevokeKey deletes a key, inserts its successor where there is to be one, and revokes all tokens of the key for
	// keep or for as long as any token lives. It changes nothing and says false where the key is not there, where
	// none would be left, and where the store's master key is not successor.Master.
	RevokeKey(ctx context.Context, kid string, successor *Record, keep time.Duration, events ...audit.Event) (bool, error)
	// MasterFingerprint returns the store's, setting it to fp when there is none yet; with an empty fp it returns "" then.
	MasterFingerprint(ctx context.Context, fp string) (string, error)
	// ChangeMaster replaces the seals of all keys and the fingerprint, and by reseal those of whatever else is kept under
	// the master key. It changes none of the first and says false where the fingerprint is not from, or resealed are not the keys that there are.
	ChangeMaster(ctx context.Context, from, to string, resealed []Record, reseal Reseal, e audit.Event) (bool, error)
}
