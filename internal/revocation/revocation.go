// Package revocation is what no longer counts: the list that every node holds
// in memory, and the feed that keeps it equal to the store.
//
//	store transaction that ends something ── commit ──> hook ──> List.Add
//	Follower: four times a second, rows with seq > cursor ──────> List.Add
//	          and those below it that were missing      └───────> Feed ──> followers in other processes
package revocation

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/gaps"
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

// KindOf is the Kind of this name. For those that are known it allocates nothing.
func KindOf(name []byte) Kind {
	switch Kind(name) {
	case Session:
		return Session
	case Token:
		return Token
	case User:
		return User
	case Client:
		return Client
	case Roles:
		return Roles
	case Key:
		return Key
	}
	return Kind(name)
}

// known says whether this version knows what the kind stops.
func (k Kind) known() bool {
	switch k {
	case Session, Token, User, Client, Roles, Key:
		return true
	}
	return false
}

// Place is where a session or a token without one stands in a status list (draft-ietf-oauth-status-list section 6.2).
// The zero Place is none: lists are numbered from 1.
type Place struct {
	List int64
	Bit  int
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
	Head    int64  // the highest Seq there is: it never goes back in an epoch
	Entries []Entry
}

// Store is what a Follower reads. Transactions commit out of order: an entry may appear below a Seq that was read.
type Store interface {
	// Revocations returns at most limit entries with Seq > after, ascending, with the
	// epoch that they are of and the head, which is no lower.
	Revocations(ctx context.Context, after int64, limit int) (Page, error)
	// RevocationsIn returns the entries there are with a Seq in ranges, which ascend, ascending: at
	// most 1000, the others once those are no longer asked for.
	RevocationsIn(ctx context.Context, ranges []gaps.Range) ([]Entry, error)
}
