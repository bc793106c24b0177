package server_test

import (
	"context"
	"crypto/tls"
	"math/big"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

const (
	refusedLine = "the changed TLS certificate is refused"
	takenLine   = "TLS certificate loaded"
)

// serial is that of the certificate which a new connection is shown.
func (r *running) serial(a *authority) *big.Int {
	r.t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{RootCAs: a.pool()})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber
}

// A certificate is replaced, clumsily, while connections are made all the time: none fails, each fault stands in the log once, and
// what is good counts without being told.
func TestTLSReload(t *testing.T) {
	t.Parallel()
	ours := make(chan os.Signal, 1) // SIGHUP ends a process where nobody listens to it
	signal.Notify(ours, syscall.SIGHUP)
	defer signal.Stop(ours)
	hup := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	a, f := newAuthority(t), newFiles(t)
	old, next := a.issue(90*24*time.Hour), a.issue(91*24*time.Hour)
	f.put(a, old)
	r := startTLS(t, f, nil)
	stop := r.connectAlways(a)
	defer stop()
	chain, key := a.encoded(next)
	// Both listeners have these files: each says it.
	f.write(f.chain, chain[:len(chain)-100], 0o644)
	hup()
	r.until("half a chain is refused", func() bool { return r.logged(refusedLine) == 2 && r.logged("broken off") == 2 })
	f.write(f.chain, chain, 0o644)
	hup()
	r.until("a chain without its key is refused", func() bool { return r.logged(refusedLine) == 4 && r.logged("does not match") == 2 })
	f.write(f.key, key, 0o644)
	hup()
	r.until("a key that others can read is refused", func() bool { return r.logged(refusedLine) == 6 && r.logged("can be read by others") == 2 })
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	hup()
	r.until("a missing key is refused", func() bool { return r.logged(refusedLine) == 8 })
	if got := r.serial(a); got.Cmp(old.Leaf.SerialNumber) != 0 {
		t.Errorf("serial %v, want the old one's, %v", got, old.Leaf.SerialNumber)
	}
	f.write(f.key, key, 0o600)
	r.until("the new certificate counts by itself", func() bool { return r.logged(takenLine) == 2 })
	if got := r.serial(a); got.Cmp(next.Leaf.SerialNumber) != 0 {
		t.Errorf("serial %v, want the new one's, %v", got, next.Leaf.SerialNumber)
	}
	connections, failures := stop()
	if failures > 0 || connections == 0 {
		t.Errorf("%d of %d connections failed", failures, connections)
	}
	if n := r.logged(refusedLine); n != 8 {
		t.Errorf("%d lines of refusal, want one for each fault and listener", n)
	}
}

// connectAlways makes one connection after the other until it is told to stop, and says how many and how many failed.
func (r *running) connectAlways(a *authority) (stop func() (connections, failures int64)) {
	var made, failed atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool()}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
			defer tr.CloseIdleConnections()
			for ctx.Err() == nil {
				req, _ := http.NewRequestWithContext(context.Background(), "GET", r.url+"/healthz", http.NoBody)
				if got, err := do(&http.Client{Transport: tr}, req); err != nil || got.status != 200 {
					failed.Add(1)
				}
				made.Add(1)
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		wg.Wait()
		return made.Load(), failed.Load()
	}
}

// The authorities of clients are followed too.
func TestTLSClientAuthorityReload(t *testing.T) {
	t.Parallel()
	a, b := newAuthority(t), newAuthority(t)
	f := newFiles(t)
	f.put(a, a.issue(90*24*time.Hour))
	f.write(f.clientCA, a.pem(), 0o644)
	r := startTLS(t, f, func(c *config.Config) {
		c.Listen.TLSClientCAFile, c.Listen.TLSClientAuth = f.clientCA, "require"
	})
	shown := b.issue(time.Hour)
	get := func() error {
		c := secure(t, &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{shown}})
		req, _ := http.NewRequestWithContext(context.Background(), "GET", r.url+"/healthz", http.NoBody)
		_, err := do(c, req)
		return err
	}
	if get() == nil {
		t.Error("a certificate of an unknown authority is let in")
	}
	f.write(f.clientCA, append(a.pem(), b.pem()...), 0o644)
	r.until("the new authority counts", func() bool { return r.logged(takenLine) > 0 })
	if err := get(); err != nil {
		t.Errorf("after the authority was added: %v", err)
	}
}

// The end of a certificate is announced two weeks ahead, once a day.
func TestTLSExpiry(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(20*24*time.Hour))
	r := startTLS(t, f, nil)
	const soon = "the TLS certificate expires soon"
	if r.logged(soon) != 0 {
		t.Error("20 days ahead it is announced already")
	}
	r.clock.advance(7 * 24 * time.Hour)
	r.until("13 days ahead", func() bool { return r.logged(soon) == 2 }) // both listeners
	r.clock.advance(24 * time.Hour)
	r.until("a day later", func() bool { return r.logged(soon) == 4 })
	r.clock.advance(13 * 24 * time.Hour)
	r.until("too late", func() bool { return r.logged("the TLS certificate has expired") == 2 })
	if n := r.logged(soon); n != 4 {
		t.Errorf("announced %d times, want once a day and listener", n)
	}
}
