package guard_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// revokedBy revokes while it is asked: in Watch, or beside an answer that comes too late to say so.
type revokedBy struct {
	mu      sync.Mutex // guards what follows
	during  string
	revoked bool
	tell    func()
}

func (r *revokedBy) begin(during string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.during = during
}

func (r *revokedBy) Watch(_ *guard.Token, tell func()) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell, r.revoked = tell, r.revoked || r.during == "Watch"
	return nil // there is nothing to stop
}

func (r *revokedBy) Revoked(context.Context, *guard.Token) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := r.revoked
	if r.during == "Revoked" && !r.revoked {
		r.revoked = true
		var wg sync.WaitGroup
		wg.Go(r.tell)
		wg.Wait()
	}
	return answer, nil
}

// What is revoked while its Lifetime is made, or extended to, is never missed.
func TestLifetimeRevokedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, during := range []string{"Watch", "Revoked"} {
		for _, extended := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r := &revokedBy{}
				w := newSockets(t, func(c *guard.Config) { c.Revocations = r })
				tok := w.token(nil)
				if !extended {
					r.begin(during)
				}
				life := w.life(tok)
				if extended {
					r.begin(during)
					err := guard.Extend(life, w.token(map[string]any{"sid": "s2"}, guard.SkipRevocation()))
					if during == "Watch" {
						if !errors.Is(err, guard.TokenRevoked) || guard.Identity(life) != tok {
							t.Errorf("extended to what was revoked: %v", err)
						}
						return
					}
				}
				time.Sleep(time.Millisecond)
				wantEnded(t, life, guard.TokenRevoked)
			})
		}
	}
}

// Revocations that do not answer are waited for 5 s, if they heed their context; exp counts in any case.
// secure-defaults 21c, 23d
func TestLifetimeOfHangingRevocations(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		hang  string        // the token that they do not answer for
		heeds bool          // their context
		ends  time.Duration // of a lifetime of ten seconds
		want  guard.Reason
	}{
		"heeds its context":   {"t1", true, 6 * time.Second, guard.Unavailable},
		"never answers":       {"t1", false, 10 * time.Second, guard.TokenExpired},
		"not for the newer":   {"t2", true, 10 * time.Second, guard.TokenExpired},
		"never for the newer": {"t2", false, 10 * time.Second, guard.TokenExpired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var hangs atomic.Bool
				back := make(chan struct{})
				w := newSockets(t, func(c *guard.Config) {
					c.Revocations = guard.RevocationFunc(func(ctx context.Context, tok *guard.Token) (bool, error) {
						if !hangs.Load() || tok.ID() != tt.hang {
							return false, nil
						}
						if !tt.heeds {
							ctx = context.WithoutCancel(ctx)
						}
						select {
						case <-ctx.Done():
							return false, ctx.Err()
						case <-back:
							return false, nil
						}
					})
				})
				life := w.life(w.token(map[string]any{"exp": time.Now().Add(10 * time.Second).Unix()}))
				newer, refused := w.token(map[string]any{"jti": "t2"}), make(chan error, 1)
				begun := time.Now()
				if hangs.Store(true); tt.hang == "t2" {
					go func() {
						time.Sleep(7 * time.Second)
						refused <- guard.Extend(life, newer)
					}()
				}
				<-life.Done()
				if !errors.Is(context.Cause(life), tt.want) || time.Since(begun) != tt.ends {
					t.Errorf("%v after %s, want %s after %s", context.Cause(life), time.Since(begun), tt.want, tt.ends)
				}
				close(back)
				if tt.hang == "t2" {
					if err := <-refused; err == nil {
						t.Error("extended, though it has ended")
					}
				}
			})
		})
	}
}

// What expires while it is asked for has expired, whatever the answer.
func TestLifetimeExpiresMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSockets(t, func(c *guard.Config) {
			c.Revocations = guard.RevocationFunc(func(ctx context.Context, _ *guard.Token) (bool, error) {
				<-ctx.Done()
				return false, ctx.Err()
			})
		})
		exp := map[string]any{"exp": time.Now().Add(3 * time.Second).Unix()}
		begun := time.Now()
		if life := w.life(w.token(exp, guard.SkipRevocation())); !errors.Is(context.Cause(life), guard.TokenExpired) || time.Since(begun) != 3*time.Second {
			t.Errorf("%v after %s", context.Cause(life), time.Since(begun))
		}
	})
}
