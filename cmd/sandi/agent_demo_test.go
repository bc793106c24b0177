package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stationed is an agent of the real server, in JSON.
type stationed struct {
	out, notes pipe
	typed      *io.PipeWriter
	code       chan int
}

// station runs the command as user1 until it is told to quit.
func station(t *testing.T, s started) *stationed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, w := io.Pipe()
	a := &stationed{typed: w, code: make(chan int, 1)}
	welcome := a.out.has(`"type":"welcome"`)
	args := []string{"agent", "connect", "ws" + strings.TrimPrefix(s.url, "http") + "/missions", "--username", "user1", "--password-stdin", "--json", "--channel", "hq"}
	go func() { a.code <- run(ctx, args, nil, r, &a.out, &a.notes) }()
	a.enter("password1")
	select {
	case <-welcome:
	case code := <-a.code:
		t.Fatalf("exit code %d\n%s", code, &a.notes)
	}
	return a
}

func (a *stationed) enter(line string) { _, _ = io.WriteString(a.typed, line+"\n") }

// A conversation at the real server: said, heard by another, and over.
func TestAgentAtDemo(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "demo", "--addr", "127.0.0.1:0")
	a, b := station(t, s), station(t, s)
	heard := b.out.has(`"data":"hello from the field"`)
	a.enter("hello from the field")
	<-heard
	for _, one := range []*stationed{a, b} {
		one.enter("/quit")
		if code := <-one.code; code != exitOK {
			t.Errorf("exit code %d\n%s", code, &one.notes)
		}
	}
	if text := a.out.String() + a.notes.String(); strings.Contains(text, "ticket") || strings.Contains(text, "eyJ") {
		t.Errorf("a credential was shown:\n%s", text)
	}
}

// Its connection outlives its tokens, and ends with its session.
func TestAgentOutlivesTokens(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--access", "6s")
	a := station(t, s)
	for {
		more := a.out.next()
		if strings.Count(a.out.String(), `"auth_ok"`) >= 2 {
			break
		}
		select {
		case <-more:
		case code := <-a.code:
			t.Fatalf("exit code %d\n%s", code, &a.notes)
		}
	}
	if n := strings.Count(a.out.String(), `"welcome"`); n != 1 {
		t.Errorf("%d connections, want 1\n%s", n, &a.notes)
	}
	endSessions(t, s.url)
	if code := <-a.code; code != exitFault || !strings.Contains(a.notes.String(), "hint: sign in again") {
		t.Errorf("the session has ended: exit code %d, want 1\n%s", code, &a.notes)
	}
}

// endSessions signs user1 in once more, and ends all other sessions.
func endSessions(t *testing.T, url string) {
	t.Helper()
	call := func(method, path, token, body string) (answer map[string]any) {
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		if res.StatusCode >= 300 {
			t.Fatalf("%s %s: %s %s", method, path, res.Status, raw)
		}
		_ = json.NewDecoder(bytes.NewReader(raw)).Decode(&answer)
		return answer
	}
	token, _ := call("POST", "/api/auth/login", "", `{"username":"user1","password":"password1"}`)["access_token"].(string)
	list, _ := call("GET", "/api/auth/account/sessions", token, "")["sessions"].([]any)
	for _, one := range list {
		if session, _ := one.(map[string]any); session["current"] != true {
			id, _ := session["id"].(string)
			call("DELETE", "/api/auth/account/sessions/"+id, token, "")
		}
	}
}
