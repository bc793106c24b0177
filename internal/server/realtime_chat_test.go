package server_test

import (
	"encoding/json"
	"strconv"
	"strings"
)

// chat is a client of Socket.IO over one WebSocket.
type chat struct {
	*wire
	sid, pid string
	offset   string
	id       int
}

// packet is the next Socket.IO packet: its type, and what stands behind that. Engine.IO's pings are answered.
func (c *chat) packet() (kind byte, rest string, end *closing) {
	c.Helper()
	for {
		text, end := c.read()
		switch {
		case end != nil:
			return 0, "", end
		case text == "2":
			c.write("3")
		case text == "1" || text == "6":
		case strings.HasPrefix(text, "4") && len(text) > 1:
			return text[1], text[2:], nil
		default:
			c.Fatalf("unexpected packet %q", text)
		}
	}
}

// engine opens Engine.IO by WebSocket.
func (r *running) engine(header ...string) *chat { return r.engineAt("", header...) }

// engineAt is engine with more in the query.
func (r *running) engineAt(query string, header ...string) *chat {
	r.t.Helper()
	c := &chat{wire: r.dial("/socket.io/?EIO=4&transport=websocket"+query, header...)}
	if text, end := c.read(); end != nil || !strings.HasPrefix(text, `0{"sid"`) {
		r.t.Fatalf("open: %q %v", text, end)
	}
	return c
}

// connect sends CONNECT with auth (JSON, or "") and returns the answer's JSON: kind 0 let in, 4 refused.
func (c *chat) connect(auth string) (kind byte, answer frame) {
	c.Helper()
	c.write("40" + auth)
	kind, rest, end := c.packet()
	if end != nil {
		c.Fatalf("closed %v", end)
	}
	if err := json.Unmarshal([]byte(rest), &answer); err != nil {
		c.Fatalf("%c%s: %v", kind, rest, err)
	}
	c.sid, c.pid = answer.str("sid"), answer.str("pid")
	return kind - '0', answer
}

// join is a client that was let in.
func (r *running) join(token string) *chat {
	r.t.Helper()
	c := r.engine()
	if kind, answer := c.connect(`{"token":"` + token + `"}`); kind != 0 {
		r.t.Fatalf("refused: %v", answer)
	}
	return c
}

// event is the next event of the name with its arguments; others are skipped.
func (c *chat) event(name string) []any {
	c.Helper()
	for {
		kind, rest, end := c.packet()
		if end != nil || kind == '1' {
			c.Fatalf("ended with %c %v, want event %s", kind, end, name)
		}
		if kind != '2' {
			continue
		}
		args := c.args(rest)
		if args[0] == name {
			return args[1:]
		}
	}
}

// args reads an event's JSON and notes its offset, which is the last argument.
func (c *chat) args(text string) []any {
	c.Helper()
	var args []any
	if err := json.Unmarshal([]byte(text[strings.IndexByte(text, '['):]), &args); err != nil || len(args) == 0 {
		c.Fatalf("%s: %v", text, err)
	}
	if offset, ok := args[len(args)-1].(string); ok && c.pid != "" && len(args) > 1 {
		c.offset = offset
	}
	return args
}

// ask emits an event and returns what it is acknowledged with.
func (c *chat) ask(name string, args ...any) frame {
	c.Helper()
	c.id++
	b, err := json.Marshal(append([]any{name}, args...))
	if err != nil {
		c.Fatal(err)
	}
	c.write("42" + strconv.Itoa(c.id) + string(b))
	for {
		kind, rest, end := c.packet()
		if end != nil || kind == '1' {
			c.Fatalf("ended with %c %v, want the answer to %s", kind, end, name)
		}
		if kind == '2' {
			c.args(rest)
			continue
		}
		id, list, _ := strings.Cut(rest, "[")
		if kind != '3' || id != strconv.Itoa(c.id) {
			continue
		}
		var answer []frame
		if err := json.Unmarshal([]byte("["+list), &answer); err != nil || len(answer) != 1 {
			c.Fatalf("ack %s: %v", rest, err)
		}
		return answer[0]
	}
}
