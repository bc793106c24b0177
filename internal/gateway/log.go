package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// recorder remembers what was written, and keeps the rest of the ResponseWriter reachable for http.ResponseController.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// done counts a request and writes its one line, unless its socket does when it ends.
func (x *exchange) done(r *http.Request) {
	if x.later {
		return
	}
	status := x.answer.status
	if status == 0 {
		status = 499 // the client had gone
	}
	if x.reason == "" && x.life.ctx != nil {
		if e := lifeEnded(x.life.ctx); e != nil {
			x.reason = string(e.Reason)
		}
	}
	x.write(r.Method, r.URL.EscapedPath(), r.Host, status, x.answer.bytes, x.reason)
}

// write never shows the query, which may hold a token.
func (x *exchange) write(method, path, host string, status int, bytes int64, reason string) {
	took := x.gateway.Now().Sub(x.start)
	x.gateway.metrics.request(x.route, status, took)
	attrs := make([]slog.Attr, 0, 14)
	attrs = append(attrs, slog.String("request_id", x.id), slog.String("method", method), slog.String("host", host), slog.String("path", path),
		slog.Int("status", status), slog.Int64("bytes", bytes), slog.Float64("took_ms", float64(took.Round(10*time.Microsecond))/1e6),
		slog.String("address", x.address))
	if x.route != nil {
		attrs = append(attrs, slog.String("route", x.route.name))
	}
	if x.token != nil {
		attrs = append(attrs, slog.String("subject", x.token.Subject()), slog.String("client_id", x.token.ClientID()))
	}
	if reason != "" {
		attrs = append(attrs, slog.String("error", reason))
	}
	level := slog.LevelInfo
	if status == http.StatusTooManyRequests || status >= 500 {
		level = slog.LevelWarn // what failed inside has a line of its own
	}
	x.gateway.Logger.LogAttrs(context.Background(), level, "proxied", attrs...)
}

// metrics are labelled by the configured route, never by what strangers choose.
type metrics struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	healthy  *prometheus.GaugeVec
	sockets  *prometheus.GaugeVec
	ends     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sandi_gateway_requests_total", Help: "Requests to the gateway, by route and status; WebSockets when they end.",
		}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sandi_gateway_request_seconds", Help: "Time to answer, by route; WebSockets not counted.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 30},
		}, []string{"route"}),
		healthy: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sandi_gateway_upstream_healthy", Help: "Whether an upstream gets requests, by its health checks.",
		}, []string{"route", "upstream"}),
		sockets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sandi_gateway_sockets", Help: "Proxied WebSockets that are open.",
		}, []string{"route"}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sandi_gateway_sockets_ended_total", Help: "Proxied WebSockets that ended, by why.",
		}, []string{"route", "why"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.took, m.healthy, m.sockets, m.ends)
	}
	return m
}

func (m *metrics) request(r *route, status int, took time.Duration) {
	name := "none"
	if r != nil {
		name = r.name
	}
	m.requests.WithLabelValues(name, strconv.Itoa(status)).Inc()
	if status != http.StatusSwitchingProtocols {
		m.took.WithLabelValues(name).Observe(took.Seconds())
	}
}

func (m *metrics) up(r *route, u *upstream) {
	v := 1.0
	if u.down.Load() {
		v = 0
	}
	m.healthy.WithLabelValues(r.name, u.name).Set(v)
}
