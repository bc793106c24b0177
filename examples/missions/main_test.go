package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/sandi-auth/sandi/client"
)

// It joins, prints, says, renews its token in band, comes back from the last message on, and stops when it is told that its token is no good.
func TestRun(t *testing.T) {
	var connections atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := connections.Add(1)
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		hear := func(want string) {
			t.Helper()
			var got map[string]string
			if err := wsjson.Read(r.Context(), c, &got); err != nil || fmt.Sprint(got) != want {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		}
		tell := func(frame string) { _ = c.Write(r.Context(), websocket.MessageText, []byte(frame)) }
		bearer := r.Header.Get("Authorization")
		switch n {
		case 1:
			hear("map[channel:hq cursor: type:subscribe]")
			tell(`{"type":"subscribed","cursor":"c0","complete":true}`)
			hear("map[channel:hq data:hello type:publish]")
			tell(`{"type":"message","channel":"hq","from":"mallory\u001b[2J","cursor":"c1","data":"look"}`)
			tell(`{"type":"auth_expiring","expires_in":30}`)
			hear("map[token:t2 type:auth]")
			_ = c.Close(1001, "Going Away")
		default:
			hear("map[channel:hq cursor:c1 type:subscribe]")
			tell(`{"type":"subscribed","cursor":"c1","complete":false}`)
			_ = c.Close(4004, "Unauthorized: Token Revoked")
		}
		if want := fmt.Sprint("Bearer t", n); bearer != want {
			t.Errorf("connection %d by %q, want %q", n, bearer, want)
		}
	}))
	defer s.Close()
	tokens := 0
	fetch := func(context.Context) (client.Token, error) {
		tokens++
		return client.Token{Access: client.Secret(fmt.Sprint("t", tokens)), ExpiresAt: time.Now().Add(time.Hour)}, nil
	}
	typed := make(chan string, 1)
	typed <- "hello"
	var out bytes.Buffer
	a := agent{url: "ws" + strings.TrimPrefix(s.URL, "http"), channel: "hq", fetch: fetch, typed: typed, out: &out}
	if err := a.run(t.Context()); websocket.CloseStatus(err) != 4004 {
		t.Errorf("ended with %v, want 4004", err)
	}
	if got, want := out.String(), "joined, nothing missed: true\n\"mallory\\x1b[2J\": \"look\"\njoined, nothing missed: false\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
