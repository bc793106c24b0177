package main

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

const (
	welcome = `{"type":"welcome","socket":"s1","sub":"agentx","expires_at":"2030-01-01T00:00:00Z","channels":[]}`
	hidden  = `{"type":"message","id":"n.1","channel":"hq","from":"m\u001b[2Jallory","at":"2026-11-22T10:00:00Z","cursor":"c1","data":"\u001b]0;x\u0007look\nhere \u202egnp.exe"}`
)

func joined(channel, cursor string, complete bool) string {
	raw, _ := json.Marshal(map[string]any{"type": "subscribed", "channel": channel, "cursor": cursor, "complete": complete})
	return string(raw)
}

// answer is a frame with the ref of what it answers.
func answer(to map[string]any, frame string) string {
	ref, _ := json.Marshal(to["ref"])
	return strings.TrimSuffix(frame, "}") + `,"ref":` + string(ref) + "}"
}

// A conversation: joined, typed, shown; nothing that others send is obeyed by a terminal.
func TestAgentTalks(t *testing.T) {
	t.Parallel()
	s := newHQ(t, func(c *hqConn) {
		c.tell(welcome)
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"hq"}`), joined("hq", "c0", true)), hidden, hidden)
		c.tell(answer(c.hear(`{"type":"publish","channel":"hq","data":"hello"}`), `{"type":"published","id":"n.2"}`))
		c.tell(answer(c.hear(`{"type":"publish","channel":"hq","data":{"grid":[1,2]}}`), `{"type":"error","code":"invalid","msg":"does not fit","path":"/grid"}`))
		c.tell(answer(c.hear(`{"type":"publish","channel":"hq","data":"/etc"}`), `{"type":"published","id":"n.3"}`))
		c.tell(answer(c.hear(`{"type":"presence","channel":"hq"}`), `{"type":"presence","channel":"hq","presence":[{"sub":"budi","sockets":1}]}`))
		c.tell(`{"type":"presence","channel":"hq","sub":"siti","joined":true}`, `{"type":"presence","channel":"hq","sub":"siti","joined":false}`)
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"north"}`), `{"type":"error","code":"forbidden","msg":"You may not."}`))
		c.tell(answer(c.hear(`{"type":"unsubscribe","channel":"hq"}`), `{"type":"unsubscribed","channel":"hq"}`))
		c.hear(`{"type":"publish","channel":"north","data":"last words"}`)
		_ = c.Close()
	})
	d := deploy(t, s, agentFlags{channels: []string{"hq"}})
	d.enter("hello", `/json {"grid": [1, 2]}`, "/json {", "//etc", "/who", "", "/nonsense", "/join north", "/leave hq", "last words", "/quit")
	if err := d.end(t); err != nil {
		t.Error(err)
	}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Local().Format(time.TimeOnly)
	if got, want := d.out.String(), at+" hq m?[2Jallory: ?]0;x?look here ?gnp.exe\n"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
	want := []string{
		"* connected as agentx", "* joined hq", "* not done (send): does not fit (at /grid)", "* not sent: that is no JSON", "* in hq, with budi", "* /join CHANNEL",
		"* siti has come to hq", "* siti has left hq", "* cannot join north: You may not.", "* left hq", "* 1 message may not have arrived",
	}
	for _, w := range want {
		if !strings.Contains(d.notes.String(), w) {
			t.Errorf("not told: %s\n%s", w, &d.notes)
		}
	}
}

// Each frame is a line of JSON, and what a terminal would obey is escaped.
func TestAgentJSON(t *testing.T) {
	t.Parallel()
	s := newHQ(t, func(c *hqConn) {
		c.tell(welcome, hidden, "no JSON", `{"type":"of a later version"}`)
		c.gone()
	})
	d := deploy(t, s, agentFlags{asJSON: true})
	d.enter("/quit")
	if err := d.end(t); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(d.out.String()) {
		if !json.Valid([]byte(line)) || strings.ContainsAny(line, "\x1b\x07\u202e") {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(d.out.String(), `"type":"welcome"`) {
		t.Errorf("got %q", &d.out)
	}
}

// A connection that is lost is made again when the server asks, from the last message on, and what is lost for good is said.
func TestAgentResumes(t *testing.T) {
	t.Parallel()
	last := make(chan struct{})
	s := newHQ(t, func(c *hqConn) {
		c.tell(`{"type":"welcome","sub":"agentx","channels":[{"channel":"lobby","cursor":"l0","complete":true}]}`)
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"hq"}`), joined("hq", "c0", true)), hidden, `{"type":"going_away","retry_after":7}`)
		c.bye(1001, "Going Away")
	}, func(c *hqConn) {
		c.tell(`{"type":"welcome","sub":"agentx","channels":[]}`)
		c.hear(`{"type":"subscribe","channel":"hq","cursor":"c1"}`)
		c.hear(`{"type":"subscribe","channel":"lobby","cursor":"l0"}`)
		c.tell(`{"type":"message","id":"n.8","channel":"hq","cursor":"c8","data":"said now, before what was missed"}`)
		_ = c.Close()
	}, func(c *hqConn) {
		c.tell(`{"type":"welcome","sub":"agentx","channels":[{"channel":"lobby","cursor":"l4","complete":true}]}`)
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"hq","cursor":"c1"}`), joined("hq", "c9", false)))
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"lobby","cursor":"l0"}`), joined("lobby", "l4", true)))
		_ = c.Close() // as a cut line would be
	}, func(c *hqConn) {
		c.tell(welcome)
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"hq","cursor":"c9"}`), joined("hq", "c9", true)))
		c.tell(answer(c.hear(`{"type":"subscribe","channel":"lobby","cursor":"l4"}`), joined("lobby", "l4", true)))
		close(last)
		c.tell(answer(c.hear(`{"type":"publish","channel":"hq","data":"typed then"}`), `{"type":"published","id":"n.2"}`))
		c.gone()
	})
	d := deploy(t, s, agentFlags{channels: []string{"hq"}})
	<-last
	d.enter("typed then", "/quit")
	_ = d.end(t)
	if len(d.waits) < 2 || d.waits[0] != 7*time.Second || d.waits[1] < 500*time.Millisecond || d.waits[1] > time.Second {
		t.Errorf("waits %v, want what the server asked for, then up to a second", d.waits)
	}
	if n := strings.Count(d.notes.String(), "something was missed"); n != 1 {
		t.Errorf("told %d times that something was missed, want once\n%s", n, &d.notes)
	}
}

// The token is renewed before it expires, in band.
func TestAgentRenews(t *testing.T) {
	t.Parallel()
	s := newHQ(t, func(c *hqConn) {
		c.tell(welcome, `{"type":"auth_expiring","expires_in":30}`)
		c.tell(answer(c.hear(`{"type":"auth","token":"access2"}`), `{"type":"auth_ok","expires_at":"2030-01-01T00:00:00Z"}`))
		c.tell(`{"type":"auth_expiring","expires_in":30}`)
		c.tell(answer(c.hear(`{"type":"auth","token":"access3"}`), `{"type":"error","code":"token_invalid","msg":"no"}`))
		c.gone()
	})
	d := deploy(t, s, agentFlags{})
	<-d.notes.has("refused: no")
	d.enter("/quit")
	if err := d.end(t); err != nil {
		t.Error(err)
	}
	if d.waits[0] < 9*time.Second || d.waits[0] > 21*time.Second {
		t.Errorf("renewed after %v of 30 s", d.waits[0])
	}
}

// A token that is refused is renewed once; then, and where that is refused, the agent stops and says why.
func TestAgentStops(t *testing.T) {
	t.Parallel()
	refuse := func(code ws.StatusCode, reason string) func(*hqConn) {
		return func(c *hqConn) { c.bye(code, reason) }
	}
	kicked := func(c *hqConn) { c.tell(welcome); c.bye(4004, "Unauthorized: Token Revoked") }
	for _, tt := range []struct {
		name      string
		script    []func(*hqConn)
		refused   string // of the refresh
		ticket    int
		refreshes int
		want      string
	}{
		{"4001", []func(*hqConn){refuse(4001, "Unauthorized: Invalid Token"), refuse(4001, "Unauthorized: Invalid Token")}, "", 0, 1, "4001 Unauthorized: Invalid Token"},
		{"4003", []func(*hqConn){refuse(4003, "Forbidden"), refuse(4003, "Forbidden")}, "", 0, 1, "4003 Forbidden"},
		{"4004 and the session has ended", []func(*hqConn){kicked}, "invalid_grant", 0, 1, "invalid_grant"},
		{"4004 twice", []func(*hqConn){kicked, kicked}, "", 0, 1, "4004"},
		{"4002 renews", []func(*hqConn){refuse(4002, "Unauthorized: Token Expired"), refuse(4001, "x"), refuse(4001, "x")}, "", 0, 2, "4001"},
		{"no ticket", nil, "", 401, 1, "token_revoked: The token was revoked"},
		{"no tickets there", nil, "", 404, 0, "status 404"},
		{"answers something else", nil, "", 200, 0, "gives no tickets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newHQ(t, tt.script...)
			s.refused, s.ticket = tt.refused, tt.ticket
			err := deploy(t, s, agentFlags{}).end(t)
			f, ok := errors.AsType[*failure](err)
			if !ok || f.code != exitFault || f.hint == "" || !strings.Contains(f.message, tt.want) {
				t.Errorf("got %v, want a failure with %q", err, tt.want)
			}
			if n := s.asked("POST /api/auth/refresh"); n != tt.refreshes || s.served != len(tt.script) {
				t.Errorf("%d refreshes and %d connections, want %d and %d", n, s.served, tt.refreshes, len(tt.script))
			}
		})
	}
}

// A server that breaks the protocol is left, and tried again.
func TestAgentAgainstHostileServers(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string][]byte{
		"masked":             {0x81, 0x80, 1, 2, 3, 4},
		"compressed":         {0xc1, 0x00},
		"reserved opcode":    {0x83, 0x00},
		"binary":             {0x82, 0x01, 0x00},
		"2^62 bytes":         {0x81, 0x7f, 0x40, 0, 0, 0, 0, 0, 0, 0},
		"fragmented ping":    {0x09, 0x00},
		"ping of 126 bytes":  {0x89, 0x7e, 0x00, 0x7e},
		"half a frame":       {0x81, 0x05, 'x'},
		"endless fragments":  append([]byte{0x01, 0x7f, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff}, make([]byte, 1<<20+10)...),
		"close of one byte":  {0x88, 0x01, 0x03},
		"nothing but a ping": {0x89, 0x00},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := net.Pipe()
			go func() {
				_, _ = server.Write(raw)
				_ = server.Close()
			}()
			w := newWire(client, nil)
			if message, err := w.read(); err == nil {
				t.Errorf("read %d bytes, want an error", len(message))
			}
			_ = client.Close()
		})
	}
}

// TLS by the system's authorities, or by those of a file.
func TestAgentTLS(t *testing.T) {
	t.Parallel()
	s := newHQ(t, func(c *hqConn) { c.tell(welcome); c.gone() })
	h := httptest.NewUnstartedServer(s)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of the client that does not trust it
	h.StartTLS()
	t.Cleanup(h.Close)
	s.url = "wss" + strings.TrimPrefix(h.URL, "https") // /missions by itself
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, s, agentFlags{ca: file})
	d.enter("/quit")
	if err := d.end(t); err != nil {
		t.Error(err)
	}
	code, _, stderr := sandi(t, "TopSecret123\n", "agent", "connect", s.url, "--username", "AgentX", "--password-stdin")
	if code != exitFault || !strings.Contains(stderr, "certificate") {
		t.Errorf("without --ca: exit code %d, %s", code, stderr)
	}
}

// The tokens of 'sandi login' are used, and the next ones kept.
func TestAgentBySignIn(t *testing.T) {
	t.Parallel()
	other := newAuthority(t)
	s := newHQ(t, func(c *hqConn) { c.tell(welcome); c.gone() })
	file := filepath.Join(t.TempDir(), "login.json")
	in := signIn{Issuer: other.url, ClientID: "shell", TokenURL: other.url + "/token", Access: "access0", Refresh: "sdr_0", ExpiresAt: time.Now().Add(time.Hour)}
	if err := in.write(file); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, s, agentFlags{file: file})
	d.enter("/quit")
	_ = d.end(t)
	if n := s.asked("POST /api/auth/ticket"); n != 1 || s.asked("POST /api/auth/login") != 0 {
		t.Errorf("%d tickets asked for by the token of the file, want 1", n)
	}
}

// What is wrong is said before anything is sent, and where standard input is no terminal nobody is asked.
func TestAgentUsage(t *testing.T) {
	t.Parallel()
	s := newHQ(t)
	s.expect = "123456"
	for _, tt := range []struct {
		name, stdin string
		args        []string
		code        int
		want        string
	}{
		{"no URL", "", nil, exitUsage, "takes one URL, and was given 0"},
		{"http", "", []string{"http://127.0.0.1:1/missions"}, exitUsage, "not of the form wss://"},
		{"ws off loopback", "", []string{"ws://hq.example.com/missions"}, exitUsage, "ws is for loopback alone"},
		{"query", "", []string{"wss://hq.example.com/missions?token=x"}, exitUsage, "without query"},
		{"nobody", "", []string{s.url}, exitUsage, "nobody is named who signs in"},
		{"no terminal", "", []string{s.url, "--username", "AgentX"}, exitUsage, "no terminal to ask for the password"},
		{"no password", "", []string{s.url, "--username", "AgentX", "--password-stdin"}, exitUsage, "no line with the password"},
		{"no code", "TopSecret123\n", []string{s.url, "--username", "AgentX", "--password-stdin"}, exitUsage, "no line with the code"},
		{"wrong password", "x\n123456\n", []string{s.url, "--username", "AgentX", "--password-stdin"}, exitFault, "invalid_credentials"},
		{"auth", "", []string{s.url, "--username", "AgentX", "--auth", "http://hq.example.com"}, exitUsage, "--auth is not https"},
		{"two ways", "", []string{s.url, "--username", "AgentX", "--login"}, exitUsage, "[login username] were all set"},
		{"no file", "", []string{s.url, "--login-file", "none.json"}, exitFault, "nobody is signed in"},
		{"no CA", "", []string{s.url, "--username", "AgentX", "--ca", "agent.go"}, exitFault, "has no certificate"},
		{"password as argument", "", []string{s.url, "--password=x"}, exitUsage, "unknown flag"},
		{"nobody there", "TopSecret123\n", []string{"ws://127.0.0.1:1", "--username", "AgentX", "--password-stdin"}, exitFault, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := sandi(t, tt.stdin, append([]string{"agent", "connect"}, tt.args...)...)
			if code != tt.code || !strings.Contains(stderr, tt.want) || stdout != "" || strings.Contains(stderr, "TopSecret123") {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, tt.code, tt.want, stderr, stdout)
			}
		})
	}
}

// A second factor's code stands in the line after the password's.
func TestAgentSecondFactor(t *testing.T) {
	t.Parallel()
	s := newHQ(t, func(c *hqConn) { c.tell(welcome); c.gone() })
	s.expect = "123456"
	code, _, stderr := sandi(t, "TopSecret123\n123456\n/quit\n", "agent", "connect", s.url, "--username", "AgentX", "--password-stdin")
	if code != exitOK || !strings.Contains(stderr, "connected as agentx") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// Waits grow to half a minute, and are no two alike.
func TestAgentBackoff(t *testing.T) {
	t.Parallel()
	g := &agent{}
	seen := map[time.Duration]bool{}
	for n := range 12 {
		d, most := g.backoff(), min(time.Second<<min(n, 5), 30*time.Second)
		if d < most/2 || d > most || seen[d] {
			t.Errorf("attempt %d: waits %v, want a new one from %v to %v", n, d, most/2, most)
		}
		seen[d] = true
	}
}

// What is typed while there is no connection waits for the next one, line by line, and /quit is obeyed.
func TestAgentTypedWhileAway(t *testing.T) {
	t.Parallel()
	lines, over := make(chan string), make(chan time.Time)
	g := &agent{lines: lines, after: func(time.Duration) <-chan time.Time { return over }}
	go func() {
		lines <- "hello"
		select {
		case lines <- "and more":
			t.Error("a second line was taken")
		case over <- time.Time{}:
		}
		lines <- "/quit"
	}()
	if quit := g.pause(t.Context(), time.Second); quit || g.typedOff != "hello" {
		t.Errorf("quit %v, kept %q", quit, g.typedOff)
	}
	g.typedOff = ""
	if quit := g.pause(t.Context(), time.Second); !quit {
		t.Error("/quit was not obeyed")
	}
}
