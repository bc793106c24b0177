package socketio

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"sync"
)

// Packet is an event made once for all who receive it, in a namespace. Its bytes are made when it is first sent.
type Packet struct {
	namespace   string
	text        []byte // without the last bracket
	attachments [][]byte

	plain  lazily // as clients get it
	marked lazily // with an offset as last argument, where there is recovery
	offset string // of marked
}

// lazily is a message that is made when it is asked for.
type lazily struct {
	once sync.Once
	made message
}

// offsetSize is the bytes of an offset's argument with its comma.
const offsetSize = 14

// NewPacket makes an event for the sockets of a namespace. Its arguments are marshalled; those of type []byte are sent as binary. It fails
// for what is no JSON and for the names of events that clients make themselves ("connect", "disconnect", ...).
func NewPacket(namespace, event string, args ...any) (*Packet, error) {
	if reserved(event) {
		return nil, fmt.Errorf("make event %s: the name is reserved", event)
	}
	list, attachments, err := encodeArgs(append([]any{event}, args...))
	if err != nil {
		return nil, fmt.Errorf("make event %s: %w", event, err)
	}
	return &Packet{namespace: namespace, text: encode(sioEvent, len(attachments), namespace, "", list), attachments: attachments}, nil
}

// message is what is sent. The offset is the same for all who get it.
func (p *Packet) message(marked bool) message {
	if !marked {
		p.plain.once.Do(func() { p.plain.made = p.close("") })
		return p.plain.made
	}
	p.marked.once.Do(func() {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		p.offset = base64.RawURLEncoding.EncodeToString(b[:])
		p.marked.made = p.close(`,"` + p.offset + `"`)
	})
	return p.marked.made
}

// close ends the arguments.
func (p *Packet) close(last string) message {
	text := make([]byte, 0, len(p.text)+len(last)+1)
	text = append(append(append(text, p.text...), last...), ']')
	return newMessage(text, p.attachments...)
}
