package cluster

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

// queueLength is how many messages may wait for one handler.
const queueLength = 1024

// hub hands messages to the subscribers of this process. It is not to be copied.
type hub struct {
	dropped atomic.Uint64
	running sync.WaitGroup // goroutines that call handlers

	mu     sync.Mutex // guards what follows, and all subscriptions
	topics map[string][]*subscription
	closed bool
}

type subscription struct {
	handle          func(message []byte)
	queue           [][]byte
	busy, cancelled bool
}

// Subscribe has handle called with each message that any node publishes to
// topic from now on, in order, by one goroutine at a time; the other handlers
// are not held up by it. At most 1,024 messages wait for a handler, more are
// dropped. Messages are hints: some may never come, so what they tell must be
// found in the store as well. The handler must not change the message. No call
// of handle begins after cancel has returned.
func (h *hub) Subscribe(topic string, handle func(message []byte)) (cancel func()) {
	if topic == "" || handle == nil {
		panic("cluster: Subscribe needs a topic and a handler")
	}
	s := &subscription{handle: handle}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics == nil {
		h.topics = map[string][]*subscription{}
	}
	h.topics[topic] = append(h.topics[topic], s)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		s.cancelled, s.queue = true, nil
		h.topics[topic] = slices.DeleteFunc(h.topics[topic], func(other *subscription) bool { return other == s })
		if len(h.topics[topic]) == 0 {
			delete(h.topics, topic)
		}
	}
}

// Dropped is how many messages did not reach a handler that waited for them:
// its queue was full, or they came from Redis forged, or more than a minute old.
func (h *hub) Dropped() uint64 { return h.dropped.Load() }

// deliver queues a message for each subscriber of topic.
func (h *hub) deliver(topic string, message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	message = bytes.Clone(message)
	for _, s := range h.topics[topic] {
		if len(s.queue) >= queueLength {
			h.dropped.Add(1)
			continue
		}
		s.queue = append(s.queue, message)
		if !s.busy {
			s.busy = true
			h.running.Go(func() { h.drain(s) })
		}
	}
}

// drain calls the handler until nothing waits for it.
func (h *hub) drain(s *subscription) {
	for {
		h.mu.Lock()
		if len(s.queue) == 0 {
			s.busy = false
			h.mu.Unlock()
			return
		}
		message := s.queue[0]
		s.queue = s.queue[1:]
		h.mu.Unlock()
		s.handle(message)
	}
}

// close drops what still waits, and returns when no handler runs any more.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	for _, subscriptions := range h.topics {
		for _, s := range subscriptions {
			s.queue = nil
		}
	}
	h.mu.Unlock()
	h.running.Wait()
}
