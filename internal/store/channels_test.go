package store_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestChannels: one is kept as it was given, and the version of the list is raised by every change and by nothing else.
func TestChannels(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		last := int64(0)
		raised := func(want bool) {
			t.Helper()
			_, of, err := other.Channels(t.Context())
			version := must(f.ChannelsVersion(t.Context()))
			if err != nil || of != version || (version > last) != want || version < last {
				t.Errorf("version %d (with the list %d, %v) after %d, want it raised: %t", version, of, err, last, want)
			}
			last = version
		}
		raised(true)
		c := realtime.Channel{
			Name: "missions/*", Subscribe: realtime.Requirement{Roles: []string{"agent"}, Level: 3}, Publish: realtime.Requirement{Scopes: []string{"a", "b"}},
			Schema: json.RawMessage(`{"title":"caf\u00e9 \u0000\u2028"}`), MaxBytes: 100, Rate: 5, Keep: 7, KeepFor: time.Minute, Presence: true,
		}
		put := func(c realtime.Channel) {
			t.Helper()
			if err := f.PutChannel(t.Context(), c, audit.Event{Action: audit.ChannelChanged}); err != nil {
				t.Fatal(err)
			}
			raised(true)
		}
		put(c)
		put(realtime.Channel{Name: "General", ReadOnly: true})
		c.Rate = 6
		put(c)
		list, _, err := other.Channels(t.Context())
		if diff := cmp.Diff([]realtime.Channel{{Name: "General", ReadOnly: true}, c}, list); err != nil || diff != "" {
			t.Errorf("channels, %v (-want +got):\n%s", err, diff)
		}
		for _, name := range []string{"", "none", "general", "General ", "a\x00", "\xff", "x'--"} {
			wantErr(t, fmt.Sprintf("remove %q", name), f.RemoveChannel(t.Context(), name, audit.Event{Action: audit.ChannelRemoved}), realtime.ErrNoChannel)
		}
		raised(false)
		if err := other.RemoveChannel(t.Context(), "General", audit.Event{Action: audit.ChannelRemoved}); err != nil {
			t.Error(err)
		}
		raised(true)
		if list, _, err = f.Channels(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("got %v, %v; want one", list, err)
		}
		if a, b := f.has(t, audit.ChannelChanged), f.has(t, audit.ChannelRemoved); a != 3 || b != 1 {
			t.Errorf("%d and %d events, want 3 and 1", a, b)
		}
	})
}

// TestChannelsAtOnce: changes on several nodes are counted one by one.
func TestChannelsAtOnce(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		nodes := []*store.DB{f.DB, f.another(t)}
		before := must(f.ChannelsVersion(t.Context()))
		var wg sync.WaitGroup
		for _, node := range nodes { // one connection each: PostgreSQL's begin slowly under the race detector
			wg.Go(func() {
				for i := range 4 {
					if err := node.PutChannel(t.Context(), realtime.Channel{Name: fmt.Sprint("c", i%3)}, audit.Event{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := must(f.ChannelsVersion(t.Context())); got != before+8 {
			t.Errorf("8 changes led from version %d to %d", before, got)
		}
	})
}
