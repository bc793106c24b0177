package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

// EndSession ends a session and the grants made from it; with whole, a grant's
// sign-in and all of that one's grants.
func (db *DB) EndSession(ctx context.Context, id session.ID, subject string, whole bool, reason string, e audit.Event) error {
	return db.write(ctx, "end session", func(t *tx) error {
		s, err := readSession(ctx, t, id)
		if err != nil {
			return err
		}
		if subject != "" && s.Subject != subject {
			return session.ErrNotFound
		}
		return t.endSession(s, whole, reason, e)
	})
}

func (t *tx) endSession(s session.Session, whole bool, reason string, e audit.Event) error {
	if !s.EndedAt.IsZero() {
		return nil
	}
	id := s.ID
	if whole && !s.Parent.IsZero() {
		id = s.Parent
	}
	if n, err := t.endTree(id, reason); err != nil || n == 0 { // another was first
		return err
	}
	return t.audit(about(e, s))
}

// endReplaced ends the sign-in that id is or was made from, with its grants. One that is not kept any more has ended.
func (t *tx) endReplaced(id session.ID, from audit.From) error {
	if id.IsZero() {
		return nil
	}
	s, err := readSession(context.Background(), t, id)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.endSession(s, true, session.Replaced, audit.Event{
		Action: audit.SessionEnded, From: from, Detail: map[string]string{"reason": session.Replaced},
	})
}

// EndSessionsOf ends all sessions of a user but the sign-in that keep is or was
// made from, with its grants; the zero ID keeps none.
func (db *DB) EndSessionsOf(ctx context.Context, subject string, keep session.ID, reason string, e audit.Event) (n int, err error) {
	err = db.write(ctx, "end sessions", func(t *tx) error {
		if _, err := t.lockUser(subject); err != nil && !errors.Is(err, account.ErrNotFound) {
			return err
		}
		if keep, err = t.signIn(keep); err != nil {
			return err
		}
		if n, err = t.endOf(subject, keep, reason); err != nil || n == 0 {
			return err
		}
		return t.audit(e)
	})
	return n, err
}

// signIn is the sign-in that a session is or was made from, and id itself when there is no such session.
func (t *tx) signIn(id session.ID) (session.ID, error) {
	s, err := readSession(context.Background(), t, id)
	if errors.Is(err, session.ErrNotFound) || err == nil && s.Parent.IsZero() {
		return id, nil
	}
	return s.Parent, err
}

// endTree ends a session and its grants, and says how many had not ended. The
// session comes first: who makes a grant from it holds it meanwhile.
func (t *tx) endTree(id session.ID, reason string) (int, error) {
	byUser := reason == session.LoggedOut || reason == session.ConsentRemoved
	ended, err := t.end(byUser, reason, endable+`s.id = ? AND s.ended_at = 0`, id[:])
	if err != nil {
		return 0, err
	}
	grants, err := t.endGrants(id, reason)
	return len(ended) + grants, err
}

func (t *tx) endGrants(of session.ID, reason string) (int, error) {
	grants, err := t.end(true, reason, endable+`s.parent_id = ? AND s.ended_at = 0 ORDER BY s.id`, of[:])
	return len(grants), err
}

// endOf ends the sessions of a user, whose row is locked, but the sign-in keep and its grants.
func (t *tx) endOf(subject string, keep session.ID, reason string) (int, error) {
	ended, err := t.end(true, reason, endable+`s.subject = ? AND s.ended_at = 0
		AND s.id <> ? AND (s.parent_id IS NULL OR s.parent_id <> ?) ORDER BY CASE WHEN s.parent_id IS NULL THEN 0 ELSE 1 END, s.id`,
		subject, keep[:], keep[:])
	return len(ended), err
}

// endable begins the queries of end.
const endable = `SELECT s.id, s.parent_id, s.subject, s.client_id, s.notify FROM sessions s WHERE `

// end ends the sessions that query selects, each with its revocation. With tell the clients that want to know hear of it: that is
// of a grant whose sign-in ends too, or which the user takes back; not of what the client itself did, or may have been stolen from.
func (t *tx) end(tell bool, reason, query string, args ...any) (sessions []session.Session, err error) {
	sessions, err = t.endable(query+t.dialect.forUpdate(), args...)
	if err != nil {
		return nil, err
	}
	t.keep = 0 // while the rows were waited for, tokens that live longer may have been signed
	for _, s := range sessions {
		_, err := t.exec(`UPDATE sessions SET ended_at = ?, end_reason = ?,
				idle_expires_at = CASE WHEN idle_expires_at < ? THEN idle_expires_at ELSE ? END
			WHERE id = ? AND ended_at = 0`,
			millis(t.now), reason, millis(t.now), millis(t.now), s.ID[:])
		if err != nil {
			return nil, err
		}
		if err := t.revoke(revocation.Session, s.ID.String(), time.Time{}); err != nil {
			return nil, err
		}
	}
	if tell {
		err = t.tellClients(sessions)
	}
	return sessions, err
}

func (t *tx) endable(query string, args ...any) (sessions []session.Session, err error) {
	err = each(context.Background(), t, func(r *sql.Rows) error {
		var s session.Session
		err := r.Scan(bytes{s.ID[:]}, bytes{s.Parent[:]}, &s.Subject, &s.ClientID, &s.Notify)
		sessions = append(sessions, s)
		return err
	}, query, args...)
	return sessions, err
}
