package socketio

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Packets of Socket.IO v5, by their first byte.
const (
	sioConnect      = '0'
	sioDisconnect   = '1'
	sioEvent        = '2'
	sioAck          = '3'
	sioConnectError = '4'
	sioBinaryEvent  = '5'
	sioBinaryAck    = '6'
)

const (
	maxAttachments = 10  // of a packet, as Socket.IO's own parser has it
	maxNamespace   = 128 // bytes of a name
	maxID          = 15  // digits: JavaScript's integers are exact below 2^53
)

// packet is a packet of Socket.IO that a client sent.
type packet struct {
	kind        byte
	namespace   string
	id          string            // asks for an ack, "" does not
	data        json.RawMessage   // of CONNECT: an object, or nothing
	args        []json.RawMessage // of EVENT, its name first, and of ACK
	attachments int
	binary      [][]byte
	size        int // bytes, with the attachments that have come
}

// parsePacket reads a packet, which keeps b.
func parsePacket(b []byte) (p packet, err error) {
	if len(b) == 0 {
		return p, errMalformed
	}
	p.kind, p.namespace, p.size = b[0], "/", len(b)
	b = b[1:]
	if p.kind == sioBinaryEvent || p.kind == sioBinaryAck {
		count := digits(b)
		p.attachments, err = strconv.Atoi(string(count))
		if err != nil || p.attachments > maxAttachments || !bytes.HasPrefix(b[len(count):], []byte{'-'}) {
			return p, errMalformed
		}
		b = b[len(count)+1:]
	}
	if len(b) > 0 && b[0] == '/' {
		var name []byte
		name, b, _ = bytes.Cut(b, []byte{','})
		if len(name) > maxNamespace {
			return p, errMalformed
		}
		p.namespace = string(name)
	}
	id := digits(b)
	if len(id) > maxID {
		return p, errMalformed
	}
	p.id, b = string(id), b[len(id):]
	return p, p.parseData(b)
}

// digits is what b begins with.
func digits(b []byte) []byte {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return b[:n]
}

// parseData reads the JSON after a packet's head: each kind has its own form.
func (p *packet) parseData(b []byte) error {
	ok := false
	switch p.kind {
	case sioConnect:
		ok = len(b) == 0 || (b[0] == '{' && json.Valid(b))
		p.data = b
	case sioDisconnect:
		ok = len(b) == 0
	case sioEvent, sioBinaryEvent:
		ok = p.parseArgs(b) && len(p.args) > 0 && p.args[0][0] == '"' && !reserved(p.name())
	case sioAck, sioBinaryAck:
		ok = p.parseArgs(b)
	}
	if !ok {
		return errMalformed
	}
	return nil
}

func (p *packet) parseArgs(b []byte) bool {
	return len(b) > 0 && b[0] == '[' && json.Unmarshal(b, &p.args) == nil && (p.attachments == 0 || p.placed(b))
}

// placed says whether every placeholder names an attachment.
func (p *packet) placed(b []byte) bool {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return false
	}
	var walk func(v any) bool
	walk = func(v any) bool {
		switch v := v.(type) {
		case []any:
			return !slices.ContainsFunc(v, func(v any) bool { return !walk(v) })
		case map[string]any:
			if v["_placeholder"] == true {
				n, ok := v["num"].(float64)
				return ok && n >= 0 && n < float64(p.attachments) && n == float64(int(n))
			}
			for _, v := range v {
				if !walk(v) {
					return false
				}
			}
		}
		return true
	}
	return walk(v)
}

// name is an event's.
func (p *packet) name() string {
	var name string
	_ = json.Unmarshal(p.args[0], &name) // a string: parseData looked
	return name
}

// reserved are the events that clients and servers make themselves.
func reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// encode makes the text of a packet to send: its head as Engine.IO and Socket.IO have it, then data.
func encode(kind byte, attachments int, namespace, id string, data []byte) []byte {
	b := make([]byte, 0, 8+len(namespace)+len(id)+len(data)+offsetSize)
	b = append(b, eioMessage)
	if attachments > 0 {
		b = append(b, kind+sioBinaryEvent-sioEvent)
		b = append(strconv.AppendInt(b, int64(attachments), 10), '-')
	} else {
		b = append(b, kind)
	}
	if namespace != "/" {
		b = append(append(b, namespace...), ',')
	}
	b = append(b, id...)
	return append(b, data...)
}

// encodeArgs makes a JSON array of arguments without its last bracket; those of type []byte become attachments.
func encodeArgs(args []any) (list []byte, attachments [][]byte, err error) {
	list = []byte{'['}
	for i, a := range args {
		if i > 0 {
			list = append(list, ',')
		}
		if raw, ok := a.([]byte); ok {
			list = append(list, `{"_placeholder":true,"num":`...)
			list = append(strconv.AppendInt(list, int64(len(attachments)), 10), '}')
			attachments = append(attachments, raw)
			continue
		}
		one, err := json.Marshal(a)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, one...)
	}
	return list, attachments, nil
}
