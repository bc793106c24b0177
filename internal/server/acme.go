package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/store"
)

// askEvery is how often the certificates are looked at; an authority that refused is asked again no sooner.
const askEvery = time.Minute

// acmeCertificates are got from an authority that checks that this server answers for its hosts (RFC 8555): by TLS on the public listener
// (tls-alpn-01, RFC 8737), and where there is a plain listener by HTTP (http-01) too. They are renewed when a third of their life is left.
type acmeCertificates struct {
	cfg     config.ACME
	log     *slog.Logger
	now     func() time.Time
	manager *autocert.Manager
	port    string // of the https URLs that plain requests are sent to; "" for 443

	stopped atomic.Bool                                 // the authority is asked nothing more
	current atomic.Pointer[map[string]*tls.Certificate] // by host
	told    map[string]string                           // by host, what the log said last; Run's alone
}

// openACME prepares everything but asks nobody yet: the authority has to reach this server first.
func openACME(c config.ACME, data string, issuer *url.URL, log *slog.Logger, now func() time.Time) (*acmeCertificates, error) {
	for _, dir := range []string{data, c.CacheDir} { // the keys are in the second
		if err := store.PrepareFolder(dir); err != nil {
			return nil, fmt.Errorf("prepare acme.cache_dir: %w", err)
		}
	}
	a := &acmeCertificates{cfg: c, log: log, now: now, port: issuer.Port(), told: map[string]string{}}
	a.current.Store(&map[string]*tls.Certificate{})
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	a.manager = &autocert.Manager{
		Prompt: autocert.AcceptTOS, // acme.accept_tos, or the configuration is refused
		Cache:  autocert.DirCache(c.CacheDir), HostPolicy: autocert.HostWhitelist(c.Hosts...), Email: c.Email,
		Client: &acme.Client{DirectoryURL: c.Directory, HTTPClient: client, UserAgent: "sandi"},
	}
	if c.Directory == "" {
		a.manager.Client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	return a, nil
}

// client is how the authority is reached.
func (a *acmeCertificates) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if a.cfg.CAFile != "" {
		text, err := readFile(a.cfg.CAFile, "certificates", false)
		if err != nil {
			return nil, fmt.Errorf("read acme.ca_file: %w", err)
		}
		authorities, err := certificates(text)
		if err != nil {
			return nil, fmt.Errorf("read acme.ca_file %s: %w", a.cfg.CAFile, err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		for _, cert := range authorities {
			transport.TLSClientConfig.RootCAs.AddCert(cert)
		}
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: stoppable{transport, &a.stopped}}, nil
}

// stoppable asks nothing once it is stopped: autocert's waits have no context of ours.
type stoppable struct {
	*http.Transport
	stopped *atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (t stoppable) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.stopped.Load() {
		return nil, context.Canceled
	}
	return t.Transport.RoundTrip(r)
}

// config is that of the public listener.
func (a *acmeCertificates) config() *tls.Config {
	c := serverTLS(tls.Certificate{})
	c.Certificates, c.NextProtos = nil, append(c.NextProtos, acme.ALPNProto)
	c.GetCertificate = a.certificate
	return c
}

// certificate is that of the host which the client asks for. One that names none, as a probe by address does, gets the first. A handshake waits for nothing and
// asks the authority nothing: Run does, and strangers cannot make it.
func (a *acmeCertificates) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) { // the authority, with its challenge
		return a.manager.GetCertificate(hello)
	}
	host := cmp.Or(strings.ToLower(hello.ServerName), a.cfg.Hosts[0])
	if cert := (*a.current.Load())[host]; cert != nil {
		return cert, nil
	}
	return nil, errNoCertificate
}

var errNoCertificate = errors.New("there is no certificate for that host (yet)")

// Run gets the certificates at once, so that no client waits for one, and looks after them until ctx ends.
func (a *acmeCertificates) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { a.stopped.Store(true) })() // what waits for the authority then fails at its next question
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for a.look(); ; a.look() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes what the manager has, which gets and renews them, and says once in the log what became of each host's.
func (a *acmeCertificates) look() {
	all := maps.Clone(*a.current.Load())
	for _, host := range a.cfg.Hosts {
		// The one for clients that know ECDSA, as all do that speak what serverTLS speaks.
		cert, err := a.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: host, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
		if a.stopped.Load() {
			return
		}
		if err != nil {
			a.tell(slog.LevelError, host, "no TLS certificate could be got by ACME; it is tried again every minute", "error", err.Error())
			continue
		}
		all[host] = cert
		end := cert.Leaf.NotAfter
		if end.Sub(a.now()) < end.Sub(cert.Leaf.NotBefore)/4 { // it ought to have been renewed when a third was left
			a.tell(slog.LevelWarn, host, "the TLS certificate expires soon and could not be renewed by ACME", "expires", end.UTC().Format(time.RFC3339))
			continue
		}
		a.tell(slog.LevelInfo, host, "TLS certificate got by ACME", "expires", end.UTC().Format(time.RFC3339))
	}
	a.current.Store(&all)
}

func (a *acmeCertificates) tell(level slog.Level, host, message, key, value string) {
	if text := message + value; a.told[host] != text {
		a.told[host] = text
		a.log.Log(context.Background(), level, message, "host", host, key, value)
	}
}

// left is the time until the first certificate ends, 0 before all hosts have one.
func (a *acmeCertificates) left() time.Duration {
	all := *a.current.Load()
	if len(all) < len(a.cfg.Hosts) {
		return 0
	}
	first := time.Duration(math.MaxInt64)
	for _, cert := range all {
		first = min(first, cert.Leaf.NotAfter.Sub(a.now()))
	}
	return first
}

// plain is the handler of acme.http_addr: it answers challenges and sends browsers to https. What is no plain visit, or brings a token, is refused instead, so
// that a program which sends secrets in the clear notices (RFC 9110 section 4.2.2).
func (a *acmeCertificates) plain() http.Handler {
	challenges := a.manager.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		visit := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header["Authorization"] == nil && r.Header["Cookie"] == nil
		switch {
		case !slices.Contains(a.cfg.Hosts, r.Host):
			http.Error(w, "this server does not answer for that host", http.StatusMisdirectedRequest)
		case !visit || !strings.HasPrefix(r.URL.Path, "/"):
			http.Error(w, "use https", http.StatusForbidden)
		default:
			to := url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
			if a.port != "" {
				to.Host = net.JoinHostPort(r.Host, a.port)
			}
			http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
		}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r.Host = host
		}
		r.Host = strings.ToLower(r.Host)
		challenges.ServeHTTP(w, r)
	})
}
