package realtime_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// gauge is the value of a metric with a label of that value; -1 where there is none.
func gauge(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// Many sockets at once, and many refusals of one address, raise an alarm for a minute.
// WS-l
func TestAlarms(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		reg := prometheus.NewRegistry()
		h, _ := s.hub("n1", func(c *realtime.Config) { c.Metrics = reg })
		for range 49 {
			s.client(h, nil)
		}
		time.Sleep(1500 * time.Millisecond)
		if got := gauge(t, reg, "sandi_socket_alarm", "reconnects"); got != 0 {
			t.Errorf("alarm %v for 49 sockets", got)
		}
		for range 60 {
			s.client(h, nil)
		}
		for i := range 31 {
			h.Refused(audit.From{Address: "2001:db8::1"}, "token_invalid")
			if i < 30 {
				h.Refused(audit.From{Address: "2001:db8:0:1::1"}, "token_expired")
			}
		}
		time.Sleep(1500 * time.Millisecond)
		for _, kind := range []string{"reconnects", "refusals"} {
			if got := gauge(t, reg, "sandi_socket_alarm", kind); got != 1 {
				t.Errorf("%s: alarm %v, want 1", kind, got)
			}
		}
		if got := gauge(t, reg, "sandi_sockets", "websocket"); got != 109 {
			t.Errorf("%v sockets, want 109", got)
		}
		if got := gauge(t, reg, "sandi_socket_refused_total", "token_invalid"); got != 31 {
			t.Errorf("%v refused, want 31", got)
		}
		time.Sleep(2 * time.Minute)
		for _, kind := range []string{"reconnects", "refusals"} {
			if got := gauge(t, reg, "sandi_socket_alarm", kind); got != 0 {
				t.Errorf("%s: alarm %v after two minutes", kind, got)
			}
		}
	})
}
