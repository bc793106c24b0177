package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/session"
)

// known is a session and its user as one statement read them.
type known struct {
	session session.Session
	user    account.User // without the hash of the password
	version int64        // the session's user_version, under which all this is so
}

// dest is where knownColumns, and last the roles, are scanned to.
func (k *known) dest(roles any) []any {
	return append(append(sessionDest(&k.session), userDest(&k.user)...), &k.version, roles)
}

const knownColumns = sessionColumns + `, ` + userColumns + `, s.user_version`

// renewVersion makes every node read again what a refresh answers of the user: their roles are changed. For what stands in the
// row of the user a trigger does so. The sessions are locked in the order of endOf.
func (t *tx) renewVersion(subject string) error {
	if err := t.lock(`SELECT s.id FROM sessions s WHERE s.subject = ? AND s.ended_at = 0
		ORDER BY CASE WHEN s.parent_id IS NULL THEN 0 ELSE 1 END, s.id`, subject); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE sessions SET user_version = ? WHERE subject = ? AND ended_at = 0`, newVersion(), subject)
	return err
}

// newVersion is a user_version that no node has seen.
func newVersion() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.BigEndian.Uint64(b[:]) >> 1)
}

// maxKnown is how many sessions are remembered: a few megabytes.
const maxKnown = 8192

// memory is of sessions that were rotated here lately.
type memory struct {
	mu       sync.Mutex // guards sessions, not what they point to, which never changes
	sessions map[session.ID]*known
}

func (m *memory) find(id session.ID) *known {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[id]
}

// remember forgets any other session where there are too many.
func (m *memory) remember(k known) {
	k.user.PasswordHash = ""
	k.session.AMR, k.session.Audience = slices.Clone(k.session.AMR), slices.Clone(k.session.Audience)
	k.user.Roles = slices.Clone(k.user.Roles)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions = map[session.ID]*known{}
	}
	m.sessions[k.session.ID] = &k
	for id := range m.sessions {
		if len(m.sessions) <= maxKnown {
			return
		}
		if id != k.session.ID {
			delete(m.sessions, id)
		}
	}
}

func (m *memory) forget(id session.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, id)
}

// rotateKnown is step 2 of a session that was seen before: one UPDATE by its key, and nothing is read. done is false where
// it is not known, or no row was updated: then what was seen may count no more, and the row has to be read.
//
// The answer is as good as one that was read. What it says of the session is what the row can never be otherwise (whose, until
// when, since when, as long as nobody proves it again), and what the UPDATE has just written. What it says of the user was read by one statement
// together with the session's user_version; every change of it, of the roles, or of the proof (ProveSession) sets another user_version in the row in its own transaction, and
// the UPDATE finds the same one there. Where such a transaction is under way it holds the row: the UPDATE is before all of it, or
// waits and finds the other version.
func (db *DB) rotateKnown(ctx context.Context, p session.Presented, l session.Limits, now time.Time) (r session.Rotation, done bool, err error) {
	const query = `UPDATE sessions SET generation = ?, rotated_at = ?, last_used_at = ?, idle_expires_at = ?
		WHERE id = ? AND generation = ? AND user_version = ? AND ended_at = 0 AND idle_expires_at > ? AND ABS(rotated_at - ?) >= ?`
	k := db.memory.find(p.ID)
	if k == nil {
		return r, false, nil
	}
	r = k.refreshed(p, l, now)
	if r.Step != session.StepRotated {
		return r, false, nil
	}
	at := millis(now)
	n, err := affected(db.writers.ExecContext(ctx, db.dialect.rebind(query+db.inTime()),
		r.Session.Generation, at, at, millis(r.Session.IdleExpiresAt),
		p.ID[:], p.Generation, k.version, at, at, l.RetryWindow.Milliseconds(), db.late()))
	if err == nil && n == 0 {
		db.memory.forget(p.ID)
	}
	return r, n == 1, err
}

// refreshed is the answer to p if the row is as p says. What the UPDATE does not ask is decided here: whose the session is, and its
// absolute limit, which never change.
func (k *known) refreshed(p session.Presented, l session.Limits, now time.Time) session.Rotation {
	s := k.session
	s.Generation, s.RotatedAt, s.IdleExpiresAt = p.Generation, time.Time{}, s.ExpiresAt
	step := session.Classify(s, k.user, p, l, now)
	s.Generation, s.RotatedAt, s.AMR, s.Audience = p.Generation+1, now, slices.Clone(s.AMR), slices.Clone(s.Audience)
	refreshedAt(&s, l, now)
	r := rotation(s, k.user, now)
	r.Step, r.User.Roles = step, slices.Clone(r.User.Roles)
	return r
}

// affected is how many rows a statement found.
func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// refreshedAt is what every refresh changes.
func refreshedAt(s *session.Session, l session.Limits, now time.Time) {
	s.LastUsedAt, s.IdleExpiresAt = now, now.Add(l.Idle)
	if s.IdleExpiresAt.After(s.ExpiresAt) {
		s.IdleExpiresAt = s.ExpiresAt
	}
}
