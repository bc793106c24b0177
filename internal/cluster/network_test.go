package cluster_test

import (
	"testing"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// secure-defaults 13c
func TestNetwork(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"192.0.2.7":                      "192.0.2.7",
		"::ffff:192.0.2.7":               "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":           "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff:ffff::1":      "2001:db8:1:2::/64",
		"fe80::1%eth0":                   "fe80::/64",
		"":                               "none",
		"192.0.2.7:8080":                 "none",
		"2001:db8::1, 192.0.2.7 garbage": "none",
	}
	for in, want := range tests {
		if got := cluster.Network(in); got != want {
			t.Errorf("Network(%q) = %q, want %q", in, got, want)
		}
	}
}
