package gateway

import (
	"encoding/json"
	"io"
	"slices"
)

// events is a text/event-stream whose last event, where the token ends it, says so. Lines of an event that is not complete are
// held back, so that the end stands between two events: clients dispatch an event when it is complete (HTML, 9.2.6), so that
// nobody waits longer.
type events struct {
	body    io.ReadCloser
	x       *exchange
	read    []byte // what was read; up to safe it may go out
	safe    int
	at      int  // scanned so far
	line    int  // bytes of the line so far
	comment bool // it begins with a colon
	cr      bool // the last byte was a CR: an LF after it ends no other line
	pending bool // there are lines of an event that is not complete
	over    bool // an event was too long to hold back
	err     error
}

// maxEvent is how many bytes of an event are held back. A longer one goes out as it comes, and what ends within it is cut off.
const maxEvent = 256 << 10

func newEvents(body io.ReadCloser, x *exchange) *events { return &events{body: body, x: x} }

// Read implements io.Reader.
func (e *events) Read(p []byte) (int, error) {
	for e.safe == 0 {
		if e.err != nil {
			return 0, e.err
		}
		e.fill(len(p))
	}
	n := copy(p, e.read[:e.safe])
	e.read, e.safe, e.at = e.read[:copy(e.read, e.read[n:])], e.safe-n, e.at-n
	return n, nil
}

func (e *events) fill(size int) {
	from := len(e.read)
	e.read = slices.Grow(e.read, size)
	n, err := e.body.Read(e.read[from : from+size])
	e.read = e.read[:from+n]
	e.scan()
	if e.over || len(e.read)-e.safe > maxEvent {
		e.over, e.safe = true, len(e.read)
	}
	if err == nil {
		return
	}
	e.err = err
	ended := lifeEnded(e.x.life.ctx)
	switch {
	case ended == nil:
		e.safe = len(e.read) // as it ended
	case e.over && (e.pending || e.line > 0):
	default:
		end := endOf(ended)
		data, _ := json.Marshal(map[string]any{"code": end.code, "error": ended.Reason, "reason": end.reason})
		e.read = append(append(append(e.read[:e.safe], "event: auth_expired\ndata: "...), data...), "\n\n"...)
		e.safe, e.err, e.x.reason = len(e.read), io.EOF, string(ended.Reason)
	}
}

// scan moves safe to the last place between two events.
func (e *events) scan() {
	for ; e.at < len(e.read); e.at++ {
		c := e.read[e.at]
		if c == '\n' && e.cr {
			e.cr = false
			e.endAt(e.at + 1)
			continue
		}
		e.cr = c == '\r'
		if c != '\n' && c != '\r' {
			if e.line == 0 {
				e.comment = c == ':'
			}
			e.line++
			continue
		}
		switch {
		case e.line == 0:
			e.pending = false
		case !e.comment:
			e.pending = true
		}
		e.line = 0
		e.endAt(e.at + 1)
	}
}

func (e *events) endAt(i int) {
	if !e.pending {
		e.safe, e.over = i, false
	}
}

// Close implements io.Closer.
func (e *events) Close() error { return e.body.Close() }
