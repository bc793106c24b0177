package jwt

import (
	"hash/maphash"
	"time"
	"unsafe"
)

// VerifyRaw is the primitive under a token, for the test vectors of primitives.
func (k *Key) VerifyRaw(input, sig []byte) bool {
	sc := k.borrow()
	defer k.giveBack(sc)
	return k.verify(sc, input, sig)
}

// Held is how many tokens a cache remembers.
func (c *Cache[T]) Held() (n int) {
	for i := range c.sets {
		for j := range c.sets[i].places {
			if c.sets[i].places[j].Load() != nil {
				n++
			}
		}
	}
	return n
}

// Collide files what is remembered of one token under the hash of another, as if the two collided.
func (c *Cache[T]) Collide(known, other string) {
	e := *c.find(known, maphash.String(c.seed, known))
	e.hash = maphash.String(c.seed, other)
	c.put(&e, time.Time{})
}

// Shares says whether a cache remembers a token in the caller's memory.
func (c *Cache[T]) Shares(token string) bool {
	e := c.find(token, maphash.String(c.seed, token))
	return e != nil && unsafe.StringData(e.token) == unsafe.StringData(token)
}
