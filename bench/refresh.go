package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// refreshers is how many clients refresh at once, each its own session.
const refreshers = 64

// refreshConns is how many connections to a database server they have between them, the default of store.Config.
const refreshConns = 20

func refreshPart() part {
	return part{
		id: "refresh", title: "Refresh tokens rotated, on each database", run: runRefresh,
		note: fmt.Sprintf("%d clients rotate refresh tokens through session.Service and the store. The floor is the database's own: as many clients, "+
			"each with one UPDATE of a session by its primary key, of the same columns, prepared, committed by itself, through database/sql, the same "+
			"driver and as many connections (%d; SQLite has one writer). Every commit is on disk before it is answered (SQLite synchronous=FULL, "+
			"PostgreSQL fsync and synchronous_commit, MariaDB innodb_flush_log_at_trx_commit=1). On SQLite, writes that come together are "+
			"committed together, beside each committed by itself. The statements of a rotation are counted in the server's query log. "+
			"A slice counts where its neighbours agree within 20 %%: a disk is less even than a processor.", refreshers, refreshConns),
	}
}

func runRefresh(b *bench) error {
	return errors.Join(
		refreshSQLite(b),
		refreshServer(b, "PostgreSQL", testdb.NewPostgres, "UPDATE sessions SET generation = generation + 1, rotated_at = $1, last_used_at = $2, idle_expires_at = $3 WHERE id = $4"),
		refreshServer(b, "MariaDB", testdb.NewMariaDB, floorUpdate),
	)
}

func refreshSQLite(b *bench) error {
	dir, err := os.MkdirTemp("", "sandi-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var grouped *store.DB
	var sides []side
	for _, c := range []struct {
		name      string
		unbatched bool
	}{{"grouped", false}, {"one by one", true}} {
		db, err := store.Open(context.Background(), store.Config{
			URL: "sqlite:" + filepath.Join(dir, c.name+".db"), Now: time.Now, Unbatched: c.unbatched,
		})
		if err != nil {
			return err
		}
		defer db.Close()
		run, err := refreshing(db)
		if err != nil {
			return err
		}
		sides = append(sides, side{c.name, run})
		grouped = cmp.Or(grouped, db)
	}
	b.compare(comparison{
		name: fmt.Sprintf("SQLite, %d clients: grouped, of one by one", refreshers), subject: sides[0], reference: sides[1],
		figure: speed, scale: 8, tolerance: 0.2,
	})
	query := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	plain, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "grouped.db")+"?"+query.Encode())
	if err != nil {
		return err
	}
	defer plain.Close()
	plain.SetMaxOpenConns(1)
	return ofFloor(b, "SQLite", sides[0], grouped, plain, floorUpdate)
}

// refresher is a user's session, and how to refresh it.
type refresher struct {
	sessions *session.Service
	id       session.ID
	token    session.Refresh
}

func (r *refresher) rotate() error {
	done, err := r.sessions.Rotate(context.Background(), r.token.Reveal(), "", "", audit.From{})
	r.token = done.Refresh
	return err
}

// begin signs a new user in, so many times. The retry window is 0, so that each refresh is a write.
func begin(db *store.DB, user string, n int) ([]*refresher, error) {
	ctx := context.Background()
	u := account.User{Subject: user, Username: user, PasswordHash: "-", CredentialVersion: 1, CreatedAt: time.Now(), PasswordChangedAt: time.Now()}
	if err := db.CreateUser(ctx, u, audit.Event{At: time.Now(), Action: audit.UserCreated, Subject: u.Subject}); err != nil {
		return nil, err
	}
	sessions, err := session.New(session.Config{
		Store: db, MACKeys: []session.MACKey{{Key: make([]byte, 32), CSRF: make([]byte, 32)}},
		Limits: session.Limits{Idle: time.Hour, Rotate: true}, Absolute: 24 * time.Hour, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	out := make([]*refresher, n)
	for i := range out {
		begun, token, _, err := sessions.Begin(ctx, session.Login{User: u, Transport: "bearer"}, audit.From{})
		if err != nil {
			return nil, err
		}
		out[i] = &refresher{sessions, begun.ID, token}
	}
	return out, nil
}

// refreshing begins the sessions and returns what rotates them.
func refreshing(db *store.DB) (runner, error) {
	all, err := begin(db, "siti", refreshers)
	if err != nil {
		return nil, err
	}
	return crowd(func(i int) error { return all[i].rotate() }), nil
}

// crowd has each of the clients do an operation again and again.
func crowd(do func(client int) error) runner {
	return func(d time.Duration) (int, time.Duration, error) {
		var ops atomic.Int64
		start := time.Now()
		var group errgroup.Group
		for i := range refreshers {
			group.Go(func() error {
				for time.Since(start) < d {
					if err := do(i); err != nil {
						return err
					}
					ops.Add(1)
				}
				return nil
			})
		}
		err := group.Wait()
		return int(ops.Load()), time.Since(start), err
	}
}
