//go:build !race

package interop_test

// What the race detector may cost: time, and allocations, since it makes sync.Pool forget.
const slowdown, growth = 1, 1
