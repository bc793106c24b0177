package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
)

// tellClients writes the logout tokens of sessions that end now (OpenID Connect Back-Channel Logout 1.0 section 2.5): one for each client and
// sign-in, however many grants it has of it.
func (t *tx) tellClients(ended []session.Session) error {
	type told struct {
		client string
		signIn session.ID
	}
	done := map[told]bool{}
	var rows [][]any
	for _, s := range ended {
		signIn := s.Parent
		if signIn.IsZero() {
			signIn = s.ID
		}
		if to := (told{s.ClientID, signIn}); s.Notify && !done[to] {
			done[to] = true
			rows = append(rows, []any{s.ClientID, s.Subject, signIn[:], 0, millis(t.now), millis(t.now)})
		}
	}
	return t.insertRows(`INSERT INTO logouts (client_id, subject, sign_in, tries, ended_at, due_at) VALUES `, rows)
}

// DueLogouts lists those whose next try is due, oldest first, by turns of their clients: one with many of them does not hide the others.
func (db *DB) DueLogouts(ctx context.Context, limit int) (logouts []oauth.Logout, err error) {
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		var l oauth.Logout
		err := r.Scan(&l.ID, &l.ClientID, &l.Subject, bytes{l.SignIn[:]}, &l.Tries, instant{&l.EndedAt})
		logouts = append(logouts, l)
		return err
	}, `SELECT d.id, d.client_id, d.subject, d.sign_in, d.tries, d.ended_at FROM (
			SELECT l.id, l.client_id, l.subject, l.sign_in, l.tries, l.ended_at, l.due_at,
				ROW_NUMBER() OVER (PARTITION BY l.client_id ORDER BY l.due_at, l.id) AS turn
			FROM logouts l WHERE l.due_at <= ?
		) d ORDER BY d.turn, d.due_at, d.id LIMIT ?`, millis(db.now()), limit)
	return logouts, db.dialect.fault("list logouts", err)
}

// LogoutDone deletes one; one that is not there is no fault.
func (db *DB) LogoutDone(ctx context.Context, id int64) error {
	return db.write(ctx, "end logout", func(t *tx) error {
		_, err := t.exec(`DELETE FROM logouts WHERE id = ?`, id)
		return err
	})
}

// LogoutFailed counts a try and puts the next one off.
func (db *DB) LogoutFailed(ctx context.Context, id int64, next time.Time) error {
	return db.write(ctx, "put logout off", func(t *tx) error {
		_, err := t.exec(`UPDATE logouts SET tries = tries + 1, due_at = ? WHERE id = ?`, millis(next), id)
		return err
	})
}
