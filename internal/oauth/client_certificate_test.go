package oauth

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// checklist 14, 154
func TestCertificates(t *testing.T) {
	t.Parallel()
	subject, err := asn1.Marshal(pkix.Name{CommonName: "robot, one", Organization: []string{"Example"}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{RawSubject: subject, DNSNames: []string{"robot.example.com"}}
	d := newDoor(t,
		Client{ID: "subject", AuthMethod: AuthTLS, TLSSubject: `CN=robot\, one,O=Example`},
		Client{ID: "name", AuthMethod: AuthTLS, TLSName: "Robot.example.com"},
		Client{ID: "other", AuthMethod: AuthTLS, TLSName: "example.com"},
		Client{ID: "prefix", AuthMethod: AuthTLS, TLSSubject: `CN=robot`},
		Client{ID: "neither", AuthMethod: AuthTLS},
		Client{ID: "app", AuthMethod: AuthNone},
	)
	verified := func(r *http.Request) {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}, PeerCertificates: []*x509.Certificate{leaf}}
	}
	unverified := func(r *http.Request) { r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}} }
	for _, tt := range []struct {
		id     string
		change func(*http.Request)
		ok     bool
	}{
		{"subject", verified, true},
		{"name", verified, true},
		{"other", verified, false},
		{"prefix", verified, false},
		{"neither", verified, false},
		{"app", verified, true},
		{"subject", unverified, false},
		{"name", func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, false},
		{"name", func(r *http.Request) { r.TLS = nil }, false},
	} {
		if _, err := d.shows(url.Values{"client_id": {tt.id}}, tt.change); (err == nil) != tt.ok || err != nil && code(err) != "invalid_client" {
			t.Errorf("%s: %v, want ok %v", tt.id, err, tt.ok)
		}
	}
}

func FuzzBasic(f *testing.F) {
	for _, s := range []string{"Basic cG9ydGFsOnNlY3JldA==", "basic JTI1OiUyNQ==", "Basic Og==", "Basic", "Bearer x", "Basic JTo=", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		user, password, err := readBasic([]string{header})
		if err != nil {
			if code(err) != "invalid_client" {
				t.Errorf("%q: %v", header, err)
			}
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
		u, p, err := readBasic(r.Header["Authorization"])
		if err != nil || u != user || p != password {
			t.Errorf("%q reads as %q, %q, and written again as %q, %q, %v", header, user, password, u, p, err)
		}
	})
}
