package socket

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	frameCost = 24       // bytes of a queued frame besides its own: the slice that refers to it
	joinSize  = 64 << 10 // bytes of frames that leave in one write
	keepBatch = 1 << 10  // frames of a batch that is used again
)

// What idle connections need not have each: the lists of their queues, and the buffers in which frames are joined.
var (
	batches = sync.Pool{New: func() any { return new(batch) }}
	joins   = sync.Pool{New: func() any { b := make([]byte, 0, joinSize); return &b }}
)

// batch is frames that leave together.
type batch struct {
	frames []Frame
	bytes  int // with frameCost
}

func (b *batch) release() {
	if cap(b.frames) > keepBatch {
		return
	}
	clear(b.frames)
	b.frames, b.bytes = b.frames[:0], 0
	batches.Put(b)
}

// Send queues a frame and never waits. It is false where the connection has ended, or was ended now because its queue is full (4008).
func (c *Conn) Send(f Frame) bool {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return false
	}
	if c.waiting+len(f)+frameCost > c.maxQueue {
		c.mu.Unlock()
		e := &CloseError{Code: TooMuch, Reason: "Too Slow"}
		c.end(e, closeFrame(e), true)
		return false
	}
	start := c.enqueue(f)
	c.mu.Unlock()
	if start {
		go c.write()
	}
	return true
}

// enqueue says whether a goroutine has to be started in write. The caller holds the mutex.
func (c *Conn) enqueue(f Frame) (start bool) {
	if c.queue == nil {
		c.queue = batches.Get().(*batch)
	}
	n := len(f) + frameCost
	c.queue.frames = append(c.queue.frames, f)
	c.queue.bytes += n
	c.waiting += n
	start = !c.writing
	c.writing = true
	return start
}

// write writes until nothing waits: the goroutine of a connection that is not being written to costs its start, which is less than the
// memory of one that always stands by.
func (c *Conn) write() {
	for b := c.next(nil); b != nil; b = c.next(b) {
		err := c.writeBatch(b)
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = &CloseError{Code: TooMuch, Reason: "Too Slow"}
		} else {
			err = fmt.Errorf("write to socket: %w", err)
		}
		c.end(err, nil, true) // a frame may have been cut: nothing can follow it
		c.cut()
	}
}

// next takes back what was written and gives what has queued since, nil if nothing has.
func (c *Conn) next(written *batch) *batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if written != nil {
		c.waiting -= written.bytes
		written.release()
	}
	b := c.queue
	c.queue = nil
	if b == nil {
		c.writing = false
		if c.cause != nil {
			close(c.flushed)
		}
	}
	return b
}

// writeBatch joins frames, as a write costs more than their copies, and one by one they would be as many TCP segments and TLS records.
func (c *Conn) writeBatch(b *batch) error {
	if now := time.Now(); c.writeBy.Sub(now) < c.writeTimeout/4*3 { // setting it costs a tenth of a write
		c.writeBy = now.Add(c.writeTimeout)
		if err := c.conn.SetWriteDeadline(c.writeBy); err != nil {
			return err
		}
	}
	if len(b.frames) == 1 {
		_, err := c.conn.Write(b.frames[0])
		return err
	}
	buf := joins.Get().(*[]byte)
	defer joins.Put(buf)
	joined := (*buf)[:0]
	for _, f := range b.frames {
		if len(joined)+len(f) > joinSize {
			if _, err := c.conn.Write(joined); err != nil {
				return err
			}
			joined = joined[:0]
		}
		if len(f) > joinSize {
			if _, err := c.conn.Write(f); err != nil {
				return err
			}
			continue
		}
		joined = append(joined, f...)
	}
	_, err := c.conn.Write(joined)
	return err
}
