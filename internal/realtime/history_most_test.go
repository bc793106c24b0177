package realtime_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/realtime"
)

// Names below a prefix are the clients' own, and each name keeps messages: all together they keep no more than the node grants. Who comes back
// to what was let go of is told so.
func TestHistoryOfManyNames(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		const most = 1 << 20
		h, _ := s.hub("n1", func(c *realtime.Config) {
			c.Channels, c.Limits.Kept = []realtime.Channel{{Name: "rooms/*"}}, most
		})
		c := s.client(h, nil)
		start := c.subscribe("rooms/0", "").Cursor
		data := `"` + strings.Repeat("x", 8<<10) + `"`
		for i := range 300 {
			c.publish(fmt.Sprintf("rooms/%d", i), data)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(20 * time.Second) // less than messages are kept for
		kept := 0
		for i := range 300 {
			reader := s.client(h, nil)
			reader.subscribe(fmt.Sprintf("rooms/%d", i), start)
			for _, d := range reader.data() {
				kept += len(d)
			}
			reader.Leave("closed")
		}
		if kept > most || kept < most/8 {
			t.Errorf("%d bytes are kept, of at most %d", kept, most)
		}
		if got := s.client(h, nil).subscribe("rooms/0", start); got.Complete {
			t.Error("rooms/0 is complete, and its message is gone")
		}
	})
}
