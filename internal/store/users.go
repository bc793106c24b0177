package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

var _ account.Store = (*DB)(nil)

// userColumns are the columns of a user u; with the role r beside them a user
// is as many rows as they have roles, and one when they have none.
const userColumns = `u.subject, u.username, u.password_hash, u.disabled, u.credential_version, u.created_at, u.password_changed_at`

// userDest is where userColumns are scanned to.
func userDest(u *account.User) []any {
	return []any{
		&u.Subject, &u.Username, &u.PasswordHash, &u.Disabled, &u.CredentialVersion,
		instant{&u.CreatedAt},
		instant{&u.PasswordChangedAt},
	}
}

// readUser reads a user and their roles; account.ErrNotFound.
func readUser(ctx context.Context, q querier, subject string) (account.User, error) {
	var u account.User
	err := each(ctx, q, func(r *sql.Rows) error {
		var role sql.NullString
		if err := r.Scan(append(userDest(&u), &role)...); err != nil {
			return err
		}
		u.Roles = appendRole(u.Roles, role)
		return nil
	}, `SELECT `+userColumns+`, r.role FROM users u LEFT JOIN user_roles r ON r.subject = u.subject
		WHERE u.subject = ?`, subject)
	slices.Sort(u.Roles) // here, because MariaDB sorts rows with long texts on the disk
	if err == nil && u.Subject == "" {
		err = account.ErrNotFound
	}
	return u, err
}

// lockUser is readUser for what must find the user so until it is committed.
func (t *tx) lockUser(subject string) (account.User, error) {
	if err := t.lock(`SELECT u.subject FROM users u WHERE u.subject = ?`, subject); err != nil {
		return account.User{}, err
	}
	return readUser(context.Background(), t, subject)
}

func appendRole(roles []string, role sql.NullString) []string {
	if role.Valid {
		return append(roles, role.String)
	}
	return roles
}

// CreateUser inserts u; account.ErrTaken when the subject exists, or is the id of a client (RFC 9068 section 5).
func (db *DB) CreateUser(ctx context.Context, u account.User, e audit.Event) error {
	if err := db.unreserved(u); err != nil {
		return err
	}
	return db.write(ctx, "create user", func(t *tx) error {
		if err := t.createUser(u); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// createUser inserts u. Behind the INSERT, which AddClient waits for or is waited for by, it sees every client of that name.
func (t *tx) createUser(u account.User) error {
	if slices.Contains(u.Roles, account.AdminRole) {
		if err := t.lockStore(); err != nil { // closeBootstrap decides
			return err
		}
	}
	_, err := t.exec(`INSERT INTO users (subject, username, password_hash, disabled, credential_version, created_at, password_changed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		u.Subject, u.Username, u.PasswordHash, u.Disabled, u.CredentialVersion, millis(u.CreatedAt), millis(u.PasswordChangedAt))
	if t.dialect.taken(err) {
		return account.ErrTaken
	}
	if err != nil {
		return err
	}
	if err := t.noClients([]account.User{u}); err != nil {
		return err
	}
	for _, role := range u.Roles {
		if _, err := t.exec(`INSERT INTO user_roles (subject, role) VALUES (?, ?)`, u.Subject, role); err != nil {
			return err
		}
	}
	return t.closeBootstrap(context.Background())
}

// User reads one; account.ErrNotFound.
func (db *DB) User(ctx context.Context, subject string) (account.User, error) {
	u, err := readUser(ctx, db.readers, subject)
	return u, db.dialect.fault("read user", err)
}

// Users lists at most limit users with a subject greater than after, ascending.
func (db *DB) Users(ctx context.Context, after string, limit int) ([]account.User, error) {
	var users []account.User
	err := each(ctx, db.readers, func(r *sql.Rows) error {
		var u account.User
		var role sql.NullString
		if err := r.Scan(append(userDest(&u), &role)...); err != nil {
			return err
		}
		if n := len(users); n == 0 || users[n-1].Subject != u.Subject {
			users = append(users, u)
		}
		last := &users[len(users)-1]
		last.Roles = appendRole(last.Roles, role)
		return nil
	}, `SELECT `+userColumns+`, r.role
		FROM (SELECT subject, username, password_hash, disabled, credential_version, created_at, password_changed_at
			FROM users WHERE subject > ? ORDER BY subject LIMIT ?) u
		LEFT JOIN user_roles r ON r.subject = u.subject ORDER BY u.subject, r.role`, after, limit)
	return users, db.dialect.fault("list users", err)
}

// RenameUser changes how the username is spelt.
func (db *DB) RenameUser(ctx context.Context, subject, username string, e audit.Event) error {
	return db.write(ctx, "rename user", func(t *tx) error {
		n, err := t.exec(`UPDATE users SET username = ? WHERE subject = ?`, username, subject)
		if err == nil && n == 0 {
			err = account.ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.audit(e)
	})
}

// HasRole says whether any enabled user holds the role.
func (db *DB) HasRole(ctx context.Context, role string) (bool, error) {
	var n int
	err := one(ctx, db.readers, []any{&n}, `SELECT COUNT(*) FROM user_roles r
		JOIN users u ON u.subject = r.subject WHERE r.role = ? AND NOT u.disabled`, role)
	return n > 0, db.dialect.fault("look for role", err)
}

const (
	placesKept   = 8 // for each user
	placeLife    = 90 * 24 * time.Hour
	placeRenewal = 24 * time.Hour // so that a login is not one more row written each time
)

// LoggedInFrom says whether the user has logged in from the place within 90
// days, and either so under the present password or changed it there.
func (db *DB) LoggedInFrom(ctx context.Context, subject, place string) (bool, error) {
	var found bool
	err := one(ctx, db.readers, []any{&found}, `SELECT EXISTS (SELECT 1 FROM places p
		WHERE p.subject = ? AND p.network = ? AND p.last_seen > ?
			AND p.credential_version = (SELECT u.credential_version FROM users u WHERE u.subject = ?))`,
		subject, place, millis(db.now().Add(-placeLife)), subject)
	return found, db.dialect.fault("look for place", err)
}

// rememberPlace notes from where a sign-in was made, and forgets what is too many. Grants come from where their client is, and
// so does what nobody gave a password for, which says nothing.
func (t *tx) rememberPlace(s session.Session) error {
	if !s.Parent.IsZero() || !slices.Contains(s.AMR, "pwd") {
		return nil
	}
	place := account.Place(s.Address)
	var seen, version int64
	err := one(context.Background(), t, []any{&seen, &version},
		`SELECT p.last_seen, p.credential_version FROM places p WHERE p.subject = ? AND p.network = ?`, s.Subject, place)
	switch {
	case err == nil && version == s.CredentialVersion && seen > millis(t.now.Add(-placeRenewal)):
		return nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if _, err := t.exec(`INSERT INTO places (subject, network, credential_version, last_seen) VALUES (?, ?, ?, ?)`+
		t.dialect.replacing("subject, network", "credential_version", "last_seen"),
		s.Subject, place, s.CredentialVersion, millis(t.now)); err != nil {
		return err
	}
	return t.forgetPlaces(s.Subject, place)
}

// forgetPlaces deletes those of a user beyond the latest ones, but the one just seen.
func (t *tx) forgetPlaces(subject, seen string) error {
	var others []string
	err := each(context.Background(), t, func(r *sql.Rows) error {
		others = append(others, "")
		return r.Scan(&others[len(others)-1])
	}, `SELECT p.network FROM places p WHERE p.subject = ? AND p.network <> ? ORDER BY p.last_seen DESC, p.network`, subject, seen)
	for _, network := range others[min(len(others), placesKept-1):] {
		if _, err := t.exec(`DELETE FROM places WHERE subject = ? AND network = ?`, subject, network); err != nil {
			return err
		}
	}
	return err
}

// purgePlaces forgets at most limit places that say nothing any more, whoever's they are.
func (t *tx) purgePlaces(limit int) error {
	var old [][]any
	err := each(context.Background(), t, func(r *sql.Rows) error {
		var subject, network string
		err := r.Scan(&subject, &network)
		old = append(old, []any{subject, network})
		return err
	}, `SELECT p.subject, p.network FROM places p WHERE p.last_seen <= ? ORDER BY p.last_seen LIMIT ?`+t.dialect.skipLocked(),
		millis(t.now.Add(-placeLife)), limit)
	for _, key := range old {
		if _, err := t.exec(`DELETE FROM places WHERE subject = ? AND network = ?`, key...); err != nil {
			return err
		}
	}
	return err
}

// keepPlace forgets every place of a user but the one from which the password
// was changed: whoever knew the old one may have logged in from the others.
func (t *tx) keepPlace(subject, address string, version int64) error {
	if _, err := t.exec(`DELETE FROM places WHERE subject = ? AND network <> ?`, subject, account.Place(address)); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE places SET credential_version = ? WHERE subject = ?`, version, subject)
	return err
}
