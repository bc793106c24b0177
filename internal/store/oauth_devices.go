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

// slowDown is what a poll that came too soon adds to the interval (RFC 8628 section 3.5).
const slowDown = 5 * time.Second

const deviceColumns = `d.document, d.state, d.poll_interval, d.polled_at`

// deviceDest is where deviceColumns are scanned to.
func deviceDest(d *oauth.Device) []any {
	return []any{document{d}, &d.State, span{&d.Interval}, instant{&d.PolledAt}}
}

// AddDevice inserts d; oauth.ErrChanged where one that has not expired has the user code.
func (db *DB) AddDevice(ctx context.Context, device, user oauth.Hash, d oauth.Device) error {
	doc, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("add device: %w", err)
	}
	return db.write(ctx, "add device", func(t *tx) error {
		if _, err := t.exec(`DELETE FROM devices WHERE user_code = ? AND expires_at <= ?`, user[:], millis(t.now)); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO devices (hash, user_code, client_id, document, state, poll_interval, polled_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, 0, ?)`, device[:], user[:], d.ClientID, string(doc), oauth.DevicePending, d.Interval.Milliseconds(), millis(d.ExpiresAt))
		if t.dialect.taken(err) {
			return oauth.ErrChanged
		}
		return err
	})
}

// DeviceByUserCode reads a pending one; oauth.ErrNotFound.
func (db *DB) DeviceByUserCode(ctx context.Context, user oauth.Hash) (d oauth.Device, err error) {
	err = one(ctx, db.readers, deviceDest(&d), `SELECT `+deviceColumns+` FROM devices d WHERE d.user_code = ? AND d.state = ? AND d.expires_at > ?`,
		user[:], oauth.DevicePending, millis(db.now()))
	if errors.Is(err, sql.ErrNoRows) {
		err = oauth.ErrNotFound
	}
	return d, db.dialect.fault("read device", err)
}

// DecideDevice approves or denies a pending one; oauth.ErrNotFound. It panics where d.State is neither.
func (db *DB) DecideDevice(ctx context.Context, user oauth.Hash, d oauth.Device, e audit.Event) error {
	if d.State != oauth.DeviceApproved && d.State != oauth.DeviceDenied {
		panic("store: DecideDevice with state " + d.State)
	}
	doc, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("decide device: %w", err)
	}
	return db.write(ctx, "decide device", func(t *tx) error {
		n, err := t.exec(`UPDATE devices SET document = ?, state = ? WHERE user_code = ? AND state = ? AND expires_at > ?`,
			string(doc), d.State, user[:], oauth.DevicePending, millis(t.now))
		if err != nil {
			return err
		}
		if n == 0 {
			return oauth.ErrNotFound
		}
		return t.audit(e)
	})
}

// PollDevice is one request of the token endpoint, as oauth.DeviceStore has it. A user who is disabled or changed the password since is
// session.ErrUserGone, and changes nothing. check and begin are called while the row is locked, on SQLite by the one goroutine that
// writes: they must not ask this store for anything.
func (db *DB) PollDevice(ctx context.Context, device oauth.Hash, check func(oauth.Device) error, begin func(oauth.Device) (session.Session, error), e audit.Event) (d oauth.Device, slow bool, b session.Begun, err error) {
	ctx, cancel := db.promptly(ctx)
	defer cancel()
	err = db.write(ctx, "poll device", func(t *tx) error {
		d, slow, b = oauth.Device{}, false, session.Begun{} // of a try that lost against another
		err := t.held(deviceDest(&d), `SELECT `+deviceColumns+` FROM devices d WHERE d.hash = ?`, device[:])
		if errors.Is(err, sql.ErrNoRows) {
			return oauth.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := check(d); err != nil {
			return err
		}
		if !t.now.Before(d.ExpiresAt) || d.State == oauth.DeviceDenied || d.State == oauth.DeviceSpent {
			return nil
		}
		slow = !d.PolledAt.IsZero() && t.now.Before(d.PolledAt.Add(d.Interval))
		if slow {
			d.Interval += slowDown
		}
		if d.PolledAt = t.now; d.State == oauth.DeviceApproved && !slow {
			b, err = t.spendDevice(&d, begin, e)
		}
		if err == nil {
			_, err = t.exec(`UPDATE devices SET state = ?, poll_interval = ?, polled_at = ? WHERE hash = ?`,
				d.State, d.Interval.Milliseconds(), millis(d.PolledAt), device[:])
		}
		return err
	})
	return d, slow, b, err
}

// spendDevice begins the session of an approved one.
func (t *tx) spendDevice(d *oauth.Device, begin func(oauth.Device) (session.Session, error), e audit.Event) (b session.Begun, err error) {
	s, err := begin(*d)
	if err != nil {
		return b, err
	}
	d.State = oauth.DeviceSpent
	return t.begin(s, session.ID{}, 0, e)
}
