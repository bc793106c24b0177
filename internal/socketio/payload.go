package socketio

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/sandi-auth/sandi/internal/socket"
)

// Packets of Engine.IO v4, by their first byte.
const (
	eioOpen    = '0'
	eioClose   = '1'
	eioPing    = '2'
	eioPong    = '3'
	eioMessage = '4'
	eioUpgrade = '5'
	eioNoop    = '6'
	eioBase64  = 'b' // a binary message within a payload
)

// separator stands between the packets of a payload.
const separator = 0x1e

var errMalformed = errors.New("malformed packet")

// eio is a packet of Engine.IO.
type eio struct {
	kind   byte
	binary bool // of a message
	data   []byte
}

// decodePacket reads one packet. Only in a payload may it be base64: a websocket has frames for what is binary.
func decodePacket(b []byte, payload bool) (eio, error) {
	switch {
	case len(b) == 0:
		return eio{}, errMalformed
	case b[0] == eioBase64 && payload:
		data := make([]byte, base64.StdEncoding.DecodedLen(len(b)-1))
		n, err := base64.StdEncoding.Decode(data, b[1:])
		if err != nil {
			return eio{}, errMalformed
		}
		return eio{eioMessage, true, data[:n]}, nil
	case b[0] < eioOpen || b[0] > eioNoop:
		return eio{}, errMalformed
	}
	return eio{kind: b[0], data: b[1:]}, nil
}

// decodePayload hands each packet of a polling request to handle, until one fails.
func decodePayload(body []byte, handle func(eio) error) error {
	for more := true; more; {
		var one []byte
		one, body, more = bytes.Cut(body, []byte{separator})
		p, err := decodePacket(one, true)
		if err != nil {
			return err
		}
		if err := handle(p); err != nil {
			return err
		}
	}
	return nil
}

// message is something to send, as it goes over a websocket and as it stands in a payload. Neither is changed any more.
type message struct {
	frame socket.Frame
	text  []byte
}

// newMessage makes a message of a text packet and the attachments that follow it. They stay together: their frames are one.
func newMessage(text []byte, attachments ...[]byte) message {
	frame := socket.Text(text)
	if len(attachments) == 0 {
		return message{frame, frame[len(frame)-len(text):]}
	}
	for _, a := range attachments {
		frame = append(frame, socket.Binary(a)...)
		text = base64.StdEncoding.AppendEncode(append(text, separator, eioBase64), a)
	}
	return message{frame, text}
}

// binaryMessage makes a message of bytes.
func binaryMessage(data []byte) message {
	return message{socket.Binary(data), base64.StdEncoding.AppendEncode([]byte{eioBase64}, data)}
}
