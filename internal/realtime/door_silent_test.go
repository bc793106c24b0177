package realtime

import "testing"

// Who shows no credential is bounded, by network and in all, and ends when the Door closes.
// WS-j
func TestSilent(t *testing.T) {
	t.Parallel()
	s := newSilent(4, 2)
	enter := func(address string, exempt, want bool) *silence {
		t.Helper()
		one, ok := s.enter(address, exempt)
		if ok != want {
			t.Fatalf("%s: let in %t, want %t", address, ok, want)
		}
		return one
	}
	first := enter("2001:db8::1", false, true)
	enter("2001:db8::2", false, true)
	enter("2001:db8::3", false, false) // of the same /64
	enter("2001:db8:0:1::1", false, true)
	s.leave(first)
	s.leave(first) // the second time nothing
	s.leave(nil)
	enter("2001:db8::3", false, true)
	proxied := enter("127.0.0.1", true, true)
	enter("127.0.0.1", true, false) // four in all
	s.leave(proxied)
	ended := 0
	one := enter("127.0.0.1", true, true)
	s.onClose(one, func() { ended++ })
	s.close()
	enter("192.0.2.1", false, false)
	if ended != 1 {
		t.Errorf("ended %d times, want 1", ended)
	}
	s.onClose(one, func() { ended++ }) // it came just now
	if ended != 2 {
		t.Error("a connection that came while the Door closed was not ended")
	}
}
