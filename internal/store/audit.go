package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/sandi-auth/sandi/internal/audit"
)

// audit appends events; a zero At is the transaction's now.
func (t *tx) audit(events ...audit.Event) error {
	var rows [][]any
	for _, e := range events {
		if e.At.IsZero() {
			e.At = t.now
		}
		detail := ""
		if len(e.Detail) > 0 {
			b, err := json.Marshal(e.Detail)
			if err != nil {
				return err
			}
			detail = string(b)
		}
		rows = append(rows, []any{
			millis(e.At), e.Action, text(e.Subject), text(e.Session),
			text(e.From.Address), text(e.From.UserAgent), text(e.From.RequestID), text(e.From.Actor), detail,
		})
	}
	return t.insertRows(`INSERT INTO audit (at, action, subject, session, address, user_agent, request_id, actor, detail) VALUES `, rows)
}

// Audit appends an event that changes nothing else.
func (db *DB) Audit(ctx context.Context, e audit.Event) error {
	return db.write(ctx, "audit", func(t *tx) error { return t.audit(e) })
}

// Events returns at most limit events with a Seq greater than after, ascending.
func (db *DB) Events(ctx context.Context, after int64, limit int) ([]audit.Event, error) {
	var events []audit.Event
	err := each(ctx, db.readers, func(r *sql.Rows) error {
		var e audit.Event
		var detail string
		if err := r.Scan(&e.Seq, instant{&e.At}, &e.Action, &e.Subject, &e.Session,
			&e.From.Address, &e.From.UserAgent, &e.From.RequestID, &e.From.Actor, &detail); err != nil {
			return err
		}
		if detail != "" {
			if err := json.Unmarshal([]byte(detail), &e.Detail); err != nil {
				return err
			}
		}
		events = append(events, e)
		return nil
	}, `SELECT seq, at, action, subject, session, address, user_agent, request_id, actor, detail
		FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
	return events, db.dialect.fault("read audit", err)
}
