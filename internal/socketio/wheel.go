package socketio

import (
	"container/heap"
	"sync"
	"time"
)

// ringer is what has something to do at a time.
type ringer interface {
	// ring does what is due and sets the alarm anew.
	ring(now time.Duration)
}

// alarm is when a ringer is to be rung. The wheel's lock guards it.
type alarm struct {
	of   ringer
	at   time.Duration
	slot int // in the heap, from 1; 0 is not in it
}

// wheel rings alarms by one timer for all: ten thousand sessions cost no timer and no goroutine each.
type wheel struct {
	now func() time.Duration // since the server's start, never 0

	mu    sync.Mutex // guards what follows
	heap  alarms
	timer *time.Timer
	next  time.Duration // when the timer fires; 0 is never
}

// set puts an alarm to a time; 0 is never.
func (w *wheel) set(a *alarm, at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.at = at
	switch {
	case at == 0 && a.slot != 0:
		heap.Remove(&w.heap, a.slot-1)
	case at == 0:
	case a.slot != 0:
		heap.Fix(&w.heap, a.slot-1)
	default:
		heap.Push(&w.heap, a)
	}
	w.arm()
}

// arm starts the timer where it would fire too late, and stops it where nothing is left. mu is held.
func (w *wheel) arm() {
	if len(w.heap) == 0 {
		if w.timer != nil {
			w.timer.Stop()
		}
		w.next = 0
		return
	}
	at := w.heap[0].at
	if w.next != 0 && w.next <= at {
		return // it fires early, and looks again
	}
	w.next = at
	wait := max(at-w.now(), 0)
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, w.run)
	} else {
		w.timer.Reset(wait)
	}
}

// run rings what is due.
func (w *wheel) run() {
	now := w.now()
	for {
		a := w.due(now)
		if a == nil {
			return
		}
		a.of.ring(now)
	}
}

// due takes out the first alarm that is due; where there is none it starts the timer again.
func (w *wheel) due(now time.Duration) *alarm {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heap) == 0 || w.heap[0].at > now {
		w.next = 0
		w.arm()
		return nil
	}
	return heap.Pop(&w.heap).(*alarm)
}

// alarms is a heap.Interface, the earliest first.
type alarms []*alarm

func (h alarms) Len() int           { return len(h) }
func (h alarms) Less(i, j int) bool { return h[i].at < h[j].at }

func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i+1, j+1
}

// Push implements heap.Interface.
func (h *alarms) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.slot = len(*h)
}

// Pop implements heap.Interface.
func (h *alarms) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.slot = 0
	return a
}
