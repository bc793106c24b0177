package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/store"
)

const restoreChild = "SANDI_TEST_RESTORE" // store, backup, and after how many steps to die

// TestRestoreChild is the process that TestRestoreCutOff cuts off.
func TestRestoreChild(t *testing.T) {
	order := strings.Split(os.Getenv(restoreChild), "\n")
	if len(order) != 3 {
		return // it is no child
	}
	steps, err := strconv.Atoi(order[2])
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Restore(t.Context(), store.RestoreConfig{
		URL: "sqlite:" + order[0], From: order[1],
		Progress: func(string, int, int) {
			if steps--; steps < 0 {
				os.Exit(9) // nothing is closed, rolled back or removed
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killed restores in a process that dies after some steps, and says whether it was done before.
func killed(t *testing.T, path, from string, steps int) (done bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRestoreChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n%d", restoreChild, path, from, steps))
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() != 9) {
		t.Fatalf("%v\n%s", err, out)
	}
	return err == nil
}

// interrupted is killed, by the end of a context.
func interrupted(t *testing.T, path, from string, steps int) (done bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := store.Restore(ctx, store.RestoreConfig{URL: "sqlite:" + path, From: from, Progress: func(string, int, int) {
		if steps--; steps < 0 {
			cancel()
		}
	}})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	checkFolder(t, filepath.Dir(path), filepath.Base(kept(t, path)))
	return err == nil
}

// kept is where an old store is, complete or not; empty where none is.
func kept(t *testing.T, path string) string {
	t.Helper()
	found, err := filepath.Glob(path + ".before-restore-*Z")
	if err != nil || len(found) > 1 {
		t.Fatal(found, err)
	}
	return strings.Join(found, "")
}

// TestRestoreCutOff: a restore that dies, or is interrupted, at any of its steps leaves the old store or the new one, and
// with the new one the old one beside it.
func TestRestoreCutOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	// More than SQLite's cache holds, so that pages of a transaction are on the disk before it ends.
	raw := f.raw(t, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2200)
		INSERT INTO audit (at, action, subject, session, address, user_agent, request_id, actor, detail)
		SELECT 1, '', '', '', '', '', '', '', printf('{"n":"%01000d"}', i) FROM n`)
	if err := raw.Close(); err != nil { // the last to close the file carries the log into it
		t.Fatal(err)
	}
	f.addUser(t, "ani")
	from := f.backUp(t)
	f.addUser(t, "budi")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		cut    func(t *testing.T, path, from string, steps int) (done bool)
		stride int // what dies without cleaning up meets every step, what cleans up each kind of them
	}{{"killed", killed, 1}, {"interrupted", interrupted, 3}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			steps := 0
			for done := false; !done; steps += tt.stride {
				path := filepath.Join(t.TempDir(), "sandi.db")
				if err := os.WriteFile(path, old, 0o600); err != nil {
					t.Fatal(err)
				}
				done = tt.cut(t, path, from, steps)
				checkCut(t, path, steps, done)
			}
			if steps < 9 {
				t.Errorf("cut off at %d steps only", steps)
			}
		})
	}
}

func checkCut(t *testing.T, path string, step int, done bool) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path}) // which checks every page of so small a store
	if err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
	users, err := db.Users(t.Context(), "", 10)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
	switch restored := len(users) == 1; {
	case len(users) == 0:
		t.Errorf("step %d: no users", step)
	case !restored && done || users[0].Subject != "ani":
		t.Errorf("step %d: got users %v, done %v", step, users, done)
	case restored && value[int](t, kept(t, path), `SELECT COUNT(*) FROM users`) != 2:
		t.Errorf("step %d: the old store is not kept", step)
	}
}
