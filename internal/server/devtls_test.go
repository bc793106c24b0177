package server_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// The certificate for development: an https issuer, cookies with their prefixes, the fingerprint printed, kept for the next start, readable by nobody else, and
// no authority. ASVS 12.1.1
func TestDevTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	development := func(c *config.Config) {
		c.Listen.DevTLS, c.API, c.Cookie = true, config.Default().API, config.Default().Cookie
	}
	r := startIn(t, dir, nil, development)
	path := filepath.Join(dir, "dev-tls.pem")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	r.url = strings.Replace(r.url, "http:", "https:", 1)
	res, err := secure(t, &tls.Config{RootCAs: pool}).Get(r.url + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cert := res.TLS.PeerCertificates[0]
	sum := sha256.Sum256(cert.Raw)
	if print := strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"); res.ProtoMajor != 2 || !strings.Contains(r.stdout, print) || !strings.Contains(r.stdout, path) {
		t.Errorf("%s, printed:\n%swant %s", res.Proto, r.stdout, print)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if left := time.Until(cert.NotAfter); cert.IsCA || left > 366*24*time.Hour || left < 364*24*time.Hour {
		t.Errorf("authority: %v, ends in %v", cert.IsCA, left)
	}
	if strings.Contains(r.log.String(), "PRIVATE KEY") || strings.Contains(r.stdout, "PRIVATE KEY") {
		t.Error("the key is shown")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	for name, ahead := range map[string]time.Duration{"kept": 0, "made anew in its last month": 340 * 24 * time.Hour} {
		r := startAt(t, dir, nil, ahead, development)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		now, err := os.ReadFile(path)
		if same := string(now) == string(text); err != nil || same != (ahead == 0) {
			t.Errorf("%s: the same is %v, %v", name, same, err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// secure-defaults 2d, 2h: a file that others can read, or that holds something else, stops the start.
func TestDevTLSFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable": {"x", 0o644, "can be read by others"},
		"no PEM":   {"x", 0o600, "dev-tls.pem"},
	} {
		_, err := newServer(t, func(t *testing.T, c *config.Config) {
			c.Listen.DevTLS = true
			if err := os.WriteFile(filepath.Join(c.Data, "dev-tls.pem"), []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

// One port speaks HTTP/2 and, for a WebSocket, whose handshake is one of HTTP/1.1 (RFC 6455 section 4.1), that. ASVS 4.4.1, 12.1.1
func TestWSS(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(time.Hour))
	r := startTLS(t, f, func(c *config.Config) { c.Realtime.Enabled = true })
	r.want(r.call(secure(t, &tls.Config{RootCAs: a.pool()}), "GET", "/readyz", "", ""), 200, "")
	for _, tt := range []struct {
		name     string
		versions [2]uint16
		want     string
	}{
		{"TLS 1.3", [2]uint16{tls.VersionTLS13, tls.VersionTLS13}, "HTTP/1.1 101"},
		{"TLS 1.2", [2]uint16{tls.VersionTLS12, tls.VersionTLS12}, "HTTP/1.1 101"},
		{"TLS 1.1", [2]uint16{tls.VersionTLS10, tls.VersionTLS11}, ""},
	} {
		c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{RootCAs: a.pool(), MinVersion: tt.versions[0], MaxVersion: tt.versions[1], NextProtos: []string{"http/1.1"}})
		if err != nil {
			if tt.want != "" {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if proto := c.ConnectionState().NegotiatedProtocol; proto != "http/1.1" {
			t.Errorf("%s: speaks %q", tt.name, proto)
		}
		req, _ := http.NewRequestWithContext(t.Context(), "GET", r.url+"/missions", http.NoBody)
		req.Header = http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
		if err := req.Write(c); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, len("HTTP/1.1 101"))
		if _, err := c.Read(line); err != nil || string(line) != tt.want {
			t.Errorf("%s: %q, %v; want %s", tt.name, line, err, tt.want)
		}
	}
}
