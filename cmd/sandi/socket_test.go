package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/internal/store"
)

// live FOLDER id=subject ... has sockets live in a data folder, as a node writes it.
func live(ts *testscript.TestScript, _ bool, args []string) {
	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + ts.MkAbs(args[0]) + "/sandi.db", AccessLifetime: time.Minute, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	r := realtime.Record{Node: "n1"}
	for _, one := range args[1:] {
		id, subject, _ := strings.Cut(one, "=")
		r.Begun = append(r.Begun, realtime.SocketView{
			ID: id, Subject: subject, ClientID: "first-party", Transport: "websocket", Address: "192.0.2.7", ConnectedAt: at, ExpiresAt: at.Add(time.Minute),
		})
	}
	err = db.RecordSockets(ctx, r)
	ts.Check(errors.Join(err, db.Close()))
}
