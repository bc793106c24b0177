package guard_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

func (s signer) token(changes map[string]any) *guard.Token {
	s.tb.Helper()
	tok, err := s.guard().Check(get(s.access(changes)))
	if err != nil {
		s.tb.Fatal(err)
	}
	return tok
}

func TestRevocationList(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	iat := clock().Add(-time.Minute)
	type entry = guard.RevocationEntry
	tests := map[string]struct {
		entry entry
		want  bool
	}{
		"session":                  {entry{Kind: guard.RevokedSession, Handle: "s1"}, true},
		"another session":          {entry{Kind: guard.RevokedSession, Handle: "s2"}, false},
		"session whatever date":    {entry{Kind: guard.RevokedSession, Handle: "s1", NotBefore: iat.Add(-time.Hour)}, true},
		"token":                    {entry{Kind: guard.RevokedToken, Handle: "t1"}, true},
		"handle of another kind":   {entry{Kind: guard.RevokedToken, Handle: "s1"}, false},
		"user, later":              {entry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: iat.Add(time.Second)}, true},
		"user, same second":        {entry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: iat.Add(999 * time.Millisecond)}, true},
		"user, issued since":       {entry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: iat.Add(-time.Millisecond)}, false},
		"user, no date":            {entry{Kind: guard.RevokedUser, Handle: "user1"}, true},
		"roles":                    {entry{Kind: guard.RevokedRoles, Handle: "user1", NotBefore: iat}, true},
		"client":                   {entry{Kind: guard.RevokedClient, Handle: "sandi", NotBefore: iat}, true},
		"key":                      {entry{Kind: guard.RevokedKey, Handle: "k1", NotBefore: iat}, true},
		"expired but not pruned":   {entry{Kind: guard.RevokedSession, Handle: "s1", ExpiresAt: iat}, true},
		"name in another spelling": {entry{Kind: guard.RevokedUser, Handle: "USER1"}, false},
	}
	tok := s.token(nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
			l.Add(tt.entry)
			if got, err := l.Revoked(t.Context(), tok); got != tt.want || err != nil {
				t.Errorf("Revoked = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// What would revoke nothing is a fault of the program, and not a revocation that nobody misses.
// secure-defaults 23d
func TestRevocationListRefusesWhatStopsNothing(t *testing.T) {
	t.Parallel()
	good := guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user2"}
	for name, bad := range map[string]guard.RevocationEntry{
		"unknown kind": {Kind: "galaxy", Handle: "s1"}, "no kind": {Handle: "s1"}, "no handle": {Kind: guard.RevokedSession},
	} {
		l := guard.NewRevocationList(guard.RevocationListConfig{})
		for method, call := range map[string]func(){
			"Add":   func() { l.Add(good, bad) },
			"Reset": func() { l.Reset([]guard.RevocationEntry{good, bad}) },
		} {
			func() {
				defer func() {
					if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "guard: RevocationEntry") || l.Len() != 0 {
						t.Errorf("%s, %s: panic %q, %d entries", name, method, got, l.Len())
					}
				}()
				call()
			}()
		}
		l.Add(good) // the list is as usable as before
	}
}

// A sign-out ends the session, or the token that has none, for as long as either lives.
func TestRevocationListEnd(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	soon, exp, late := clock().Add(time.Minute), clock().Add(14*time.Minute), clock().Add(time.Hour)
	const leeway = 30 * time.Second
	tests := map[string]struct {
		claims   map[string]any
		until    time.Time
		sibling  map[string]any // a token of the same session, or beside it
		ended    bool           // it too
		lastsTo  time.Time      // zero: until Reset
		hasError bool
	}{
		"session":                {nil, late, map[string]any{"jti": "t2"}, true, late, false},
		"session, for ever":      {nil, time.Time{}, map[string]any{"jti": "t2"}, true, time.Time{}, false},
		"session, too short":     {nil, soon, map[string]any{"jti": "t2"}, true, exp.Add(leeway), false},
		"token":                  {map[string]any{"sid": nil}, late, map[string]any{"sid": nil, "jti": "t2"}, false, exp.Add(leeway), false},
		"token that never dies":  {map[string]any{"sid": nil, "exp": nil}, soon, map[string]any{"jti": "t2"}, false, time.Time{}, false},
		"session of one":         {map[string]any{"exp": nil}, soon, nil, true, time.Time{}, false},
		"neither session nor id": {map[string]any{"sid": nil, "jti": nil}, late, nil, false, time.Time{}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := clock()
			l := guard.NewRevocationList(guard.RevocationListConfig{Now: func() time.Time { return now }})
			g := s.guard(func(c *guard.Config) { c.InsecureNoExpiry, c.Leeway = true, leeway })
			token := func(changes map[string]any) *guard.Token {
				tok, err := g.CheckToken(t.Context(), s.access(changes))
				if err != nil {
					t.Fatal(err)
				}
				return tok
			}
			tok, sibling := token(tt.claims), token(tt.sibling)
			if err := l.End(tok, tt.until); (err != nil) != tt.hasError {
				t.Fatalf("End = %v", err)
			}
			if got, _ := l.Revoked(t.Context(), tok); got == tt.hasError {
				t.Errorf("Revoked = %v", got)
			}
			if got, _ := l.Revoked(t.Context(), sibling); got != tt.ended {
				t.Errorf("the other token: Revoked = %v, want %v", got, tt.ended)
			}
			if tt.hasError {
				return
			}
			for _, at := range []time.Time{tt.lastsTo, tt.lastsTo.Add(time.Second), clock().Add(1000 * time.Hour)} {
				now = at
				l.Prune()
				if got, want := l.Len() == 0, !tt.lastsTo.IsZero() && at.After(tt.lastsTo); got != want {
					t.Errorf("at %v forgotten: %v, want %v", at, got, want)
				}
			}
		})
	}
	if err := guard.NewRevocationList(guard.RevocationListConfig{}).End(nil, late); err == nil {
		t.Error("nobody was ended")
	}
}

// A token without iat is older than any watermark; one without handles and
// nobody at all are stopped by nothing.
func TestRevocationOfBareTokens(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	l := guard.NewRevocationList(guard.RevocationListConfig{})
	l.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: clock().Add(-24 * time.Hour)})
	if got, _ := l.Revoked(t.Context(), s.token(map[string]any{"iat": nil})); !got {
		t.Error("token without iat counts")
	}
	bare := s.token(map[string]any{"sub": nil, "sid": nil, "jti": nil, "client_id": nil})
	if got, _ := l.Revoked(t.Context(), bare); got {
		t.Error("token without handles is stopped")
	}
	if got, _ := l.Revoked(t.Context(), nil); got {
		t.Error("nobody is stopped")
	}
}

func TestRevocationListKeepsTheLaterDates(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok, iat := s.token(nil), clock().Add(-time.Minute)
	early := guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: iat.Add(-time.Hour), ExpiresAt: clock().Add(time.Hour)}
	late := guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: iat.Add(time.Second), ExpiresAt: clock().Add(-time.Hour)}
	for _, order := range [][]guard.RevocationEntry{{early, late}, {late, early}} {
		l := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
		l.Add(order[0])
		l.Add(order[1])
		if n := l.Prune(); n != 0 || l.Len() != 1 {
			t.Errorf("pruned %d, left %d; want the later expiry to hold", n, l.Len())
		}
		if got, _ := l.Revoked(t.Context(), tok); !got {
			t.Error("want the later watermark to hold")
		}
	}
}

// secure-defaults 23d: a list that is behind answers nothing.
func TestRevocationListStaleness(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok, now := s.token(nil), clock()
	l := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute, Now: func() time.Time { return now }})
	stale := func() bool {
		revoked, err := l.Revoked(t.Context(), tok)
		if revoked {
			t.Fatal("revoked")
		}
		return errors.Is(err, guard.ErrStale)
	}
	if !stale() {
		t.Error("trusted before it was filled")
	}
	l.Reset(nil)
	if l.Touch(); stale() {
		t.Error("stale right after a read")
	}
	if now = now.Add(time.Minute); stale() {
		t.Error("stale at its limit")
	}
	if now = now.Add(time.Millisecond); !stale() {
		t.Error("trusted beyond its limit")
	}
	if l.Touch(); stale() {
		t.Error("stale after another read")
	}
	if l.Distrust(); !stale() {
		t.Error("trusted though its history was replaced")
	}
	if l.Touch(); stale() {
		t.Error("stale after the new history was read")
	}
}

func TestRevocationListResetAndPrune(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok := s.token(nil)
	l := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
	var es []guard.RevocationEntry
	for i := range 5000 {
		es = append(es, guard.RevocationEntry{
			Kind: guard.RevokedSession, Handle: fmt.Sprint("session ", i), ExpiresAt: clock().Add(time.Duration(i-2500) * time.Second),
		})
	}
	l.Add(es...)
	l.Add(es[0], guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
	if l.Len() != 5001 {
		t.Errorf("Len = %d, want 5001", l.Len())
	}
	if n := l.Prune(); n != 2500 || l.Len() != 2501 {
		t.Errorf("pruned %d, left %d; want 2500, 2501", n, l.Len())
	}
	if got, _ := l.Revoked(t.Context(), tok); !got {
		t.Error("entry without an end was pruned")
	}
	l.Reset(es[4000:])
	if got, _ := l.Revoked(t.Context(), tok); got || l.Len() != 1000 {
		t.Errorf("after Reset: revoked %v, Len %d", got, l.Len())
	}
}

// Readers run beside every kind of writer, and what was revoked once and is in
// every Reset is never missed.
func TestRevocationListIsConcurrent(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok := s.token(nil)
	l := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Hour, Now: clock})
	keep := guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"}
	l.Add(keep)
	l.Touch()
	entry := func(w, i int) guard.RevocationEntry {
		return guard.RevocationEntry{Kind: guard.RevokedUser, Handle: fmt.Sprint(w, i), ExpiresAt: clock().Add(time.Duration(i%2*2-1) * time.Hour)}
	}
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range 300 {
				l.Add(entry(w, i), entry(w, i+1))
				if i%50 == 0 {
					l.Prune()
					l.Reset([]guard.RevocationEntry{keep, entry(w, i)})
				}
				l.Touch()
			}
		})
		readers.Go(func() {
			for {
				if got, err := l.Revoked(t.Context(), tok); !got || err != nil {
					t.Errorf("Revoked = %v, %v", got, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	l.Prune()
	for range l.Len() {
		if l.Prune() != 0 {
			t.Error("pruned twice")
		}
	}
}
