//go:build drill && linux

package drill_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// TestDrillDiskFull: on a full disk a refresh gets 503, never an answer that was not kept, and all is normal again within 2 s of
// there being room.
func TestDrillDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=6m"); err != nil {
		t.Fatal("no small file system can be mounted (root may): ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, setup{nodes: 1, change: func(c *config.Config) {
		c.Session.RetryWindow, c.Data = 0, filepath.Join(disk, "data")
	}})
	var chains []*chain
	for _, a := range w.logins(w.register(1)[0], 16) {
		chains = append(chains, &chain{tokens: []string{a.body.Refresh}})
	}
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	refused := w.untilRefused(chains)
	for range 200 {
		for _, ch := range chains {
			if ch.try(w.at(0)) == http.StatusServiceUnavailable {
				refused++
			}
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for chains[0].try(w.at(0)) != http.StatusOK && time.Since(begun) < 10*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	normal := time.Since(begun)
	lost := 0
	for _, ch := range chains {
		if ch.try(w.at(0)); ch.lost != "" {
			lost++
			t.Errorf("lost: %s", ch.lost)
		}
	}
	t.Logf("%d refreshes refused on a full disk, %d answers that were not kept, normal again after %s", refused, lost, normal.Round(time.Millisecond))
	if normal > 2*time.Second || refused == 0 {
		t.Errorf("normal after %s, %d refused", normal, refused)
	}
}

// untilRefused refreshes until the last free page of the database is used up.
func (w *world) untilRefused(chains []*chain) int {
	for range 100_000 {
		for _, ch := range chains {
			if ch.try(w.at(0)) == http.StatusServiceUnavailable {
				return 1
			}
		}
	}
	w.Fatal("never refused")
	return 0
}

// try refreshes once. After an answer that says nothing was done the same token is presented the next time: were it a false
// failure, it would be taken as stolen.
func (ch *chain) try(at string) int {
	token := ch.tokens[len(ch.tokens)-1]
	a, err := call(at, "POST", api+"/refresh", token, nil)
	switch {
	case err != nil:
		ch.lost = err.Error()
	case a.status == http.StatusOK:
		ch.tokens = append(ch.tokens, a.body.Refresh)
	case a.status != http.StatusServiceUnavailable:
		ch.lost = a.body.Error + ": " + a.body.Msg
	}
	return a.status
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 4 {
		for err = nil; err == nil; {
			_, err = f.Write(bytes.Repeat([]byte{1}, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}
