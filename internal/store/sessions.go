package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

var _ session.Store = (*DB)(nil)

// sessionColumns are the columns of a session s.
const sessionColumns = `s.id, s.parent_id, s.subject, s.client_id, s.jkt, s.generation, s.secret_hash, s.credential_version,
	s.transport, s.scope, s.auth_time, s.amr, s.acr, s.user_agent, s.address,
	s.created_at, s.rotated_at, s.last_used_at, s.idle_expires_at, s.expires_at, s.ended_at, s.end_reason,
	s.audience, s.details, s.status_list, s.status_bit, s.notify`

// sessionDest is where sessionColumns are scanned to.
func sessionDest(s *session.Session) []any {
	return []any{
		bytes{s.ID[:]},
		bytes{s.Parent[:]},
		&s.Subject, &s.ClientID, &s.JKT, &s.Generation,
		bytes{s.SecretHash[:]},
		&s.CredentialVersion,
		&s.Transport, &s.Scope,
		instant{&s.AuthTime},
		words{&s.AMR},
		&s.ACR, &s.UserAgent, &s.Address,
		instant{&s.CreatedAt},
		instant{&s.RotatedAt},
		instant{&s.LastUsedAt},
		instant{&s.IdleExpiresAt},
		instant{&s.ExpiresAt},
		instant{&s.EndedAt},
		&s.EndReason,
		words{&s.Audience},
		&s.Details, &s.Status.List, &s.Status.Bit, &s.Notify,
	}
}

// BeginSession inserts s if its user is enabled and has the credential version
// that was verified, and its parent, where it has one, has not ended. What it
// replaces ends in the same transaction.
func (db *DB) BeginSession(ctx context.Context, s session.Session, replaces session.ID, limit int, e audit.Event) (b session.Begun, err error) {
	ctx, cancel := db.promptly(ctx)
	defer cancel()
	err = db.write(ctx, "begin session", func(t *tx) error {
		if b, err = t.begin(s, replaces, limit, e); err != nil {
			return err
		}
		return t.rememberPlace(b.Session)
	})
	return b, err
}

// begin is BeginSession within a transaction. It locks the user's row, and then those of sessions.
func (t *tx) begin(s session.Session, replaces session.ID, limit int, e audit.Event) (b session.Begun, err error) {
	u, err := t.lockUser(s.Subject)
	if errors.Is(err, account.ErrNotFound) || err == nil && (u.Disabled || u.CredentialVersion != s.CredentialVersion) {
		return b, session.ErrUserGone
	}
	if err != nil {
		return b, err
	}
	at, err := t.issuable(s.Subject)
	if err != nil {
		return b, err
	}
	s = s.BegunAt(at)
	if err := t.endReplaced(replaces, e.From); err != nil {
		return b, err
	}
	var gone []audit.Event
	if s.Parent.IsZero() {
		gone, err = t.makeRoom(limit, `s.subject = ? AND s.ended_at = 0 AND s.parent_id IS NULL AND s.idle_expires_at > ?`, s.Subject, millis(t.now))
	} else {
		gone, err = t.requireParent(s)
	}
	if err != nil {
		return b, err
	}
	if err := t.insertSession(s); err != nil {
		return b, err
	}
	return session.Begun{Session: s, User: u}, t.audit(append(gone, about(e, s))...)
}

// about completes an event with the session that it is about.
func about(e audit.Event, s session.Session) audit.Event {
	e.Subject, e.Session = s.Subject, s.ID.String()
	return e
}

func (t *tx) insertSession(s session.Session) error {
	parent := s.Parent[:]
	if s.Parent.IsZero() {
		parent = nil
	}
	_, err := t.exec(`INSERT INTO sessions (id, parent_id, subject, client_id, jkt, generation, secret_hash, credential_version,
			transport, scope, auth_time, amr, acr, user_agent, address, network,
			created_at, rotated_at, last_used_at, idle_expires_at, expires_at, ended_at, end_reason,
			audience, details, status_list, status_bit, notify)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ?, ?, ?, ?, ?)`,
		s.ID[:], parent, s.Subject, s.ClientID, s.JKT, s.Generation, s.SecretHash[:], s.CredentialVersion,
		s.Transport, text(s.Scope), millis(s.AuthTime), strings.Join(s.AMR, " "), text(s.ACR), text(s.UserAgent), text(s.Address), account.Place(s.Address),
		millis(s.CreatedAt), millis(s.RotatedAt), millis(s.LastUsedAt), millis(s.IdleExpiresAt), millis(s.ExpiresAt),
		text(strings.Join(s.Audience, " ")), text(s.Details), s.Status.List, s.Status.Bit, s.Notify)
	return err
}

// makeRoom ends the oldest of a user's sessions that alive selects, so that with one more they are limit, and returns what the audit log is to
// say of it. 0 is no limit.
func (t *tx) makeRoom(limit int, alive string, args ...any) (gone []audit.Event, err error) {
	if limit < 1 {
		return nil, nil
	}
	// SQLite plans a query anew for each value bound to its LIMIT; these are few, and stand in the text.
	most := fmt.Sprintf(` ORDER BY s.created_at DESC, s.id DESC LIMIT %d OFFSET %d`, roomAtOnce, limit-1)
	oldest, err := t.end(false, session.TooMany, endable+alive+most, args...)
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Backward(oldest) {
		gone = append(gone, about(audit.Event{Action: audit.SessionEnded, Detail: map[string]string{"reason": session.TooMany}}, s))
		if !s.Parent.IsZero() { // a grant has none of its own
			continue
		}
		if _, err := t.endGrants(s.ID, session.TooMany); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

const (
	// roomAtOnce is how many sessions end at most to make room: a lower limit than before takes some logins.
	roomAtOnce = 100
	// grantsKept is how many alive grants a client has from one sign-in: each time that it sends the browser here is a new one.
	grantsKept = 10
)

// requireParent refuses a grant from a sign-in that has ended, or is another user's, and ends the client's oldest of it. Until the
// grant is there the sign-in cannot end, so that it ends with it.
func (t *tx) requireParent(s session.Session) (gone []audit.Event, err error) {
	if err := t.lockSession(s.Parent); err != nil {
		return nil, err
	}
	alive, err := t.count(`SELECT COUNT(*) FROM sessions s WHERE s.id = ? AND s.subject = ? AND s.ended_at = 0 AND s.idle_expires_at > ?`,
		s.Parent[:], s.Subject, millis(t.now))
	if err != nil || alive == 0 {
		return nil, orNone(err, session.ErrNotFound)
	}
	return t.makeRoom(grantsKept, `s.parent_id = ? AND s.ended_at = 0 AND s.client_id = ? AND s.idle_expires_at > ?`,
		s.Parent[:], s.ClientID, millis(t.now))
}

// lockSession holds a row, if there is one, until the transaction ends.
func (t *tx) lockSession(id session.ID) error {
	return t.lock(`SELECT s.id FROM sessions s WHERE s.id = ?`, id[:])
}

// Session reads one, alive or not; session.ErrNotFound.
func (db *DB) Session(ctx context.Context, id session.ID) (session.Session, error) {
	s, err := readSession(ctx, db.readers, id)
	return s, db.dialect.fault("read session", err)
}

// SessionAndUser reads one, alive or not, with its user; session.ErrNotFound.
func (db *DB) SessionAndUser(ctx context.Context, id session.ID) (session.Session, account.User, error) {
	k, err := readKnown(ctx, db.readers, id)
	if err == nil && k.session.ID.IsZero() {
		err = session.ErrNotFound
	}
	return k.session, k.user, db.dialect.fault("read session", err)
}

func readSession(ctx context.Context, q querier, id session.ID) (s session.Session, err error) {
	err = one(ctx, q, sessionDest(&s), `SELECT `+sessionColumns+` FROM sessions s WHERE s.id = ?`, id[:])
	if errors.Is(err, sql.ErrNoRows) {
		err = session.ErrNotFound
	}
	return s, err
}

// SessionsOf lists the alive sessions of a user, last used first.
func (db *DB) SessionsOf(ctx context.Context, subject string, now time.Time) ([]session.Session, error) {
	var sessions []session.Session
	err := each(ctx, db.readers, func(r *sql.Rows) error {
		var s session.Session
		sessions = append(sessions, s)
		return r.Scan(sessionDest(&sessions[len(sessions)-1])...)
	}, `SELECT `+sessionColumns+` FROM sessions s
		WHERE s.subject = ? AND s.ended_at = 0 AND s.idle_expires_at > ? ORDER BY s.last_used_at DESC, s.id`, subject, millis(now))
	return sessions, db.dialect.fault("list sessions", err)
}

// CountSessions counts the alive ones.
func (db *DB) CountSessions(ctx context.Context, now time.Time) (n int, err error) {
	err = one(ctx, db.readers, []any{&n}, `SELECT COUNT(*) FROM sessions s WHERE s.ended_at = 0 AND s.idle_expires_at > ?`, millis(now))
	return n, db.dialect.fault("count sessions", err)
}

// PurgeSessions deletes at most limit sessions that ended or expired before the
// given time: an ended one's idle limit is its end, and none is beyond the absolute limit. A grant whose client is to be told
// of its sign-in's end stays as long as that, and one with a place in a status list as long as access tokens of it may live. What
// others hold is left for the next time. It forgets old places too.
func (db *DB) PurgeSessions(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = db.write(ctx, "purge sessions", func(t *tx) error {
		keep, err := t.revocable()
		if err != nil {
			return err
		}
		dead, err := t.sessionIDs(`SELECT s.id FROM sessions s WHERE s.idle_expires_at < ? AND s.idle_day <= ? AND NOT (s.notify AND s.ended_at = 0
				AND EXISTS (SELECT 1 FROM sessions p WHERE p.id = s.parent_id AND p.ended_at = 0 AND p.idle_expires_at > ?))
				AND (s.status_list = 0 OR s.idle_expires_at < ?) LIMIT ?`+t.dialect.skipLocked(),
			millis(before), millis(before)/(24*time.Hour).Milliseconds(), millis(before), millis(t.now.Add(-keep)), limit)
		for _, id := range dead {
			if _, err := t.exec(`DELETE FROM sessions WHERE id = ?`, id[:]); err != nil {
				return err
			}
		}
		if n = len(dead); err != nil {
			return err
		}
		return t.purgePlaces(limit)
	})
	return n, err
}

// sessionIDs runs a SELECT of ids.
func (t *tx) sessionIDs(query string, args ...any) ([]session.ID, error) {
	return sessionIDs(context.Background(), t, query, args...)
}

func sessionIDs(ctx context.Context, q querier, query string, args ...any) (ids []session.ID, err error) {
	err = each(ctx, q, func(r *sql.Rows) error {
		var id session.ID
		err := r.Scan(bytes{id[:]})
		ids = append(ids, id)
		return err
	}, query, args...)
	return ids, err
}
