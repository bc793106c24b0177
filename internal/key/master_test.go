package key_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/internal/key"
)

func masterFile(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "master.key") }

// secure-defaults 1a, 1d
func TestOpenMasters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := masterFile(t)
	if _, err := key.LoadMaster(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("LoadMaster of no file: %v, want fs.ErrNotExist", err)
	}
	fingerprints := make([]string, 8)
	var wg sync.WaitGroup
	for i := range fingerprints {
		wg.Go(func() {
			m, err := key.OpenMasters(t.Context(), path, nil, true, b.db)
			if err != nil {
				t.Error(err)
				return
			}
			fingerprints[i] = m.All()[0].Fingerprint()
		})
	}
	wg.Wait()
	for _, fp := range fingerprints {
		if fp != fingerprints[0] {
			t.Errorf("racers have different keys: %q", fingerprints)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o600 {
		t.Errorf("mode %v, want 0600", got)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("files left behind: %v, %v", left, err)
	}
}

// TestOpenMastersLost: a key that is lost is not replaced, because the store would open under no other.
// secure-defaults 1a, 2h
func TestOpenMastersLost(t *testing.T) {
	t.Parallel()
	b, path := newBench(t), masterFile(t)
	m, err := key.OpenMasters(t.Context(), path, nil, true, b.db)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := m.All()[0].Fingerprint()
	if _, err := b.db.MasterFingerprint(t.Context(), fingerprint); err != nil {
		t.Fatal(err)
	}
	kept := path + ".away"
	if err := os.Rename(path, kept); err != nil {
		t.Fatal(err)
	}
	_, err = key.OpenMasters(t.Context(), path, nil, true, b.db)
	if r, ok := errors.AsType[*key.Refusal](err); !ok || !strings.Contains(err.Error(), "missing at "+path) || r.Hint() == "" {
		t.Errorf("got %v, want a refusal with a hint", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another key was made: %v", err)
	}
	if err := os.Rename(kept, path); err != nil {
		t.Fatal(err)
	}
	if again, err := key.OpenMasters(t.Context(), path, nil, true, b.db); err != nil || again.All()[0].Fingerprint() != fingerprint {
		t.Errorf("put back: got %v", err)
	}
}

// TestOpenMastersShared: no node makes the master key of a store that others use too. What is missing is
// said, and made by no start.
// secure-defaults 2h
func TestOpenMastersShared(t *testing.T) {
	t.Parallel()
	b, path := newBench(t), masterFile(t)
	open := func(others ...string) error {
		_, err := key.OpenMasters(t.Context(), path, others, false, b.db)
		return err
	}
	refused := func(err error, want, hint string) {
		t.Helper()
		r, ok := errors.AsType[*key.Refusal](err)
		if !ok || !strings.Contains(err.Error(), want) || !strings.Contains(r.Hint(), hint) {
			t.Errorf("got %v, want a refusal that says %q and advises %q", err, want, hint)
		}
	}
	refused(open(), "a node makes none", "sandi key master new --out "+path)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a key was made: %v", err)
	}
	made, err := key.CreateMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.CreateMaster(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one in its place: %v, want fs.ErrExist", err)
	}
	if err := open(path); err != nil { // named twice is no fault
		t.Error(err)
	}
	refused(open(path+".old"), "of key.other_master_files is missing", "take it out of the list")
	if _, err := b.db.MasterFingerprint(t.Context(), made.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused(open(), "is missing at", "copy it from another node")
}

func encoded(b ...byte) string {
	full := make([]byte, 32)
	for i := range full {
		full[i] = b[i%len(b)]
	}
	return base64.RawURLEncoding.EncodeToString(full)
}

// secure-defaults 2c, 2d, 2h
func TestLoadMasterRefuses(t *testing.T) {
	t.Parallel()
	good := "mYf3vQ0kq1X5t8Zb2cR7uEwJpLsNaHdGxT4iOV6nB9k"
	tests := []struct {
		name, content string
		mode          fs.FileMode
		want          string
	}{
		{"good", good, 0o600, ""},
		{"good with newline", good + "\n", 0o400, ""},
		{"group-readable", good, 0o640, "read by others"},
		{"world-readable", good, 0o604, "read by others"},
		{"empty", "", 0o600, "one line of 43"},
		{"cut off", good[:42], 0o600, "one line of 43"},
		{"two lines", good + "\n\n", 0o600, "one line of 43"},
		{"16 bytes", good[:22], 0o600, "one line of 43"},
		{"standard base64", "/" + good[1:], 0o600, "not base64url"},
		{"line break inside", good[:20] + "\n" + good[20:42], 0o600, "not base64url"},
		{"line break inside, no stray bits", good[:20] + "\n" + good[20:41] + "A", 0o600, "not base64url"},
		{"carriage return at the end", good[:41] + "A\r", 0o600, "not base64url"},
		{"stray bits", good[:42] + "l", 0o600, "not base64url"},
		{"zeros", encoded(0), 0o600, "not random"},
		{"counting", encoded(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), 0o600, "not random"},
		{"repeated", encoded(1, 77, 3, 200), 0o600, "not random"},
		{"text", encoded([]byte("Jakarta, 17 Agustus 1945, pagi..")...), 0o600, "not random"},
		{"secret of a seed", "kunci_rahasia_anda_kunci_rahasia_anda_kuncc", 0o600, "not"},
		{"too large", strings.Repeat(good, 200), 0o600, "larger"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := masterFile(t)
			if err := os.WriteFile(path, []byte(tt.content), tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := key.LoadMaster(path)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			r, ok := errors.AsType[*key.Refusal](err)
			if !ok || !strings.Contains(err.Error(), tt.want) || r.Hint() == "" {
				t.Fatalf("got %v, want a refusal with a hint that says %q", err, tt.want)
			}
			if len(tt.content) > 10 && strings.Contains(err.Error()+r.Hint(), tt.content[:10]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

// A pipe is refused at once, not when somebody writes to it.
func TestLoadMasterRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	pipe := masterFile(t)
	if err := exec.Command("mkfifo", "-m", "600", pipe).Run(); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{t.TempDir(), pipe, os.DevNull} {
		if _, err := key.LoadMaster(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v, want a refusal", path, err)
		}
	}
}

// A key for each purpose and each master, the same every time.
func TestDerive(t *testing.T) {
	t.Parallel()
	a, b := key.GenerateMaster(), key.GenerateMaster()
	seen := map[string]string{}
	for name, m := range map[string]*key.Master{"a": a, "b": b} {
		for _, purpose := range []string{"refresh", "csrf", "seal"} {
			got := string(m.Derive(purpose, 32))
			if len(got) != 32 || got != string(m.Derive(purpose, 32)) {
				t.Errorf("Derive(%s) is not the same 32 bytes twice", purpose)
			}
			if other := seen[got]; other != "" {
				t.Errorf("Derive gives %s and %s the same key", name+purpose, other)
			}
			seen[got] = name + purpose
		}
	}
	if a.ID() == b.ID() || a.Fingerprint() == b.Fingerprint() {
		t.Error("two master keys have the same ID or fingerprint")
	}
}

// secure-defaults 18a, ASVS 11.3.3
func TestSeal(t *testing.T) {
	t.Parallel()
	m, other := key.GenerateMaster(), key.GenerateMaster()
	secret := []byte("private key")
	sealed := m.Seal(secret, "row 1")
	if got, err := m.Open(sealed, "row 1"); err != nil || string(got) != string(secret) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if string(m.Seal(secret, "row 1")) == string(sealed) {
		t.Error("sealing twice gives the same bytes: the nonce is not random")
	}
	if _, err := other.Open(sealed, "row 1"); !errors.Is(err, key.ErrOtherMaster) {
		t.Errorf("another master: %v, want ErrOtherMaster", err)
	}
	if _, err := m.Open(sealed, "row 2"); !errors.Is(err, key.ErrSealed) {
		t.Errorf("another place: %v, want ErrSealed", err)
	}
	for i := range sealed {
		changed := []byte(string(sealed))
		changed[i] ^= 1
		if _, err := m.Open(changed, "row 1"); err == nil {
			t.Errorf("byte %d changed: opened", i)
		}
		if _, err := m.Open(sealed[:i], "row 1"); err == nil {
			t.Errorf("cut off at %d: opened", i)
		}
	}
}

// secure-defaults 16a
func TestMasterIsRedacted(t *testing.T) {
	t.Parallel()
	m := key.GenerateMaster()
	j, err := json.Marshal(map[string]any{"master": m})
	if err != nil || string(j) != `{"master":"[redacted]"}` {
		t.Errorf("JSON: %s, %v", j, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, m); got != "[redacted]" {
			t.Errorf("%s prints %q", verb, got)
		}
		if got := fmt.Sprintf(verb, *m); got != "[redacted]" {
			t.Errorf("%s of a copy prints %q", verb, got)
		}
	}
	if got := m.LogValue().String(); got != "[redacted]" {
		t.Errorf("log shows %q", got)
	}
}

func FuzzParseMaster(f *testing.F) {
	f.Add([]byte("mYf3vQ0kq1X5t8Zb2cR7uEwJpLsNaHdGxT4iOV6nB9k\n"))
	f.Add([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
	f.Add([]byte("kunci_rahasia_anda"))
	f.Add([]byte("mYf3vQ0kq1X5t8Zb2cR7\nuEwJpLsNaHdGxT4iOV6nA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := key.ParseMaster(text)
		if (m == nil) != (err != nil) {
			t.Fatalf("ParseMaster = %v, %v", m, err)
		}
		line := strings.TrimSuffix(string(text), "\n")
		if err == nil && (len(line) != base64.RawURLEncoding.EncodedLen(32) || strings.ContainsAny(line, "\r\n")) {
			t.Fatalf("accepted %q", text)
		}
	})
}
