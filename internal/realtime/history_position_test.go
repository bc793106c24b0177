package realtime

import "testing"

// What is read as a cursor is written as one that is read the same; the rest is refused.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "0.abcdefgh", "lx2k3.abcdefgh-n1abcdefgh.7", "lx2k3.abcdefgh-aabcdefgh.1-babcdefgh.18446744073709551615", "1.a-b.1", "-", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePosition(s)
		if err != nil {
			return
		}
		again, err := parsePosition(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%q is %q, then %q, %v", s, p, again, err)
		}
		if q := p.with(p); q.String() != p.String() || p.beyond(p, p.at) != nil {
			t.Errorf("%q and itself is %q", s, q)
		}
	})
}
