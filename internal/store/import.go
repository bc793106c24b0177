package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// manyRows is the most rows that one statement inserts or looks for. It is a
// power of two, so that there are few texts to prepare: one for each smaller power.
const manyRows = 128

// ImportUsers inserts those of users whose subject is new, and returns those that
// are there as they are. It looks first: a refused INSERT is the end of a
// transaction on PostgreSQL. Another process that inserts the same users in
// between makes it start again, once; then it is account.ErrTaken, as it is where a subject is the id of a client.
func (db *DB) ImportUsers(ctx context.Context, users []account.User, e audit.Event) (present []account.User, err error) {
	if err := db.unreserved(users...); err != nil {
		return nil, err
	}
	for range 2 {
		err = db.write(ctx, "import users", func(t *tx) error {
			present, err = t.importUsers(users, e)
			return err
		})
		if !errors.Is(err, account.ErrTaken) {
			break
		}
	}
	return present, err
}

func (t *tx) importUsers(users []account.User, e audit.Event) ([]account.User, error) {
	var subjects []string
	for _, u := range users {
		subjects = append(subjects, u.Subject)
	}
	present, err := usersOf(context.Background(), t, subjects)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, u := range present {
		there[u.Subject] = true
	}
	fresh := slices.DeleteFunc(slices.Clone(users), func(u account.User) bool { return there[u.Subject] })
	if len(fresh) == 0 {
		return present, nil
	}
	if slices.ContainsFunc(fresh, func(u account.User) bool { return slices.Contains(u.Roles, account.AdminRole) }) {
		if err := t.lockStore(); err != nil { // closeBootstrap decides; nothing is locked yet
			return nil, err
		}
	}
	if err := t.insertUsers(fresh); err != nil {
		return nil, err
	}
	var events []audit.Event
	for _, u := range fresh {
		e.Subject = u.Subject
		events = append(events, e)
	}
	if err := t.audit(events...); err != nil {
		return nil, err
	}
	return present, t.closeBootstrap(context.Background())
}

// insertUsers inserts users and their roles: account.ErrTaken when one of them is there.
func (t *tx) insertUsers(users []account.User) error {
	var rows, roles [][]any
	for _, u := range users {
		rows = append(rows, []any{
			u.Subject, u.Username, u.PasswordHash, u.Disabled, u.CredentialVersion, millis(u.CreatedAt), millis(u.PasswordChangedAt),
		})
		for _, role := range u.Roles {
			roles = append(roles, []any{u.Subject, role})
		}
	}
	err := t.insertRows(`INSERT INTO users (subject, username, password_hash, disabled, credential_version, created_at, password_changed_at) VALUES `, rows)
	if t.dialect.taken(err) {
		return account.ErrTaken
	}
	if err != nil {
		return err
	}
	if err := t.noClients(users); err != nil {
		return err
	}
	return t.insertRows(`INSERT INTO user_roles (subject, role) VALUES `, roles)
}

// insertRows inserts rows, as many at once as a text has room for.
func (t *tx) insertRows(into string, rows [][]any) error { return t.putRows(into, "", rows) }

// putRows is insertRows with what to do about rows that are there already, as dialect.replacing says it.
func (t *tx) putRows(into, replacing string, rows [][]any) error {
	for n := manyRows; len(rows) > 0; {
		if len(rows) < n {
			n /= 2
			continue
		}
		row := "(" + marks(len(rows[0])) + ")"
		if _, err := t.exec(into+row+strings.Repeat(", "+row, n-1)+replacing, slices.Concat(rows[:n]...)...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// marks are n question marks.
func marks(n int) string { return "?" + strings.Repeat(", ?", n-1) }

// UsersOf reads those of the subjects that exist.
func (db *DB) UsersOf(ctx context.Context, subjects []string) ([]account.User, error) {
	users, err := usersOf(ctx, db.readers, subjects)
	return users, db.dialect.fault("read users", err)
}

func usersOf(ctx context.Context, q querier, subjects []string) (users []account.User, err error) {
	for chunk := range slices.Chunk(subjects, manyRows) {
		args := make([]any, manyRows) // the last one again and again where there are fewer
		for i := range args {
			args[i] = chunk[min(i, len(chunk)-1)]
		}
		err := each(ctx, q, func(r *sql.Rows) error {
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
		}, `SELECT `+userColumns+`, r.role FROM users u LEFT JOIN user_roles r ON r.subject = u.subject
			WHERE u.subject IN (`+marks(manyRows)+`) ORDER BY u.subject, r.role`, args...)
		if err != nil {
			return nil, err
		}
	}
	return users, nil
}

// SetRoles replaces the roles of a user and revokes the access tokens that say
// the old ones: account.ErrNotFound.
func (db *DB) SetRoles(ctx context.Context, subject string, roles []string, e audit.Event) error {
	return db.write(ctx, "set roles", func(t *tx) error {
		if slices.Contains(roles, account.AdminRole) {
			if err := t.lockStore(); err != nil { // closeBootstrap decides
				return err
			}
		}
		u, err := t.lockUser(subject)
		if err != nil || slices.Equal(u.Roles, roles) {
			return err
		}
		if err := t.renewVersion(subject); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM user_roles WHERE subject = ?`, subject); err != nil {
			return err
		}
		var rows [][]any
		for _, role := range roles {
			rows = append(rows, []any{subject, role})
		}
		if err := t.insertRows(`INSERT INTO user_roles (subject, role) VALUES `, rows); err != nil {
			return err
		}
		if err := t.revoke(revocation.Roles, subject, t.now); err != nil {
			return err
		}
		if err := t.closeBootstrap(ctx); err != nil {
			return err
		}
		e.Detail = map[string]string{"was": strings.Join(u.Roles, " "), "roles": strings.Join(roles, " ")}
		return t.audit(e)
	})
}
