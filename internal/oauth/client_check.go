package oauth

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// Fault is one thing wrong with a client.
type Fault struct {
	Field   string // as the JSON of Client names it
	Message string
	Hint    string // what to do about it; may be empty
}

// InvalidClient is every fault of a client.
type InvalidClient struct {
	ID     string
	Faults []Fault
}

// Error implements error.
func (e *InvalidClient) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Field + " " + f.Message
	}
	return strings.Join(lines, "; ")
}

// maxList bounds each list of a client.
const maxList = 100

// grantWords are the grant types as people write them.
var grantWords = [...]struct{ word, grant string }{
	{"authorization_code", GrantCode},
	{"refresh_token", GrantRefresh},
	{"client_credentials", GrantClientCredentials},
	{"device_code", GrantDevice},
	{"token_exchange", GrantExchange},
	{"jwt_bearer", GrantJWTBearer},
	{"password", GrantPassword},
	{"implicit", GrantImplicit},
}

// GrantWords are the words that GrantType knows.
func GrantWords() (words []string) {
	for _, g := range grantWords {
		words = append(words, g.word)
	}
	return words
}

// GrantType is the grant type that a word of GrantWords, or its own full name, stands for.
func GrantType(word string) (string, bool) {
	for _, g := range grantWords {
		if word == g.word || word == g.grant {
			return g.grant, true
		}
	}
	return "", false
}

// GrantWord is the word for a grant type.
func GrantWord(grant string) string {
	for _, g := range grantWords {
		if grant == g.grant {
			return g.word
		}
	}
	return grant
}

// Insecure are the Insecure options that the client has, as its JSON names them.
func (c Client) Insecure() (names []string) {
	for _, o := range []struct {
		name string
		on   bool
	}{
		{"insecure_password_grant", c.InsecurePasswordGrant},
		{"insecure_implicit_grant", c.InsecureImplicitGrant},
		{"insecure_no_rotation", c.InsecureNoRotation},
		{"insecure_token_url_audience", c.InsecureTokenURLAudience},
	} {
		if o.on {
			names = append(names, o.name)
		}
	}
	return names
}

// Validate says all that is wrong with a client under a policy, as an *InvalidClient; nil for nothing. Every client passes it before it counts,
// wherever it is from.
func Validate(c Client, p Policy) error {
	k := &checker{c: c, p: p}
	for _, check := range []func(){k.identity, k.authentication, k.keys, k.certificate, k.grants, k.redirectURIs, k.logoutURI, k.scopes, k.resources, k.roles, k.lifetimes, k.binding, k.profile} {
		check()
	}
	if len(k.faults) == 0 {
		return nil
	}
	return &InvalidClient{ID: c.ID, Faults: k.faults}
}

// checker collects the faults of one client.
type checker struct {
	c      Client
	p      Policy
	faults []Fault
}

// fault adds one, the first of each field.
func (k *checker) fault(field, message, hint string) {
	if !slices.ContainsFunc(k.faults, func(f Fault) bool { return f.Field == field }) {
		k.faults = append(k.faults, Fault{field, message, hint})
	}
}

// unless adds a fault where ok is false.
func (k *checker) unless(ok bool, field, message, hint string) {
	if !ok {
		k.fault(field, message, hint)
	}
}

// checkID is what is wrong with a client id, "" when nothing is. What it is made of needs no escape in a URL or in Basic authentication.
func checkID(id string) string {
	const bytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	switch {
	case id == "" || len(id) > 128 || strings.Trim(id, bytes) != "":
		return "is not 1 to 128 letters, digits and - . _ ~"
	case strings.EqualFold(id, token.FirstParty) || strings.EqualFold(id, session.Browser) || strings.Trim(id, ".") == "":
		return "is reserved"
	}
	return ""
}

func (k *checker) identity() {
	if message := checkID(k.c.ID); message != "" {
		k.fault("client_id", message, "such as portal or com.example.app")
	}
	name := k.c.Name
	k.unless(utf8.ValidString(name) && utf8.RuneCountInString(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }),
		"client_name", "is longer than 100 characters, or has some that are not printed", "")
	for _, l := range []struct {
		field string
		items []string
	}{
		{"redirect_uris", k.c.RedirectURIs},
		{"post_logout_redirect_uris", k.c.PostLogoutRedirectURIs},
		{"grant_types", k.c.GrantTypes},
		{"scopes", k.c.Scopes},
		{"resources", k.c.Resources},
		{"roles", k.c.Roles},
		{"serves", k.c.Serves},
	} {
		sorted := slices.Sorted(slices.Values(l.items))
		k.unless(len(sorted) <= maxList, l.field, "has more than 100 entries", "")
		k.unless(len(slices.Compact(sorted)) == len(l.items), l.field, "names something twice", "")
	}
}

func (k *checker) authentication() {
	secret := k.c.AuthMethod == AuthBasic || k.c.AuthMethod == AuthPost
	switch {
	case !slices.Contains([]string{AuthNone, AuthBasic, AuthPost, AuthPrivateKeyJWT, AuthTLS}, k.c.AuthMethod):
		k.fault("token_endpoint_auth_method", "is not known", "one of: none, client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth")
	case secret && len(k.c.Secrets) == 0:
		k.fault("secrets", "are missing: the client authenticates by one", "")
	case !secret && len(k.c.Secrets) > 0:
		k.fault("secrets", "are of no use to a client that authenticates by "+k.c.AuthMethod, "")
	case len(k.c.Secrets) > maxSecrets:
		k.fault("secrets", "are more than two", "one in use, and one that takes its place")
	}
	k.unless(!k.c.InsecureTokenURLAudience || k.c.AuthMethod == AuthPrivateKeyJWT, "insecure_token_url_audience", "is only for private_key_jwt", "")
}

// keys of a client are public ones of algorithms that cannot be confused with a secret's (RFC 8725 section 3.1).
func (k *checker) keys() {
	needed := k.c.AuthMethod == AuthPrivateKeyJWT || k.c.RequireSignedRequest || k.c.MayUse(GrantJWTBearer)
	if k.c.KeySet == "" {
		k.unless(!needed, "jwks", "are missing: private_key_jwt, signed requests and jwt_bearer need the client's public keys", "a JWK Set (RFC 7517 section 5)")
		return
	}
	set, err := jwt.ParseKeySet([]byte(k.c.KeySet))
	if err != nil {
		k.fault("jwks", "are not a JWK Set: "+strings.TrimPrefix(err.Error(), "jwt: "), `{"keys": [...]}`)
		return
	}
	if ignored := set.Ignored(); len(ignored) > 0 {
		k.fault("jwks", "have a key that cannot be used: "+strings.TrimPrefix(ignored[0].Error(), "jwt: "), "RFC 7517; an RSA key needs the member alg")
	}
	k.unless(set.Len() > 0 && set.Len() <= maxKeys, "jwks", "have no key, or more than 16", "")
	for _, key := range set.All() {
		switch {
		case key.PublicKey() == nil:
			k.fault("jwks", "have a symmetric key", "only public keys of asymmetric algorithms")
		case key.CanSign():
			k.fault("jwks", "have a private key", "register the public half alone, and replace this key: it has been shown")
		case k.c.FAPI && !isFAPI(key.Algorithm()):
			k.fault("jwks", "have a key of an algorithm that FAPI 2.0 section 5.4.1 does not allow", "PS256, ES256 or EdDSA")
		}
	}
}

func (k *checker) certificate() {
	named := k.c.TLSSubject != "" || k.c.TLSName != ""
	switch {
	case k.c.AuthMethod == AuthTLS && !named:
		k.fault("tls_client_auth_subject_dn", "is missing: tls_client_auth needs it, or tls_client_auth_san_dns", "as RFC 4514 writes it: CN=client,O=Example")
	case k.c.AuthMethod != AuthTLS && named:
		k.fault("token_endpoint_auth_method", "is not tls_client_auth, but the name of a certificate is given", "")
	case k.c.TLSSubject != "" && k.c.TLSName != "":
		k.fault("tls_client_auth_san_dns", "is given beside tls_client_auth_subject_dn", "one of the two (RFC 8705 section 2.1.2)")
	case strings.Contains(k.c.TLSSubject, ", ") || k.c.TLSSubject != "" && !strings.Contains(k.c.TLSSubject, "="):
		k.fault("tls_client_auth_subject_dn", "is not as RFC 4514 writes it", "the most specific part first, no spaces after commas: CN=client,O=Example")
	}
}

// wholeSeconds, and no fraction: exp counts them.
func wholeSeconds(d time.Duration) bool { return d >= 0 && d%time.Second == 0 }

func (k *checker) lifetimes() {
	const hint = "raise the ceiling in the configuration (oauth.max_access, max_idle, max_absolute), or lower this"
	for _, l := range []struct {
		field      string
		d, ceiling time.Duration
	}{{"access", k.c.Access, k.p.MaxAccess}, {"idle", k.c.Idle, k.p.MaxIdle}, {"absolute", k.c.Absolute, k.p.MaxAbsolute}} {
		k.unless(wholeSeconds(l.d), l.field, "is not a positive number of whole seconds", "")
		k.unless(l.ceiling == 0 || l.d <= l.ceiling, l.field, "is above its ceiling", hint)
	}
	k.unless(k.c.Idle == 0 || k.c.Absolute == 0 || k.c.Idle <= k.c.Absolute, "idle", "is more than absolute", "")
}

// logoutURI is where logout tokens are sent: nothing that a stranger registers may point into this machine, but a developer's own may.
func (k *checker) logoutURI() {
	uri := k.c.BackchannelLogoutURI
	if uri == "" {
		return
	}
	u, err := url.Parse(uri)
	if err != nil || validRedirect(uri, true) != nil || u.Scheme != "https" && u.Scheme != "http" {
		k.fault("backchannel_logout_uri", "is not an https URL", "such as https://app.example.com/logout")
		return
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	k.unless(u.Scheme == "https" || local && k.c.Origin != FromRegistration, "backchannel_logout_uri", "is plain http", "use https")
}

// Faults are those in an error of Validate.
func Faults(err error) []Fault {
	if e, ok := errors.AsType[*InvalidClient](err); ok {
		return e.Faults
	}
	return nil
}
