package socket

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Frame is a message as it goes over the wire, made once for all who receive it. It is not changed any more.
type Frame []byte

// Text frames a text message; it must be UTF-8.
func Text(message []byte) Frame { return frame(ws.OpText, message) }

// Binary frames a binary message.
func Binary(message []byte) Frame { return frame(ws.OpBinary, message) }

func frame(op ws.OpCode, payload []byte) Frame {
	h := ws.Header{Fin: true, OpCode: op, Length: int64(len(payload))}
	b := bytes.NewBuffer(make([]byte, 0, ws.HeaderSize(h)+len(payload)))
	_ = ws.WriteHeader(b, h) // a Buffer takes everything
	b.Write(payload)
	return b.Bytes()
}

// closeFrame is empty for 1005, which stands for no code and is never sent (RFC 6455 section 7.4.1).
func closeFrame(e *CloseError) Frame {
	if e.Code == noCode {
		return frame(ws.OpClose, nil)
	}
	return frame(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(e.Code), e.Reason))
}

// shorten makes a reason fit a control frame: 125 bytes, 2 of them the code (RFC 6455 section 5.5).
func shorten(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) <= maxReason {
		return reason
	}
	n := maxReason
	for !utf8.RuneStart(reason[n]) {
		n--
	}
	return reason[:n]
}

// wholeRunes says how much of a text that goes on can be judged yet, and whether that much is UTF-8: a rune may be cut in two by the
// border of a fragment (RFC 6455 section 5.6), but not by the end of the message.
func wholeRunes(text []byte, last bool) (int, bool) {
	n := len(text)
	if !last {
		for i := n - 1; i >= max(0, n-utf8.UTFMax+1); i-- {
			if utf8.RuneStart(text[i]) {
				if !utf8.FullRune(text[i:]) {
					n = i
				}
				break
			}
		}
	}
	return n, utf8.Valid(text[:n])
}
