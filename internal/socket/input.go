package socket

import (
	"errors"
	"os"
	"time"

	"github.com/gobwas/ws"
)

// input is what has been read, and when.
type input struct {
	unread []byte                     // in small, in large, or what net/http had read
	small  [160]byte                  // most frames of clients fit in it, and are read by one call
	large  *[]byte                    // of buffers, while more comes than fits in small; else nil
	filled bool                       // the last read filled its buffer: there is more
	head   [ws.MaxHeaderSize - 2]byte // for ws.ReadHeaderBuffer

	heard   time.Time // when the client was last heard of, or was pinged
	begun   time.Time // when the message began of which some is missing; zero for none
	pinged  bool      // and has not been heard of since
	second  int64     // of Unix time, in which control frames are counted
	control int       // their number in it
}

// fill reads into small.
func (c *Conn) fill() error { return c.fillRoom(c.small[:]) }

func (c *Conn) fillRoom(room []byte) error {
	n, err := c.await(room)
	c.unread, c.filled = room[:n], n == len(room)
	return err
}

// fillOn reads on in a frame, where small was not enough for what came into large: a burst is read by two calls, and handled at once. Between
// frames nobody has a large one, as a client may then be silent for long.
func (c *Conn) fillOn() error {
	if !c.filled {
		return c.fill()
	}
	c.large = buffers.Get().(*[]byte)
	return c.fillRoom((*c.large)[:firstRead])
}

// drained lets go of what was read into.
func (c *Conn) drained() {
	c.unread = nil // what net/http had read can go
	if c.large != nil {
		buffers.Put(c.large)
		c.large = nil
	}
}

// await reads something. The deadline of the connection is the clock: no timer of its own, and none set anew for each message.
func (c *Conn) await(p []byte) (int, error) {
	for {
		n, err := c.conn.Read(p)
		now := time.Now()
		if n > 0 {
			c.heard, c.pinged = now, false
			return n, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := c.tick(now); err != nil {
			return 0, err
		}
	}
}

// tick ends what is late, and pings who is silent.
func (c *Conn) tick(now time.Time) error {
	silent := c.pingEvery > 0 && now.Sub(c.heard) >= c.pingEvery
	switch {
	case !c.begun.IsZero() && now.Sub(c.begun) >= messageTime:
		return &CloseError{Code: TooMuch, Reason: "Too Slow"}
	case silent && c.pinged:
		return &CloseError{Code: TooMuch, Reason: "Too Slow: No Pong"}
	case silent:
		c.heard, c.pinged = now, true
		c.Send(ws.CompiledPing)
	}
	return c.setDeadline(now)
}

// setDeadline sets when to look at the clock next. As that is never later than messageTime, a message need not set it when it begins.
func (c *Conn) setDeadline(now time.Time) error {
	next := now.Add(messageTime)
	if c.pingEvery > 0 {
		next = earlier(next, c.heard.Add(c.pingEvery))
	}
	if !c.begun.IsZero() {
		next = earlier(next, c.begun.Add(messageTime))
	}
	return c.conn.SetReadDeadline(next)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// reader reads what is unread first.
type reader struct{ c *Conn }

func (r reader) Read(p []byte) (int, error) {
	if len(r.c.unread) == 0 {
		if len(p) >= firstRead || len(p) >= len(r.c.small) && !r.c.filled {
			return r.c.await(p)
		}
		if err := r.c.fillOn(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.c.unread)
	if r.c.unread = r.c.unread[n:]; len(r.c.unread) == 0 {
		r.c.drained()
	}
	return n, nil
}
