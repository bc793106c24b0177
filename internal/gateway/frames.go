package gateway

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// frames follows the frames of one direction of a WebSocket, without looking at what they say.
type frames struct {
	state ws.State // whose frames, and whether a message is under way
	left  int64    // bytes of the frame's payload that are still to come
	shut  bool     // a close frame has passed: nothing may follow (RFC 6455 section 5.5.1)
}

// atBorder says that no frame is under way.
func (f *frames) atBorder() bool { return f.left == 0 }

// next takes what p holds of one frame and says how much that was. It is 0 where p ends within a header.
func (f *frames) next(p []byte) (int, error) {
	if f.left > 0 {
		n := min(f.left, int64(len(p)))
		f.left -= n
		return int(n), nil
	}
	h, size := readHeader(p)
	if size == 0 {
		return 0, nil
	}
	if h.Length < 0 {
		return 0, ws.ErrHeaderLengthMSB
	}
	if err := ws.CheckHeader(h, f.state); err != nil {
		return 0, err
	}
	if !h.OpCode.IsControl() {
		f.state = f.state.Clear(ws.StateFragmented)
		if !h.Fin {
			f.state = f.state.Set(ws.StateFragmented)
		}
	}
	n := min(h.Length, int64(len(p)-size))
	f.left = h.Length - n
	f.shut = f.shut || h.OpCode == ws.OpClose
	return size + int(n), nil
}

// readHeader reads the header at the beginning of p; size is 0 where it is not whole.
func readHeader(p []byte) (h ws.Header, size int) {
	if len(p) < 2 {
		return h, 0
	}
	size = 2
	h.Fin, h.Rsv, h.OpCode, h.Masked = p[0]&0x80 != 0, p[0]>>4&7, ws.OpCode(p[0]&15), p[1]&0x80 != 0
	switch n := p[1] & 0x7f; {
	case n < 126:
		h.Length = int64(n)
	case n == 126 && len(p) >= 4:
		h.Length, size = int64(binary.BigEndian.Uint16(p[2:])), 4
	case n == 127 && len(p) >= 10:
		h.Length, size = int64(binary.BigEndian.Uint64(p[2:])), 10 // below 0 with the bit that must not be set
	default:
		return h, 0
	}
	if !h.Masked {
		return h, size
	}
	if len(p) < size+4 {
		return h, 0
	}
	copy(h.Mask[:], p[size:])
	return h, size + 4
}

// closeFrame is a close frame, masked where it goes to a server (RFC 6455 section 5.3).
func closeFrame(e ending, masked bool) []byte {
	f := ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(e.code), e.reason))
	if masked {
		f = ws.MaskFrameInPlace(f)
	}
	return ws.MustCompileFrame(f)
}
