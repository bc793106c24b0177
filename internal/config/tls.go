package config

import "strings"

// TLS is what a listener needs to speak TLS.
type TLS struct {
	CertFile, KeyFile, ClientCAFile string
	ClientAuth                      string // none, request or require
}

// On says that the listener speaks TLS.
func (t TLS) On() bool { return t.CertFile != "" }

// SpeaksTLS says that the public listener ends TLS by itself, with whichever certificate.
func (c Config) SpeaksTLS() bool {
	return c.Listen.TLS().On() || len(c.ACME.Hosts) > 0 || c.Listen.DevTLS
}

// TLS is that of the public listener.
func (l Listen) TLS() TLS {
	return TLS{l.TLSCertFile, l.TLSKeyFile, l.TLSClientCAFile, l.TLSClientAuth}
}

// TLS is that of the operators' listener.
func (a Admin) TLS() TLS {
	return TLS{a.TLSCertFile, a.TLSKeyFile, a.TLSClientCAFile, a.TLSClientAuth}
}

// validate judges which settings stand together; section is "listen." or "admin.".
func (t TLS) validate(fs *faults, section string) {
	asks := t.ClientAuth == "request" || t.ClientAuth == "require"
	switch {
	case t.On() && t.KeyFile == "":
		fs.at(section+"tls_key_file", "name the file of the certificate's private key", "is required by %stls_cert_file", section)
	case !t.On() && t.KeyFile != "":
		fs.at(section+"tls_cert_file", "name the file of the certificate", "is required by %stls_key_file", section)
	case !t.On() && (asks || t.ClientCAFile != ""):
		fs.at(section+"tls_cert_file", "clients show certificates by TLS alone", "is required by %stls_client_auth and %stls_client_ca_file", section, section)
	}
	switch {
	case asks && t.ClientCAFile == "":
		fs.at(section+"tls_client_ca_file", "name the file of the authorities that clients' certificates come from", "is required by %stls_client_auth", section)
	case !asks && t.ClientCAFile != "":
		fs.at(section+"tls_client_auth", "request or require", "asks for no certificate, but %stls_client_ca_file is set", section)
	}
}

// validateScheme refuses an issuer that no client could reach.
func (c Config) validateScheme(fs *faults) {
	if (c.Listen.TLS().On() || c.Listen.DevTLS) && strings.HasPrefix(c.Issuer, "http:") {
		fs.at("issuer", "write https", "is plain http, but listen.tls_cert_file or listen.dev_tls makes the listener speak TLS")
	}
}
