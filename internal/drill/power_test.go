//go:build drill && linux

package drill_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestDrillPower: what a disk may hold when the power goes is what was synced, and any of what was written since, torn or not. A node
// runs under strace, which sees its writes, its syncs, and the answers it sends. For each answer such disks are made as of that
// moment, and opened: what was answered is there. As a control, the same disks without the last sync have lost something.
func TestDrillPower(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("install strace: ", err)
	}
	const seed, disks = 3, 3
	trace := filepath.Join(t.TempDir(), "trace")
	var folder string
	w := newWorld(t, setup{nodes: 1, change: func(c *config.Config) {
		c.Session.RetryWindow, folder = 0, c.Data
	}, under: []string{"strace", "-f", "-y", "-xx", "-s", "1000000", "-o", trace, "-e", "trace=pwrite64,write,fsync,fdatasync,ftruncate"}})
	var wg sync.WaitGroup
	for _, a := range w.logins(w.register(1)[0], 4) {
		wg.Go(func() {
			ch := &chain{tokens: []string{a.body.Refresh}}
			for range 50 {
				ch.step(w)
			}
		})
	}
	wg.Wait()
	w.nodes[0].stop()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, seed))
	opened, lost, control, syncs := 0, 0, 0, 0
	d := newDisk(folder)
	for _, line := range strings.Split(string(text), "\n") {
		token := d.follow(line)
		if syncs = d.syncs; token == "" {
			continue
		}
		for range disks {
			opened++
			if !d.holds(t, d.image(random, false), token) {
				lost++
			}
		}
		if !d.holds(t, d.image(random, true), token) {
			control++
		}
	}
	t.Logf("seed %d: %d syncs, %d disks opened, %d answers lost; without the last sync %d lost", seed, syncs, opened, lost, control)
	if lost > 0 || opened < 100 || control == 0 {
		t.Error("want no answer lost, of at least 100, and some without the last sync")
	}
}

// step rotates once.
func (ch *chain) step(w *world) {
	a, err := call(w.at(0), "POST", api+"/refresh", ch.tokens[len(ch.tokens)-1], nil)
	if err != nil || a.status != 200 {
		w.Errorf("refresh: %d %s %v", a.status, a.body.Msg, err)
		return
	}
	ch.tokens = append(ch.tokens, a.body.Refresh)
}

// change is a write that a file has seen; data nil cuts the file to at.
type change struct {
	at   int64
	data []byte
}

// file is one of a database: all its changes, of which the first synced are sure to be on the disk.
type file struct {
	changes        []change
	synced, before int         // before the last sync
	syncing        map[int]int // by thread: how many its sync will cover
}

// disk is what strace tells of the files of a folder.
type disk struct {
	folder string
	files  map[string]*file
	under  map[int]*file // by thread: the file it is syncing
	syncs  int
}

func newDisk(folder string) *disk {
	return &disk{folder: folder, files: map[string]*file{}, under: map[int]*file{}}
}

// follow takes in a line, and returns the refresh token that it sends out, "" for none.
func (d *disk) follow(line string) string {
	var thread int
	if _, err := fmt.Sscan(line, &thread); err != nil {
		return ""
	}
	_, line, _ = strings.Cut(line, " ")
	line = strings.TrimLeft(line, " ")
	call, arguments, _ := strings.Cut(line, "(")
	switch {
	case strings.HasPrefix(line, "<... fsync resumed>"), strings.HasPrefix(line, "<... fdatasync resumed>"):
		if f := d.under[thread]; f != nil {
			d.sync(f, f.syncing[thread])
		}
	case call == "fsync" || call == "fdatasync":
		f := d.file(arguments)
		if f == nil {
			return ""
		}
		if !strings.Contains(line, "<unfinished") {
			d.sync(f, len(f.changes))
			return ""
		}
		d.under[thread], f.syncing[thread] = f, len(f.changes)
	case call == "pwrite64":
		if f := d.file(arguments); f != nil {
			data, rest := unquote(arguments)
			var size, at int64
			scan(rest, ", %d, %d", &size, &at)
			f.changes = append(f.changes, change{at, data})
		}
	case call == "ftruncate":
		if f := d.file(arguments); f != nil {
			_, rest, _ := strings.Cut(arguments, ">")
			var at int64
			scan(rest, ", %d", &at)
			f.changes = append(f.changes, change{at: at})
		}
	case call == "write": // an answer, where it goes to a socket
		data, _ := unquote(arguments)
		_, after, ok := strings.Cut(string(data), `"refresh_token":"`)
		token, _, _ := strings.Cut(after, `"`)
		if ok && session.IsRefresh(token) {
			return token
		}
	}
	return ""
}

func scan(text, format string, to ...any) {
	if _, err := fmt.Sscanf(text, format, to...); err != nil {
		panic(fmt.Sprintf("%q: %v", text[:min(len(text), 40)], err))
	}
}

// file is the one that a descriptor is of, where it is the database's or its log's.
func (d *disk) file(arguments string) *file {
	_, path, _ := strings.Cut(arguments, "<")
	path, _, _ = strings.Cut(path, ">")
	path = unhex(path)
	name := strings.TrimPrefix(path, d.folder+"/")
	if name != "sandi.db" && name != "sandi.db-wal" {
		return nil
	}
	if d.files[name] == nil {
		d.files[name] = &file{syncing: map[int]int{}}
	}
	return d.files[name]
}

func (d *disk) sync(f *file, covers int) {
	d.syncs++
	if covers > f.synced {
		for _, other := range d.files {
			other.before = other.synced
		}
		f.synced = covers
	}
}

// image makes a disk of this moment: all that was synced, and of the rest what chance leaves. undo leaves out what the last sync
// brought, and all after it.
func (d *disk) image(random *rand.Rand, undo bool) map[string][]byte {
	out := map[string][]byte{}
	for name, f := range d.files {
		var b []byte
		sure := f.synced
		if undo {
			sure = f.before
		}
		for i, c := range f.changes {
			switch {
			case i < sure:
				b = c.apply(b)
			case undo:
			case random.IntN(2) == 0:
				b = c.apply(b)
			case len(c.data) > 512 && random.IntN(2) == 0: // torn between sectors
				c.data = c.data[:512*(1+random.IntN(len(c.data)/512))]
				b = c.apply(b)
			}
		}
		out[name] = b
	}
	return out
}

func (c change) apply(b []byte) []byte {
	end := c.at + int64(len(c.data))
	if c.data == nil {
		return append(b[:min(c.at, int64(len(b)))], make([]byte, max(0, c.at-int64(len(b))))...)
	}
	if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[c.at:end], c.data)
	return b
}

// holds says that the store on a disk has the rotation that made a token.
func (d *disk) holds(t *testing.T, image map[string][]byte, token string) bool {
	t.Helper()
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	for name, b := range image {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(dir, "sandi.db")})
	if err != nil {
		t.Logf("a disk cannot be opened: %v", err)
		return false
	}
	s, err := db.Session(t.Context(), session.ID(contents(token)[5:21]))
	if err = errors.Join(err, db.Close()); err != nil {
		t.Logf("%v", err)
		return false
	}
	return int(s.Generation) >= generation(token)
}

// unquote reads the first string of a call's arguments, written in hexadecimal, and returns what follows it.
func unquote(arguments string) (data []byte, rest string) {
	_, arguments, _ = strings.Cut(arguments, `"`)
	text, rest, _ := strings.Cut(arguments, `"`)
	return []byte(unhex(text)), rest
}

// unhex reads \x61\x62; what is not so written stays.
func unhex(s string) string {
	if !strings.HasPrefix(s, `\x`) {
		return s
	}
	out := make([]byte, 0, len(s)/4)
	for ; len(s) >= 4; s = s[4:] {
		var b byte
		scan(s[2:4], "%02x", &b)
		out = append(out, b)
	}
	return string(out)
}
