package account

// HoldHashing takes every slot and every place in the queue of s, until release is called.
func HoldHashing(s *Service) (release func()) { return s.hasher.gate.hold() }

// HoldJudging is HoldHashing for the judge of new passwords.
func HoldJudging(s *Service) (release func()) { return s.judging.hold() }

func (g *gate) hold() (release func()) {
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

// HashWork is the work of all hashes begun, memory in KiB times passes.
func HashWork(s *Service) uint64 { return s.hasher.work.Load() }

// TOTP is the code of a time step.
func TOTP(key []byte, step int64, digits int) string { return totp(key, step, digits) }

// ParseRecovery is parseRecovery.
func ParseRecovery(code string) ([32]byte, bool) { return parseRecovery(code) }
