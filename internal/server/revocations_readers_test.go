package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/key"
)

// A reader is added, and one is removed, without a restart; a broken file changes nothing, and the log says so once.
func TestReadersFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "readers")
	now := time.Now()
	written := now
	write := func(text string) {
		t.Helper()
		written = written.Add(time.Second) // as a file system of whole seconds has it
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
	first, second := key.NewSecret(), key.NewSecret()
	write("orders:" + first)
	var log bytes.Buffer
	f, err := openReaders(path, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := func(secret, name string) {
		t.Helper()
		if got, ok := f.find(secret); got != name || ok != (name != "") {
			t.Errorf("found %q, %t; want %q", got, ok, name)
		}
	}
	write("orders:" + first + "\nstock:" + second)
	want(second, "") // within the same second
	now = now.Add(time.Second)
	want(second, "stock")
	for range 3 {
		write("orders:" + first + "\nshort")
		for range 3 {
			now = now.Add(time.Second)
			want(second, "stock")
		}
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 3 || strings.Contains(log.String(), first) {
		t.Errorf("three broken files were said %d times:\n%s", n, &log)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	want(first, "orders")
	write("stock:" + second)
	now = now.Add(time.Second)
	want(first, "")
	want(second, "stock")
	if f, err := openReaders("", time.Now, nil); f != nil || err != nil {
		t.Errorf("no file: %v, %v", f, err)
	}
}
