package realtime

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/sandi-auth/sandi/internal/socketio"
)

// Event implements socketio.Handler.
func (p *sioPeer) Event(e socketio.Event, ack func(args ...any)) {
	defer p.door.recovered(p.Close)
	if !p.member.Allow() {
		return // and is ended
	}
	data, err := p.event(e)
	if ack == nil {
		return
	}
	if err != nil {
		ack(struct {
			OK    bool   `json:"ok"`
			Error *Error `json:"error"`
		}{false, clientError(err)})
		return
	}
	ack(json.RawMessage(withMembers([]byte(`{"ok":true}`), data)))
}

// event does what an event asks for. The error is an *Error.
func (p *sioPeer) event(e socketio.Event) (data any, err error) {
	q, err := readEvent(e)
	if err != nil {
		return nil, err
	}
	switch q.Type {
	case "subscribe":
		return p.subscribe(q.Channel, q.Cursor)
	case "unsubscribe":
		p.unsubscribe(q.Channel)
		return unsubscribed{q.Channel, "requested"}, nil
	}
	_, data, err = p.member.do(q)
	return data, err
}

// readEvent reads an event with its arguments.
func readEvent(e socketio.Event) (request, error) {
	if len(e.Binary) > 0 {
		return request{}, badRequest("binary arguments are not taken: send JSON")
	}
	switch e.Name {
	case "message":
		return readMessage(e.Args)
	case "auth:refresh":
		return readArgument("auth", "token", e.Args)
	case "subscribe", "unsubscribe", "publish", "presence":
		return readArgument(e.Name, "channel", e.Args)
	case "ping":
		return request{Type: "ping"}, nil
	}
	return request{}, badRequest("unknown event: it is one of message, publish, subscribe, unsubscribe, presence, auth:refresh, ping")
}

// readMessage reads emit("message", data), or emit("message", channel, data).
func readMessage(args []json.RawMessage) (request, error) {
	q := request{Type: "publish"}
	switch len(args) {
	case 1:
		q.Data = args[0]
	case 2:
		if json.Unmarshal(args[0], &q.Channel) != nil || q.Channel == "" {
			return q, badRequest("message takes data, or the channel's name and data")
		}
		q.Data = args[1]
	default:
		return q, badRequest("message takes data, or the channel's name and data")
	}
	return q, nil
}

// readArgument reads the one argument: the fields, or the one field alone that everybody needs.
func readArgument(name, field string, args []json.RawMessage) (request, error) {
	q := request{}
	wrong := badRequest(name + " takes one argument: an object, or the " + field + " as a string")
	if len(args) != 1 {
		return q, wrong
	}
	body := bytes.TrimSpace(args[0])
	if len(body) > 0 && body[0] == '"' && name != "publish" {
		body = append(append([]byte(`{"`+field+`":`), body...), '}')
	}
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &q) != nil {
		return request{}, wrong
	}
	q.Type = name
	return q, nil
}

// clientError is err as the client is told it.
func clientError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: "temporarily_unavailable", Msg: "try again"}
}
