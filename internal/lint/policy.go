package lint

import (
	"bytes"
	"time"
)

// Product is whose configuration it is.
type Product string

// The products.
const (
	Apigee    Product = "apigee"
	Keycloak  Product = "keycloak"
	Hydra     Product = "hydra"
	Supabase  Product = "supabase"
	Cognito   Product = "cognito"
	Auth0     Product = "auth0"
	Okta      Product = "okta"
	FlaskJWT  Product = "flask-jwt-extended"
	SimpleJWT Product = "simplejwt"
	DOT       Product = "django-oauth-toolkit"
	NodeJWT   Product = "jsonwebtoken"
	NestJWT   Product = "nestjs-jwt"
	SocketIO  Product = "socket.io"
	Sandi     Product = "sandi"
)

// Span is where a text stands in its source: bytes [Start, End), and the line and column (from 1, in characters) of Start.
type Span struct {
	Start, End   int
	Line, Column int
}

// Source is one text that was read.
type Source struct {
	// Name is the path as it was given, with slashes; a file in a zip is "bundle.zip!apiproxy/policies/a.xml"; standard input is "-".
	Name string
	Text []byte
	// Marked says that the byte order mark of UTF-8 stands before Text in the file.
	Marked bool
	// Bundle names what belongs together for rules over several files: the folder above apiproxy/, the zip; "" for none.
	Bundle string
	// Secrets are where the text holds secrets; Shown hides them. Run fills them in.
	Secrets []Span
}

// Shown is the text with a * in the place of every byte of a secret: what reports may print.
func (s *Source) Shown() []byte {
	if len(s.Secrets) == 0 {
		return s.Text
	}
	shown := bytes.Clone(s.Text)
	for _, at := range s.Secrets {
		for i := max(at.Start, 0); i < min(at.End, len(shown)); i++ {
			shown[i] = '*'
		}
	}
	return shown
}

// Kind is what a lifetime is of.
type Kind string

// The kinds of lifetimes.
const (
	Access         Kind = "access token"
	IDToken        Kind = "ID token"
	Refresh        Kind = "refresh token"      // its absolute life
	RefreshIdle    Kind = "idle refresh token" // how long it lives unused
	Code           Kind = "authorization code"
	DeviceCode     Kind = "device code"
	SessionIdle    Kind = "idle session"
	SessionMax     Kind = "session"
	OfflineIdle    Kind = "idle offline session"
	OfflineMax     Kind = "offline session"
	Cookie         Kind = "cookie"
	RefreshCookie  Kind = "refresh cookie"
	ReuseWindow    Kind = "reuse window"     // how long a replaced refresh token is still taken
	RevocationWait Kind = "revocation cache" // how long a revoked token may still pass
	ActionToken    Kind = "action token"
)

// State is how a setting says its value.
type State int

// The states.
const (
	Unset   State = iota // not there: Default holds
	Literal              // a value that can be read
	Never                // a value that means no end
	Dynamic              // known only when it runs: Ref says from where
	Wrong                // there, and not a value that the product takes: Problem says why
)

// Lifetime is one setting that says for how long.
type Lifetime struct {
	Kind  Kind
	Key   string // as the product spells it: "ExpiresIn", "ttl.access_token"
	State State
	// Value is the lifetime: of a Literal, of the literal fallback of a Dynamic (HasFallback), of the product's default where Unset (0 where
	// that is not known or, with DefaultNever, no end).
	Value        time.Duration
	DefaultNever bool
	HasFallback  bool
	Ref          string // Dynamic: the variable, as "request.queryparam.ttl", "os.environ['TTL']"
	FromRequest  bool   // Dynamic: whoever calls chooses it
	Raw          string // as written: "864000000", "timedelta(days=10)"
	At           Span   // of the value; of the policy where Unset
	// Unit is what a bare number counts, Number is that number; 0 where it was none. For unit confusion and suggestions.
	Unit   time.Duration
	Number int64
	// Write spells a lifetime in the place of Raw; nil where a fix cannot be written.
	Write func(time.Duration) string
	// Comment is the comment on the same line or right before it, without its marks; "" for none.
	Comment  string
	Min, Max time.Duration // that the product takes; 0 for none
	Problem  string        // State Wrong: what is wrong with it
}

// Name is what a fact is about.
type Name string

// The facts that rules ask for.
const (
	Rotation          Name = "rotation"           // bool: a refresh replaces the refresh token
	ReuseDetection    Name = "reuse detection"    // bool: a replaced one that comes again ends the family
	Revocation        Name = "revocation"         // bool: tokens can be revoked, and that is looked at
	RefreshIssued     Name = "refresh issued"     // bool: refresh tokens are handed out
	RefreshUsed       Name = "refresh used"       // bool, of a bundle: there is an operation that takes them
	Purge             Name = "purge"              // bool: what expired is deleted by something that is seen here
	PKCE              Name = "pkce"               // text: "S256", "plain", "none"
	GrantTypes        Name = "grant types"        // words, as RFC 6749 names them: authorization_code, implicit, password, client_credentials, refresh_token
	Algorithms        Name = "algorithms"         // words
	Secret            Name = "secret"             // text: a literal secret in the file
	SkipsVerification Name = "skips verification" // bool: decode without verify, ignoreExpiration
	TokenIn           Name = "token in"           // words: header, cookie, query, body
	CookieSecure      Name = "cookie secure"      // bool
	CookieHTTPOnly    Name = "cookie http only"   // bool
	CookieSameSite    Name = "cookie same site"   // text; "" for none
	CookieName        Name = "cookie name"        // text
	CookiePath        Name = "cookie path"        // text, of the refresh cookie
	HandshakeOnly     Name = "handshake only"     // bool: a socket's token is looked at only when it connects
	Mints             Name = "mints"              // bool: this policy makes tokens (others verify)
	Key               Name = "key"                // text: an unknown key that is nearly a known one; Want says which
)

// Fact is a setting that is no lifetime.
type Fact struct {
	Name  Name
	Bool  bool
	Text  string
	Words []string
	Unset bool // not written: the value is the product's default
	Raw   string
	At    Span
	Want  string // of Key: the known one
	// Write spells the better value in the place of Raw; nil where a fix cannot be written.
	Write func(text string) string
}

// ClientType is whether a client can keep a secret (RFC 6749 section 2.1).
type ClientType int

// The types.
const (
	ClientUnknown ClientType = iota
	PublicClient
	ConfidentialClient
)

// Policy is what one place of a configuration says of tokens: an Apigee policy, a realm, a client, a call of sign().
type Policy struct {
	Product   Product
	Name      string // "OAuth-GenerateAccessToken", "realm demo"
	Source    *Source
	At        Span
	Client    ClientType
	Bound     bool // tokens count only with a key (DPoP, mTLS)
	Disabled  bool // it ships, and does not run
	Lifetimes []Lifetime
	Facts     []Fact
	// Beside is the lifetime of the access tokens that are made elsewhere in the source and go with the refresh tokens made here; nil for none.
	Beside *Lifetime
	// Invalid are faults that the product itself would refuse (SND106): a wrong place or operation, a missing one.
	Invalid []Fault
}

// Fault is something wrong that no lifetime tells of.
type Fault struct {
	At      Span
	Raw     string
	Problem string // "RefreshTokenExpiresIn is not for VerifyAccessToken"
	Fix     string // what to do
}

// Lifetime finds the first of a kind; ok is false where the policy does not speak of it at all.
func (p *Policy) Lifetime(k Kind) (l Lifetime, ok bool) {
	for _, l := range p.Lifetimes {
		if l.Kind == k {
			return l, true
		}
	}
	return Lifetime{}, false
}

// access is the lifetime of access tokens, made here or beside.
func (p *Policy) access() (l Lifetime, ok bool) {
	if l, ok = p.Lifetime(Access); !ok && p.Beside != nil {
		return *p.Beside, true
	}
	return l, ok
}

// Fact finds one by name.
func (p *Policy) Fact(n Name) (f Fact, ok bool) {
	for _, f := range p.Facts {
		if f.Name == n {
			return f, true
		}
	}
	return Fact{}, false
}
