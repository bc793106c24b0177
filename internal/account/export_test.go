package account

// HoldHashing takes every slot and every place in the queue of s, until release is called.
func HoldHashing(s *Service) (release func()) {
	g := s.hasher.gate
	for range cap(g.slots) {
		g.slots <- struct{}{}
	}
	g.waiting.Add(g.queue)
	return func() {
		g.waiting.Add(-g.queue)
		for range cap(g.slots) {
			<-g.slots
		}
	}
}
