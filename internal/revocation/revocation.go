// Package revocation is what no longer counts: the list that every node holds
// in memory, and the feed that keeps it equal to the store.
//
//	store transaction that ends something ── commit ──> hook ──> List.Add
//	Follower: every second, rows with seq > cursor ─────────────> List.Add
//	                                               └────────────> Feed ──> followers in other processes
package revocation

import (
	"context"
	"time"
)

// Kind is what an Entry revokes.
type Kind string

// The kinds. A session or token handle is revoked outright; the others carry a
// watermark: tokens issued at or before NotBefore no longer count.
const (
	Session Kind = "session" // handle: the session id, the sid claim
	Token   Kind = "token"   // handle: the jti of a token without a session
	User    Kind = "user"    // handle: the subject
	Client  Kind = "client"  // handle: the client id
	Roles   Kind = "roles"   // handle: the subject whose roles changed
	Key     Kind = "key"     // handle: the kid
)

// known says whether this version knows what the kind stops.
func (k Kind) known() bool {
	switch k {
	case Session, Token, User, Client, Roles, Key:
		return true
	}
	return false
}

// Entry is one row of the list.
type Entry struct {
	Seq       int64 // assigned by the store, ascending
	Kind      Kind
	Handle    string
	NotBefore time.Time // zero for Session and Token
	ExpiresAt time.Time // after this no token that it could stop is alive
}

// Page is a stretch of the feed.
type Page struct {
	Epoch   string // changes when the history was replaced (a restore)
	Head    int64  // the highest seq ever assigned in this epoch
	Entries []Entry
}

// Store is what a Follower reads.
type Store interface {
	// Revocations returns at most limit entries with Seq > after, ascending,
	// together with the epoch and head seen by the same snapshot.
	Revocations(ctx context.Context, after int64, limit int) (Page, error)
	// PurgeRevocations deletes entries whose ExpiresAt is before now, at most
	// limit of them, and says how many.
	PurgeRevocations(ctx context.Context, now time.Time, limit int) (int, error)
}
