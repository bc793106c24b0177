package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

// reasonRestored is why a session ended that was in a backup.
const reasonRestored = "restored"

// Renewal is what Renew is to do.
type Renewal struct {
	// KeepSessions lets refresh tokens go on that the backup knows. What was ended since it was made, by a logout or a
	// new password, lives again; and a session that was refreshed since is rolled forward once, or refused.
	KeepSessions bool
	// Keys are ids of signing keys beside those in the store, as that of a shared secret.
	Keys []string
	// Present are the ids of the signing keys that the replaced store had. Others are dropped: one may have been revoked since,
	// because it leaked. Nil where that store cannot tell.
	Present []string
	From    audit.From
	// Detail goes into the audit event.
	Detail map[string]string
}

// Renewed is what Renew did.
type Renewed struct {
	Epoch string
	Ended int // sessions
	// RefusedUpTo is the second (RFC 7519 counts iat so) up to which no access token counts that was issued: new ones do from the next on.
	RefusedUpTo time.Time
}

// Renew makes a store trustworthy whose content was replaced by that of an earlier time. Revocations made since are
// gone, so that every token of that time is revoked by its signing key, those of sessions that the store has never
// seen too; the new epoch makes all who follow the revocations load them again; a bootstrap secret, and authorizations that were
// under way, which may have been used since, are taken back; and every
// session ends, batch by batch, unless told otherwise. What users allowed clients is as it was then. Where it fails half way it can be
// called again.
func (db *DB) Renew(ctx context.Context, r Renewal) (done Renewed, err error) {
	done.Epoch = newEpoch()
	err = db.write(ctx, "renew store", func(t *tx) error {
		done.RefusedUpTo = t.now.Truncate(time.Second)
		if err := t.setMeta(metaEpoch, done.Epoch); err != nil { // first: it locks what every change of the store locks
			return err
		}
		if err := t.dropOneTime(); err != nil {
			return err
		}
		if err := t.revokeKeys(ctx, r); err != nil {
			return err
		}
		return t.audit(audit.Event{Action: audit.StoreRestored, From: r.From, Detail: r.Detail})
	})
	var last session.ID
	for more := err == nil && !r.KeepSessions; more; {
		last, more, err = db.endRestored(ctx, last, &done.Ended)
	}
	return done, err
}

// dropOneTime deletes what may have been used since the backup was made, and sockets, which were live then.
func (t *tx) dropOneTime() error {
	for _, query := range []string{`DELETE FROM bootstrap`, `DELETE FROM requests`, `DELETE FROM devices`, `DELETE FROM sockets`} {
		if _, err := t.exec(query); err != nil {
			return err
		}
	}
	if _, err := t.exec(`DELETE FROM codes WHERE used_at = 0 AND keep_until <= ?`, millis(t.now.Add(maxCode))); err != nil {
		return err
	}
	return t.skipLists()
}

// lostLists are more status lists than can have been begun since the backup was made.
const lostLists = 1_000_000

// skipLists has no place and no number of a status list given a second time: verifiers elsewhere may have tokens that name those which
// were given since the backup was made.
func (t *tx) skipLists() error {
	if _, err := t.exec(`UPDATE status_lists SET taken = ?`, revocation.ListSize); err != nil {
		return err
	}
	last, err := t.insert("id", `INSERT INTO status_lists (expires_at, taken) VALUES (0, ?)`, revocation.ListSize)
	if err != nil {
		return err
	}
	if _, err := t.exec(t.dialect.skipLists(), last+lostLists); err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM status_lists WHERE expires_at = 0`)
	return err
}

// cachedKeys is the longest that a verifier elsewhere keeps a key that is published no more (key.jwks_max_age).
const cachedKeys = time.Hour

// revokeKeys revokes what any key has signed until now, and drops those keys that were not present any more.
func (t *tx) revokeKeys(ctx context.Context, r Renewal) error {
	keep, err := t.revocable()
	if err != nil {
		return err
	}
	t.keep = keep + cachedKeys
	until := map[string]time.Time{} // zero for ever
	for _, kid := range slices.Concat(r.Keys, r.Present) {
		until[kid] = t.now
	}
	var dropped []string
	err = each(ctx, t, func(rows *sql.Rows) error {
		var kid string
		err := rows.Scan(&kid)
		until[kid] = t.now
		if r.Present != nil && !slices.Contains(r.Present, kid) {
			until[kid] = time.Time{}
			dropped = append(dropped, kid)
		}
		return err
	}, `SELECT kid FROM "keys"`)
	if err != nil {
		return err
	}
	for _, kid := range dropped {
		if _, err := t.exec(`DELETE FROM "keys" WHERE kid = ?`, kid); err != nil {
			return err
		}
	}
	for kid, notBefore := range until {
		if err := t.revoke(revocation.Key, kid, notBefore); err != nil {
			return err
		}
	}
	return nil
}

// restoredBatch is how many sessions end in one transaction.
const restoredBatch = 100

// endRestored ends some of the sessions above an id that could be refreshed, and returns the highest of them and whether there may
// be more. It goes by the key: no index is by what may end.
func (db *DB) endRestored(ctx context.Context, after session.ID, ended *int) (last session.ID, more bool, err error) {
	err = db.write(ctx, "end restored sessions", func(t *tx) error {
		ids, err := t.sessionIDs(`SELECT s.id FROM sessions s WHERE s.id > ? AND s.ended_at = 0 AND s.idle_expires_at > ?
			ORDER BY s.id LIMIT ?`, after[:], millis(t.now), restoredBatch)
		if more = len(ids) > 0; err != nil || !more {
			return err
		}
		last = ids[len(ids)-1]
		batch, err := t.end(false, reasonRestored, endable+`s.id > ? AND s.id <= ? AND s.ended_at = 0 AND s.idle_expires_at > ?
			ORDER BY s.id`, after[:], last[:], millis(t.now))
		*ended += len(batch)
		return err
	})
	return last, more && err == nil, err
}

// newEpoch names a history.
func newEpoch() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
