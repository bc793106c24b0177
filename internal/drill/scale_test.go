//go:build !drill

package drill_test

// full says that the drills run at length.
const full = false
