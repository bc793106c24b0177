package jwt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// swapped is Keys that a test changes.
type swapped struct{ atomic.Pointer[jwt.KeySet] }

func (r *swapped) KeySet() *jwt.KeySet { return r.Load() }

type idCache struct{ *jwt.Cache[string] }

// Verify returns the value itself, "" with an error.
func (c idCache) Verify(ctx context.Context, token string) (id string, at time.Time, err error) {
	value, at, err := c.Cache.Verify(ctx, token)
	if value != nil {
		id = *value
	}
	return id, at, err
}

// newCache remembers what jti each token had.
func newCache(t *testing.T, size int, keys jwt.Keys, edit func(*jwt.Config)) idCache {
	t.Helper()
	return idCache{jwt.NewCache(newVerifier(t, keys, edit), size, (*jwt.Claims).ID)}
}

func numbered(i int) string { return forge(goodHeader, claimsWith(fmt.Sprintf(`"jti":"t%d"`, i))) }

// TestCacheChecksTime: what is remembered still expires, and is still not valid too early.
// ASVS 9.2.1
func TestCacheChecksTime(t *testing.T) {
	t.Parallel()
	at := now
	c := newCache(t, 70, newKeySet(t, secretKey(t)), func(c *jwt.Config) { c.Now = func() time.Time { return at } })
	token := forge(goodHeader, claimsWith(`"jti":"t1"`, fmt.Sprintf(`"nbf":%d`, now.Unix())))
	for _, step := range []struct {
		after time.Duration
		want  error
	}{{0, nil}, {0, nil}, {-time.Second, jwt.ErrNotYetValid}, {59 * time.Second, nil}, {time.Minute, jwt.ErrExpired}, {0, nil}} {
		at = now.Add(step.after)
		id, when, err := c.Verify(t.Context(), token)
		if !errors.Is(err, step.want) || err == nil && id != "t1" || err != nil && id != "" || !when.Equal(at) {
			t.Errorf("after %v: got %q, %v at %v; want %v", step.after, id, err, when, step.want)
		}
	}
	if c.Held() != 1 {
		t.Errorf("got %d entries, want 1", c.Held())
	}
}

// TestCacheRemembersWhatPassed: a token that is refused leaves nothing behind, whatever the reason,
// and nothing is made of it.
func TestCacheRemembersWhatPassed(t *testing.T) {
	t.Parallel()
	made := 0
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	c := jwt.NewCache(v, 7000, func(*jwt.Claims) int { made++; return made })
	good := numbered(1)
	for i := range 500 {
		for _, token := range []string{
			good[:len(good)-2] + "AA", good + fmt.Sprint(i), fmt.Sprint(i), "",
			forge(goodHeader, `{"exp":1}`), forge(goodHeader, claimsWith(`"nbf":4102444800`)),
		} {
			if n, _, err := c.Verify(t.Context(), token); err == nil || n != nil {
				t.Fatalf("%s: got %v, %v", token, n, err)
			}
		}
	}
	if made != 0 || c.Held() != 0 {
		t.Errorf("made %d, held %d", made, c.Held())
	}
	for range 3 {
		if n, _, err := c.Verify(t.Context(), good); err != nil || *n != 1 {
			t.Errorf("got %v, %v", n, err)
		}
	}
}

// TestCacheIsBounded: more good tokens than places are verified all the same, each as itself.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{-1, 0, 6, 7, 70, 75} {
		c := newCache(t, size, newKeySet(t, secretKey(t)), nil)
		for range 2 {
			for i := range 300 {
				if id, _, err := c.Verify(t.Context(), numbered(i)); id != fmt.Sprint("t", i) || err != nil {
					t.Fatalf("token %d: got %q, %v", i, id, err)
				}
			}
		}
		if most := max(size, 0) / 7 * 7; c.Held() > most || most > 0 && c.Held() < most/2 {
			t.Errorf("size %d: got %d entries, at most %d are wanted", size, c.Held(), most)
		}
	}
}

// TestCacheLeavesOutLargeTokens: those that fit are bounded in number, so each must be bounded in size.
func TestCacheLeavesOutLargeTokens(t *testing.T) {
	t.Parallel()
	c := newCache(t, 70, newKeySet(t, secretKey(t)), nil)
	for length, held := range map[int]int{2000: 1, 5000: 1} {
		token := forge(goodHeader, claimsWith(`"jti":"t1"`, `"x":"`+strings.Repeat("x", length)+`"`))
		if id, _, err := c.Verify(t.Context(), token); id != "t1" || err != nil || c.Held() > held {
			t.Errorf("%d bytes of token: got %q, %v, %d entries", len(token), id, err, c.Held())
		}
	}
	if c.Held() != 1 {
		t.Errorf("got %d entries", c.Held())
	}
}

// TestCacheComparesTokens: not even tokens whose hashes collide are taken for one another.
func TestCacheComparesTokens(t *testing.T) {
	t.Parallel()
	known := numbered(1)
	for _, tt := range []struct {
		token, id string
		want      error
	}{{numbered(2), "t2", nil}, {known[:len(known)-4] + "AAAA", "", jwt.ErrSignature}} {
		c := newCache(t, 7, newKeySet(t, secretKey(t)), nil)
		if _, _, err := c.Verify(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		c.Collide(known, tt.token)
		if id, _, err := c.Verify(t.Context(), tt.token); id != tt.id || !errors.Is(err, tt.want) {
			t.Errorf("got %q, %v; want %q, %v", id, err, tt.id, tt.want)
		}
	}
}

// TestCacheFollowsKeys: an entry counts for the key set it was verified with and no other.
func TestCacheFollowsKeys(t *testing.T) {
	t.Parallel()
	var keys swapped
	keys.Store(newKeySet(t, secretKey(t)))
	c := newCache(t, 70, &keys, nil)
	token := numbered(1)
	verify := func(step string, want error) {
		t.Helper()
		if id, _, err := c.Verify(t.Context(), token); !errors.Is(err, want) || (err == nil) != (id == "t1") {
			t.Errorf("%s: got %q, %v; want %v", step, id, err, want)
		}
	}
	verify("first", nil)
	verify("remembered", nil)
	old := keys.Load()
	keys.Store(newKeySet(t, newKey(t, jwt.ES256)))
	verify("its key is gone", jwt.ErrUnknownKey)
	keys.Store(newKeySet(t, secretKey(t)))
	verify("another set with the key", nil)
	if c.Held() != 1 {
		t.Errorf("got %d entries: the older one was not replaced", c.Held())
	}
	keys.Store(nil)
	verify("no keys", jwt.ErrUnknownKey)
	keys.Store(old)
	verify("the first set again", nil)
}

// fickle has other keys each time it is asked.
type fickle struct {
	sets []*jwt.KeySet
	n    int
}

func (f *fickle) KeySet() *jwt.KeySet { f.n++; return f.sets[f.n%len(f.sets)] }

// TestCacheKeysChangeMeanwhile: what was verified while the keys changed is not remembered.
func TestCacheKeysChangeMeanwhile(t *testing.T) {
	t.Parallel()
	c := newCache(t, 70, &fickle{sets: []*jwt.KeySet{newKeySet(t, secretKey(t)), newKeySet(t, secretKey(t))}}, nil)
	if id, _, err := c.Verify(t.Context(), numbered(1)); id != "t1" || err != nil || c.Held() != 0 {
		t.Errorf("got %q, %v, %d entries", id, err, c.Held())
	}
}

// TestCacheDropsExpired: no token is held for more than a minute past its time, asked for or not.
func TestCacheDropsExpired(t *testing.T) {
	t.Parallel()
	keys := newKeySet(t, secretKey(t))
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, 70, keys, func(c *jwt.Config) { c.Now = time.Now })
		for _, lives := range []time.Duration{90 * time.Second, 10 * time.Minute} {
			token := forge(goodHeader, claimsUntil(time.Now().Add(lives)))
			if _, _, err := c.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			after time.Duration
			held  int
		}{{61 * time.Second, 2}, {60 * time.Second, 1}, {11 * time.Minute, 0}} {
			time.Sleep(step.after)
			synctest.Wait()
			if c.Held() != step.held {
				t.Errorf("after another %v: got %d entries, want %d", step.after, c.Held(), step.held)
			}
		}
	})
}

// TestCacheConcurrently: many tokens over few places, while the keys rotate.
func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	var keys swapped
	keys.Store(newKeySet(t, secretKey(t)))
	c := newCache(t, 21, &keys, nil)
	var tokens []string
	for i := range 64 {
		tokens = append(tokens, numbered(i))
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				n := (i*(worker+1) + worker) % len(tokens)
				if id, _, err := c.Verify(t.Context(), tokens[n]); id != fmt.Sprint("t", n) || err != nil {
					t.Errorf("token %d: got %q, %v", n, id, err)
					return
				}
				if worker == 0 && i%100 == 0 {
					keys.Store(newKeySet(t, secretKey(t)))
				}
			}
		})
	}
	wg.Wait()
}

// slowKeys come after the token has expired.
type slowKeys struct {
	swapped
	at  *time.Time
	set *jwt.KeySet
}

func (k *slowKeys) Refetch(context.Context) bool {
	*k.at = k.at.Add(2 * time.Minute)
	k.Store(k.set)
	return true
}

// TestCacheLooksAtTheClockLast: a token that expires while keys are fetched has expired.
func TestCacheLooksAtTheClockLast(t *testing.T) {
	t.Parallel()
	at := now
	keys := &slowKeys{at: &at, set: newKeySet(t, secretKey(t))}
	c := newCache(t, 70, keys, func(c *jwt.Config) { c.Now = func() time.Time { return at } })
	if id, _, err := c.Verify(t.Context(), numbered(1)); id != "" || !errors.Is(err, jwt.ErrExpired) {
		t.Errorf("got %q, %v", id, err)
	}
}

// TestCacheMemory: a hit allocates nothing, and what is remembered is not a view of the request
// that the token came in.
func TestCacheMemory(t *testing.T) {
	c := newCache(t, 70, newKeySet(t, secretKey(t)), nil)
	token, ctx := numbered(1), t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _, _ = c.Verify(ctx, token) }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
	long := forge(goodHeader, claimsWith(`"x":"`+strings.Repeat("x", 1000)+`"`))
	_, _, _ = c.Verify(ctx, long)
	if c.Shares(token) || c.Shares(long) {
		t.Error("the cache keeps the caller's string")
	}
}

// TestVerifyInto: claims that are reused hold the last token alone; those that Verify returned stay
// as they are, and cannot be reused.
func TestVerifyInto(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	kept, err := v.Verify(t.Context(), forge(goodHeader, claimsWith(`"jti":"kept"`)))
	if err != nil {
		t.Fatal(err)
	}
	var c jwt.Claims
	long := forge(goodHeader, claimsWith(`"jti":"long"`, `"nbf":1`, `"x":"`+fmt.Sprintf("%0600d", 1)+`"`, manyMembers(30)))
	for range 3 {
		if err := v.VerifyInto(t.Context(), long, &c); err != nil || c.ID() != "long" || c.NotBefore().IsZero() || !c.Has("m29") {
			t.Fatalf("got %v, %v", &c, err)
		}
		if err := v.VerifyInto(t.Context(), numbered(1), &c); err != nil || c.ID() != "t1" || c.Has("x") || !c.NotBefore().IsZero() || c.Has("m29") {
			t.Fatalf("got %v, %v", &c, err)
		}
	}
	if kept.ID() != "kept" || kept.Subject() != "user1" {
		t.Errorf("got %v", kept)
	}
	for name, token := range map[string]string{
		"no form": "x", "bad signature": numbered(1) + "A", "bad base64": forgeParts(b64(goodHeader), "!!!!"+b64(`{"sub":"x"`)),
		"cut off": forge(goodHeader, `{"sub":"x","roles":[1,`), "another audience": forge(goodHeader, `{"sub":"x","aud":"x","roles":["a"]}`),
	} {
		if err := v.VerifyInto(t.Context(), long, &c); err != nil {
			t.Fatal(err)
		}
		if err := v.VerifyInto(t.Context(), token, &c); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if c.Subject() != "" || c.ID() != "" || c.Issuer() != "" || c.Has("roles") || c.Strings("roles") != nil || c.HasAudience(audience) || !c.ExpiresAt().IsZero() || c.Type() != "" {
			t.Errorf("%s: the claims still hold something: %v", name, &c)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("claims that others may hold were overwritten")
		}
	}()
	_ = v.VerifyInto(t.Context(), numbered(2), kept)
}

func manyMembers(n int) string {
	s := `"m":0`
	for i := range n {
		s += fmt.Sprintf(`,"m%d":%d`, i, i)
	}
	return s
}
