package socket_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/socket"
)

// wire is a frame, or several, as a client sends them.
func wire(frames ...[]byte) []byte {
	var b []byte
	for _, f := range frames {
		b = append(b, f...)
	}
	return b
}

func text(s string) []byte             { return masked(textFrame, []byte(s)) }
func bin(s string) []byte              { return masked(binaryFrame, []byte(s)) }
func ping(s string) []byte             { return masked(pingFrame, []byte(s)) }
func part(first byte, s string) []byte { return masked(first, []byte(s)) } // 0x01 begins a text, 0x02 a binary message, 0x00 goes on, 0x80 ends
func bye(payload string) []byte        { return masked(closeFrame, []byte(payload)) }

// answer is a frame of the server.
type answer struct {
	first   byte
	payload string
}

func says(code int, reason string) answer { return answer{closeFrame, closing(code, reason)} }

type conversation struct {
	name string
	send []byte // and then the client hangs up, if it was not closed before
	want []answer
	end  socket.CloseError // what Serve returns; zero for no *CloseError
}

// broken is a conversation that ends by a rule after one good message.
func broken(name string, code int, reason string, frames ...[]byte) conversation {
	return conversation{
		name, wire(append([][]byte{text("good")}, append(frames, text("unheard"))...)...),
		[]answer{{textFrame, "good"}, says(code, reason)},
		socket.CloseError{Code: code, Reason: reason},
	}
}

// good is one that the client ends, with 1000.
func good(name string, send []byte, want ...answer) conversation {
	return conversation{name, wire(send, bye(closing(1000, ""))), append(want, says(1000, "")), socket.CloseError{Code: 1000, Remote: true}}
}

func closes(name, payload string, code int, reason string) conversation {
	want := answer{closeFrame, ""}
	if code != 1005 {
		want = says(code, "")
	}
	return conversation{name, wire(bye(payload), text("unheard")), []answer{want}, socket.CloseError{Code: code, Reason: reason, Remote: true}}
}

const (
	notUTF8     = "text is not UTF-8"
	reserved    = "use of reserved op code"
	rsv         = "non-zero rsv bits with no extension negotiated"
	unmasked    = "frames from client to server must be masked"
	longControl = "control frame payload limit exceeded"
	notFinal    = "control frame is not final"
	unexpected  = "unexpected continuation data frame"
	expected    = "unexpected non-continuation data frame"
	badCode     = "close code that is not for sending"
)

const kosme = "κόσμε 💧" // two, three and four bytes a rune

func conversations() []conversation {
	list := []conversation{
		good("nothing", nil),
		good("ping", ping(""), answer{pongFrame, ""}),
		good("ping with payload", ping("\x00\xff\xfe"), answer{pongFrame, "\x00\xff\xfe"}),
		good("ping of 125", ping(strings.Repeat("p", 125)), answer{pongFrame, strings.Repeat("p", 125)}),
		good("pong that nobody asked for", part(pongFrame, "x")),
		good("ten pings", wire(ping("0"), ping("1"), ping("2"), ping("3")), answer{pongFrame, "0"}, answer{pongFrame, "1"}, answer{pongFrame, "2"}, answer{pongFrame, "3"}),
		broken("ping of 126", 1002, longControl, ping(strings.Repeat("p", 126))),
		broken("close of 126", 1002, longControl, bye(closing(1000, strings.Repeat("p", 124)))),
		broken("ping in fragments", 1002, notFinal, part(0x09, "a"), part(0x80, "b")),
		broken("close in fragments", 1002, notFinal, part(0x08, "")),

		broken("rsv1", 1002, rsv, part(textFrame|0x40, "compressed")),
		broken("rsv2", 1002, rsv, part(binaryFrame|0x20, "x")),
		broken("rsv3 of a ping", 1002, rsv, part(pingFrame|0x10, "x")),
		broken("rsv of a close", 1002, rsv, part(closeFrame|0x70, "")),
		broken("rsv of a continuation", 1002, rsv, part(0x01, "a"), part(0x80|0x40, "b")),
		broken("not masked", 1002, unmasked, wire(header(textFrame, 0, 2), []byte("hi"))),
		broken("ping not masked", 1002, unmasked, header(pingFrame, 0, 0)),
		broken("length with its first bit", 1002, "header error: the most significant bit must be 0", header(binaryFrame, 0x80, 1<<63)),

		good("fragments", wire(part(0x01, "a"), part(0x00, "b"), part(0x80, "c")), answer{textFrame, "abc"}),
		good("binary fragments", wire(part(0x02, "a"), part(0x80, "\xff")), answer{binaryFrame, "a\xff"}),
		good("empty fragments", wire(part(0x01, ""), part(0x00, ""), part(0x80, "")), answer{textFrame, ""}),
		good("empty at both ends", wire(part(0x01, ""), part(0x00, "b"), part(0x80, "")), answer{textFrame, "b"}),
		good("ping between fragments", wire(part(0x01, "a"), ping("p"), part(0x80, "b")), answer{pongFrame, "p"}, answer{textFrame, "ab"}),
		good("two messages in fragments", wire(part(0x01, "a"), part(0x80, "b"), part(0x02, "c"), part(0x80, "d")), answer{textFrame, "ab"}, answer{binaryFrame, "cd"}),
		broken("continuation of nothing", 1002, unexpected, part(0x80, "x")),
		broken("continuation of nothing, to go on", 1002, unexpected, part(0x00, "x")),
		{
			"continuation after the last", wire(part(0x01, "a"), part(0x80, "b"), part(0x80, "c")),
			[]answer{{textFrame, "ab"}, says(1002, unexpected)},
			socket.CloseError{Code: 1002, Reason: unexpected},
		},
		broken("message in a message", 1002, expected, part(0x01, "a"), text("b")),
		broken("fragments in fragments", 1002, expected, part(0x01, "a"), part(0x01, "b"), part(0x80, "c")),
		{
			"close in a message", wire(part(0x01, "a"), bye(closing(1000, ""))),
			[]answer{says(1000, "")},
			socket.CloseError{Code: 1000, Remote: true},
		},

		good("text", text(kosme), answer{textFrame, kosme}),
		good("rune cut in two", wire(part(0x01, kosme[:1]), part(0x80, kosme[1:])), answer{textFrame, kosme}),
		good("rune cut after three bytes", wire(part(0x01, kosme[:len(kosme)-1]), part(0x80, kosme[len(kosme)-1:])), answer{textFrame, kosme}),
		good("rune with a ping inside", wire(part(0x01, kosme[:len(kosme)-2]), ping(""), part(0x80, kosme[len(kosme)-2:])), answer{pongFrame, ""}, answer{textFrame, kosme}),
		good("last code point", text("\U0010ffff"), answer{textFrame, "\U0010ffff"}),
		good("binary that is no text", bin("\xff\xfe"), answer{binaryFrame, "\xff\xfe"}),
		broken("lone byte", 1007, notUTF8, text("a\x80")),
		broken("overlong", 1007, notUTF8, text("\xc0\xaf")),
		broken("surrogate", 1007, notUTF8, text("\xed\xa0\x80")),
		broken("beyond Unicode", 1007, notUTF8, text("\xf4\x90\x80\x80")),
		broken("text that ends in a rune", 1007, notUTF8, text(kosme[:len(kosme)-1])),
		broken("last fragment ends in a rune", 1007, notUTF8, part(0x01, "a"), part(0x80, kosme[:1])),
		broken("empty last fragment ends in a rune", 1007, notUTF8, part(0x01, kosme[:1]), part(0x80, "")),
		broken("wrong already in the first fragment", 1007, notUTF8, part(0x01, "\xed\xa0\x80")),
		broken("wrong byte after half a rune", 1007, notUTF8, part(0x01, kosme[:1]), part(0x00, "a")),
		broken("binary does not begin a text", 1007, notUTF8, part(0x01, "\xff"), part(0x80, "")),

		closes("close without code", "", 1005, ""),
		closes("close with reason", closing(1001, "reload"), 1001, "reload"),
		closes("close with the longest reason", closing(4999, strings.Repeat("r", 123)), 4999, strings.Repeat("r", 123)),
		broken("half a code", 1002, "half a close code", bye("\x03")),
		broken("reason that is no text", 1007, "close reason is not UTF-8", bye(closing(1000, "\xce\xba\xe1"))),
		{"hangs up", text("a"), []answer{{textFrame, "a"}}, socket.CloseError{}},
		{"hangs up in a header", wire(text("a"), []byte{textFrame}), []answer{{textFrame, "a"}}, socket.CloseError{}},
		{"hangs up in a payload", wire(text("a"), text("bcd")[:7]), []answer{{textFrame, "a"}}, socket.CloseError{}},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		list = append(list,
			broken(fmt.Sprint("opcode ", op), 1002, reserved, part(0x80|op, "")),
			broken(fmt.Sprint("opcode ", op, " in a message"), 1002, reserved, part(0x01, "a"), part(0x80|op, "b")))
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		list = append(list, closes(fmt.Sprint("close ", code), closing(code, ""), code, ""))
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		list = append(list, broken(fmt.Sprint("close ", code), 1002, badCode, bye(closing(code, ""))))
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 159, 160, 161, 4095, 4096, 4097, 65535, 65536} {
		s := strings.Repeat("*", n)
		list = append(list,
			good(fmt.Sprint("text of ", n), text(s), answer{textFrame, s}),
			good(fmt.Sprint("binary of ", n), bin(s), answer{binaryFrame, s}),
			good(fmt.Sprint("fragments of ", n), wire(part(0x01, s[:n/3]), part(0x00, s[n/3:n/2]), part(0x80, s[n/2:])), answer{textFrame, s}))
	}
	return list
}

// TestProtocol judges RFC 6455 sections 5, 7 and 8.1, with all bytes at once and one by one.
// asvs WS-h
func TestProtocol(t *testing.T) {
	t.Parallel()
	for _, c := range conversations() {
		for _, slowly := range []bool{false, true} {
			if slowly && len(c.send) > 5000 {
				continue
			}
			t.Run(fmt.Sprint(c.name, "/", slowly), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, listen(t), socket.Config{}, echo)
				converse(t, s, c, slowly)
			})
		}
	}
}

func converse(t *testing.T, s *server, c conversation, slowly bool) {
	t.Helper()
	peer, far := s.dial(t)
	step := max(1, len(c.send))
	if slowly {
		step = 1
	}
	for b := c.send; len(b) > 0; b = b[step:] {
		if _, err := peer.Write(b[:step]); err != nil { // it has closed: what it said can be read yet
			break
		}
	}
	for _, w := range c.want {
		peer.want(w.first, w.payload)
	}
	_ = peer.Close()
	err := <-s.ends
	e, ok := errors.AsType[*socket.CloseError](err)
	switch {
	case ok != (c.end != socket.CloseError{}) || ok && *e != c.end:
		t.Errorf("got %v; want %v", err, &c.end)
	case !ok && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		t.Errorf("got %v; want the end of what there is to read", err)
	}
	<-far.Done()
}

// What is too large, too many or too fast ends with 4008, as soon as it is known.
// secure-defaults 14i, asvs WS-h, WS-j
func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(n int, frame []byte) []byte { return []byte(strings.Repeat(string(frame), n)) }
	for _, tt := range []struct {
		conversation
		max int
	}{
		{conversation: broken("a byte more than 64 KiB", 4008, "Too Large", text(strings.Repeat("*", 64<<10+1)))},
		{max: 10, conversation: broken("more than MaxMessage", 4008, "Too Large", bin("01234567890"))},
		{max: 10, conversation: broken("announced only", 4008, "Too Large", header(binaryFrame, 0x80, 11))},
		{max: 10, conversation: good("MaxMessage", bin("0123456789"), answer{binaryFrame, "0123456789"})},
		{conversation: broken("2^63-1 bytes announced", 4008, "Too Large", header(binaryFrame, 0x80, 1<<63-1), make([]byte, 4))},
		{max: 10, conversation: broken("fragments together", 4008, "Too Large", part(0x02, "01234"), part(0x00, "56789"), part(0x80, "x"))},
		{max: 10, conversation: good("fragments together, not too large", wire(part(0x02, "01234"), part(0x00, ""), part(0x80, "56789")), answer{binaryFrame, "0123456789"})},
		{max: 10, conversation: broken("fragment that overflows the sum", 4008, "Too Large", part(0x02, "0123"), header(0x80, 0x80, 1<<63-1), make([]byte, 4))},
		{max: 1 << 50, conversation: conversation{"nothing is made of an announcement", wire(header(binaryFrame, 0x80, 1<<49), make([]byte, 100)), nil, socket.CloseError{}}},
		{conversation: broken("empty fragments", 4008, "Too Many Fragments", part(0x01, ""), many(100, part(0x00, "")))},
		{conversation: good("not so many empty fragments", wire(part(0x01, ""), many(99, part(0x00, "")), part(0x80, "x")), answer{textFrame, "x"})},
		{conversation: broken("pongs", 4008, "Too Many Control Frames", many(101, part(pongFrame, "")))},
		{conversation: broken("pongs in a message", 4008, "Too Many Control Frames", part(0x01, "x"), many(101, part(pongFrame, "")))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			converse(t, newServer(t, listen(t), socket.Config{MaxMessage: tt.max}, echo), tt.conversation, false)
		})
	}
}

// asvs WS-h
func TestSetMaxMessage(t *testing.T) {
	t.Parallel()
	s := newServer(t, listen(t), socket.Config{MaxMessage: 5}, func(c *socket.Conn, binary bool, payload []byte) error {
		c.SetMaxMessage(2 * len(payload))
		return echo(c, binary, payload)
	})
	converse(t, s, conversation{
		"grows", wire(text("12345"), text("1234567890"), text("123"), text("1234567")),
		[]answer{{textFrame, "12345"}, {textFrame, "1234567890"}, {textFrame, "123"}, says(4008, "Too Large")},
		socket.CloseError{Code: 4008, Reason: "Too Large"},
	}, false)
}
