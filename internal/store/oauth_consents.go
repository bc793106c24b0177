package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
)

const consentColumns = `c.subject, c.client_id, c.scope, c.resources, c.granted_at`

// consentDest is where consentColumns are scanned to.
func consentDest(c *oauth.Consent) []any {
	return []any{&c.Subject, &c.ClientID, words{&c.Scope}, words{&c.Resources}, instant{&c.GrantedAt}}
}

// Consent reads one; oauth.ErrNotFound.
func (db *DB) Consent(ctx context.Context, subject, clientID string) (oauth.Consent, error) {
	c, err := readConsent(ctx, db.readers, text(subject), text(clientID))
	return c, db.dialect.fault("read consent", err)
}

func readConsent(ctx context.Context, q querier, subject, clientID string) (c oauth.Consent, err error) {
	err = one(ctx, q, consentDest(&c), `SELECT `+consentColumns+` FROM consents c WHERE c.subject = ? AND c.client_id = ?`, subject, clientID)
	if errors.Is(err, sql.ErrNoRows) {
		err = oauth.ErrNotFound
	}
	return c, err
}

// Consents lists a user's by client.
func (db *DB) Consents(ctx context.Context, subject string) (consents []oauth.Consent, err error) {
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		var c oauth.Consent
		err := r.Scan(consentDest(&c)...)
		consents = append(consents, c)
		return err
	}, `SELECT `+consentColumns+` FROM consents c WHERE c.subject = ? ORDER BY c.client_id`, text(subject))
	return consents, db.dialect.fault("list consents", err)
}

// mergeConsent adds c to what the user allowed the client before. The user's row, locked, lets one after the other do so.
func (t *tx) mergeConsent(c oauth.Consent) error {
	if _, err := t.lockUser(c.Subject); err != nil {
		return err
	}
	old, err := readConsent(context.Background(), t, c.Subject, c.ClientID)
	if err != nil && !errors.Is(err, oauth.ErrNotFound) {
		return err
	}
	old.Scope = slices.DeleteFunc(old.Scope, func(s string) bool { return slices.Contains(c.Refused, s) })
	c.Scope, c.Resources = merged(old, c)
	_, err = t.exec(`INSERT INTO consents (subject, client_id, scope, resources, granted_at) VALUES (?, ?, ?, ?, ?)`+
		t.dialect.replacing("subject, client_id", "scope", "resources", "granted_at"),
		c.Subject, c.ClientID, text(strings.Join(c.Scope, " ")), text(strings.Join(c.Resources, " ")), millis(t.now))
	return err
}

// merged is the scopes and resources of both. A consent is for each of its scopes at each of its resources: where two differ so that
// together they would be for what neither was, the later one counts alone.
func merged(old, c oauth.Consent) (scope, resources []string) {
	scope, resources = union(old.Scope, c.Scope), union(old.Resources, c.Resources)
	covers := func(s, r []string) bool {
		return len(union(s, nil)) == len(scope) && len(union(r, nil)) == len(resources)
	}
	same := func(a, b []string) bool { return slices.Equal(union(a, nil), union(b, nil)) }
	if same(old.Scope, c.Scope) || same(old.Resources, c.Resources) || covers(old.Scope, old.Resources) {
		return scope, resources
	}
	return union(c.Scope, nil), union(c.Resources, nil) // which may be all of old
}

// union is the words of both, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// RemoveConsent deletes it and ends the user's sessions of the client, with what is under way; oauth.ErrNotFound.
func (db *DB) RemoveConsent(ctx context.Context, subject, clientID string, e audit.Event) error {
	if subject != text(subject) || clientID != text(clientID) {
		return oauth.ErrNotFound
	}
	return db.write(ctx, "remove consent", func(t *tx) error {
		if err := t.dropGranted(clientID, subject); err != nil { // first: a code is locked before its user
			return err
		}
		if _, err := t.lockUser(subject); err != nil && !errors.Is(err, account.ErrNotFound) {
			return err
		}
		n, err := t.exec(`DELETE FROM consents WHERE subject = ? AND client_id = ?`, subject, clientID)
		if err != nil {
			return err
		}
		if n == 0 {
			return oauth.ErrNotFound
		}
		if _, err := t.end(true, session.ConsentRemoved, endable+`s.subject = ? AND s.ended_at = 0 AND s.client_id = ?
			ORDER BY CASE WHEN s.parent_id IS NULL THEN 0 ELSE 1 END, s.id`, subject, clientID); err != nil {
			return err
		}
		return t.audit(e)
	})
}
