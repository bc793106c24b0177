package interop_test

import (
	"bytes"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	apacheModules = "/usr/lib/apache2/modules"
	apacheBinary  = "/usr/sbin/apache2"
	chromium      = "/usr/bin/chromium"
)

// site is where Apache listens: TLS for the browser, plain for the provider's back channel.
type site struct{ secure, plain string }

func newSite(t *testing.T) site { return site{freeAddress(t), freeAddress(t)} }

// apache logs a browser in to a site of Apache's with mod_auth_openidc, and out again.
func apache(t *testing.T, p *provider, s site) {
	packages := packagesFor(t, apacheBinary, filepath.Join(apacheModules, "mod_auth_openidc.so"))
	log := startApache(t, p, s)
	runBrowser(t, "apache.mjs", 4, map[string]string{
		"packages": packages, "site": "https://" + s.secure, "issuer": p.url, "user": "visitor", "password": passwordOf("visitor"),
	})
	if t.Failed() {
		t.Logf("Apache's log:\n%s", must(os.ReadFile(log)))
	}
}

// startApache runs one that belongs to the test alone, and returns the path of its log.
func startApache(t *testing.T, p *provider, s site) string {
	t.Helper()
	dir := publicDir(t)
	page := []byte(`<!doctype html><title>Inside</title><body>sub <!--#echo var="REMOTE_USER" --> username <!--#echo var="OIDC_CLAIM_preferred_username" --> end</body>`)
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "pages", "protected"), 0o755),
		os.WriteFile(filepath.Join(dir, "pages", "protected", "index.shtml"), page, 0o644),
		os.WriteFile(filepath.Join(dir, "pages", "bye"), []byte("bye"), 0o644),
		os.WriteFile(filepath.Join(dir, "tls.pem"), newCertificate(), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, tlsPort, _ := net.SplitHostPort(s.secure)
	_, plainPort, _ := net.SplitHostPort(s.plain)
	c := p.parties["apache"]
	env := append(os.Environ(), "SITE="+dir, "MODULES="+apacheModules, "TLS_PORT="+tlsPort, "PLAIN_PORT="+plainPort,
		"ISSUER="+p.url, "CLIENT_ID="+c.ID, "CLIENT_SECRET="+c.Secret)
	var out bytes.Buffer
	k := keep(t, env, &out, apacheBinary, "-D", "FOREGROUND", "-f", must(filepath.Abs(filepath.Join("testdata", "apache.conf"))))
	log := filepath.Join(dir, "error.log")
	if !within(20*time.Second, func() bool {
		res, err := http.Get("http://" + s.plain + "/bye")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil || k.gone()
	}) || k.gone() {
		told, _ := os.ReadFile(log)
		_ = k.stop()
		t.Fatalf("Apache does not answer:\n%s\n%s", &out, told)
	}
	return log
}

// publicDir is a folder that Apache's children can read, who are not root.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandi-apache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newCertificate is one of 127.0.0.1 with its key, PEM, of an authority that nobody knows.
func newCertificate() []byte {
	cert := newAuthority().issue("127.0.0.1")
	return append(pemOf("CERTIFICATE", cert.Certificate[0]), pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(cert.PrivateKey)))...)
}
