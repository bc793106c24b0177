package key_test

import (
	"errors"
	"testing"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/problem"
)

// What is sealed is bound to its place, opens under either key during a change, and is never sealed while the store's key is not known.
// secure-defaults 18c
func TestMastersSeal(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		old, later := b.master, key.GenerateMaster()
		left, both := key.NewMasters(old), key.NewMasters(later, old)
		nodes := []*key.Ring{b.withMasters(t, left), b.withMasters(t, both)}
		sealed, master, err := both.Seal([]byte("secret"), "factor siti")
		if err != nil || master != old.Fingerprint() {
			t.Fatalf("sealed under %s, %v, want the store's", master, err)
		}
		if got, err := both.Open(sealed, "factor siti"); string(got) != "secret" || err != nil {
			t.Errorf("opened %q, %v", got, err)
		}
		if _, err := both.Open(sealed, "factor budi"); !errors.Is(err, key.ErrSealed) {
			t.Errorf("in another place: %v", err)
		}
		if _, err := key.NewMasters(later).Open(sealed, "factor siti"); !errors.Is(err, key.ErrOtherMaster) {
			t.Errorf("under another key: %v", err)
		}
		if _, err := both.Change(t.Context(), b.db, audit.From{}); err != nil {
			t.Fatal(err)
		}
		if err := nodes[0].Refresh(t.Context()); !refusal(err) {
			t.Errorf("a node without the new key: %v", err)
		}
		if _, _, err := left.Seal([]byte("secret"), "factor siti"); !errors.Is(err, problem.Unavailable) {
			t.Errorf("sealed under a key that is not the store's: %v", err)
		}
	})
}
