package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// flaskUser is a user of a Flask service: Werkzeug's hash of "kopi tübruk".
const flaskUser = `{"username":"Budi","password_hash":"scrypt:1024:8:1$wA7l4a3K$4f657cb18657b84870306e35dafeaf750f9c513cef25f08acc0a6d1ab7222bcc7ca27d3c97dd3c5f26324ccf98563793430b46123c57d48540694cd4151ea228","roles":["manager"]}`

// A user of a Flask service logs in with the old password over HTTP while the server runs, and has an argon2id hash then.
// secure-defaults 12a
func TestImportedUserLogsIn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, []string{"SANDI_ADMIN_ADDR="}, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	get(t, s.url+"/healthz")
	if code, stdout, stderr := sandi(t, flaskUser, "user", "import", "-", "--data", dir); code != exitOK {
		t.Fatalf("import: exit code %d\n%s%s", code, stdout, stderr)
	}
	hash := func() string {
		_, stdout, _ := sandi(t, "", "user", "export", "--data", dir)
		var r userRecord
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("export: %v", err)
		}
		return r.PasswordHash
	}
	for _, tt := range []struct {
		password, hash string
		status         int
	}{
		{"kopi tubruk", "scrypt:", http.StatusUnauthorized},
		{"kopi tübruk", "$argon2id$", http.StatusOK},
		{"kopi tübruk", "$argon2id$", http.StatusOK},
	} {
		body := fmt.Sprintf(`{"username":"budi","password":%q}`, tt.password)
		resp, err := http.Post(s.url+"/api/auth/login", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != tt.status {
			t.Errorf("login: %s, %v; want %d", resp.Status, err, tt.status)
		}
		if got := hash(); !strings.HasPrefix(got, tt.hash) {
			t.Errorf("after status %d the hash begins %.10q, want %q", tt.status, got, tt.hash)
		}
	}
	if code, log := s.stop(); code != exitOK || strings.Contains(log, "wA7l4a3K") {
		t.Errorf("exit code %d; the log has a hash: %v", code, strings.Contains(log, "wA7l4a3K"))
	}
}

// cancelling ends a context once a part of its text was read.
type cancelling struct {
	io.Reader
	left   int
	cancel context.CancelFunc
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= n; c.left <= 0 {
		c.cancel()
	}
	return n, err
}

// A signal lets the batch end that was begun; the same command goes on from there.
func TestImportIsInterrupted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, []string{"SANDI_ADMIN_ADDR="}, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	s.stop()
	var lines strings.Builder
	for n := range 3000 {
		fmt.Fprintf(&lines, `{"username":"user%d","password_hash":"$2b$05$abcdefghijklmnopqrstuuKyMmUAdyw/OvJ09Wh.Kb95IKWDL5NcG"}`+"\n", n)
	}
	text := lines.String()
	args := []string{"user", "import", "-", "--data", dir, "--json"}
	ctx, cancel := context.WithCancel(t.Context())
	in := &cancelling{iotest.HalfReader(strings.NewReader(text)), len(text) / 2, cancel}
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, nil, in, &stdout, &stderr)
	var first importSummary
	if err := json.Unmarshal(stdout.Bytes(), &first); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	if code != exitFault || !first.Interrupted || first.Added == 0 || first.Added%500 != 0 || first.Added >= 3000 {
		t.Errorf("exit code %d, %+v; want whole batches", code, first)
	}
	if want := fmt.Sprintf("interrupted after line %d", first.LastLine); !strings.Contains(stderr.String(), want) || !strings.Contains(stderr.String(), "run it again") {
		t.Errorf("standard error %q, want %q", &stderr, want)
	}
	code, out, errs := sandi(t, text, args...)
	var second importSummary
	if err := json.Unmarshal([]byte(out), &second); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	if second.Present != first.Added || second.Added != 3000-first.Added {
		t.Errorf("the second run: %+v after %+v", second, first)
	}
}

// Lines that are hard to read are a fault of theirs alone.
func TestUserSources(t *testing.T) {
	t.Parallel()
	endlessRow := strings.Repeat("c", 2*longestLine)
	long := `{"username":"` + strings.Repeat("a", 2*longestLine) + `"}`
	for _, tt := range []struct{ name, text, want string }{
		{"a.jsonl", "\ufeff{\"username\":\"a\"}\r\n\n" + long + "\n{\"username\":\"b\"}", "1 a, line 3: longer than 65536 bytes, 4 b"},
		{"x", "{\"username\":\"\xff\"}\n", "line 1: not UTF-8"},
		{"x", "", ""},
		{"x", "\ufeffusername,password\n\"a\",\"x\ny\"\nb\n\nc\"d,e\nf,g\n", "2 a, line 4: wrong number of fields, line 6: bare \" in non-quoted-field, 7 f"},
		{"a.CSV", "username\n{}\n", "2 {}"},
		{"longest row", "username\na\n" + strings.Repeat("b", longestLine), "2 a, 3 " + strings.Repeat("b", longestLine)},
		{"open quote", "username\n\"a\nb\"\n\"b\n" + endlessRow, "2 a\nb, the row after line 3: longer than 65536 bytes"},
		{"long row", "username\na\n" + endlessRow, "2 a, the row after line 2: longer than 65536 bytes"},
		{"bad row", "username\na\nb\"" + endlessRow, "2 a, the row after line 2: longer than 65536 bytes"},
	} {
		s, err := openSource(strings.NewReader(tt.text), "", tt.name)
		if tt.text == "" {
			if err == nil {
				t.Error("an empty file is taken")
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.name, err)
			continue
		}
		var got []string
		for {
			u, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				got = append(got, err.Error())
				if _, faulty := errors.AsType[*lineFault](err); !faulty {
					break
				}
				continue
			}
			got = append(got, fmt.Sprint(u.Line, " ", u.Username))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%.20q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func FuzzUserSource(f *testing.F) {
	f.Add("", []byte(flaskUser))
	f.Add("csv", []byte("username,password_hash,disabled,created_at\na,b,t,2024-05-06 07:08:09+00\n"))
	f.Add("jsonl", []byte("{}\n[1]\n{\"created_at\":\"x\"}"))
	f.Fuzz(func(t *testing.T, format string, text []byte) {
		s, err := openSource(bytes.NewReader(text), format, "-")
		if err != nil {
			return
		}
		for last := 0; ; {
			u, err := s.next()
			wrong, faulty := errors.AsType[*lineFault](err)
			if faulty {
				u.Line = wrong.line
			}
			if err != nil && !faulty {
				if !errors.Is(err, io.EOF) && !(len(text) > longestLine && strings.Contains(err.Error(), "longer than")) {
					t.Fatal(err)
				}
				return
			}
			if u.Line <= last {
				t.Fatalf("line %d after line %d", u.Line, last)
			}
			last = u.Line
		}
	})
}

// A row of CSV without an end is refused before it is in memory.
func TestEndlessRow(t *testing.T) {
	t.Parallel()
	in := &countingReader{r: io.MultiReader(strings.NewReader("username\nsiti\n\"budi"), endlessText{})}
	s, err := openSource(in, "csv", "-")
	if err != nil {
		t.Fatal(err)
	}
	if u, err := s.next(); err != nil || u.Username != "siti" {
		t.Errorf("got %+v, %v", u, err)
	}
	for range 2 {
		if _, err := s.next(); err == nil || !strings.Contains(err.Error(), "the row after line 2: longer than 65536 bytes") || hint(err) == "" {
			t.Errorf("got %v", err)
		}
	}
	if in.n > 4*longestLine {
		t.Errorf("read %d bytes of it", in.n)
	}
}

// endlessText is lines without end.
type endlessText struct{}

func (endlessText) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "a\n"[i%2]
	}
	return len(p), nil
}

// An export that fails leaves no part of it behind.
func TestExportFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "users.jsonl")
	if code, _, stderr := sandi(t, "", "user", "export", "--data", filepath.Join(dir, "none"), "--out", name); code != exitFault {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("a file is left behind")
	}
}

// Password hashes do not end on a screen, where they scroll into a recording, by mistake.
func TestExportToTerminal(t *testing.T) {
	t.Parallel()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	dir := t.TempDir()
	for _, tt := range []struct {
		flag, want string
		code       int
	}{{"--json", "not shown in a terminal", exitUsage}, {"--show", "there is no database", exitFault}} {
		var stderr bytes.Buffer
		code := run(t.Context(), []string{"user", "export", "--data", dir, tt.flag}, nil, strings.NewReader(""), terminal, &stderr)
		if code != tt.code || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", tt.flag, code, &stderr, tt.code, tt.want)
		}
	}
}
