package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

// ChangePassword applies c: account.ErrChanged when the version is not the expected one.
func (db *DB) ChangePassword(ctx context.Context, c account.PasswordChange, e audit.Event) error {
	return db.write(ctx, "change password", func(t *tx) error {
		u, err := t.lockUser(c.Subject)
		if err != nil {
			return err
		}
		if !c.Force && u.CredentialVersion != c.ExpectVersion {
			return account.ErrChanged
		}
		if _, err := t.exec(`UPDATE users SET password_hash = ?, credential_version = ?, password_changed_at = ? WHERE subject = ?`,
			c.Hash, u.CredentialVersion+1, millis(t.now), c.Subject); err != nil {
			return err
		}
		if err := t.keepPlace(c.Subject, e.From.Address, u.CredentialVersion+1); err != nil {
			return err
		}
		keep, err := session.ParseID(c.Keep) // what names no session keeps none
		if err == nil {
			keep, err = t.signIn(keep)
		}
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return err
		}
		if _, err := t.endOf(c.Subject, keep, session.PasswordChanged); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE sessions SET credential_version = ?
			WHERE subject = ? AND credential_version = ? AND ended_at = 0`,
			u.CredentialVersion+1, c.Subject, u.CredentialVersion); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// RehashPassword replaces a hash by a stronger one of the same password, unless
// the password was changed meanwhile (account.ErrChanged).
func (db *DB) RehashPassword(ctx context.Context, subject string, version int64, hash string, e audit.Event) error {
	return db.write(ctx, "rehash password", func(t *tx) error {
		n, err := t.exec(`UPDATE users SET password_hash = ? WHERE subject = ? AND credential_version = ?`, hash, subject, version)
		if err != nil {
			return err
		}
		if n == 0 {
			if _, err := readUser(ctx, t, subject); err != nil {
				return err
			}
			return account.ErrChanged
		}
		return t.audit(e)
	})
}

// SetDisabled disables a user, ending their sessions and revoking their tokens,
// or enables them.
func (db *DB) SetDisabled(ctx context.Context, subject string, disabled bool, e audit.Event) error {
	return db.write(ctx, "set disabled", func(t *tx) error {
		if err := t.lockStore(); err != nil { // closeBootstrap decides
			return err
		}
		if err := t.closeBootstrap(ctx); err != nil { // the first administrator goes, the secret does not come back
			return err
		}
		n, err := t.exec(`UPDATE users SET disabled = ? WHERE subject = ? AND disabled <> ?`, disabled, subject, disabled)
		if err != nil {
			return err
		}
		if n == 0 {
			_, err := readUser(ctx, t, subject)
			return err
		}
		if disabled {
			if _, err := t.endOf(subject, session.ID{}, session.UserDisabled); err != nil {
				return err
			}
			if err := t.revoke(revocation.User, subject, t.now); err != nil {
				return err
			}
		}
		return t.audit(e)
	})
}

// PutBootstrap keeps the hash of the single bootstrap secret, replacing an older one.
func (db *DB) PutBootstrap(ctx context.Context, hash [32]byte, expires time.Time) error {
	return db.write(ctx, "put bootstrap secret", func(t *tx) error {
		if err := t.lockStore(); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM bootstrap WHERE id = 1`); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO bootstrap (id, hash, expires_at) VALUES (1, ?, ?)`, hash[:], millis(expires))
		return err
	})
}

// Bootstrap spends the secret and creates u: account.ErrBootstrap when it is
// unknown, spent or expired, or there is an enabled administrator already, who needs
// none; account.ErrTaken, with the secret unspent.
func (db *DB) Bootstrap(ctx context.Context, hash [32]byte, u account.User, e audit.Event) error {
	if err := db.unreserved(u); err != nil {
		return err
	}
	return db.write(ctx, "bootstrap", func(t *tx) error {
		if err := t.lockStore(); err != nil { // two administrators at once were each the first
			return err
		}
		n, err := t.exec(`DELETE FROM bootstrap WHERE hash = ? AND expires_at > ?`, hash[:], millis(t.now))
		if err != nil {
			return err
		}
		if n == 0 {
			return account.ErrBootstrap
		}
		if has, err := hasAdmin(ctx, t); err != nil || has {
			return cmp.Or(err, account.ErrBootstrap)
		}
		if err := t.createUser(u); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// closeBootstrap takes the secret back where there is an enabled administrator.
func (t *tx) closeBootstrap(ctx context.Context) error {
	has, err := hasAdmin(ctx, t)
	if err == nil && has {
		_, err = t.exec(`DELETE FROM bootstrap`)
	}
	return err
}

// hasAdmin says whether an enabled user is an administrator.
func hasAdmin(ctx context.Context, q querier) (found bool, err error) {
	err = one(ctx, q, []any{&found}, `SELECT EXISTS (SELECT 1 FROM user_roles r JOIN users u ON u.subject = r.subject
		WHERE r.role = ? AND NOT u.disabled)`, account.AdminRole)
	return found, err
}
