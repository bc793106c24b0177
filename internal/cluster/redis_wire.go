package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// What one reply may come to: ours are a few numbers, or one of the news. The
// client makes room for what a header announces before any of it has come, so that
// one line of a hostile server, or of whoever sits on a plain link, would end the
// process.
const (
	longestLine  = 4 << 10   // bytes of a status, error, number or length
	longestBulk  = 64 << 10  // bytes of a string
	longestReply = 128 << 10 // bytes of all
	mostElements = 4096      // of all arrays in it together, which bounds their depth too
)

// dialer makes connections as redis.NewDialer does.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// boundReplies has the connections of dial refuse what no reply to us can be.
func boundReplies(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		bounded := &boundedConn{Conn: c}
		if system, ok := c.(syscall.Conn); ok { // by which the pool sees that an idle one has ended
			return struct {
				*boundedConn
				syscall.Conn
			}{bounded, system}, nil
		}
		return bounded, nil
	}
}

// boundedConn ends when a reply is refused.
type boundedConn struct {
	net.Conn
	replies replies
}

func (c *boundedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if refused := c.replies.follow(b[:n]); refused != nil {
		_ = c.Close()
		return 0, fmt.Errorf("refuse a reply of redis: %w", refused)
	}
	return n, err
}

// replies follows what comes on one connection, as RESP2 has it: a line of type
// and text, a string of announced length with its CRLF, or an array of these.
type replies struct {
	line []byte // as much as has come
	body int    // bytes of a string and its CRLF that are yet to come
	open int    // values that are yet to come; 0 between replies

	elements, size int // of this reply
}

// follow fails when b goes beyond the bounds, or is no RESP2.
func (r *replies) follow(b []byte) error {
	for len(b) > 0 {
		if r.open == 0 {
			r.open, r.elements, r.size = 1, 0, 0
		}
		n := min(r.body, len(b))
		if r.body == 0 {
			if n = bytes.IndexByte(b, '\n') + 1; n == 0 {
				n = len(b)
			}
		}
		if r.size += n; r.size > longestReply {
			return fmt.Errorf("it is longer than %d bytes", longestReply)
		}
		if err := r.part(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// part takes more of a string, or of a line up to its end at most.
func (r *replies) part(b []byte) error {
	if r.body > 0 {
		if r.body -= len(b); r.body == 0 {
			r.open--
		}
		return nil
	}
	if len(r.line)+len(b) > longestLine {
		return fmt.Errorf("a line is longer than %d bytes", longestLine)
	}
	r.line = append(r.line, b...)
	if b[len(b)-1] != '\n' {
		return nil
	}
	line, ok := bytes.CutSuffix(r.line, []byte("\r\n"))
	r.line = r.line[:0]
	if !ok || len(line) == 0 {
		return errors.New("a line is empty or ends without CRLF")
	}
	return r.value(line[0], string(line[1:]))
}

// value begins a value, and ends it where nothing more belongs to it.
func (r *replies) value(kind byte, text string) error {
	r.open--
	switch kind {
	case '+', '-', ':':
		return nil
	case '$':
		n, null, err := length(text, longestBulk)
		if err == nil && !null {
			r.open++
			r.body = n + len("\r\n")
		}
		return err
	case '*':
		n, _, err := length(text, mostElements-r.elements)
		r.elements += n
		r.open += n
		return err
	default:
		return fmt.Errorf("it begins with %q, which is no type of RESP2", kind)
	}
}

// length reads the length of a string or array; null has none.
func length(text string, most int) (n int, null bool, err error) {
	if text == "-1" {
		return 0, true, nil
	}
	long, err := strconv.ParseUint(text, 10, 64)
	if err != nil || long > uint64(most) {
		return 0, false, fmt.Errorf("it announces a length other than 0 to %d", most)
	}
	return int(long), false, nil
}

// survive makes an error of a panic: the client takes for granted what a server's
// replies look like, and no server may end the process.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("read a reply of redis: %v", p)
	}
}
