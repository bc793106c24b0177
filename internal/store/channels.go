package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

var (
	_ realtime.Store      = (*DB)(nil)
	_ realtime.AdminStore = (*DB)(nil)
)

// listOfChannels is the name of the row that has the version of the list. No channel is called so.
const listOfChannels = ""

// Channels lists them by name, and the version of the list, which every change raises.
func (db *DB) Channels(ctx context.Context) (list []realtime.Channel, version int64, err error) {
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		var name, doc string
		var changed int64
		if err := r.Scan(&name, &doc, &changed); err != nil {
			return err
		}
		if name == listOfChannels {
			version = changed
			return nil
		}
		var c realtime.Channel
		if err := json.Unmarshal([]byte(doc), &c); err != nil {
			return fmt.Errorf("channel %q: %w", name, err)
		}
		list = append(list, c)
		return nil
	}, `SELECT c.name, c.document, c.version FROM channels c ORDER BY c.name`) // one text: both are of one instant
	return list, version, db.dialect.fault("list channels", err)
}

// ChannelsVersion is the version of the list alone.
func (db *DB) ChannelsVersion(ctx context.Context) (version int64, err error) {
	err = one(ctx, db.readers, []any{&version}, `SELECT c.version FROM channels c WHERE c.name = ?`, listOfChannels)
	return version, db.dialect.fault("read version of channels", err)
}

// PutChannel makes or replaces a channel. Whether it can be is for the caller to have checked.
func (db *DB) PutChannel(ctx context.Context, c realtime.Channel, e audit.Event) error {
	if c.Name == listOfChannels || c.Name != text(c.Name) {
		panic(fmt.Sprintf("store: PutChannel of a channel that is called %q", c.Name))
	}
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("put channel: %w", err)
	}
	return db.write(ctx, "put channel", func(t *tx) error {
		version, err := t.raiseChannels()
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO channels (name, document, version) VALUES (?, ?, ?)`+
			t.dialect.replacing("name", "document", "version"), c.Name, string(doc), version); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// RemoveChannel removes a channel; realtime.ErrNoChannel.
func (db *DB) RemoveChannel(ctx context.Context, name string, e audit.Event) error {
	if name == listOfChannels || name != text(name) {
		return realtime.ErrNoChannel
	}
	return db.write(ctx, "remove channel", func(t *tx) error {
		if _, err := t.raiseChannels(); err != nil {
			return err
		}
		n, err := t.exec(`DELETE FROM channels WHERE name = ?`, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return realtime.ErrNoChannel // and the version is what it was
		}
		return t.audit(e)
	})
}

// raiseChannels gives the list its next version. The row is held until the transaction ends, so that whoever reads a version
// reads all that came before it.
func (t *tx) raiseChannels() (version int64, err error) {
	if _, err := t.exec(`UPDATE channels SET version = version + 1 WHERE name = ?`, listOfChannels); err != nil {
		return 0, err
	}
	err = one(context.Background(), t, []any{&version}, `SELECT c.version FROM channels c WHERE c.name = ?`, listOfChannels)
	return version, err
}
