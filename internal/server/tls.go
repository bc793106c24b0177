package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

const (
	// lookEvery is how often the files are read. A change counts when it has stayed for one look, so that a file
	// that is being written, or a certificate whose key is still to come, is not taken for the new state.
	lookEvery = time.Second
	// expirySoon is how long before its end a certificate is complained of, once a day.
	expirySoon = 14 * 24 * time.Hour
)

// certificate is what a listener shows, and what it asks of clients, as its files have it.
type certificate struct {
	section string // of the configuration: "listen." or "admin."
	files   config.TLS
	log     *slog.Logger
	now     func() time.Time

	current atomic.Pointer[loaded]

	// Only Run has these.
	seen     [sha256.Size]byte // the files at the last look
	judged   [sha256.Size]byte // the files last taken or refused
	reminded time.Time         // when the log last said that the end is near
}

// loaded is one state of the files, fit for use.
type loaded struct {
	config  *tls.Config
	expires time.Time // the first end in the chain
}

// openCertificate reads the files for the first time. What is wrong with them is an error that names the file.
func openCertificate(section string, files config.TLS, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{section: section, files: files, log: log, now: now}
	m, err := c.read()
	if err != nil {
		return nil, err
	}
	next, err := c.load(m)
	if err != nil {
		return nil, err
	}
	c.current.Store(next)
	c.seen, c.judged = m.sum(), m.sum()
	c.remind()
	return c, nil
}

// config is that of the listener: every handshake takes the current state.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.current.Load().config, nil
		},
	}
}

// left is the time until the certificate ends.
func (c *certificate) left() time.Duration { return c.current.Load().expires.Sub(c.now()) }

// Run follows the files until ctx ends. SIGHUP makes a change count at once.
func (c *certificate) Run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.look(false)
		case <-hup:
			c.look(true)
		}
		c.remind()
	}
}

// look takes what the files hold, or says once why it does not. The contents are compared and not their times: a
// second write within a clock's tick leaves those as they were.
func (c *certificate) look(atOnce bool) {
	m, err := c.read()
	sum := m.sum()
	if err != nil {
		sum = sha256.Sum256([]byte(err.Error()))
	}
	settled := atOnce || sum == c.seen
	c.seen = sum
	if !settled || sum == c.judged {
		return
	}
	c.judged = sum
	var next *loaded
	if err == nil {
		next, err = c.load(m)
	}
	if err != nil {
		c.log.Error("the changed TLS certificate is refused, the one before it stays", "error", err)
		return
	}
	c.current.Store(next)
	c.reminded = time.Time{}
	c.log.Info("TLS certificate loaded", "file", c.files.CertFile, "expires", next.expires)
}

func newTLSListener(l net.Listener, c *certificate) net.Listener {
	return tls.NewListener(l, c.config())
}

// remind warns of an end that is near, once a day.
func (c *certificate) remind() {
	left, now := c.left(), c.now()
	if left >= expirySoon || now.Sub(c.reminded) < 24*time.Hour {
		return
	}
	c.reminded = now
	expires := c.current.Load().expires
	if left <= 0 {
		c.log.Error("the TLS certificate has expired", "file", c.files.CertFile, "expires", expires)
		return
	}
	c.log.Warn("the TLS certificate expires soon", "file", c.files.CertFile, "expires", expires)
}

// secured is l, speaking TLS where the configuration says so; with an error it is l still, to be closed.
func (s *Server) secured(l net.Listener, section string, files config.TLS) (net.Listener, error) {
	if !files.On() {
		return l, nil
	}
	c, err := openCertificate(section, files, s.log, s.now)
	if err != nil {
		return l, err
	}
	s.certificates = append(s.certificates, c)
	s.gaugeExpiry(section, c.left)
	return newTLSListener(l, c), nil
}
