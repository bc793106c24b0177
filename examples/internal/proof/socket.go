package proof

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sandi-auth/sandi/guard"
)

// Socket proves that /ws is for pilots, echoes, ends with 4001 when its token does, and lives on by a newer one.
func Socket(t *testing.T, routes func(*guard.Issuer) (http.Handler, error)) {
	iss := Issuer(t, guard.IssuerConfig{})
	h, err := routes(iss)
	if err != nil {
		t.Fatal(err)
	}
	s := &socketServer{Server: httptest.NewServer(h), iss: iss}
	t.Cleanup(s.Close)
	for name, proof := range map[string]func(*testing.T, *socketServer){
		"refused": refused, "expired": expired, "revoked": revoked, "extended": extended, "unread": unread,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proof(t, s)
		})
	}
}

type socketServer struct {
	*httptest.Server
	iss *guard.Issuer
}

func (s *socketServer) dial(t *testing.T, token string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	c, res, err := websocket.Dial(ctx, s.URL+"/ws", &websocket.DialOptions{HTTPHeader: header})
	if res == nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, res.StatusCode
}

// say sends a message, and returns what comes back.
func say(t *testing.T, c *websocket.Conn, message string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if message != "" {
		if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			return "", err
		}
	}
	_, answer, err := c.Read(ctx)
	return string(answer), err
}

func wantSaid(t *testing.T, c *websocket.Conn, message, want string) {
	t.Helper()
	if got, err := say(t, c, message); err != nil || !strings.HasPrefix(got, want) {
		t.Fatalf("said %.40q: got %q, %v, want %q", message, got, err, want)
	}
}

// wantClosed waits for the close frame.
func wantClosed(t *testing.T, c *websocket.Conn, reason string) {
	t.Helper()
	_, err := say(t, c, "")
	if want := fmt.Sprintf("reason = %q", reason); websocket.CloseStatus(err) != 4001 || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want 4001 %s", err, reason)
	}
}

func refused(t *testing.T, s *socketServer) {
	for token, want := range map[string]int{
		"": 401, "x": 401, Token(t, s.iss, "agentx", time.Minute, "clerk"): 403, Token(t, s.iss, "agentx", time.Minute, "pilot"): 101,
	} {
		if _, got := s.dial(t, token); got != want {
			t.Errorf("token %.8q: got %d, want %d", token, got, want)
		}
	}
}

func expired(t *testing.T, s *socketServer) {
	c, _ := s.dial(t, Token(t, s.iss, "agentx", 2*time.Second, "pilot"))
	wantSaid(t, c, "hello", `agentx says "hello"`)
	wantClosed(t, c, "token_expired")
}

func revoked(t *testing.T, s *socketServer) {
	token := Token(t, s.iss, "agentx", time.Minute, "pilot")
	c, _ := s.dial(t, token)
	wantSaid(t, c, "hello", `agentx says "hello"`)
	other, _ := s.dial(t, Token(t, s.iss, "agentx", time.Minute, "pilot"))
	if a := Ask(t, s.Config.Handler, "POST", "/logout", token, ""); a.Status != 200 {
		t.Fatalf("logout: %d", a.Status)
	}
	wantClosed(t, c, "token_revoked")
	wantSaid(t, other, "hello", `agentx says "hello"`)
	if _, status := s.dial(t, token); status != 401 {
		t.Errorf("dial with the token: got %d, want 401", status)
	}
}

// unread: a peer that sends and never reads, so that the server's writes block, does not keep the socket.
func unread(t *testing.T, s *socketServer) {
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + Token(t, s.iss, "agentx", 2*time.Second, "pilot"), "Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(make([]byte, 16)),
	} {
		r.Header.Set(name, value)
	}
	if err := errors.Join(r.Write(c), c.SetDeadline(time.Now().Add(15*time.Second))); err != nil {
		t.Fatal(err)
	}
	const size = 60_000
	frame := append([]byte{0x81, 0xfe, size >> 8, size & 0xff, 0, 0, 0, 0}, strings.Repeat("x", size)...) // RFC 6455 section 5.2
	for err == nil {
		_, err = c.Write(frame)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the socket of a peer that does not read outlived its token")
	}
}

func extended(t *testing.T, s *socketServer) {
	old := Token(t, s.iss, "agentx", 2*time.Second, "pilot")
	end := time.Now().Add(2 * time.Second)
	c, _ := s.dial(t, old)
	message := func(token string) string { return fmt.Sprintf(`{"token":%q}`, token) }
	wantSaid(t, c, message("x"), `{"error":"token_invalid"}`)
	wantSaid(t, c, message(Token(t, s.iss, "mallory", time.Minute, "pilot")), `{"error":"forbidden"}`)
	wantSaid(t, c, message(Token(t, s.iss, "agentx", time.Minute, "clerk")), `{"error":"forbidden"}`)
	newer := Token(t, s.iss, "agentx", time.Minute, "pilot")
	wantSaid(t, c, message(newer), `{"until":"`)
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for now := range ticks.C {
		wantSaid(t, c, "hello", `agentx says "hello"`)
		if now.After(end.Add(500 * time.Millisecond)) {
			break
		}
	}
	Ask(t, s.Config.Handler, "POST", "/logout", newer, "")
	wantClosed(t, c, "token_revoked")
}
