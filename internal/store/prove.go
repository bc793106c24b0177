package store

import (
	"context"
	"errors"
	"strings"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// ProveSession gives a session another secret, the proof that its user has just given, and new limits. What was made from it stays. Nodes that
// remember the session find another user_version, and read it anew.
func (db *DB) ProveSession(ctx context.Context, s session.Session, old [32]byte, e audit.Event) (b session.Begun, err error) {
	ctx, cancel := db.promptly(ctx)
	defer cancel()
	err = db.write(ctx, "prove session", func(t *tx) error {
		u, err := t.lockUser(s.Subject)
		if errors.Is(err, account.ErrNotFound) || err == nil && (u.Disabled || u.CredentialVersion != s.CredentialVersion) {
			return session.ErrUserGone
		}
		if err != nil {
			return err
		}
		at, err := t.issuable(s.Subject)
		if err != nil {
			return err
		}
		s := s.BegunAt(at)
		n, err := t.exec(`UPDATE sessions SET secret_hash = ?, generation = 0, rotated_at = 0, user_version = ?, auth_time = ?, amr = ?, acr = ?, user_agent = ?, address = ?,
				last_used_at = ?, idle_expires_at = ?, expires_at = ?
			WHERE id = ? AND secret_hash = ? AND subject = ? AND client_id = ? AND credential_version = ?
				AND ended_at = 0 AND idle_expires_at > ? AND expires_at > ?`,
			s.SecretHash[:], newVersion(), millis(s.AuthTime), strings.Join(s.AMR, " "), text(s.ACR), text(s.UserAgent), text(s.Address),
			millis(s.LastUsedAt), millis(s.IdleExpiresAt), millis(s.ExpiresAt),
			s.ID[:], old[:], s.Subject, s.ClientID, s.CredentialVersion, millis(t.now), millis(t.now))
		if err == nil && n == 0 {
			err = session.ErrInvalidGrant
		}
		if err == nil {
			err = t.rememberPlace(s)
		}
		if err != nil {
			return err
		}
		if b.Session, err = readSession(ctx, t, s.ID); err != nil {
			return err
		}
		b.User = u
		return t.audit(about(e, s))
	})
	return b, err
}
