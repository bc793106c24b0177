package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// missing skips a test whose tool is not here, and fails it in CI, which installs everything.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; scripts/install-test-tools installs it", what)
	}
	t.Skipf("%s is missing; make install-test-tools installs it", what)
}

// The Postman collection runs green.
func TestPostman(t *testing.T) {
	t.Parallel()
	newman, err := filepath.Abs(filepath.Join("..", "..", "test", "npm", "node_modules", ".bin", "newman"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(newman); err != nil {
		missing(t, "newman")
	}
	r := start(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, newman, "run", filepath.Join("..", "..", "docs", "postman", "sandi.postman_collection.json"),
		"--color", "off", "--env-var", "base="+r.url, "--env-var", "admin_password="+r.adminPassword(),
		"--env-var", "expired_token="+expiredToken(t, r))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("newman: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`assertions\s*│\s*\d{3}\s*│\s*0\s*│`).Match(out) {
		t.Errorf("newman reports no hundred passed assertions:\n%s", out)
	}
}

// expiredToken is one that the server itself signed, an hour ago.
func expiredToken(t *testing.T, r *running) string {
	t.Helper()
	db := openBeside(t, r)
	master, err := key.LoadMaster(filepath.Join(r.dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := key.NewRing(key.Config{Store: db, Masters: key.NewMasters(master), Algorithm: jwt.ES256, AccessLifetime: time.Hour, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	past := func() time.Time { return time.Now().Add(-time.Hour) }
	m, err := token.New(token.Config{Issuer: r.url, Audience: []string{r.url}, Lifetime: time.Minute, Signer: ring.Signer, Now: past})
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := m.Access(token.Access{Subject: "user1", At: past()})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// openBeside opens the running server's store a second time, as the command line does.
func openBeside(t *testing.T, r *running) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(r.dir, "sandi.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// A user disabled by another process cannot refresh or log in at once, and the live access token is refused as soon as the
// server has read the feed. ASVS 7.4.2
func TestDisabledUser(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	access, refresh := r.login(c, "user1", "password1")
	other, _ := r.login(c, "user2", "password2")
	accounts, err := account.New(account.Config{Store: openBeside(t, r), Limits: cluster.NewMemory(time.Now), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := accounts.SetDisabled(t.Context(), "user1", true, audit.From{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	disabled := time.Now()
	r.want(r.call(c, "POST", "/refresh", refresh, ""), 401, "invalid_grant")
	r.want(r.call(c, "POST", "/login", "", credentials("user1", "password1")), 401, "invalid_credentials")
	for r.call(c, "GET", "/protected", access, "").status == 200 {
		if time.Since(disabled) > 10*time.Second {
			t.Fatal("the access token still counts")
		}
	}
	t.Logf("access token refused %s after the user was disabled", time.Since(disabled).Round(time.Millisecond))
	r.want(r.call(c, "GET", "/protected", access, ""), 401, "token_revoked")
	r.want(r.call(c, "GET", "/protected", other, ""), 200, "")
	if err := accounts.SetDisabled(t.Context(), "user1", false, audit.From{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	r.want(r.call(c, "GET", "/protected", access, ""), 401, "token_revoked") // what ended stays ended
	r.want(r.call(c, "POST", "/refresh", refresh, ""), 401, "invalid_grant")
}

// What the README and the demo print to paste works as printed.
func TestPrintedLines(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	r := start(t, nil)
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```sh run\n(.*?)```").FindSubmatch(readme)
	if m == nil {
		t.Fatal("README.md has no block of lines to run")
	}
	for name, script := range map[string]string{
		"README":   strings.ReplaceAll(string(m[1]), "http://127.0.0.1:5000", r.url),
		"the demo": printedScript(r.stdout),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail")
			cmd.Stdin = strings.NewReader(script)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
			}
			out := stdout.String()
			for _, want := range []string{`{"logged_in_as":"user1"}`, `"refresh_token":"sdr_`, `{"msg":"Logged out."}`, `{"error":"token_revoked"`} {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %s:\n%s", want, out)
				}
			}
			if n := strings.Count(out, `"error"`) - strings.Count(out, `"error":"token_not_fresh"`); n != 1 {
				t.Errorf("%d errors besides the order's, want the one after logout:\n%s", n, out)
			}
		})
	}
}

// printedScript is the lines of the demo's welcome that are indented to paste, without its heading.
func printedScript(stdout string) string {
	_, rest, _ := strings.Cut(stdout, "Log in, and keep the tokens:")
	var lines []string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "  ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// The demo's accounts have public passwords, so its folder and one of real use are never taken for each other.
func TestDemoKeepsToItself(t *testing.T) {
	t.Parallel()
	real := startIn(t, t.TempDir(), nil, func(c *config.Config) { c.API.Registration = "open" })
	real.want(real.call(plain(t), "POST", "/register", "", credentials("siti", "kopi tubruk pagi hari")), 201, "")
	played := start(t, nil)
	for name, tt := range map[string]struct {
		dir  string
		demo *server.Demo
	}{"demo on a folder of real use": {real.dir, &server.Demo{}}, "serve on the demo's": {played.dir, nil}} {
		c := testConfig(tt.dir)
		_, err := server.New(t.Context(), server.Options{
			Config: c, Stdout: io.Discard, Demo: tt.demo, InsecureWeakHash: true, Logger: slog.New(slog.DiscardHandler),
		})
		if err == nil || !strings.Contains(err.Error(), "public passwords") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

// Faults at the start are one clear line each, and leave nothing open.
func TestStartFaults(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, c *config.Config)
		want   string
	}{
		{"port in use", func(_ *testing.T, c *config.Config) { c.Listen.Addr = strings.TrimPrefix(r.url, "http://") }, "address already in use"},
		{"corrupt database", func(t *testing.T, c *config.Config) {
			if err := os.WriteFile(filepath.Join(c.Data, "sandi.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "sandi.db"},
		{"data folder is a file", func(t *testing.T, c *config.Config) {
			c.Data = filepath.Join(c.Data, "file")
			if err := os.WriteFile(c.Data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a directory"},
		{"data folder that others can write to", func(t *testing.T, c *config.Config) {
			if err := os.Chmod(c.Data, 0o777); err != nil {
				t.Fatal(err)
			}
		}, "write"},
		{"master key readable by others", func(t *testing.T, c *config.Config) {
			if err := os.WriteFile(filepath.Join(c.Data, "master.key"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "master.key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newServer(t, tt.change)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}
