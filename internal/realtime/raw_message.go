package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// welcome is what a client is told when it is let in.
type welcome struct {
	Socket    string       `json:"socket"`
	Subject   string       `json:"sub"`
	ExpiresAt time.Time    `json:"expires_at"`
	Channels  []Subscribed `json:"channels"` // that it has joined by itself
}

// message is one message of the client.
func (c *rawConn) message(binary bool, payload []byte) error {
	defer c.door.recovered(c.Close)
	if c.member == nil {
		c.first(binary, payload)
		return nil
	}
	if !c.member.Allow() {
		return nil // and is ended
	}
	q, err := readRequest(binary, payload)
	if err != nil {
		c.fail(nil, err)
		return nil
	}
	answer, data, err := c.member.do(q)
	if err != nil {
		c.fail(q.Ref, err)
		return nil
	}
	c.send(answer, q.Ref, data)
	return nil
}

// first takes a message of a connection that has to say who it is.
func (c *rawConn) first(binary bool, payload []byte) {
	if c.waiting == nil {
		return // refused, and about to end
	}
	if c.waiting.left -= len(payload) + messageCost; c.waiting.left < 0 {
		c.refuse(EndFlood, &EndFlood)
		return
	}
	q, err := readRequest(binary, payload)
	if err == nil && q.Type != "auth" {
		err = &Error{Code: "token_missing", Msg: `send {"type":"auth","token":...} first`}
	}
	if err != nil {
		c.fail(q.Ref, err)
		return
	}
	if !c.waiting.timer.Stop() {
		return // too late
	}
	c.waiting = nil
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	t, err := c.door.cfg.Guard.CheckToken(ctx, q.Token)
	if err != nil {
		c.refuse(EndOf(err), err)
		return
	}
	if c.join(t) {
		c.door.silent.leave(c.one)
		c.conn.SetMaxMessage(c.door.cfg.Socket.MaxMessage)
		c.send("auth_ok", q.Ref, authOK{c.member.ExpiresAt()})
		c.welcome(t.Subject(), q.Cursor)
	}
}

// welcome joins the default channel, where the token may, from the cursor on, and tells the client who it is here.
func (c *rawConn) welcome(subject, cursor string) {
	w := welcome{Socket: c.member.ID(), Subject: subject, ExpiresAt: c.member.ExpiresAt(), Channels: []Subscribed{}}
	if name := c.door.hub.DefaultChannel(); name != "" {
		if s, err := c.member.Subscribe(name, cursor); err == nil {
			w.Channels = append(w.Channels, s)
		}
	}
	c.send("welcome", nil, w)
	c.release()
}

// fail answers a request that failed.
func (c *rawConn) fail(ref json.RawMessage, err error) { c.send("error", ref, clientError(err)) }

// send answers the client.
func (c *rawConn) send(name string, ref json.RawMessage, data any) {
	c.conn.Send(rawFrame(name, ref, data))
}

// rawFrame is {"type": name, "ref": ref} and the members of data.
func rawFrame(name string, ref json.RawMessage, data any) socket.Frame {
	head := struct {
		Type string          `json:"type"`
		Ref  json.RawMessage `json:"ref,omitempty"`
	}{name, ref}
	return socket.Text(withMembers(marshal(head), data))
}

// withMembers adds the members of data, a JSON object or nil, to an object that has some.
func withMembers(object []byte, data any) []byte {
	if data == nil {
		return object
	}
	members := marshal(data)
	if members[0] != '{' {
		panic(fmt.Sprintf("realtime: %T is no JSON object", data)) // a programmer's mistake
	}
	if len(members) == len("{}") {
		return object
	}
	return append(append(object[:len(object)-1], ','), members[1:]...)
}

// marshal is for values of our own, and what was JSON when it came.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("realtime: " + err.Error())
	}
	return b
}
