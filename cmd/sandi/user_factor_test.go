package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/store"
)

// factor FOLDER USER FILE gives a user a second factor, sealed under the master key of the file.
func factor(ts *testscript.TestScript, _ bool, args []string) {
	withFactors(ts, args, func(ctx context.Context, s *account.Service, _ *store.DB, _ *key.Master) error {
		secret, _, err := s.EnrolFactor(ctx, args[1])
		if err != nil {
			return err
		}
		code, err := totp.GenerateCode(secret, time.Now())
		if err != nil {
			return err
		}
		_, err = s.ConfirmFactor(ctx, args[1], code, audit.From{})
		return err
	})
}

// opens FOLDER USER FILE fails unless the master key of the file opens the user's second factor.
func opens(ts *testscript.TestScript, _ bool, args []string) {
	withFactors(ts, args, func(ctx context.Context, _ *account.Service, db *store.DB, m *key.Master) error {
		f, err := db.Factor(ctx, args[1])
		if err == nil {
			_, err = m.Open(f.Sealed, account.FactorPlace(args[1]))
		}
		return err
	})
}

func withFactors(ts *testscript.TestScript, args []string, do func(context.Context, *account.Service, *store.DB, *key.Master) error) {
	ctx := context.Background()
	m, err := key.LoadMaster(ts.MkAbs(args[2]))
	ts.Check(err)
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + ts.MkAbs(args[0]) + "/sandi.db", Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	s, err := account.New(account.Config{Store: db, Limits: cluster.NewMemory(time.Now), Now: time.Now, Sealer: key.NewMasters(m)})
	ts.Check(err)
	ts.Check(errors.Join(do(ctx, s, db, m), db.Close()))
}
