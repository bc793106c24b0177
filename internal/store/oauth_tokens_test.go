package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// TestRevokeToken: the entry, the bit and the event are one; a token that has expired writes nothing.
func TestRevokeToken(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		list, first, err := f.TakePlaces(t.Context(), f.clock().Add(time.Hour).Truncate(time.Hour), 64)
		if err != nil {
			t.Fatal(err)
		}
		e := audit.Event{Action: audit.TokenRevoked}
		for _, tt := range []struct {
			jti     string
			expires time.Duration
			place   revocation.Place
		}{
			{"placed", time.Minute, revocation.Place{List: list, Bit: first + 3}},
			{"placed", time.Minute, revocation.Place{List: list, Bit: first + 3}}, // by two nodes at once
			{"without", time.Minute, revocation.Place{}},
			{"expired", 0, revocation.Place{List: list, Bit: first + 5}},
		} {
			if err := f.RevokeToken(t.Context(), tt.jti, f.clock().Add(tt.expires), tt.place, e); err != nil {
				t.Fatal(err)
			}
		}
		page, err := f.Revocations(t.Context(), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var revoked []string
		for _, r := range page.Entries {
			if r.Kind == revocation.Token {
				revoked = append(revoked, r.Handle)
			}
		}
		if !slices.Equal(revoked, []string{"placed", "placed", "without"}) {
			t.Errorf("revoked: %v", revoked)
		}
		if bits, _, _, err := f.StatusBits(t.Context(), list); err != nil || !slices.Equal(bits, []int{first + 3}) {
			t.Errorf("bits %v, %v", bits, err)
		}
		if n := f.has(t, audit.TokenRevoked); n != 3 {
			t.Errorf("%d events", n)
		}
	})
}
