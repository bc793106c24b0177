package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
)

const (
	// maxCode and maxDevice are the longest that a code (RFC 6749 section 4.1.2) and a device authorization live.
	maxCode   = 10 * time.Minute
	maxDevice = time.Hour
	// usedKept is for how long a used code is remembered at least.
	usedKept = time.Hour
)

// AddCode inserts c and deletes the requests that it came from; oauth.ErrNotFound where one was not there any more. An event
// without an action is not written.
func (db *DB) AddCode(ctx context.Context, code oauth.Hash, c oauth.Code, pending, pushed oauth.Hash, consent *oauth.Consent, e audit.Event) error {
	ctx, cancel := db.promptly(ctx)
	defer cancel()
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("add code: %w", err)
	}
	return db.write(ctx, "add code", func(t *tx) error {
		if err := t.dropRequests(pending, pushed); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO codes (hash, client_id, document, expires_at, session_id, used_at, keep_until) VALUES (?, ?, ?, ?, NULL, 0, ?)`,
			code[:], c.ClientID, string(doc), millis(c.ExpiresAt), millis(c.ExpiresAt)); err != nil {
			return err
		}
		if consent != nil {
			if err := t.mergeConsent(*consent); err != nil {
				return err
			}
		}
		if e.Action == "" {
			return nil
		}
		return t.audit(e)
	})
}

// Code reads one as it was issued, used or not; oauth.ErrNotFound.
func (db *DB) Code(ctx context.Context, code oauth.Hash) (c oauth.Code, err error) {
	err = one(ctx, db.readers, []any{document{&c}}, `SELECT c.document FROM codes c WHERE c.hash = ? AND (c.used_at > 0 OR c.expires_at > ?)`,
		code[:], millis(db.now()))
	if errors.Is(err, sql.ErrNoRows) {
		err = oauth.ErrNotFound
	}
	return c, db.dialect.fault("read code", err)
}

// RedeemCode makes the one session of a code, as oauth.CodeStore has it. Beside that: the sign-in that has ended takes its codes with it
// (oauth.ErrNotFound, wrapping session.ErrNotFound too), and so does a user who is disabled or changed the password (session.ErrUserGone).
// check is called while the code is locked, on SQLite by the one goroutine that writes: it must not ask this store for anything.
func (db *DB) RedeemCode(ctx context.Context, code oauth.Hash, check func(oauth.Code) (session.Session, error), begun, reuse audit.Event) (b session.Begun, c oauth.Code, err error) {
	ctx, cancel := db.promptly(ctx)
	defer cancel()
	var used session.ID
	err = db.write(ctx, "redeem code", func(t *tx) error {
		b, c, used = session.Begun{}, oauth.Code{}, session.ID{} // of a try that lost against another
		var expires time.Time
		err := t.held([]any{document{&c}, instant{&expires}, bytes{used[:]}}, `SELECT c.document, c.expires_at, c.session_id FROM codes c WHERE c.hash = ?`, code[:])
		if errors.Is(err, sql.ErrNoRows) || err == nil && used.IsZero() && !t.now.Before(expires) {
			return oauth.ErrNotFound
		}
		if err != nil {
			return err
		}
		s, err := check(c)
		if err != nil {
			return err
		}
		if !used.IsZero() {
			return t.endSpent(used, reuse)
		}
		if b, err = t.begin(s, session.ID{}, 0, begun); err != nil {
			return err
		}
		_, err = t.exec(`UPDATE codes SET session_id = ?, used_at = ?, keep_until = ? WHERE hash = ?`,
			s.ID[:], millis(t.now), millis(t.now.Add(usedKept)), code[:])
		return err
	})
	switch {
	case errors.Is(err, session.ErrNotFound):
		err = fmt.Errorf("%w: %w", oauth.ErrNotFound, err)
	case err == nil && !used.IsZero():
		err = oauth.ErrCodeReused
	}
	return b, c, err
}

// held is one of a row that nobody else has until the transaction ends, as it is then. Its now is later than the wait.
func (t *tx) held(dest []any, query string, args ...any) error {
	err := one(context.Background(), t, dest, query+t.dialect.forUpdate(), args...)
	if t.dialect.forUpdate() != "" {
		t.now = t.clock().Truncate(time.Millisecond)
	}
	return err
}

// endSpent ends the session that a code was used for before (RFC 6749 section 4.1.2), unless it has ended.
func (t *tx) endSpent(id session.ID, e audit.Event) error {
	s, err := readSession(context.Background(), t, id)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.endSession(s, false, session.CodeReused, e)
}

// dropGranted deletes what a client could still make a session of: unused codes and device authorizations, those of one user where
// subject is not empty.
func (t *tx) dropGranted(client, subject string) error {
	for _, of := range []struct {
		find, remove string
		longest      time.Duration
	}{
		{`SELECT c.hash, c.document FROM codes c WHERE c.client_id = ? AND c.used_at = 0 AND c.keep_until > ? AND c.keep_until <= ?`, `DELETE FROM codes WHERE hash = ? AND used_at = 0`, maxCode},
		{`SELECT d.hash, d.document FROM devices d WHERE d.client_id = ? AND d.expires_at > ? AND d.expires_at <= ?`, `DELETE FROM devices WHERE hash = ?`, maxDevice},
	} {
		var found [][]byte
		err := each(context.Background(), t, func(r *sql.Rows) error {
			var hash []byte
			var whose struct {
				Subject string `json:"sub"`
			}
			err := r.Scan(&hash, document{&whose})
			if subject == "" || subject == whose.Subject {
				found = append(found, hash)
			}
			return err
		}, of.find, client, millis(t.now), millis(t.now.Add(of.longest)))
		if err != nil {
			return err
		}
		for _, hash := range found {
			if _, err := t.exec(of.remove, hash); err != nil {
				return err
			}
		}
	}
	return nil
}
