package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// caller calls the first-party API of a server.
type caller struct {
	*testing.T
	url string
}

// call answers with the status and the field of the body that is asked for.
func (c caller) call(method, path, token, body, field string) (status int, value string) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.url+"/api/auth"+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
		c.Fatal(err)
	}
	value, _ = fields[field].(string)
	return resp.StatusCode, value
}

func (c caller) login() (access, refresh string) {
	c.Helper()
	const body = `{"username":"siti","password":"kopi tubruk pagi hari"}`
	status, access := c.call(http.MethodPost, "/login", "", body, "access_token")
	if status != http.StatusOK {
		c.Fatalf("login: %d", status)
	}
	_, refresh = c.call(http.MethodPost, "/login", "", body, "refresh_token") // of another session
	return access, refresh
}

// refused wants every token to be.
func (c caller) refused(what string, access, refresh []string, reason string) {
	c.Helper()
	for i, token := range access {
		if status, why := c.call(http.MethodGet, "/account", token, "", "error"); status != http.StatusUnauthorized || why != reason {
			c.Errorf("%s: access token %d: %d %s, want 401 %s", what, i, status, why, reason)
		}
	}
	for i, token := range refresh {
		if status, _ := c.call(http.MethodPost, "/refresh", token, "", ""); status != http.StatusUnauthorized {
			c.Errorf("%s: refresh token %d: %d, want 401", what, i, status)
		}
	}
}

func sandiOK(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	code, stdout, stderr := sandi(t, stdin, args...)
	if code != exitOK {
		t.Fatalf("%v: exit code %d\n%s", args, code, stderr)
	}
	return stdout
}

// TestRestoreRevokes: after a restore no token of before counts: neither one of a session that the backup knows and that
// was alive, nor one that was revoked since, nor one of a session that was begun since.
func TestRestoreRevokes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	backup := filepath.Join(t.TempDir(), "backup.db")
	environ := []string{"SANDI_ADMIN_ADDR="}
	s := start(t, environ, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	c := caller{t, s.url}
	get(t, s.url+"/healthz")
	sandiOK(t, "kopi tubruk pagi hari\n", "user", "add", "siti", "--data", dir)
	alive, aliveRefresh := c.login()
	ended, endedRefresh := c.login()
	sandiOK(t, "", "backup", "--data", dir, "--out", backup)
	later, laterRefresh := c.login()
	for _, token := range []string{ended, endedRefresh} {
		if status, _ := c.call(http.MethodDelete, "/logout", token, "", ""); status != http.StatusOK {
			t.Fatalf("logout: %d", status)
		}
	}
	c.refused("logged out", []string{ended}, []string{endedRefresh}, "token_revoked")
	if code, _, stderr := sandi(t, "", "restore", backup, "--data", dir, "--yes"); code != exitFault || !strings.Contains(stderr, "has it open") {
		t.Errorf("restore under a server: exit code %d, %s", code, stderr)
	}
	if code, stderr := s.stop(); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	sandiOK(t, "", "restore", backup, "--data", dir, "--yes")

	s = start(t, environ, "serve", "--data", dir, "--addr", strings.TrimPrefix(s.url, "http://")) // so that the issuer is the same
	c = caller{t, s.url}
	c.refused("restored", []string{alive, ended, later}, []string{aliveRefresh, endedRefresh, laterRefresh}, "token_revoked")
	fresh, _ := c.login()
	if status, _ := c.call(http.MethodGet, "/account", fresh, "", ""); status != http.StatusOK {
		t.Errorf("a token issued after the restore: %d, want 200", status)
	}
	if code, stderr := s.stop(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
