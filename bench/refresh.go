package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// refreshers is how many clients refresh at once, each its own session.
const refreshers = 64

// refreshPairs rotates refresh tokens on SQLite with synchronous=FULL, with grouped writes and one by one.
func refreshPairs(dir string) ([]pair, func(), error) {
	var sides []side
	var dbs []*store.DB
	closing := func() {
		for _, db := range dbs {
			_ = db.Close()
		}
	}
	for _, c := range []struct {
		name      string
		unbatched bool
	}{{"grouped", false}, {"one by one", true}} {
		db, err := store.Open(context.Background(), store.Config{
			URL: "sqlite:" + filepath.Join(dir, c.name+".db"), Now: time.Now, Unbatched: c.unbatched,
		})
		if err != nil {
			return nil, closing, err
		}
		dbs = append(dbs, db)
		run, err := refreshing(db)
		if err != nil {
			return nil, closing, err
		}
		sides = append(sides, side{c.name, run})
	}
	return []pair{{fmt.Sprintf("refreshes, %d clients, SQLite", refreshers), sides[0], sides[1]}}, closing, nil
}

// refreshing begins the sessions and returns what rotates them. The retry window is 0, so that each refresh is a write.
func refreshing(db *store.DB) (func(time.Duration) (int, time.Duration), error) {
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
	return func(d time.Duration) (int, time.Duration) {
		var ops atomic.Int64
		start := time.Now()
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() {
				for time.Since(start) < d {
					r, err := sessions.Rotate(ctx, tokens[i].Reveal(), "", "", audit.From{})
					if err != nil {
						panic(err)
					}
					tokens[i] = r.Refresh
					ops.Add(1)
				}
			})
		}
		wg.Wait()
		return int(ops.Load()), time.Since(start)
	}, nil
}
