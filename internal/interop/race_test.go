//go:build race

package interop_test

const slowdown, growth = 20, 2
