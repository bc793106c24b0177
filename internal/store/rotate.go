package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// RotateSession applies steps 2 to 6 of the rotation. It begins with the UPDATE
// that nearly every call wants; only where that finds no row does the one read
// behind it decide (session.Classify), inside the same transaction.
func (db *DB) RotateSession(ctx context.Context, p session.Presented, l session.Limits, reuse, forward audit.Event) (r session.Rotation, err error) {
	err = db.write(ctx, "rotate session", func(t *tx) error {
		updated, err := t.refresh(p, l)
		if err != nil {
			return err
		}
		s, u, err := t.sessionAndUser(p.ID)
		if err != nil {
			return err
		}
		r = session.Rotation{Step: session.Classify(s, u, p, l, t.now), Session: s, User: u, At: t.now}
		if ahead := s.CreatedAt.Sub(t.now); 0 < ahead && ahead <= time.Second { // it began with the next second
			r.At = s.CreatedAt
		}
		switch {
		case updated && l.Rotate:
			r.Step = session.StepRotated
		case updated:
			r.Step = session.StepSame
		case r.Step == session.StepRotated:
			return fmt.Errorf("row of %s matches, and was not updated", p.ID)
		case r.Step == session.StepReuse:
			return t.endReused(&r, p, reuse)
		case r.Step == session.StepForward:
			return t.forward(&r, p, l, forward)
		}
		return nil
	})
	return r, err
}

// refresh is step 2: the row moves from the presented generation to the next if
// it is alive, the presenter's, and was not rotated within the retry window. Without
// rotation its generation stays. It says whether there was such a row.
func (t *tx) refresh(p session.Presented, l session.Limits) (bool, error) {
	const where = ` WHERE id = ? AND secret_hash = ? AND client_id = ? AND jkt = ? AND generation = ?
		AND ended_at = 0 AND expires_at > ? AND idle_expires_at > ?
		AND EXISTS (SELECT 1 FROM users u WHERE u.subject = sessions.subject
			AND u.disabled = 0 AND u.credential_version = sessions.credential_version)`
	const extend = `last_used_at = ?, idle_expires_at = CASE WHEN expires_at < ? THEN expires_at ELSE ? END`
	at, idle := millis(t.now), millis(t.now.Add(l.Idle))
	if !l.Rotate {
		n, err := t.exec(`UPDATE sessions SET `+extend+where,
			at, idle, idle, p.ID[:], p.SecretHash[:], p.ClientID, p.JKT, p.Generation, at, at)
		return n == 1, err
	}
	n, err := t.exec(`UPDATE sessions SET generation = generation + 1, rotated_at = ?, `+extend+where+` AND ABS(? - rotated_at) >= ?`,
		at, at, idle, idle, p.ID[:], p.SecretHash[:], p.ClientID, p.JKT, p.Generation, at, at, at, l.RetryWindow.Milliseconds())
	return n == 1, err
}

// sessionAndUser reads the row, its user and their roles at once; zero values when there is no such row.
func (t *tx) sessionAndUser(id session.ID) (s session.Session, u account.User, err error) {
	err = each(context.Background(), t, func(r *sql.Rows) error {
		var role sql.NullString
		err := r.Scan(append(append(sessionDest(&s), userDest(&u)...), &role)...)
		u.Roles = appendRole(u.Roles, role)
		return err
	}, `SELECT `+sessionColumns+`, `+userColumns+`, r.role
		FROM sessions s JOIN users u ON u.subject = s.subject LEFT JOIN user_roles r ON r.subject = u.subject
		WHERE s.id = ? ORDER BY r.role`, id[:])
	return s, u, err
}

// endReused is step 5.
func (t *tx) endReused(r *session.Rotation, p session.Presented, e audit.Event) error {
	if _, err := t.endTree(p.ID, session.Reused); err != nil {
		return err
	}
	r.Session.EndedAt, r.Session.EndReason, r.Session.IdleExpiresAt = t.now, session.Reused, t.now
	return t.audit(generations(e, r.Session, p))
}

// forward is step 6: the rotation that a failover lost is made good.
func (t *tx) forward(r *session.Rotation, p session.Presented, l session.Limits, e audit.Event) error {
	e = generations(e, r.Session, p)
	s := &r.Session
	s.Generation, s.RotatedAt, s.LastUsedAt, s.IdleExpiresAt = p.Generation, t.now, t.now, t.now.Add(l.Idle)
	if s.IdleExpiresAt.After(s.ExpiresAt) {
		s.IdleExpiresAt = s.ExpiresAt
	}
	n, err := t.exec(`UPDATE sessions SET generation = ?, rotated_at = ?, last_used_at = ?, idle_expires_at = ?
		WHERE id = ? AND generation = ? AND ended_at = 0`,
		s.Generation, millis(t.now), millis(t.now), millis(s.IdleExpiresAt), s.ID[:], p.Generation-1)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("row of %s was not rolled forward", p.ID)
	}
	return t.audit(e)
}

// generations completes an event with what was presented and what the row said.
func generations(e audit.Event, s session.Session, p session.Presented) audit.Event {
	e = about(e, s)
	e.Detail = map[string]string{
		"presented": strconv.FormatUint(uint64(p.Generation), 10),
		"current":   strconv.FormatUint(uint64(s.Generation), 10),
	}
	return e
}
