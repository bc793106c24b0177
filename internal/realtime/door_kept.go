package realtime

import (
	"sync"
	"time"
)

// keeping counts, for each subject, the Socket.IO sessions that are kept for a client that was cut off, so that nobody uses up the places
// of all by connecting and breaking off.
type keeping struct {
	each int           // 0: no limit
	life time.Duration // of a place

	mu   sync.Mutex // guards what follows
	line []*keptOne // in the order of their ends
	of   map[string]int
}

// keptOne is the place of one session.
type keptOne struct {
	subject string // "" once it is free
	until   time.Time
}

func newKeeping(each int, life time.Duration) *keeping {
	return &keeping{each: each, life: life, of: map[string]int{}}
}

// take is a place for the subject, nil where it has as many as it may.
func (k *keeping) take(subject string, now time.Time) *keptOne {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.line) > 0 && !k.line[0].until.After(now) {
		k.release(k.line[0])
		k.line[0], k.line = nil, k.line[1:]
	}
	if k.each > 0 && k.of[subject] >= k.each {
		return nil
	}
	one := &keptOne{subject, now.Add(k.life)}
	k.line = append(k.line, one)
	k.of[subject]++
	return one
}

// free gives a place back before its end; a second call does nothing, nor does one for nil.
func (k *keeping) free(one *keptOne) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if one != nil {
		k.release(one)
	}
}

// release is free. mu is held.
func (k *keeping) release(one *keptOne) {
	if one.subject == "" {
		return
	}
	if k.of[one.subject]--; k.of[one.subject] <= 0 {
		delete(k.of, one.subject)
	}
	one.subject = ""
}
