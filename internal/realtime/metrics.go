package realtime

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have labels of fixed sets alone.
type metrics struct {
	sockets         *prometheus.GaugeVec
	openings        *prometheus.CounterVec
	refused         *prometheus.CounterVec
	ends            *prometheus.CounterVec
	seconds         prometheus.Histogram
	reauthenticated *prometheus.CounterVec
	resumed         *prometheus.CounterVec
	received        prometheus.Counter
	published       prometheus.Counter
	delivered       prometheus.Counter
	lost            prometheus.Counter
	unrecorded      prometheus.Counter
	channels        prometheus.Gauge
	alarm           *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	gauges := func(name, help, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	m := metrics{
		sockets:  gauges("sandi_sockets", "Live sockets of this node.", "transport"),
		openings: counters("sandi_socket_opened_total", "Sockets that were let in.", "transport"),
		refused:  counters("sandi_socket_refused_total", "Sockets that were not let in, by stable reason.", "reason"),
		ends:     counters("sandi_socket_closed_total", "Sockets that ended, by why.", "why"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sandi_socket_seconds", Help: "How long sockets lasted.", Buckets: []float64{1, 10, 60, 300, 900, 3600, 6 * 3600, 24 * 3600},
		}),
		reauthenticated: counters("sandi_socket_reauthenticated_total", "Newer tokens of live sockets, taken (done) and refused.", "result"),
		resumed:         counters("sandi_socket_resumed_total", "Channels that clients came back to with a cursor, by whether nothing was lost.", "complete"),
		received:        counter("sandi_socket_messages_received_total", "Messages that clients sent, of every kind."),
		published:       counter("sandi_socket_messages_published_total", "Messages that this node took for a channel."),
		delivered:       counter("sandi_socket_messages_delivered_total", "Messages handed to clients of this node."),
		lost:            counter("sandi_socket_messages_lost_total", "Messages of other nodes that did not reach this one."),
		unrecorded:      counter("sandi_socket_records_dropped_total", "What happened and was not written to the audit log, as the store took none for too long."),
		channels:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "sandi_socket_channels", Help: "Channels in use, or of which messages are kept."}),
		alarm:           gauges("sandi_socket_alarm", "Above 0 while something is wrong: reconnects (many sockets at once), refusals (how many addresses have many).", "kind"),
	}
	if reg != nil {
		reg.MustRegister(
			m.sockets, m.openings, m.refused, m.ends, m.seconds, m.reauthenticated, m.resumed,
			m.received, m.published, m.delivered, m.lost, m.unrecorded, m.channels, m.alarm,
		)
	}
	return m
}

func (m *metrics) opened(transport string) {
	m.openings.WithLabelValues(transport).Inc()
	m.sockets.WithLabelValues(transport).Inc()
}

func (m *metrics) closed(transport, why string, lasted time.Duration) {
	m.sockets.WithLabelValues(transport).Dec()
	m.ends.WithLabelValues(why).Inc()
	m.seconds.Observe(lasted.Seconds())
}
