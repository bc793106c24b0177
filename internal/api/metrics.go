package api

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	logins *prometheus.CounterVec
	minted *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sandi_logins_total", Help: "Logins tried, by result.",
		}, []string{"result"}),
		minted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sandi_tokens_minted_total", Help: "Access tokens minted, by what for.",
		}, []string{"grant"}),
	}
	if reg != nil {
		reg.MustRegister(m.logins, m.minted)
	}
	return m
}
