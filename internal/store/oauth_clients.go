package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

var _ oauth.Store = (*DB)(nil)

// Client reads one; oauth.ErrNoClient.
func (db *DB) Client(ctx context.Context, id string) (oauth.Client, error) {
	if id != text(id) { // which no database holds, and not each compares with
		return oauth.Client{}, oauth.ErrNoClient
	}
	c, err := readClients(ctx, db.readers, `SELECT c.document, c.version FROM clients c WHERE c.id = ? AND c.document <> ''`, id)
	if err != nil || len(c) == 0 {
		return oauth.Client{}, db.dialect.fault("read client", orNone(err, oauth.ErrNoClient))
	}
	return c[0], nil
}

// orNone is err, or what it means that nothing was found.
func orNone(err, none error) error {
	if err != nil {
		return err
	}
	return none
}

// Clients lists all of them by id.
func (db *DB) Clients(ctx context.Context) ([]oauth.Client, error) {
	clients, err := readClients(ctx, db.readers, `SELECT c.document, c.version FROM clients c WHERE c.document <> '' ORDER BY c.id`)
	return clients, db.dialect.fault("list clients", err)
}

// readClients runs a SELECT of documents and versions. A removed client whose sessions are still being ended has an empty document.
func readClients(ctx context.Context, q querier, query string, args ...any) (clients []oauth.Client, err error) {
	err = each(ctx, q, func(r *sql.Rows) error {
		var c oauth.Client
		err := r.Scan(document{&c}, &c.Version)
		clients = append(clients, c)
		return err
	}, query, args...)
	return clients, err
}

// AddClient inserts c, as its first version; oauth.ErrClientTaken. While a user's name is looked for nobody can take it: the row that
// is inserted there, and deleted, is one that CreateUser's waits for.
func (db *DB) AddClient(ctx context.Context, c oauth.Client, e audit.Event) error {
	if c.ID == session.Browser || db.reserved(c.ID) {
		return oauth.ErrClientTaken
	}
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("add client: %w", err)
	}
	if err := db.endRemoved(ctx, c.ID); err != nil && !errors.Is(err, oauth.ErrNoClient) { // its removal was interrupted
		return err
	}
	return db.raise(ctx, "add client", c.Access, func(t *tx) error {
		_, err := t.exec(`INSERT INTO users (subject, username, password_hash, disabled, credential_version, created_at, password_changed_at)
			VALUES (?, '', '', ?, 0, 0, 0)`, c.ID, true)
		if err == nil {
			_, err = t.exec(`DELETE FROM users WHERE subject = ?`, c.ID)
		}
		if err == nil {
			_, err = t.exec(`INSERT INTO clients (id, document, version) VALUES (?, ?, 1)`, c.ID, string(doc))
		}
		if t.dialect.taken(err) {
			return oauth.ErrClientTaken
		}
		if err != nil {
			return err
		}
		return t.audit(e)
	})
}

// noClients is account.ErrTaken where a user's subject is the id of a client: a token of the one would be taken for one of
// the other's (RFC 9068 section 5).
func (t *tx) noClients(users []account.User) error {
	for chunk := range slices.Chunk(users, manyRows) {
		n := 1 // few texts to prepare: one user, or many
		if len(chunk) > 1 {
			n = manyRows
		}
		args := make([]any, n)
		for i := range args {
			args[i] = chunk[min(i, len(chunk)-1)].Subject
		}
		err := each(context.Background(), t, func(r *sql.Rows) error {
			var id string
			if err := r.Scan(&id); err != nil {
				return err
			}
			return ofClient(id)
		}, `SELECT c.id FROM clients c WHERE c.id IN (`+marks(n)+`)`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func ofClient(id string) error {
	return fmt.Errorf("%w: %q is the id of a client", account.ErrTaken, id)
}

// unreserved is account.ErrTaken where a user's subject is a name that nobody may have.
func (db *DB) unreserved(users ...account.User) error {
	for _, u := range users {
		if u.Subject == session.Browser || db.reserved(u.Subject) {
			return ofClient(u.Subject)
		}
	}
	return nil
}

// ChangeClient replaces the client whose version is c's; oauth.ErrChanged, oauth.ErrNoClient.
func (db *DB) ChangeClient(ctx context.Context, c oauth.Client, e audit.Event) error {
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("change client: %w", err)
	}
	return db.raise(ctx, "change client", c.Access, func(t *tx) error {
		n, err := t.exec(`UPDATE clients SET document = ?, version = version + 1 WHERE id = ? AND version = ? AND document <> ''`,
			string(doc), c.ID, c.Version)
		if err != nil {
			return err
		}
		if n == 0 {
			n, err := t.count(`SELECT COUNT(*) FROM clients c WHERE c.id = ? AND c.document <> ''`, c.ID)
			if err == nil && n == 0 {
				err = oauth.ErrNoClient
			}
			return orNone(err, oauth.ErrChanged)
		}
		return t.audit(e)
	})
}

// clientMemory is for how long a node may still know a client that is removed.
const clientMemory = 2 * time.Second

// RemoveClient revokes a client's tokens, deletes what users allowed it and what is under way, and ends its sessions, batch by batch;
// oauth.ErrNoClient. From the first change on the client is unknown. Where it fails after that it can be called again, and AddClient
// of that id does the rest, too.
func (db *DB) RemoveClient(ctx context.Context, id string, e audit.Event) error {
	if id != text(id) {
		return oauth.ErrNoClient
	}
	err := db.write(ctx, "remove client", func(t *tx) error {
		n, err := t.exec(`UPDATE clients SET document = '', version = version + 1 WHERE id = ? AND document <> ''`, id)
		if err != nil || n == 0 {
			return err
		}
		if _, err := t.exec(`DELETE FROM consents WHERE client_id = ?`, id); err != nil {
			return err
		}
		if err := t.dropGranted(id, ""); err != nil {
			return err
		}
		// What a node that still knows the client permits is revoked as well.
		if err := t.revoke(revocation.Client, id, t.now.Add(clientMemory)); err != nil {
			return err
		}
		return t.audit(e)
	})
	if err != nil {
		return err
	}
	return db.endRemoved(ctx, id)
}

// endRemoved ends what sessions a removed client has, and then its row is gone; oauth.ErrNoClient where there is no such row.
func (db *DB) endRemoved(ctx context.Context, id string) error {
	var n int
	err := one(ctx, db.readers, []any{&n}, `SELECT COUNT(*) FROM clients c WHERE c.id = ? AND c.document = ''`, id)
	if err == nil && n == 0 {
		return oauth.ErrNoClient
	}
	if err != nil {
		return db.dialect.fault("look for removed client", err)
	}
	for after, more := (session.ID{}), true; more; {
		if after, more, err = db.endClient(ctx, id, after); err != nil {
			return err
		}
	}
	return db.write(ctx, "remove client", func(t *tx) error {
		_, err := t.exec(`DELETE FROM clients WHERE id = ? AND document = ''`, id)
		return err
	})
}

// rangeRead is how many sessions are looked through by one statement.
const rangeRead = 10_000

// endClient ends the client's sessions among some above an id, and returns the highest of those and whether there are more. It
// goes by the key: no index is by the client.
func (db *DB) endClient(ctx context.Context, client string, after session.ID) (last session.ID, more bool, err error) {
	err = one(ctx, db.readers, []any{bytes{last[:]}}, `SELECT s.id FROM sessions s WHERE s.id > ? ORDER BY s.id LIMIT 1 OFFSET ?`, after[:], rangeRead-1)
	if more = err == nil; errors.Is(err, sql.ErrNoRows) {
		last, err = session.ID(slices.Repeat([]byte{0xff}, len(last))), nil
	}
	if err != nil {
		return last, false, db.dialect.fault("look for sessions of client", err)
	}
	const alive = `s.id > ? AND s.id <= ? AND s.client_id = ? AND s.ended_at = 0 ORDER BY s.id`
	ids, err := sessionIDs(ctx, db.readers, `SELECT s.id FROM sessions s WHERE `+alive, after[:], last[:], client)
	if err != nil {
		return last, false, db.dialect.fault("look for sessions of client", err)
	}
	for some := range slices.Chunk(ids, restoredBatch) {
		if err := db.write(ctx, "end sessions of client", func(t *tx) error {
			_, err := t.end(false, session.ClientRemoved, endable+alive, after[:], some[len(some)-1][:], client)
			return err
		}); err != nil {
			return last, false, err
		}
	}
	return last, more, nil
}
