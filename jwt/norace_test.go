//go:build !race

package jwt_test

// slowdown is what the race detector may cost.
const slowdown = 1
