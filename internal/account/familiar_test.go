package account

import (
	"fmt"
	"testing"
)

func TestFamiliar(t *testing.T) {
	t.Parallel()
	f := newFamiliar()
	f.add("budi", "home")
	for i := range familiarNetworks - 1 {
		f.add("budi", fmt.Sprint("network ", i))
	}
	f.add("budi", "home")
	f.add("budi", "one more")
	for network, want := range map[string]bool{"home": true, "one more": true, "network 1": true, "network 0": false, "elsewhere": false} {
		if got := f.knows("budi", network); got != want {
			t.Errorf("knows(budi, %s) = %v, want %v", network, got, want)
		}
	}
	if f.knows("siti", "home") {
		t.Error("one user's place is another's")
	}
	f.only("budi", "home")
	f.only("nobody", "home")
	if !f.knows("budi", "home") || f.knows("budi", "one more") {
		t.Error("only did not forget the others")
	}
}

// Many logins of one user push out nobody else, and memory is bounded.
func TestFamiliarIsBounded(t *testing.T) {
	t.Parallel()
	f := newFamiliar()
	f.add("budi", "home")
	for i := range 10_000 {
		f.add("mallory", fmt.Sprint("network ", i))
	}
	if !f.knows("budi", "home") {
		t.Error("one user with many addresses pushed out another")
	}
	for i := range familiarUsers {
		f.add(fmt.Sprint("user ", i), "home")
	}
	if len(f.users) != familiarUsers || f.order.Len() != familiarUsers || f.knows("budi", "home") {
		t.Errorf("%d users are remembered, want the last %d", len(f.users), familiarUsers)
	}
}
