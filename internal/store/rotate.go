package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// RotateSession applies steps 2 to 6 of the rotation. It begins with the UPDATE
// that nearly every call wants; only where that finds no row does the one read
// behind it decide (session.Classify), inside the same transaction.
func (db *DB) RotateSession(ctx context.Context, p session.Presented, l session.Limits, reuse, forward audit.Event) (session.Rotation, error) {
	ctx, cancel := db.promptly(ctx)
	defer cancel()
	l.Outage = db.outage.known(db.now())
	return db.rotateSession(ctx, p, l, reuse, forward)
}

// promptly bounds a whole change that a client waits for: a database server that is slow is as one that is away.
func (db *DB) promptly(ctx context.Context) (context.Context, context.CancelFunc) {
	if !db.Shared() {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, queryLimit, errWaited)
}

func (db *DB) rotateSession(ctx context.Context, p session.Presented, l session.Limits, reuse, forward audit.Event) (r session.Rotation, err error) {
	if db.Shared() {
		if r, done, err := db.rotateAtOnce(ctx, p, l); done || err != nil {
			return r, db.dialect.fault("rotate session", err)
		}
	}
	err = db.write(ctx, "rotate session", func(t *tx) error {
		if err := t.lockSession(p.ID); err != nil {
			return err
		}
		updated, err := t.refresh(p, l)
		if err != nil {
			return err
		}
		k, err := readKnown(context.Background(), t, p.ID)
		if err != nil {
			return err
		}
		r = rotation(k.session, k.user, t.now)
		r.Step = session.Classify(k.session, k.user, p, l, t.now)
		switch {
		case updated:
			r.Step = refreshed(l)
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

// rotation is an answer of the instant now.
func rotation(s session.Session, u account.User, now time.Time) session.Rotation {
	u.PasswordHash = "" // nobody needs it, and none is kept in memory
	r := session.Rotation{Session: s, User: u, At: now}
	if ahead := s.CreatedAt.Sub(now); 0 < ahead && ahead <= time.Second { // it began with the next second
		r.At = s.CreatedAt
	}
	return r
}

// refreshed is the step of a row that was updated.
func refreshed(l session.Limits) session.Step {
	if l.Rotate {
		return session.StepRotated
	}
	return session.StepSame
}

// The UPDATE of step 2: the row moves from the presented generation to the next if it is alive, the presenter's, and was
// not rotated within the retry window. Without rotation its generation stays. The middle joins the user.
const (
	refreshUser = `u.subject = s.subject AND NOT u.disabled AND u.credential_version = s.credential_version`
	refreshRow  = ` AND s.id = ? AND s.secret_hash = ? AND s.client_id = ? AND s.jkt = ? AND s.generation = ?
		AND s.ended_at = 0 AND s.expires_at > ? AND s.idle_expires_at > ?`
	refreshIn   = ` WHERE EXISTS (SELECT 1 FROM users u WHERE ` + refreshUser + `)` + refreshRow
	refreshFrom = ` FROM users u WHERE ` + refreshUser + refreshRow

	extend     = `UPDATE sessions AS s SET last_used_at = ?, idle_expires_at = CASE WHEN s.expires_at < ? THEN s.expires_at ELSE ? END`
	rotate     = extend + `, rotated_at = ?, generation = s.generation + 1`
	outOfRetry = ` AND ABS(s.rotated_at - ?) >= ?`
)

// refreshArgs are those of rotate, or of extend where l does not rotate.
func refreshArgs(p session.Presented, l session.Limits, now time.Time) []any {
	at, idle := millis(now), millis(now.Add(l.Idle))
	row := []any{p.ID[:], p.SecretHash[:], p.ClientID, p.JKT, p.Generation, at, at}
	if !l.Rotate {
		return append([]any{at, idle, idle}, row...)
	}
	return append(append([]any{at, idle, idle, at}, row...), at, l.RetryWindow.Milliseconds())
}

// refresh is step 2. It says whether there was such a row.
func (t *tx) refresh(p session.Presented, l session.Limits) (bool, error) {
	query := extend + refreshIn
	if l.Rotate {
		query = rotate + refreshIn + outOfRetry
	}
	n, err := t.exec(query, refreshArgs(p, l, t.now)...)
	return n == 1, err
}

// readKnown reads the row, its user and their roles at once; zero values when there is no such row.
func readKnown(ctx context.Context, q querier, id session.ID) (k known, err error) {
	u := &k.user
	err = each(ctx, q, func(r *sql.Rows) error {
		var role sql.NullString
		err := r.Scan(k.dest(&role)...)
		u.Roles = appendRole(u.Roles, role)
		return err
	}, `SELECT `+knownColumns+`, r.role
		FROM sessions s JOIN users u ON u.subject = s.subject LEFT JOIN user_roles r ON r.subject = u.subject
		WHERE s.id = ?`, id[:])
	slices.Sort(u.Roles) // here, because MariaDB sorts rows with long texts on the disk
	return k, err
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
