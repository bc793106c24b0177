package server_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

const acmeHost = "id.sandi.example"

// pebble is Let's Encrypt's own authority for tests, which validates as that does, against ports and names of loopback.
type pebble struct {
	directory string
	ca        string // file of the authority that the directory's certificate comes from
	roots     *x509.CertPool
}

// startPebble runs one until the test ends. Challenges go to tlsPort and httpPort.
func startPebble(t *testing.T, tlsPort, httpPort int) *pebble {
	t.Helper()
	tool := exec.Command("go", "tool", "-modfile=tools.mod", "-n", "pebble")
	tool.Dir = filepath.Join("..", "..")
	binary, err := tool.Output()
	if err != nil {
		missing(t, "pebble, which tools.mod builds,")
	}
	dir, a := t.TempDir(), newAuthority(t)
	f := newFiles(t)
	f.put(a, a.issue(time.Hour))
	p := &pebble{ca: filepath.Join(dir, "ca.pem"), roots: x509.NewCertPool()}
	if err := os.WriteFile(p.ca, a.pem(), 0o644); err != nil {
		t.Fatal(err)
	}
	listen, manage := freePort(t), freePort(t)
	p.directory = fmt.Sprintf("https://127.0.0.1:%d/dir", listen)
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", listen), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", manage),
		"certificate": f.chain, "privateKey": f.key, "httpPort": httpPort, "tlsPort": tlsPort, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strings.TrimSpace(string(binary)), "-config", path, "-dnsserver", startNames(t))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("pebble:\n%s", out.String())
		}
	})
	c := secure(t, &tls.Config{RootCAs: a.pool()})
	(&running{t: t, log: &lockedBuffer{}}).until("pebble", func() bool {
		res, err := c.Get(fmt.Sprintf("https://127.0.0.1:%d/roots/0", manage))
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var body bytes.Buffer
		_, err = body.ReadFrom(res.Body)
		block, _ := pem.Decode(body.Bytes())
		if err != nil || block == nil {
			return false
		}
		return p.roots.AppendCertsFromPEM(body.Bytes())
	})
	return p
}

// startNames is a name server, by TCP, to which every name is 127.0.0.1 (RFC 1035 section 4).
func startNames(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			answerName(c)
		}
	}()
	return l.Addr().String()
}

// answerName reads one question, and answers it where it asks for an IPv4 address.
func answerName(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	q := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, q); err != nil {
		return
	}
	end := 12 // behind the header comes the question: labels, type, class
	for end < len(q) && q[end] != 0 {
		end += 1 + int(q[end])
	}
	if end += 5; end > len(q) {
		return
	}
	a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	if q[end-3] == 1 { // A
		a[7] = 1
		a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startACME runs a server that gets its certificate from p.
func startACME(t *testing.T, p *pebble, dir string, port int, change func(*config.Config)) *running {
	t.Helper()
	return startIn(t, dir, nil, func(c *config.Config) {
		c.Listen.Addr, c.Issuer = "127.0.0.1:"+strconv.Itoa(port), fmt.Sprintf("https://%s:%d", acmeHost, port)
		c.ACME = config.ACME{Hosts: []string{acmeHost}, Email: "ops@sandi.example", Directory: p.directory, CAFile: p.ca, AcceptTOS: true}
		c.API, c.Cookie = config.Default().API, config.Default().Cookie
		if change != nil {
			change(c)
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

// dialACME shakes hands as a client of host does.
func dialACME(p *pebble, port int, host string) (*x509.Certificate, error) {
	c, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port), &tls.Config{RootCAs: p.roots, ServerName: host, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0], nil
}

// A certificate is got by tls-alpn-01 on the one port, kept, and used again after a restart without asking. ASVS 12.2.2
func TestACME(t *testing.T) {
	t.Parallel()
	port, dir := freePort(t), t.TempDir()
	p := startPebble(t, port, freePort(t))
	r := startACME(t, p, dir, port, func(c *config.Config) { c.Admin.Addr = "127.0.0.1:0" })
	r.until("a certificate", func() bool { return r.logged("TLS certificate got by ACME") == 1 })
	first, err := dialACME(p, port, acmeHost)
	if err != nil || first.VerifyHostname(acmeHost) != nil {
		t.Fatalf("certificate of %v: %v", first, err)
	}
	if _, err := dialACME(p, port, "evil.example"); err == nil {
		t.Error("a host that is not configured gets a certificate")
	}
	if again, err := dialACME(p, port, strings.ToUpper(acmeHost)); err != nil || !again.Equal(first) {
		t.Errorf("in capitals: %v", err)
	}
	operator := *r
	operator.url = r.admin
	r.until("the metric", func() bool {
		return strings.Contains(operator.call(plain(t), "GET", "/metrics", "", "").raw, `sandi_tls_certificate_expires_seconds{listener="listen"} `) &&
			!strings.Contains(operator.call(plain(t), "GET", "/metrics", "", "").raw, `sandi_tls_certificate_expires_seconds{listener="listen"} 0`)
	})
	kept := 0
	err = filepath.WalkDir(filepath.Join(dir, "acme"), func(path string, d fs.DirEntry, err error) error {
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v, mode %v", path, err, statErr, info.Mode())
		}
		kept++
		return nil
	})
	if err != nil || kept < 3 { // the folder, the account's key, the certificate
		t.Errorf("%d files kept, %v", kept, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	p.directory = "https://127.0.0.1:1/dir" // nobody is there
	r = startACME(t, p, dir, port, nil)
	r.until("the kept certificate", func() bool { return r.logged("TLS certificate got by ACME") == 1 })
	if second, err := dialACME(p, port, acmeHost); err != nil || !second.Equal(first) {
		t.Errorf("after a restart: another certificate, %v", err)
	}
}

// Where a plain listener is there, challenges are answered on it too, visits sent to https, and nothing else is.
func TestACMEPlainListener(t *testing.T) {
	t.Parallel()
	port, plainPort := freePort(t), freePort(t)
	p := startPebble(t, freePort(t), plainPort) // nobody answers its TLS challenges
	r := startACME(t, p, t.TempDir(), port, func(c *config.Config) { c.ACME.HTTPAddr = "127.0.0.1:" + strconv.Itoa(plainPort) })
	r.until("a certificate by http-01", func() bool { return r.logged("TLS certificate got by ACME") == 1 })
	c := plain(t)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, tt := range []struct {
		name, method, host, path string
		header                   []string
		status                   int
		location                 string
	}{
		{"visit", "GET", acmeHost, "/signin?a=b", nil, 308, fmt.Sprintf("https://%s:%d/signin?a=b", acmeHost, port)},
		{"visit in capitals", "HEAD", strings.ToUpper(acmeHost), "/", nil, 308, fmt.Sprintf("https://%s:%d/", acmeHost, port)},
		{"another host", "GET", "evil.example", "/", nil, 421, ""},
		{"path of two slashes", "GET", acmeHost, "//evil.example/", nil, 308, fmt.Sprintf("https://%s:%d//evil.example/", acmeHost, port)},
		{"password in the clear", "POST", acmeHost, "/api/auth/login", nil, 403, ""},
		{"token in the clear", "GET", acmeHost, "/api/auth/account", []string{"Authorization", "Bearer x"}, 403, ""},
		{"no such challenge", "GET", acmeHost, "/.well-known/acme-challenge/x", nil, 404, ""},
	} {
		on := *r
		on.url = fmt.Sprintf("http://127.0.0.1:%d", plainPort)
		a := on.call(c, tt.method, tt.path, "", "", append([]string{"Host", tt.host}, tt.header...)...)
		if a.status != tt.status || a.header.Get("Location") != tt.location {
			t.Errorf("%s: got %d to %q, want %d to %q", tt.name, a.status, a.header.Get("Location"), tt.status, tt.location)
		}
	}
}

// What the authority refuses is said, with what it was, and the server goes on and stops as told.
func TestACMERefused(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := startPebble(t, freePort(t), freePort(t)) // nobody answers its challenges
	r := startACME(t, p, t.TempDir(), port, nil)
	r.until("the error", func() bool { return r.logged("no TLS certificate could be got by ACME") == 1 })
	if r.logged(acmeHost) == 0 || r.logged("acme") == 0 {
		t.Errorf("the log does not say why:\n%s", r.log)
	}
	if _, err := dialACME(p, port, acmeHost); err == nil {
		t.Error("a handshake without a certificate")
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}
