package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/internal/oauth"
)

// The kinds of requests that AddCode deletes.
const (
	pendingRequest = "pending"
	pushedRequest  = "pushed"
)

// document scans JSON into what to points to.
type document struct{ to any }

// Scan implements sql.Scanner.
func (d document) Scan(src any) error {
	switch s := src.(type) {
	case string:
		return json.Unmarshal([]byte(s), d.to)
	case []byte:
		return json.Unmarshal(s, d.to)
	}
	return fmt.Errorf("not a document: %T", src)
}

// KeepRequest inserts or replaces a document, which is JSON: text that every database keeps.
func (db *DB) KeepRequest(ctx context.Context, kind string, id oauth.Hash, doc []byte, expires time.Time) error {
	return db.write(ctx, "keep request", func(t *tx) error {
		_, err := t.exec(`INSERT INTO requests (kind, id, document, expires_at) VALUES (?, ?, ?, ?)`+
			t.dialect.replacing("kind, id", "document", "expires_at"), kind, id[:], text(string(doc)), millis(expires))
		return err
	})
}

// Request reads one; oauth.ErrNotFound.
func (db *DB) Request(ctx context.Context, kind string, id oauth.Hash) (doc []byte, err error) {
	err = one(ctx, db.readers, []any{&doc}, `SELECT r.document FROM requests r WHERE r.kind = ? AND r.id = ? AND r.expires_at > ?`,
		kind, id[:], millis(db.now()))
	if errors.Is(err, sql.ErrNoRows) {
		err = oauth.ErrNotFound
	}
	return doc, db.dialect.fault("read request", err)
}

// DropRequest deletes one; oauth.ErrNotFound where it was not there.
func (db *DB) DropRequest(ctx context.Context, kind string, id oauth.Hash) error {
	return db.write(ctx, "drop request", func(t *tx) error { return t.dropRequest(kind, id) })
}

func (t *tx) dropRequest(kind string, id oauth.Hash) error {
	n, err := t.exec(`DELETE FROM requests WHERE kind = ? AND id = ? AND expires_at > ?`, kind, id[:], millis(t.now))
	if err == nil && n == 0 {
		err = oauth.ErrNotFound
	}
	return err
}

// dropRequests deletes those that a code came from; a zero hash stands for none.
func (t *tx) dropRequests(pending, pushed oauth.Hash) (err error) {
	if pending != (oauth.Hash{}) {
		err = t.dropRequest(pendingRequest, pending)
	}
	if pushed != (oauth.Hash{}) && err == nil {
		err = t.dropRequest(pushedRequest, pushed)
	}
	return err
}
