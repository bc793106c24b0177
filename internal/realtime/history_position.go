package realtime

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// position is how far a reader of a channel has come: the last number that it has seen of each origin, and when and on which node that
// was so. As a text it is a cursor:
//
//	<milliseconds, base 36>.<node's random characters>[-<origin>.<number>]...
//
// An origin that is not there has sent nothing by then, or was silent for so long before that nobody keeps what it had sent.
type position struct {
	at    time.Time
	maker string
	marks []mark // in the order of origin
}

type mark struct {
	origin string
	seq    uint64
}

// Bounds of a cursor, for what clients send.
const (
	maxCursor  = 2 << 10
	maxSources = 32
	makerChars = 8
)

// errCursor is the answer to what is no cursor.
func errCursor() error {
	return &Error{Code: "bad_request", Msg: "cursor is none that a message or a subscription had: leave it out"}
}

// String is the cursor.
func (p position) String() string {
	b := make([]byte, 0, 24+len(p.marks)*24)
	b = strconv.AppendInt(b, p.at.UnixMilli(), 36)
	b = append(append(b, '.'), p.maker...)
	for _, m := range p.marks {
		b = append(append(append(b, '-'), m.origin...), '.')
		b = strconv.AppendUint(b, m.seq, 10)
	}
	return string(b)
}

// parsePosition is the opposite.
func parsePosition(cursor string) (p position, err error) {
	if len(cursor) > maxCursor {
		return p, errCursor()
	}
	first, rest, more := strings.Cut(cursor, "-")
	at, maker, _ := strings.Cut(first, ".")
	ms, err := strconv.ParseInt(at, 36, 64)
	if err != nil || ms < 0 || ms > 1<<50 || len(maker) != makerChars || !validNode(maker) {
		return p, errCursor()
	}
	p.at, p.maker = time.UnixMilli(ms), maker
	for more {
		first, rest, more = strings.Cut(rest, "-")
		origin, number, _ := strings.Cut(first, ".")
		seq, err := strconv.ParseUint(number, 10, 63)
		if err != nil || !validOrigin(origin) {
			return p, errCursor()
		}
		if n := len(p.marks); n == 2*maxSources || n > 0 && p.marks[n-1].origin >= origin {
			return p, errCursor()
		}
		p.marks = append(p.marks, mark{origin, seq})
	}
	return p, nil
}

// validOrigin says whether a node in one of its lives may be called so: its name and makerChars random characters.
func validOrigin(origin string) bool {
	return len(origin) > makerChars && len(origin) <= maxNode+makerChars && validNode(origin[:makerChars]) && validNode(origin[makerChars:])
}

// find is the place of an origin among the marks.
func (p position) find(origin string) (int, bool) {
	return slices.BinarySearchFunc(p.marks, origin, func(m mark, origin string) int { return strings.Compare(m.origin, origin) })
}

// of is the last number that was seen of an origin.
func (p position) of(origin string) (seq uint64, known bool) {
	i, ok := p.find(origin)
	if !ok {
		return 0, false
	}
	return p.marks[i].seq, true
}

// with is p and what q has beyond it, on the node of p. It is p itself where there is nothing.
func (p position) with(q position) position {
	cloned := false
	for _, m := range q.marks {
		i, ok := p.find(m.origin)
		if ok && p.marks[i].seq >= m.seq {
			continue
		}
		if !cloned {
			p.marks, cloned = slices.Clone(p.marks), true
		}
		if ok {
			p.marks[i].seq = m.seq
		} else {
			p.marks = slices.Insert(p.marks, i, m)
		}
	}
	return p
}

// beyond is what p has that q has not, until a time; nil for nothing.
func (p position) beyond(q position, until time.Time) *position {
	over := &position{at: until}
	for _, m := range p.marks {
		if seq, _ := q.of(m.origin); m.seq > seq {
			over.marks = append(over.marks, m)
		}
	}
	if len(over.marks) == 0 {
		return nil
	}
	return over
}
