package server_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// A crowd that says nothing has a bound and a time: who shows a token is let in meanwhile, and when it is over everybody else is too.
// WS-j
func TestRealtimeSilentCrowd(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, func(c *config.Config) { c.Realtime.AuthTimeout = 3 * time.Second })
	token := r.agent(plain(t))
	const most = 2500 // of realtime.DoorConfig.MaxSilent
	var crowd []net.Conn
	defer func() {
		for _, c := range crowd {
			_ = c.Close()
		}
	}()
	handshake := "GET /missions HTTP/1.1\r\nHost: " + strings.TrimPrefix(r.url, "http://") +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	status := func() string {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, c)
		_ = c.SetDeadline(time.Now().Add(patience))
		answer := make([]byte, len("HTTP/1.1 101"))
		if _, err = c.Write([]byte(handshake)); err == nil {
			_, err = c.Read(answer)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(answer[len("HTTP/1.1 "):])
	}
	refused := 0
	for refused == 0 && len(crowd) < 4*most {
		if s := status(); s == "429" {
			refused = len(crowd)
		} else if s != "101" {
			t.Fatalf("handshake %d: %s", len(crowd), s)
		}
	}
	if refused <= most || len(crowd) == 4*most {
		t.Errorf("the first of %d was refused, want one after %d", refused, most)
	}
	w := r.dial("/missions", "Authorization", "Bearer "+token)
	w.next("welcome")
	w.say(frame{"type": "publish", "data": "still here", "ref": "1"})
	w.next("message")
	r.eventually(func() bool { return status() == "101" })
	if n := strings.Count(r.log.String(), `"level":"ERROR"`); n > 0 {
		t.Errorf("%d errors in the log", n)
	}
}
