package oauth

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/web"
)

// assertionType is the only client_assertion_type (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// credential is what a request shows of its client.
type credential struct {
	id     string
	method string // AuthNone where only the id was sent
	secret string // of AuthBasic and AuthPost
	token  string // of AuthPrivateKeyJWT
}

// authenticate is who calls the token endpoint and those like it (RFC 6749 section 2.3): by one credential, of the client's own method. Failures of one
// client from one network are slowed down; whoever fails elsewhere keeps nobody out. The errors are invalid_request, invalid_client (401), 429 and 503.
func (e *Endpoint) authenticate(r *http.Request, f form) (Client, error) {
	shown, err := readCredential(r, f)
	if err != nil {
		return Client{}, err
	}
	c, err := e.Clients.Client(r.Context(), shown.id)
	switch {
	case errors.Is(err, ErrNoClient):
		c = Client{AuthMethod: shown.method} // the same work as for one that there is
	case err != nil:
		return Client{}, err
	}
	if shown.method == AuthNone && c.AuthMethod == AuthTLS {
		shown.method = AuthTLS // the certificate is the credential; the id was all that had to be sent (RFC 8705 section 2)
	}
	if shown.method != c.AuthMethod || shown.method == AuthNone && c.ID == "" {
		return Client{}, noClient(nil) // libraries try out methods: that is no guess, for nothing was compared
	}
	if shown.method == AuthNone {
		return c, nil
	}
	return c, e.throttled(r.Context(), c.ID+" "+cluster.Network(web.Address(r.Context())), func() error {
		return e.prove(r, c, shown)
	})
}

// readCredential wants exactly one way of authentication, and one client id.
func readCredential(r *http.Request, f form) (credential, error) {
	c := credential{id: f.get("client_id"), method: AuthNone}
	ways := 0
	if headers := r.Header["Authorization"]; len(headers) > 0 {
		user, password, err := readBasic(headers)
		if err != nil {
			return c, err
		}
		if c.id != "" && c.id != user {
			return c, refuse("invalid_request", "client_id is not the user of the Authorization header")
		}
		c.id = user
		if password != "" { // else it says no more than client_id does: some libraries send it for public clients
			c.method, c.secret, ways = AuthBasic, password, ways+1
		}
	}
	if secret := f.get("client_secret"); secret != "" {
		c.method, c.secret, ways = AuthPost, secret, ways+1
	}
	if f.get("client_assertion") != "" || f.get("client_assertion_type") != "" {
		c.method, c.token, ways = AuthPrivateKeyJWT, f.get("client_assertion"), ways+1
	}
	switch {
	case ways > 1:
		return c, refuse("invalid_request", "the client authenticates in two ways at once: use one")
	case c.method == AuthPrivateKeyJWT && f.get("client_assertion_type") != assertionType:
		return c, refuse("invalid_request", "client_assertion_type must be "+assertionType)
	case c.method == AuthPrivateKeyJWT && c.id == "":
		c.id = subjectUnverified(c.token) // RFC 7521 section 4.2: the assertion may say it alone
	}
	if c.id == "" {
		return c, refuse("invalid_client", "no client authentication: send client_id, and the credential of a confidential client")
	}
	return c, nil
}

// readBasic reads the user and the password of a client, each form-urlencoded within (RFC 6749 section 2.3.1).
func readBasic(headers []string) (user, password string, err error) {
	if len(headers) > 1 {
		return "", "", refuse("invalid_request", "more than one Authorization header")
	}
	r := http.Request{Header: http.Header{"Authorization": headers}}
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", "", refuse("invalid_client", "the Authorization header is not Basic with user and password")
	}
	u, errUser := url.QueryUnescape(user)
	p, errPassword := url.QueryUnescape(password)
	if errUser != nil || errPassword != nil || u == "" {
		return "", "", refuse("invalid_client", "user and password of the Authorization header are to be form-urlencoded")
	}
	return u, p, nil
}

// prove compares what was shown with what the client is registered with.
func (e *Endpoint) prove(r *http.Request, c Client, shown credential) error {
	switch shown.method {
	case AuthBasic, AuthPost:
		if c.hasSecret(shown.secret, e.Now()) {
			return nil
		}
	case AuthPrivateKeyJWT:
		return e.checkAssertion(r.Context(), c, shown.token)
	case AuthTLS:
		if c.hasCertificate(r) {
			return nil
		}
	}
	return noClient(nil)
}

// hasCertificate compares the certificate that the TLS listener verified with the client's (RFC 8705 section 2.1).
func (c Client) hasCertificate(r *http.Request) bool {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return false
	}
	leaf := r.TLS.VerifiedChains[0][0]
	if c.TLSName != "" {
		return slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, c.TLSName) })
	}
	var name pkix.RDNSequence
	rest, err := asn1.Unmarshal(leaf.RawSubject, &name)
	return err == nil && len(rest) == 0 && c.TLSSubject != "" && name.String() == c.TLSSubject
}

// noClient is the one answer to whoever is not a client: it does not say whether the id or the credential was wrong. The cause is for the log.
func noClient(cause error) error {
	p := refuse("invalid_client", "unknown client, wrong credential, or not the way to authenticate that the client is registered with")
	p.Cause = cause
	return p
}
