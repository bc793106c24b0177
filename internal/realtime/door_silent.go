package realtime

import (
	"sync"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// silent are the connections that have shown no good credential, of which nobody may have many.
type silent struct {
	most, each int

	mu     sync.Mutex // guards what follows
	from   map[string]int
	open   map[*silence]struct{}
	closed bool
}

// silence is one of them.
type silence struct {
	network string // "" where only the whole counts
	end     func() // when the Door closes; nil for none
}

func newSilent(most, each int) *silent {
	return &silent{most: most, each: each, from: map[string]int{}, open: map[*silence]struct{}{}}
}

// enter counts a connection from the address; false says that there are too many, or that the Door is closing.
func (s *silent) enter(address string, exempt bool) (*silence, bool) {
	one := &silence{}
	if !exempt {
		one.network = cluster.Network(address)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.open) >= s.most || !exempt && s.from[one.network] >= s.each {
		return nil, false
	}
	if !exempt {
		s.from[one.network]++
	}
	s.open[one] = struct{}{}
	return one, true
}

// onClose says what ends the connection; it is ended at once where the Door has closed meanwhile.
func (s *silent) onClose(one *silence, end func()) {
	s.mu.Lock()
	one.end = end
	closed := s.closed
	s.mu.Unlock()
	if closed {
		end()
	}
}

// leave stops counting it, because it was let in or has ended; a second call does nothing, nor does one for nil.
func (s *silent) leave(one *silence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[one]; !ok {
		return
	}
	delete(s.open, one)
	if one.network == "" {
		return
	}
	if s.from[one.network]--; s.from[one.network] == 0 {
		delete(s.from, one.network)
	}
}

// close ends all of them, and lets none in any more.
func (s *silent) close() {
	s.mu.Lock()
	s.closed = true
	ends := make([]func(), 0, len(s.open))
	for one := range s.open {
		if one.end != nil {
			ends = append(ends, one.end)
		}
	}
	s.mu.Unlock()
	for _, end := range ends {
		end()
	}
}
