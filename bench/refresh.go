package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// refreshers is how many clients refresh at once, each its own session.
const refreshers = 64

func refreshPart() part {
	return part{
		id: "refresh", title: "Refresh tokens rotated on SQLite", run: runRefresh,
		note: "synchronous=FULL; writes that come together are committed together, beside each committed by itself. A slice counts " +
			"where its neighbours agree within 20 %: a disk is less even than a processor.",
	}
}

func runRefresh(b *bench) error {
	dir, err := os.MkdirTemp("", "sandi-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
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
	}
	b.compare(comparison{
		name: fmt.Sprintf("%d clients: grouped, of one by one", refreshers), subject: sides[0], reference: sides[1],
		figure: speed, scale: 8, tolerance: 0.2,
	})
	return nil
}

// refreshing begins the sessions and returns what rotates them. The retry window is 0, so that each refresh is a write.
func refreshing(db *store.DB) (runner, error) {
	ctx := context.Background()
	u := account.User{Subject: "siti", Username: "siti", PasswordHash: "-", CredentialVersion: 1, CreatedAt: time.Now(), PasswordChangedAt: time.Now()}
	if err := db.CreateUser(ctx, u, audit.Event{At: time.Now(), Action: audit.UserCreated, Subject: u.Subject}); err != nil {
		return nil, err
	}
	sessions, err := session.New(session.Config{
		Store: db, MACKeys: []session.MACKey{{Key: make([]byte, 32)}}, CSRFKey: make([]byte, 32),
		Limits: session.Limits{Idle: time.Hour, Rotate: true}, Absolute: 24 * time.Hour, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	var tokens [refreshers]session.Refresh
	for i := range tokens {
		if _, tokens[i], _, err = sessions.Begin(ctx, session.Login{User: u, Transport: "bearer"}, audit.From{}); err != nil {
			return nil, err
		}
	}
	return func(d time.Duration) (int, time.Duration, error) {
		var ops atomic.Int64
		start := time.Now()
		var group errgroup.Group
		for i := range tokens {
			group.Go(func() error {
				for time.Since(start) < d {
					r, err := sessions.Rotate(ctx, tokens[i].Reveal(), "", "", audit.From{})
					if err != nil {
						return err
					}
					tokens[i] = r.Refresh
					ops.Add(1)
				}
				return nil
			})
		}
		err := group.Wait()
		return int(ops.Load()), time.Since(start), err
	}, nil
}
