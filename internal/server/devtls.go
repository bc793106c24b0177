package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/store"
)

// A certificate for development lives a year, and is made anew in its last month.
const devLife, devSpare = 365 * 24 * time.Hour, 30 * 24 * time.Hour

// devCertificate is one for localhost that nobody vouches for, with the file that it is kept in.
type devCertificate struct {
	path string
	pair tls.Certificate
}

// openDevCertificate reads DATA/dev-tls.pem, mode 0600, and makes it where it is missing or about to end.
func openDevCertificate(data string, now func() time.Time) (*devCertificate, error) {
	if err := store.PrepareFolder(data); err != nil {
		return nil, err
	}
	d := &devCertificate{path: filepath.Join(data, "dev-tls.pem")}
	text, err := readFile(d.path, "a certificate and its key", true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the certificate for development: %w", err)
	}
	if err == nil {
		if d.pair, err = tls.X509KeyPair(text, text); err != nil {
			return nil, &badFile{fmt.Sprintf("use the certificate for development %s: %v", d.path, err), "remove it, and the next start makes one"}
		}
		if d.pair.Leaf.NotAfter.Sub(now()) > devSpare {
			return d, nil
		}
	}
	if text, err = newDevCertificate(now()); err != nil {
		return nil, fmt.Errorf("make a certificate for development: %w", err)
	}
	if d.pair, err = tls.X509KeyPair(text, text); err != nil {
		return nil, fmt.Errorf("make a certificate for development: %w", err)
	}
	return d, replaceFile(d.path, text)
}

// newDevCertificate signs itself for the names of loopback. It is no authority: who trusts it trusts nothing else.
func newDevCertificate(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // positive, RFC 5280 section 4.1.2.2
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost", Organization: []string{"Sandi, for development"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(devLife), BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = errors.Join(pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return b.Bytes(), err
}

// replaceFile writes a private file whole, so that no reader meets half of it.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// listener is l, speaking TLS.
func (d *devCertificate) listener(l net.Listener) net.Listener {
	return tls.NewListener(l, serverTLS(d.pair))
}

// listenDevTLS is l, speaking TLS with the certificate for development, whose fingerprint goes to the log; with an error it is l still, to be closed.
func listenDevTLS(l net.Listener, data string, log *slog.Logger, now func() time.Time) (net.Listener, error) {
	d, err := openDevCertificate(data, now)
	if err != nil {
		return l, err
	}
	log.Info("TLS with a self-signed certificate, for development on this machine alone", "sha256", d.fingerprint(), "file", d.path)
	return d.listener(l), nil
}

// fingerprint is what a browser shows of the certificate.
func (d *devCertificate) fingerprint() string {
	sum := sha256.Sum256(d.pair.Certificate[0])
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// print says what a browser's warning is compared with, and how programs are told to trust the certificate.
func (d *devCertificate) print(w io.Writer) error {
	path, err := filepath.Abs(d.path)
	if err != nil {
		path = d.path
	}
	_, err = fmt.Fprintf(w, `TLS with a self-signed certificate, for development on this machine alone.
  SHA-256  %s
  expires  %s
For curl and Node to trust it:
  export CURL_CA_BUNDLE=%[3]s NODE_EXTRA_CA_CERTS=%[3]s

`, d.fingerprint(), d.pair.Leaf.NotAfter.UTC().Format(time.DateOnly), "'"+strings.ReplaceAll(path, "'", `'\''`)+"'")
	return err
}
