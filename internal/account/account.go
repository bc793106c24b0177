package account

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
)

// User is a person who may log in.
type User struct {
	// Subject is the normalised username, the sub claim of every token. It never
	// changes and is never given to anybody else.
	Subject string
	// Username is the name as the user typed it at registration, for display.
	Username string
	// PasswordHash is a PHC string ($argon2id$...), or what another system made of the
	// password, until the first login of an imported user.
	PasswordHash string
	Roles        []string // sorted, without duplicates
	Disabled     bool
	// CredentialVersion grows with each change of password; a session begun under
	// an older version no longer refreshes.
	CredentialVersion int64
	CreatedAt         time.Time
	PasswordChangedAt time.Time
}

// AdminRole is the role that manages Sandi itself.
const AdminRole = "admin"

// PasswordChange is one change of a password, applied as one transaction: the
// new hash, the next credential version, and the end of every session of the
// user but Keep, which is carried over to the new version.
type PasswordChange struct {
	Subject string
	// ExpectVersion is the credential version under which the old password was
	// verified; another one in the store is ErrChanged.
	ExpectVersion int64
	// Force skips the ExpectVersion check (the command line).
	Force bool
	Hash  string
	// Keep is the text form of the session that goes on, empty to end all.
	Keep string
}

// Store is where users are kept. Methods return ErrNotFound for an unknown
// subject.
type Store interface {
	FactorStore
	// CreateUser inserts u; ErrTaken when the subject exists.
	CreateUser(ctx context.Context, u User, e audit.Event) error
	User(ctx context.Context, subject string) (User, error)
	// Users lists at most limit users with a subject greater than after, ascending.
	Users(ctx context.Context, after string, limit int) ([]User, error)
	// RenameUser changes how the username is spelt (User.Username), never the subject.
	RenameUser(ctx context.Context, subject, username string, e audit.Event) error
	// ChangePassword applies c.
	ChangePassword(ctx context.Context, c PasswordChange, e audit.Event) error
	// RehashPassword replaces a hash by a stronger one of the same password,
	// only if the credential version is still the given one. Sessions stay.
	RehashPassword(ctx context.Context, subject string, version int64, hash string, e audit.Event) error
	// SetDisabled disables (ending every session, and revoking the user's tokens)
	// or enables a user. Setting what is already so succeeds.
	SetDisabled(ctx context.Context, subject string, disabled bool, e audit.Event) error
	// SetRoles replaces the roles of a user, and revokes what says the old ones: access
	// tokens issued until now. Sessions stay, and refresh to the new ones. Setting what is already so succeeds.
	SetRoles(ctx context.Context, subject string, roles []string, e audit.Event) error
	// ImportUsers inserts, in one transaction, those of users whose subject is new, each with
	// the event e of its subject, and returns as they are those whose subject exists. users
	// are at most MaxImport, of different subjects. ErrTaken when another keeps inserting the same ones.
	ImportUsers(ctx context.Context, users []User, e audit.Event) (present []User, err error)
	// UsersOf reads those of the subjects that exist, in no particular order.
	UsersOf(ctx context.Context, subjects []string) ([]User, error)
	// HasRole says whether any enabled user holds the role.
	HasRole(ctx context.Context, role string) (bool, error)

	// LoggedInFrom says whether the user has begun a session from the place (Place of its address) within 90 days
	// under the present password, or changed it there. For an unknown user it answers no at the same cost.
	LoggedInFrom(ctx context.Context, subject, place string) (bool, error)

	// PutBootstrap keeps the hash of the single bootstrap secret, replacing an older one.
	PutBootstrap(ctx context.Context, hash [32]byte, expires time.Time) error
	// Bootstrap spends the secret and creates u in one transaction.
	// ErrBootstrap when the hash is unknown, spent or expired; ErrTaken when the name is taken
	// (the secret is then not spent).
	Bootstrap(ctx context.Context, hash [32]byte, u User, e audit.Event) error
	// Audit appends an event that changes nothing else (a refused login).
	Audit(ctx context.Context, e audit.Event) error
}
