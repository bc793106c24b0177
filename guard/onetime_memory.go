package guard

import (
	"container/heap"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// ErrReplayFull says that a ReplayMemory or RotationMemory holds as much as it may. It refuses more
// rather than forget a token that could come again.
var ErrReplayFull = errors.New("guard: memory of used tokens is full")

// spentMemory remembers the highest number that each id was used with.
type spentMemory struct {
	size int
	now  func() time.Time

	mu    sync.Mutex // guards what follows
	known map[string]*spent
	queue spentQueue
}

func newSpentMemory(size int, now func() time.Time) *spentMemory {
	if now == nil {
		now = time.Now
	}
	return &spentMemory{size: size, now: now, known: make(map[string]*spent)}
}

// use says whether number is above every one before. An id is forgotten when the latest expires
// that it came with is there: a successor may expire sooner than the token it follows.
func (m *spentMemory) use(id string, number int64, expires time.Time) (first bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for len(m.queue) > 0 && !m.queue[0].expires.After(now) {
		delete(m.known, heap.Pop(&m.queue).(*spent).id)
	}
	if !expires.After(now) {
		return false, jwt.ErrExpired
	}
	s := m.known[id]
	if s == nil {
		if len(m.queue) >= m.size {
			return false, ErrReplayFull
		}
		s = &spent{id: strings.Clone(id), number: number, expires: expires} // id may be a part of a whole token
		m.known[s.id] = s
		heap.Push(&m.queue, s)
		return true, nil
	}
	if number <= s.number {
		return false, nil
	}
	s.number = number
	if expires.After(s.expires) {
		s.expires = expires
		heap.Fix(&m.queue, s.at)
	}
	return true, nil
}

type spent struct {
	id      string
	number  int64
	expires time.Time
	at      int // in the queue
}

// spentQueue is a heap.Interface; what expires first is at its head.
type spentQueue []*spent

func (q spentQueue) Len() int           { return len(q) }
func (q spentQueue) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }

func (q spentQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *spentQueue) Push(s any) {
	s.(*spent).at = len(*q)
	*q = append(*q, s.(*spent))
}

func (q *spentQueue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return s
}
