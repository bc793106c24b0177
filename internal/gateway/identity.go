package gateway

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// IdentityType is the header typ of the tokens that tell upstreams who calls. No other verifier of ours accepts it.
const IdentityType = "identity+jwt"

// IdentityHeader is the request header that an identity token stands in.
const IdentityHeader = "Sandi-Identity"

// Claims are what an identity token says: who calls, to one upstream, for at most 60 seconds.
type Claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"` // the first upstream of the route: scheme://host:port, or unix:/path
	ClientID string   `json:"client_id,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Session  string   `json:"sid,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"` // never after the caller's own token
	ID       string   `json:"jti"`
}

// An identity lives a minute, and is not handed out in the last third of it: the request has yet to arrive.
const (
	identityLife  = 60 * time.Second
	identitySpare = 20 * time.Second
	identityKept  = 8192 // tokens in each half of the memory, of about 1 KB
)

// identity makes identity tokens, one for each verified token and upstream, and remembers them: a signature costs more than
// the rest of a request.
type identity struct {
	signer func() (*jwt.Key, error)
	issuer string
	now    func() time.Time

	mu       sync.Mutex // guards what follows
	new, old map[identityKey]made
}

// identityKey is what was verified, not what was sent: the guard hands out one *guard.Token for each verification, and the
// memory keeps it from being used for another.
type identityKey struct {
	token    *guard.Token
	audience string
}

type made struct {
	token   string
	expires time.Time
	key     string // kid
}

func newIdentity(signer func() (*jwt.Key, error), issuer string, now func() time.Time) *identity {
	return &identity{signer: signer, issuer: issuer, now: now, new: map[identityKey]made{}}
}

// token is the identity token for t, which is not nil, to audience.
func (i *identity) token(t *guard.Token, audience string) (string, error) {
	key, err := i.signer()
	if err != nil {
		return "", fmt.Errorf("sign identity: %w", err)
	}
	now, k := i.now(), identityKey{t, audience}
	if m, ok := i.find(k); ok && m.key == key.ID() && m.expires.Sub(now) >= min(identitySpare, t.ExpiresAt().Sub(now).Truncate(time.Second)) {
		return m.token, nil
	}
	m := made{expires: now.Add(identityLife), key: key.ID()}
	if exp := t.ExpiresAt(); !exp.IsZero() && exp.Before(m.expires) {
		m.expires = exp
	}
	m.token, err = jwt.Sign(key, IdentityType, claimsOf(t, i.issuer, audience, now, m.expires))
	if err != nil {
		return "", fmt.Errorf("sign identity: %w", err)
	}
	i.keep(k, m)
	return m.token, nil
}

func claimsOf(t *guard.Token, issuer, audience string, now, expires time.Time) Claims {
	c := Claims{
		Issuer: issuer, Subject: t.Subject(), Audience: audience, ClientID: t.ClientID(), Scope: strings.Join(t.Scopes(), " "),
		Roles: t.Roles(), Session: t.Session(), ACR: t.String("acr"), AMR: t.Strings("amr"),
		Issued: now.Unix(), Expires: expires.Unix(), ID: rand.Text(),
	}
	if at := t.AuthTime(); !at.IsZero() {
		c.AuthTime = at.Unix()
	}
	return c
}

func (i *identity) find(k identityKey) (made, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	m, ok := i.new[k]
	if !ok {
		m, ok = i.old[k]
	}
	return m, ok
}

// keep forgets the older half when the newer is full.
func (i *identity) keep(k identityKey, m made) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.new) >= identityKept {
		i.old, i.new = i.new, make(map[identityKey]made, identityKept)
	}
	i.new[k] = m
}

// setIdentityHeaders says in plain headers who calls. Each is always set, empty where there is nobody: what stands in one can
// then be nobody's but ours.
func setIdentityHeaders(h http.Header, t *guard.Token) {
	roles := make([]string, 0, 8)
	for _, r := range t.Roles() {
		roles = append(roles, plain(r))
	}
	h["Sandi-Subject"] = []string{plain(t.Subject())}
	h["Sandi-Client"] = []string{plain(t.ClientID())}
	h["Sandi-Scope"] = []string{strings.Join(t.Scopes(), " ")}
	h["Sandi-Roles"] = []string{strings.Join(roles, " ")}
	h["Sandi-Session"] = []string{plain(t.Session())}
	h["Sandi-Acr"] = []string{plain(t.String("acr"))}
}

// plain percent-encodes what is no visible ASCII, and the percent sign, so that a value has one reading in every server.
func plain(s string) string {
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == '%' || c == ',' }
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if odd(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// audienceOf is how an upstream is called in aud.
func audienceOf(u *url.URL) string {
	switch u.Scheme {
	case "unix":
		return "unix:" + u.Path
	case "h2c":
		return "http://" + strings.ToLower(u.Host)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
