package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/sandi-auth/sandi/examples/internal/proof"
	"github.com/sandi-auth/sandi/guard"
)

// server signs in and refreshes, each refresh token once, and guards /protected.
func server(t *testing.T) (s *httptest.Server, logins *int) {
	iss := proof.Issuer(t, guard.IssuerConfig{})
	config := iss.Config()
	config.Rotation = guard.NewRotationMemory(guard.RotationMemoryConfig{})
	g, err := guard.New(config)
	if err != nil {
		t.Fatal(err)
	}
	logins = new(int)
	answer := func(w http.ResponseWriter, grant guard.Grant) {
		access, err := iss.Access(grant)
		if err != nil {
			t.Error(err)
		}
		refresh, err := iss.Refresh(grant)
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "refresh_token": refresh, "expires_in": 900})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in["password"] != "kopi tubruk" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		*logins++
		answer(w, iss.SignIn(in["username"]))
	})
	mux.Handle("POST /refresh", g.Require(guard.Refresh())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, guard.Identity(r.Context()).Grant())
	})))
	mux.Handle("GET /protected", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(guard.Identity(r.Context()).Subject()))
	})))
	s = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s, logins
}

// It signs in once, and each later start spends the refresh token of the one before.
func TestRun(t *testing.T) {
	s, logins := server(t)
	c := config{auth: s.URL, target: s.URL + "/protected", file: filepath.Join(t.TempDir(), "refresh-token"), username: "budi", password: "kopi"}
	var out bytes.Buffer
	if err := run(t.Context(), c, &out); err == nil {
		t.Fatal("signed in with a wrong password")
	}
	c.password = "kopi tubruk"
	seen := map[string]bool{}
	for start := range 3 {
		out.Reset()
		if err := run(t.Context(), c, &out); err != nil || out.String() != "200 budi\n" {
			t.Fatalf("start %d: got %q, %v", start, out.String(), err)
		}
		kept, err := os.ReadFile(c.file)
		if err != nil || seen[string(kept)] {
			t.Errorf("start %d: refresh token not replaced, %v", start, err)
		}
		seen[string(kept)] = true
		if info, err := os.Stat(c.file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file: %v, %v, want 0600", info.Mode(), err)
		}
		c.password = "" // from now on the file is enough
	}
	if *logins != 1 {
		t.Errorf("%d logins, want 1", *logins)
	}
	if err := os.WriteFile(c.file, []byte("no token"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), c, &out); err == nil {
		t.Error("no error without a refresh token that counts")
	}
}
