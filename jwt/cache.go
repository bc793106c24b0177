package jwt

import "context"

// Cache is a Verifier that remembers the tokens it has verified.
type Cache[T any] struct {
	v    *Verifier
	read func(*Claims) T
}

// NewCache makes a cache of at most size tokens before v; of 0 it remembers none. read makes of
// verified claims what Verify returns for the token, which must be immutable.
func NewCache[T any](v *Verifier, size int, read func(*Claims) T) *Cache[T] {
	return &Cache[T]{v: v, read: read}
}

// Verify is Verifier.Verify.
func (c *Cache[T]) Verify(ctx context.Context, token string) (t T, err error) {
	claims, err := c.v.Verify(ctx, token)
	if err != nil {
		return t, err
	}
	return c.read(claims), nil
}
