package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// securePublic is l, speaking TLS with the certificate that the configuration names: of files, of an authority by ACME, or for development. With an error it is l
// still, to be closed.
func (s *Server) securePublic(l net.Listener) (net.Listener, error) {
	c := s.cfg.Resolved(l.Addr().String())
	switch {
	case len(c.ACME.Hosts) > 0:
		issuer, err := url.Parse(c.Issuer)
		if err != nil {
			return l, fmt.Errorf("read issuer: %w", err)
		}
		if s.acme, err = openACME(c.ACME, c.Data, issuer, s.log, s.now); err != nil {
			return l, err
		}
		if c.ACME.HTTPAddr != "" {
			if s.acmeListener, err = listenOn(c.ACME.HTTPAddr, "acme.http_addr"); err != nil {
				return l, err
			}
			s.acmeListener = limit(s.acmeListener, c.Listen.MaxConnections, c.Listen.Proxies())
		}
		s.gaugeExpiry("listen", s.acme.left)
		return tls.NewListener(l, s.acme.config()), nil
	case c.Listen.DevTLS:
		d, err := openDevCertificate(c.Data, s.now)
		if err != nil {
			return l, err
		}
		s.dev = d
		return d.listener(l), nil
	}
	return s.secured(l, "listen.", c.Listen.TLS())
}

func (s *Server) gaugeExpiry(listener string, left func() time.Duration) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sandi_tls_certificate_expires_seconds", Help: "Seconds until the certificate of a listener ends.",
		ConstLabels: prometheus.Labels{"listener": strings.TrimSuffix(listener, ".")},
	}, func() float64 { return left().Seconds() }))
}

// runACME looks after the certificates, where they are got by ACME.
func (s *Server) runACME(ctx context.Context) error {
	if s.acme == nil {
		return nil
	}
	return s.acme.Run(ctx)
}

// plainServer adds the server of acme.http_addr, where there is one.
func (s *Server) plainServer(servers map[*http.Server]net.Listener) {
	if s.acmeListener != nil {
		servers[boundedServer(s.acme.plain(), s.log, true)] = s.acmeListener
	}
}

// tellDevTLS prints the fingerprint of a certificate for development.
func (s *Server) tellDevTLS(stdout io.Writer) error {
	if s.dev == nil {
		return nil
	}
	return s.dev.print(stdout)
}
