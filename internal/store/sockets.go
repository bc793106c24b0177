package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// A socket's node is kept as the name of the lease that says that the node lives, which the server takes.
const nodeLease = "node "

// nodeGone is how long after the end of its lease a node cannot have sockets any more: one that does not reach the store closes them
// sooner (revocation.max_staleness).
const nodeGone = 5 * time.Minute

// RecordSockets writes what happened to a node's sockets. One that has begun already, with another token now, is replaced.
func (db *DB) RecordSockets(ctx context.Context, r realtime.Record) error {
	rows := make([][]any, 0, len(r.Begun))
	for _, s := range r.Begun {
		rows = append(rows, []any{
			text(s.ID), nodeLease + text(cmp.Or(s.Node, r.Node)), text(s.Subject), text(s.ClientID), text(s.Session),
			text(s.Transport), text(s.Address), millis(s.ConnectedAt), millis(s.ExpiresAt), 0,
		})
	}
	return db.write(ctx, "record sockets", func(t *tx) error {
		if err := t.putRows(`INSERT INTO sockets (id, node, subject, client_id, session, transport, address, connected_at, expires_at, end_asked) VALUES `,
			t.dialect.replacing("id", "session", "expires_at"), rows); err != nil {
			return err
		}
		if err := t.removeSockets(r.Ended); err != nil {
			return err
		}
		return t.audit(r.Events...)
	})
}

// removeSockets deletes rows by their ids.
func (t *tx) removeSockets(ids []string) error {
	for chunk := range slices.Chunk(ids, manyRows) {
		args := make([]any, manyRows) // the last one again and again where there are fewer
		for i := range args {
			args[i] = text(chunk[min(i, len(chunk)-1)])
		}
		if _, err := t.exec(`DELETE FROM sockets WHERE id IN (`+marks(manyRows)+`)`, args...); err != nil {
			return err
		}
	}
	return nil
}

const selectSockets = `SELECT s.id, s.node, s.subject, s.client_id, s.session, s.transport, s.address, s.connected_at, s.expires_at FROM sockets s WHERE `

// Sockets lists those of the nodes that live, by id: at most limit, those after an id.
func (db *DB) Sockets(ctx context.Context, after string, limit int) ([]realtime.SocketView, error) {
	return db.sockets(ctx, limit, `s.id > ?`, text(after))
}

// SocketsOf is Sockets of one subject.
func (db *DB) SocketsOf(ctx context.Context, subject, after string, limit int) ([]realtime.SocketView, error) {
	return db.sockets(ctx, limit, `s.subject = ? AND s.id > ?`, text(subject), text(after))
}

func (db *DB) sockets(ctx context.Context, limit int, where string, args ...any) (list []realtime.SocketView, err error) {
	now, err := db.Now(ctx)
	if err != nil {
		return nil, err
	}
	alive, until := db.alive(now)
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		var s realtime.SocketView
		err := r.Scan(&s.ID, &s.Node, &s.Subject, &s.ClientID, &s.Session, &s.Transport, &s.Address, instant{&s.ConnectedAt}, instant{&s.ExpiresAt})
		s.Node = s.Node[min(len(nodeLease), len(s.Node)):]
		list = append(list, s)
		return err
	}, selectSockets+where+alive+` ORDER BY s.id LIMIT ?`, append(append(args, until...), limit)...)
	return list, db.dialect.fault("list sockets", err)
}

// alive, at the end of a WHERE, leaves out the sockets of nodes whose lease had ended by then, with its arguments. The embedded store
// has one node, which needs none.
func (db *DB) alive(then time.Time) (clause string, args []any) {
	if !db.Shared() {
		return "", nil
	}
	return ` AND s.node IN (SELECT l.name FROM leases l WHERE l.expires_at > ?)`, []any{millis(then)}
}

// EndSocket asks the node of a live socket to close it; realtime.ErrNoSocket.
func (db *DB) EndSocket(ctx context.Context, id string, e audit.Event) error {
	if id != text(id) {
		return realtime.ErrNoSocket
	}
	return db.write(ctx, "end socket", func(t *tx) error {
		now, err := t.dbNow()
		if err != nil {
			return err
		}
		alive, until := db.alive(now)
		n, err := t.count(`SELECT COUNT(*) FROM sockets s WHERE s.id = ?`+alive, append([]any{id}, until...)...)
		if err != nil {
			return err
		}
		if n > 0 { // it may end by itself meanwhile
			n64, err := t.exec(`UPDATE sockets SET end_asked = ? WHERE id = ?`, millis(now), id)
			if err != nil {
				return err
			}
			n = int(n64)
		}
		if n == 0 {
			return realtime.ErrNoSocket
		}
		return t.audit(e)
	})
}

// SocketsToEnd are those of the node that EndSocket was called for.
func (db *DB) SocketsToEnd(ctx context.Context, node string) (ids []string, err error) {
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT s.id FROM sockets s WHERE s.node = ? AND s.end_asked > 0`, nodeLease+text(node))
	return ids, db.dialect.fault("read sockets to end", err)
}

// ForgetSockets removes what is left of a node that starts or stops, and of nodes that have died. The embedded store has one node at a
// time: whatever is there is of its former lives.
func (db *DB) ForgetSockets(ctx context.Context, node string) error {
	query, args := `DELETE FROM sockets`, []any(nil)
	if db.Shared() {
		query, args = `DELETE FROM sockets WHERE node = ?`, []any{nodeLease + text(node)}
	}
	err := db.write(ctx, "forget sockets", func(t *tx) error {
		_, err := t.exec(query, args...)
		return err
	})
	if err == nil {
		_, err = db.PurgeSockets(ctx, purgeSockets)
	}
	return err
}

// purgeSockets is how many rows of the dead a node removes when it starts.
const purgeSockets = 10_000

// PurgeSockets deletes at most limit sockets of nodes that died some minutes ago.
func (db *DB) PurgeSockets(ctx context.Context, limit int) (n int, err error) {
	if !db.Shared() {
		return 0, nil
	}
	err = db.write(ctx, "purge sockets", func(t *tx) error {
		now, err := t.dbNow()
		if err != nil {
			return err
		}
		var old []string
		err = each(context.Background(), t, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			old = append(old, id)
			return err
		}, `SELECT s.id FROM sockets s WHERE s.node NOT IN (SELECT l.name FROM leases l WHERE l.expires_at > ?) LIMIT ?`, millis(now.Add(-nodeGone)), limit)
		if err != nil {
			return err
		}
		n = len(old)
		return t.removeSockets(old)
	})
	return n, err
}
