package realtime_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/realtime"
)

// framed is a Peer that makes the frames of what it gets, as connections do.
type framed struct{ client }

func (f *framed) Deliver(m *realtime.Message) {
	if frame := m.Raw(); !json.Valid(frame[strings.IndexByte(string(frame), '{'):]) {
		f.tb.Errorf("frame %q is no JSON", frame)
	}
	m.SocketIO()
	f.client.Deliver(m)
}

// Whoever may publish on Redis can say what nodes say, and must not be able to end them, or a channel, by what no node says.
func TestHostileNews(t *testing.T) {
	const year = 31_536_000_000
	for name, item := range map[string]string{
		"a time that JSON has not":         `"m":{"c":"hq","n":1,"t":9223372036854775807,"d":1}`,
		"a time long after":                fmt.Sprintf(`"m":{"c":"hq","n":1,"t":%d,"d":1}`, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()+year),
		"a time before all":                `"m":{"c":"hq","n":1,"t":-9223372036854775808,"d":1}`,
		"no data":                          `"m":{"c":"hq","n":1,"t":946684800000}`,
		"no number":                        `"m":{"c":"hq","t":946684800000,"d":1}`,
		"a number that no other can top":   `"m":{"c":"hq","n":18446744073709551615,"t":946684800000,"d":1}`,
		"an origin that is none":           `"m":{"c":"hq","n":1,"o":"x","t":946684800000,"d":1}`,
		"an origin that breaks cursors":    `"m":{"c":"hq","n":1,"o":"evil-evil.evil","t":946684800000,"d":1}`,
		"too much":                         `"m":{"c":"hq","n":1,"t":946684800000,"d":"` + strings.Repeat("x", 61<<10) + `"}`,
		"a head that no message can reach": `"h":{"hq":9223372036854775807}`,
		"a negative crowd":                 `"p":[{"c":"hq","s":"bob","n":-9}]`,
		"a crowd beyond counting":          `"p":[{"c":"hq","s":"bob","n":9223372036854775807},{"c":"hq","s":"bob","n":9223372036854775807}]`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *site) {
				h, _ := s.hub("n1", func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "hq", Presence: true}} })
				p := &framed{client{tb: t, seen: map[string]int{}}}
				m, err := h.Join(t.Context(), s.arrival(p, nil))
				if err != nil {
					t.Fatal(err)
				}
				p.Member = m
				p.subscribe("hq", "")
				for _, from := range []string{"n2evilevil", "n3evilevil"} {
					if err := s.news.Memory.Publish(t.Context(), "realtime", []byte(`{"from":"`+from+`","items":[{`+item+`}]}`)); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				p.publish("hq", `2`)
				want(t, "data", p.data(), []string{`2`})
				if got := s.client(h, nil).subscribe("hq", p.cursor); !got.Complete {
					t.Error("the cursor of the last message is not complete")
				}
			})
		})
	}
}

// An answer about history is another node's word as well.
func TestHostileHistory(t *testing.T) {
	for name, messages := range map[string]string{
		"null":          `null`,
		"a bad time":    `{"c":"hq","o":"n2evilevil","n":1,"t":9223372036854775807,"d":1}`,
		"a bad origin":  `{"c":"hq","o":"x","n":1,"t":946684800000,"d":1}`,
		"no data":       `{"c":"hq","o":"n2evilevil","n":1,"t":946684800000}`,
		"other channel": `{"c":"secret","o":"n2evilevil","n":1,"t":946684800000,"d":"theirs"}`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *site) {
				say := func(topic, from, item string) {
					if err := s.news.Memory.Publish(t.Context(), topic, []byte(`{"from":"`+from+`","items":[{`+item+`}]}`)); err != nil {
						t.Fatal(err)
					}
				}
				var me atomic.Value
				cancel := s.news.Subscribe("realtime", func(b []byte) {
					var n struct{ From string }
					if json.Unmarshal(b, &n) == nil && strings.HasPrefix(n.From, "n1") {
						me.Store(n.From)
					}
				})
				defer cancel()
				h, _ := s.hub("n1", nil)
				say("realtime", "n2evilevil", `"b":1`)
				time.Sleep(100 * time.Millisecond)
				p := &framed{client{tb: t, seen: map[string]int{}}}
				m, err := h.Join(t.Context(), s.arrival(p, nil))
				if err != nil {
					t.Fatal(err)
				}
				p.Member = m
				p.subscribe("hq", "")
				time.Sleep(200 * time.Millisecond) // it has asked
				say("realtime history", "n2evilevil", `"r":{"to":"`+me.Load().(string)+`","c":"hq","l":true,"s":0,"o":[{"o":"x","n":1,"l":1},{"o":"n2evilevil","n":1,"l":946684800000}],"m":[`+messages+`]}`)
				synctest.Wait()
				p.publish("hq", `2`)
				want(t, "data", p.data(), []string{`2`})
				if got := s.client(h, nil).subscribe("hq", p.cursor); !got.Complete {
					t.Error("the cursor of the last message is not complete")
				}
			})
		})
	}
}
