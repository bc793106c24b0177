package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"time"
)

// request is what a client asks for, in either protocol.
type request struct {
	Type    string          `json:"type"`
	Token   string          `json:"token"`
	Channel string          `json:"channel"`
	Cursor  string          `json:"cursor"`
	Data    json.RawMessage `json:"data"`
	Ref     json.RawMessage `json:"ref"`
}

// maxRef is how long a client's reference may be, which the answer repeats.
const maxRef = 64

// badRequest is the error of a message that cannot be understood.
func badRequest(msg string) *Error { return &Error{Code: "bad_request", Msg: msg} }

// readRequest reads a text message: a JSON object.
func readRequest(binary bool, payload []byte) (request, error) {
	var q request
	if binary {
		return q, badRequest("messages are JSON objects in text frames")
	}
	if b := bytes.TrimLeft(payload, " \t\r\n"); len(b) == 0 || b[0] != '{' {
		return q, badRequest("a message is a JSON object with a type")
	}
	if err := json.Unmarshal(payload, &q); err != nil {
		return request{}, badRequest("a message is a JSON object: type, token, channel and cursor are strings")
	}
	if len(q.Ref) > maxRef || len(q.Ref) > 0 && (q.Ref[0] == '{' || q.Ref[0] == '[') {
		return request{}, badRequest("ref is a string or number of at most 64 bytes")
	}
	return q, nil
}

// The answers to requests that the Hub has no form of its own for.
type (
	authOK struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	unsubscribed struct {
		Channel string `json:"channel"`
		Reason  string `json:"reason"`
	}
	published struct {
		ID string `json:"id"`
	}
	present struct {
		Channel string    `json:"channel"`
		Present []Present `json:"presence"`
	}
)

// askTime bounds what a client's request may wait for: the keys of its token, the way to other nodes.
const askTime = 5 * time.Second

// do does what a client asks for, and says what the answer is called. The error is an *Error.
func (m *Member) do(q request) (answer string, data any, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime) // a connection outlives its request, and has no context of its own
	defer cancel()
	switch q.Type {
	case "auth":
		expires, err := m.Reauthenticate(ctx, q.Token)
		return "auth_ok", authOK{expires}, err
	case "subscribe":
		s, err := m.Subscribe(q.Channel, q.Cursor)
		return "subscribed", s, err
	case "unsubscribe":
		m.Unsubscribe(q.Channel)
		return "unsubscribed", unsubscribed{q.Channel, "requested"}, nil
	case "publish":
		if len(q.Data) == 0 {
			return "", nil, badRequest("publish needs data")
		}
		id, err := m.Publish(ctx, q.Channel, q.Data)
		return "published", published{id}, err
	case "presence":
		list, err := m.Presence(q.Channel)
		return "presence", present{q.Channel, list}, err
	case "ping":
		return "pong", struct{}{}, nil
	}
	return "", nil, badRequest("unknown type: it is one of auth, subscribe, unsubscribe, publish, presence, ping")
}
