package realtime_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/realtime"
)

// Names below a prefix are made by clients: one subject, on whichever nodes, does not use up what there is for all. What stands in the
// configuration, or was made by another, it may use.
// WS-j
func TestNamesOfOneSubject(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		channels := func(c *realtime.Config) {
			c.Channels = []realtime.Channel{{Name: "rooms/*", KeepFor: time.Minute}, {Name: "hq"}}
		}
		h1, _ := s.hub("n1", channels)
		h2, _ := s.hub("n2", channels)
		mallory, alice, elsewhere := s.client(h1, map[string]any{"sub": "mallory"}), s.client(h1, nil), s.client(h2, map[string]any{"sub": "mallory"})
		const most = 10_000
		for i := range most / 2 {
			mallory.publish(fmt.Sprintf("rooms/a/%d", i), `1`)
			elsewhere.publish(fmt.Sprintf("rooms/b/%d", i), `1`)
			if i%50 == 0 {
				synctest.Wait() // news are lost where they come too fast
			}
		}
		time.Sleep(time.Second)
		_, err := mallory.Publish(t.Context(), "rooms/more", json.RawMessage(`1`))
		wantCode(t, err, "too_many")
		_, err = elsewhere.Subscribe("rooms/more", "")
		wantCode(t, err, "too_many")
		mallory.publish("hq", `1`)
		mallory.publish("rooms/b/1", `1`)
		alice.subscribe("rooms/more", "")
		mallory.publish("rooms/more", `1`)
		time.Sleep(3 * time.Minute) // they are let go of
		mallory.publish("rooms/again", `1`)
	})
}
