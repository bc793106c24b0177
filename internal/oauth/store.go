package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// Errors of every Store.
var (
	ErrNoClient    = errors.New("no such client")
	ErrClientTaken = errors.New("the client id is taken, by a client or as the name of a user")
	ErrChanged     = errors.New("changed since it was read")
	ErrNotFound    = errors.New("unknown, expired, or spent")
	// ErrCodeReused is a code that was redeemed before: the session of its first use is ended (RFC 6749 section 4.1.2).
	ErrCodeReused = errors.New("authorization code was used before")
)

// Hash is the SHA-256 of a one-time value: what the store keeps of it.
type Hash = [32]byte

// Store is where clients and what is under way are kept. Each method is one transaction, committed with its audit event.
// Every read of what expires leaves out what has.
type Store interface {
	ClientStore
	RequestStore
	CodeStore
	DeviceStore
	ConsentStore
	LogoutStore
	StatusStore
	TokenStore
}

// ClientStore keeps the clients that are not in the configuration.
type ClientStore interface {
	// Client reads one; ErrNoClient.
	Client(ctx context.Context, id string) (Client, error)
	// Clients lists all of them by id.
	Clients(ctx context.Context) ([]Client, error)
	// AddClient inserts c; ErrClientTaken where a client or a user (as subject) has the id. It raises the longest
	// access lifetime that the store knows of to c.Access.
	AddClient(ctx context.Context, c Client, e audit.Event) error
	// ChangeClient replaces the client whose Version is c's; ErrChanged, ErrNoClient. Lifetimes are as for AddClient.
	ChangeClient(ctx context.Context, c Client, e audit.Event) error
	// RemoveClient deletes a client and its consents, ends its sessions, and revokes its tokens by a watermark; ErrNoClient.
	RemoveClient(ctx context.Context, id string, e audit.Event) error
}

// RequestStore keeps authorization requests that wait. kind tells them apart: "pending" and "pushed", "logout".
type RequestStore interface {
	// KeepRequest inserts, or replaces, the document of a request.
	KeepRequest(ctx context.Context, kind string, id Hash, document []byte, expires time.Time) error
	// Request reads one; ErrNotFound.
	Request(ctx context.Context, kind string, id Hash) ([]byte, error)
	// DropRequest deletes one; ErrNotFound where it was not there, so that of many one succeeds.
	DropRequest(ctx context.Context, kind string, id Hash) error
}

// CodeStore keeps authorization codes.
type CodeStore interface {
	// AddCode inserts c. A pending request and a pushed one that it came from are deleted in the same transaction, and
	// ErrNotFound where one of them was not there any more: then no code is made. A zero Hash stands for none.
	// consent, where not nil, is remembered with it (merged into what there is).
	AddCode(ctx context.Context, code Hash, c Code, pending, pushed Hash, consent *Consent, e audit.Event) error
	// Code reads one as it was issued, used or not; ErrNotFound for an unknown one or one that expired unused.
	Code(ctx context.Context, code Hash) (Code, error)
	// RedeemCode reads the code, asks check (which must be quick, and sees the code as it was issued), and where that is nil
	// inserts the session that it returns, as session.Store's BeginSession does, and marks the code as used by it. The check's
	// error changes nothing and is returned. ErrNotFound for an unknown code or one that expired unused; for a used one
	// the session of its first use ends with its access tokens, whole tree, reuse is the audit event, and the error is ErrCodeReused
	// (check is asked first: another client's attempt ends nothing). What is used is remembered until the session could have no more tokens,
	// at least 1 h.
	RedeemCode(ctx context.Context, code Hash, check func(Code) (session.Session, error), begun, reuse audit.Event) (session.Begun, Code, error)
}

// DeviceStore keeps device authorizations.
type DeviceStore interface {
	// AddDevice inserts d under the hashes of both codes; ErrChanged where a live one has that user code.
	AddDevice(ctx context.Context, device, user Hash, d Device) error
	// DeviceByUserCode reads a pending one; ErrNotFound.
	DeviceByUserCode(ctx context.Context, user Hash) (Device, error)
	// DecideDevice approves (with what d says of the user) or denies a pending one; ErrNotFound where it is not pending any more.
	DecideDevice(ctx context.Context, user Hash, d Device, e audit.Event) error
	// PollDevice is one request of the token endpoint. check judges the client and DPoP key, its error changes nothing. A poll sooner than Interval
	// after the last adds 5 s to Interval and returns with slow true. An approved one becomes spent, with the session that begin
	// returns inserted, as BeginSession does, in the same transaction; else Begun is zero and d.State says why. ErrNotFound: unknown.
	// One that expired is returned with its State, for expired_token.
	PollDevice(ctx context.Context, device Hash, check func(Device) error, begin func(Device) (session.Session, error), e audit.Event) (d Device, slow bool, b session.Begun, err error)
}

// ConsentStore keeps what users allowed.
type ConsentStore interface {
	// Consent reads one; ErrNotFound.
	Consent(ctx context.Context, subject, clientID string) (Consent, error)
	// Consents lists a user's.
	Consents(ctx context.Context, subject string) ([]Consent, error)
	// RemoveConsent deletes it and ends the user's sessions of the client; ErrNotFound.
	RemoveConsent(ctx context.Context, subject, clientID string, e audit.Event) error
}

// LogoutStore keeps logout tokens to deliver. They are written by whatever ends a sign-in, for each of its grants with session.Session.Notify.
type LogoutStore interface {
	// DueLogouts lists those whose next try is due, by turns of their clients, oldest first.
	DueLogouts(ctx context.Context, limit int) ([]Logout, error)
	// LogoutDone deletes one that was delivered or given up.
	LogoutDone(ctx context.Context, id int64) error
	// LogoutFailed puts it off.
	LogoutFailed(ctx context.Context, id int64, next time.Time) error
}
