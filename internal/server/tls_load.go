package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// material is what the files hold.
type material struct{ chain, key, authorities []byte }

// sum tells one state of the files from another.
func (m material) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, b := range [][]byte{m.chain, m.key, m.authorities} {
		part := sha256.Sum256(b)
		h.Write(part[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (c *certificate) read() (m material, err error) {
	if m.chain, err = readFile(c.files.CertFile, "certificates", false); err != nil {
		return m, fmt.Errorf("read %stls_cert_file: %w", c.section, err)
	}
	if m.key, err = readFile(c.files.KeyFile, "a private key", true); err != nil {
		return m, fmt.Errorf("read %stls_key_file: %w", c.section, err)
	}
	if c.files.ClientCAFile != "" {
		if m.authorities, err = readFile(c.files.ClientCAFile, "certificates", false); err != nil {
			return m, fmt.Errorf("read %stls_client_ca_file: %w", c.section, err)
		}
	}
	return m, nil
}

// load makes the state that the files describe.
func (c *certificate) load(m material) (*loaded, error) {
	chain, err := certificates(m.chain)
	if err != nil {
		return nil, fmt.Errorf("read %stls_cert_file %s: %w", c.section, c.files.CertFile, err)
	}
	pair, err := tls.X509KeyPair(m.chain, m.key)
	if err != nil {
		return nil, &badFile{
			fmt.Sprintf("use %stls_cert_file %s with %stls_key_file %s: %v", c.section, c.files.CertFile, c.section, c.files.KeyFile, err),
			"name the key that the certificate was made for, both in PEM",
		}
	}
	l := &loaded{config: serverTLS(pair), expires: chain[0].NotAfter}
	for _, cert := range chain[1:] {
		if cert.NotAfter.Before(l.expires) {
			l.expires = cert.NotAfter
		}
	}
	if c.files.ClientCAFile == "" {
		return l, nil
	}
	authorities, err := certificates(m.authorities)
	if err != nil {
		return nil, fmt.Errorf("read %stls_client_ca_file %s: %w", c.section, c.files.ClientCAFile, err)
	}
	l.config.ClientCAs = x509.NewCertPool()
	for _, cert := range authorities {
		l.config.ClientCAs.AddCert(cert)
	}
	l.config.ClientAuth = tls.VerifyClientCertIfGiven
	if c.files.ClientAuth == "require" {
		l.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return l, nil
}

// certificates are those of a PEM file, at least one. A block that breaks off is an error, where the pem package
// takes it for text: the file is half written, and its chain would be short.
func certificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	begun := bytes.Count(text, []byte("-----BEGIN "))
	for rest := text; ; begun-- {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, cert)
	}
	if begun > 0 {
		return nil, errors.New("a PEM block is broken off or damaged")
	}
	if len(all) == 0 {
		return nil, errors.New("no PEM block CERTIFICATE")
	}
	return all, nil
}

// serverTLS shows one certificate, by TLS 1.3 or by 1.2 with the suites of it that have forward secrecy and an AEAD
// (RFC 9325 section 4.2).
func serverTLS(pair tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}
