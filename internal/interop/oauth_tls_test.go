package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// authority signs the certificates of a test: the server's and the clients'.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tests"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)))), key}
}

// issue makes a certificate and its key.
func (a authority) issue(name string) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Tests"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der := must(x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// client trusts the authority and shows certificates.
func (a authority) client(t *testing.T, certs ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certs}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// mutualTLS is a client that authenticates by its certificate (RFC 8705), by golang.org/x/oauth2.
func mutualTLS(t *testing.T, binary string) {
	a := newAuthority()
	p := startTLS(t, binary, a)
	robot := a.issue("robot")
	ask := func(certs ...tls.Certificate) (*oauth2.Token, error) {
		c := clientcredentials.Config{ClientID: "robot", TokenURL: p.url + "/oauth/token", AuthStyle: oauth2.AuthStyleInParams}
		return c.Token(oidc.ClientContext(t.Context(), a.client(t, certs...)))
	}
	token, err := ask(robot)
	if err != nil {
		t.Fatal(err)
	}
	ctx := oidc.ClientContext(t.Context(), p.http)
	provided, err := oidc.NewProvider(ctx, p.url)
	if err != nil {
		t.Fatal(err)
	}
	var metadata struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Bound   bool     `json:"tls_client_certificate_bound_access_tokens"`
	}
	if err := provided.Claims(&metadata); err != nil || !slices.Contains(metadata.Methods, "tls_client_auth") || !metadata.Bound {
		t.Errorf("got metadata %+v: %v", metadata, err)
	}
	read, err := provided.VerifierContext(ctx, &oidc.Config{ClientID: api}).Verify(ctx, token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Confirmation map[string]string `json:"cnf"`
	}
	sum := sha256.Sum256(robot.Certificate[0])
	want := map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	if err := read.Claims(&claims); err != nil || !maps.Equal(claims.Confirmation, want) {
		t.Errorf("got cnf %v, want %v: %v", claims.Confirmation, want, err)
	}
	for name, certs := range map[string][]tls.Certificate{"none": nil, "another's": {a.issue("stranger")}} {
		_, err := ask(certs...)
		if e, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || e.ErrorCode != "invalid_client" {
			t.Errorf("certificate: %s: got %v", name, err)
		}
	}
}

// startTLS is a provider that asks clients for certificates of an authority, with one client.
func startTLS(t *testing.T, binary string, a authority) *provider {
	t.Helper()
	p := newProvider(t)
	p.url, p.http = strings.Replace(p.url, "http:", "https:", 1), a.client(t)
	own := a.issue("127.0.0.1")
	cert, err1 := p.keep("tls.pem", pemOf("CERTIFICATE", own.Certificate[0]))
	key, err2 := p.keep("tls.key", pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(own.PrivateKey))))
	ca, err3 := p.keep("ca.pem", pemOf("CERTIFICATE", a.cert.Raw))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	p.serve(binary, map[string]section{"robot": {
		"auth": "tls_client_auth", "tls_subject": "CN=robot,O=Tests", "tls_bound": true, "grants": []string{"client_credentials"},
		"scopes": []string{"read"}, "resources": []string{api},
	}}, section{"listen": section{
		"addr": strings.TrimPrefix(p.url, "https://"), "tls_cert_file": cert, "tls_key_file": key,
		"tls_client_ca_file": ca, "tls_client_auth": "request",
	}})
	return p
}
