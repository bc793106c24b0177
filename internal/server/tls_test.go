package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// startTLS runs a server with both listeners on TLS.
func startTLS(t testing.TB, f files, change func(*config.Config)) *running {
	t.Helper()
	r := startIn(t, t.TempDir(), nil, func(c *config.Config) {
		c.Listen.TLSCertFile, c.Listen.TLSKeyFile = f.chain, f.key
		c.Admin.Addr, c.Admin.TLSCertFile, c.Admin.TLSKeyFile = "127.0.0.1:0", f.chain, f.key
		c.API, c.Cookie = config.Default().API, config.Default().Cookie
		if change != nil {
			change(c)
		}
	})
	r.url, r.admin = strings.Replace(r.url, "http:", "https:", 1), strings.Replace(r.admin, "http:", "https:", 1)
	return r
}

// secure is a client of an authority's servers, which shows the certificates, if any.
func secure(t testing.TB, c *tls.Config) *http.Client {
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// until waits for what the server is about to do.
func (r *running) until(what string, done func() bool) {
	r.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-poll.C {
		if done() {
			return
		}
	}
	r.t.Fatalf("waited in vain for: %s", what)
}

func (r *running) logged(text string) int { return strings.Count(r.log.String(), text) }

// secure-defaults 10c
func TestTLS(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(90*24*time.Hour))
	r := startTLS(t, f, nil)
	res, err := secure(t, &tls.Config{RootCAs: a.pool()}).Get(r.url + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 || res.TLS.Version != tls.VersionTLS13 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %s, TLS %x, HSTS %q; want HTTP/2 over TLS 1.3, with HSTS", res.Proto, res.TLS.Version, res.Header.Get("Strict-Transport-Security"))
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil || !strings.Contains(body.String(), `"issuer":"`+r.url+`"`) {
		t.Errorf("metadata %s, %v; want the issuer %s", &body, err, r.url)
	}
	operator := *r
	operator.url = r.admin
	metrics := operator.call(secure(t, &tls.Config{RootCAs: a.pool()}), "GET", "/metrics", "", "")
	for _, listener := range []string{"listen", "admin"} {
		if !strings.Contains(metrics.raw, `sandi_tls_certificate_expires_seconds{listener="`+listener+`"} 7.7`) { // 90 d are 7.776e6 s
			t.Errorf("no end of the certificate of %s in the metrics", listener)
		}
	}
	plainly := *r
	plainly.url = strings.Replace(r.url, "https:", "http:", 1)
	if got := plainly.call(plain(t), "GET", "/healthz", "", ""); got.status != 400 {
		t.Errorf("plain HTTP: %d, want 400", got.status)
	}
}

// TLS 1.2 speaks suites with an AEAD alone; older versions are not spoken.
func TestTLSVersions(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(90*24*time.Hour))
	r := startTLS(t, f, nil)
	for _, tt := range []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"1.2 with CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		tt.config.RootCAs = a.pool()
		c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), tt.config)
		if err == nil {
			c.Close()
		}
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want success: %v", tt.name, err, tt.ok)
		}
	}
}

// secure-defaults 14h
func TestHTTP2Streams(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(90*24*time.Hour))
	r := startTLS(t, f, nil)
	c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{RootCAs: a.pool(), NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// RFC 9113: the preface and empty SETTINGS; the server's own SETTINGS come first (section 3.4).
	if _, err := c.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		t.Fatalf("frame %x, %v; want SETTINGS", head, err)
	}
	settings := make([]byte, binary.BigEndian.Uint16(head[1:3]))
	if _, err := io.ReadFull(c, settings); err != nil {
		t.Fatal(err)
	}
	got := uint32(0) // no limit
	for s := range slices.Chunk(settings, 6) {
		if binary.BigEndian.Uint16(s) == 3 { // SETTINGS_MAX_CONCURRENT_STREAMS
			got = binary.BigEndian.Uint32(s[2:])
		}
	}
	if got != 100 {
		t.Errorf("%d streams, want 100", got)
	}
}

func TestTLSClientCertificate(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	own, foreign := a.issue(time.Hour), stranger.issue(time.Hour)
	for _, tt := range []struct {
		name, ask string
		shown     *tls.Certificate
		ok        bool
	}{
		{"required, own", "require", &own, true},
		{"required, none", "require", nil, false},
		{"required, of another authority", "require", &foreign, false},
		{"requested, own", "request", &own, true},
		{"requested, none", "request", nil, true},
		{"requested, of another authority", "request", &foreign, false},
		{"not asked for", "none", &foreign, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			f.put(a, a.issue(90*24*time.Hour))
			f.write(f.clientCA, a.pem(), 0o644)
			r := startTLS(t, f, func(c *config.Config) {
				if c.Listen.TLSClientAuth = tt.ask; tt.ask != "none" {
					c.Listen.TLSClientCAFile = f.clientCA
				}
			})
			c := &tls.Config{RootCAs: a.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if tt.shown == nil {
					return &tls.Certificate{}, nil
				}
				return tt.shown, nil
			}}
			req, _ := http.NewRequestWithContext(context.Background(), "GET", r.url+"/readyz", http.NoBody)
			got, err := do(secure(t, c), req)
			if (err == nil && got.status == 200) != tt.ok {
				t.Errorf("got %d, %v; want success: %v", got.status, err, tt.ok)
			}
		})
	}
}

// What cannot be used stops the start, and the error names the file. secure-defaults 2d, 2h
func TestTLSFilesAtStart(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	chain, key := a.encoded(a.issue(time.Hour))
	_, otherKey := a.encoded(a.issue(time.Hour))
	for _, tt := range []struct {
		name               string
		chain, key, client string
		mode               os.FileMode
		want               string // with FILE for the one at fault
		file               func(files) string
	}{
		{"no certificate", "", string(key), "x", 0o600, "read listen.tls_cert_file FILE: no PEM block", func(f files) string { return f.chain }},
		{"broken off", string(chain[:len(chain)-40]), string(key), "x", 0o600, "read listen.tls_cert_file FILE: a PEM block is broken off", func(f files) string { return f.chain }},
		{"another's key", string(chain), string(otherKey), "x", 0o600, "FILE: tls: private key does not match", func(f files) string { return f.key }},
		{"half a key", string(chain), string(key[:60]), "x", 0o600, "FILE: tls: failed to find any PEM data in key", func(f files) string { return f.key }},
		{"readable key", string(chain), string(key), "x", 0o644, "read listen.tls_key_file: FILE can be read by others (mode 0644)", func(f files) string { return f.key }},
		{"no authorities", string(chain), string(key), "x", 0o600, "read listen.tls_client_ca_file FILE: no PEM block", func(f files) string { return f.clientCA }},
		{"too large", strings.Repeat("x", 1<<20+1), string(key), "x", 0o600, "read listen.tls_cert_file: FILE is larger", func(f files) string { return f.chain }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			f.write(f.chain, []byte(tt.chain), 0o644)
			f.write(f.key, []byte(tt.key), tt.mode)
			f.write(f.clientCA, []byte(tt.client), 0o644)
			_, err := newServer(t, func(_ *testing.T, c *config.Config) {
				c.Listen.TLSCertFile, c.Listen.TLSKeyFile, c.Listen.TLSClientCAFile, c.Listen.TLSClientAuth = f.chain, f.key, f.clientCA, "require"
			})
			if want := strings.ReplaceAll(tt.want, "FILE", tt.file(f)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
	_, err := newServer(t, func(t *testing.T, c *config.Config) {
		f := newFiles(t)
		c.Listen.TLSCertFile, c.Listen.TLSKeyFile = f.chain, f.key
	})
	if err == nil || !strings.Contains(err.Error(), "read listen.tls_cert_file: open ") {
		t.Errorf("missing: %v", err)
	}
}
