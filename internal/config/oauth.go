package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// OAuth is OAuth 2.0 and OpenID Connect: what clients, scopes and resources there are, and how long things live.
type OAuth struct {
	MaxAccess             time.Duration `yaml:"max_access" range:"1s..24h" unset:"1h, or token.access where that is longer" doc:"The longest that an access token of any client lives, whatever it was registered with; over 1h needs token.insecure_long_access_tokens."`
	MaxIdle               time.Duration `yaml:"max_idle" range:"1s..365d" unset:"30d, or token.refresh_idle where that is longer" doc:"The longest that a session of any client lives without being refreshed."`
	MaxAbsolute           time.Duration `yaml:"max_absolute" range:"1s..365d" unset:"90d, or token.refresh_absolute where that is longer" doc:"The longest that a session of any client lives."`
	CodeLifetime          time.Duration `yaml:"code_lifetime" range:"10s..10m" doc:"How long an authorization code may be redeemed. FAPI 2.0 allows 60s; longer only for clients that redeem late."`
	RequestLifetime       time.Duration `yaml:"request_lifetime" range:"1m..1h" doc:"How long an authorization request waits for its user to sign in and to decide."`
	PushedLifetime        time.Duration `yaml:"pushed_lifetime" range:"10s..9m" doc:"How long a pushed authorization request (RFC 9126) waits for its browser."`
	DeviceLifetime        time.Duration `yaml:"device_lifetime" range:"1m..1h" doc:"How long the code that a device shows may be entered (RFC 8628)."`
	BrowserIdle           time.Duration `yaml:"browser_idle" range:"1m..365d" doc:"How long a browser stays signed in at this server without being used."`
	BrowserAbsolute       time.Duration `yaml:"browser_absolute" range:"1m..365d" doc:"How long a browser stays signed in at most, where its user ticks that; then the password is asked for again."`
	RequireDPoPNonce      bool          `yaml:"require_dpop_nonce" doc:"Asks each DPoP proof at the token endpoint for a nonce of this server (RFC 9449 section 8), so that none can be made ahead of its time; clients fetch one by trying. Turn it off for clients that know no nonces."`
	RequirePushed         bool          `yaml:"require_pushed" doc:"Refuses authorization requests that no client pushed first (RFC 9126 section 5), for every client."`
	RegistrationTokenFile string        `yaml:"registration_token_file" unset:"none: /oauth/register is 404" doc:"File with the initial access token, mode 0600, at least 32 random characters ('sandi key secret' makes one): who has it may register clients by POST /oauth/register (RFC 7591), which users then are asked about."`
	InsecurePrivateLogout bool          `yaml:"insecure_private_logout" doc:"Delivers logout tokens to clients in private networks too. Whoever may register clients can then have requests sent into yours."`
	StatusLists           bool          `yaml:"status_lists" doc:"Gives each access token a place in a published Token Status List, so that verifiers elsewhere see its revocation. Turn it off where none follows it: tokens get shorter."`
	Scopes                []Scope       `yaml:"scopes" doc:"Scopes that clients may be allowed, beside the built-in openid, profile, roles and offline_access."`
	Resources             []Resource    `yaml:"resources" doc:"APIs that clients may ask tokens for (RFC 8707), beside those of token.audience."`
	Clients               []Client      `yaml:"clients" doc:"OAuth clients. Others may be added by 'sandi client add' at any time; an id that is here is taken from here."`
}

// Scope is one value of the parameter scope.
type Scope struct {
	Name              string `yaml:"name" doc:"The scope as clients ask for it: visible ASCII without quotes."`
	Description       string `yaml:"description" unset:"the name" doc:"What it allows, for the user who is asked: a short phrase in English such as Read your invoices."`
	DescriptionID     string `yaml:"description_id" unset:"the description" doc:"The same in Indonesian."`
	DescriptionZhHant string `yaml:"description_zh_hant" unset:"the description" doc:"The same in Traditional Chinese."`
}

// Resource is an API that tokens are for.
type Resource struct {
	ID     string        `yaml:"id" doc:"The aud of its tokens, and the value of the parameter resource: an absolute URI without fragment."`
	Name   string        `yaml:"name" unset:"the id" doc:"Shown to the user who is asked."`
	Scopes []string      `yaml:"scopes" unset:"all" doc:"The scopes that mean something there. A request for another one together with this resource alone is refused (RFC 9068 section 3)."`
	Access time.Duration `yaml:"access" range:"1s..24h" unset:"no bound of its own" doc:"The longest that an access token for it lives."`
}

// Client is an OAuth client.
type Client struct {
	ID                     string        `yaml:"id" doc:"The client_id: 1 to 128 letters, digits and - . _ ~. No user can have it as a name."`
	Name                   string        `yaml:"name" unset:"the id" doc:"Shown to the user who is asked."`
	Auth                   string        `yaml:"auth" oneof:"none client_secret_basic client_secret_post private_key_jwt tls_client_auth" unset:"client_secret_basic" doc:"The one way in which the client authenticates; none makes it a public client, which can keep no secret: a page, a phone's app, a command."`
	SecretFile             string        `yaml:"secret_file" unset:"none" doc:"File with the client's secret, mode 0600, at least 32 random characters ('sandi key secret' makes one). While it is replaced the file has two lines."`
	SecretSHA256           []string      `yaml:"secret_sha256" unset:"none" doc:"Instead of secret_file: the SHA-256 of the secret, 64 hexadecimal digits; two while it is replaced."`
	JWKSFile               string        `yaml:"jwks_file" unset:"none" doc:"File with the client's public keys as a JWK Set, for private_key_jwt, signed requests and jwt_bearer."`
	TLSSubject             string        `yaml:"tls_subject" unset:"none" doc:"For tls_client_auth: the subject of the certificate as RFC 4514 writes it, such as CN=client,O=Example."`
	TLSName                string        `yaml:"tls_name" unset:"none" doc:"For tls_client_auth, instead of tls_subject: a DNS name among the certificate's alternative names."`
	Grants                 []string      `yaml:"grants" unset:"authorization_code and refresh_token where there are redirect_uris" doc:"The grants that it may use: authorization_code, refresh_token, client_credentials, device_code, token_exchange, jwt_bearer; password and implicit only with the insecure switch of each."`
	RedirectURIs           []string      `yaml:"redirect_uris" unset:"none" doc:"Where browsers are sent back to, compared byte for byte: https, and for native clients also http://127.0.0.1, http://[::1] (with any port), http://localhost, or a private scheme such as com.example.app:/callback."`
	Native                 bool          `yaml:"native" doc:"Runs on its user's machine (RFC 8252). A server under development, on loopback, is native too."`
	PostLogoutRedirectURIs []string      `yaml:"post_logout_redirect_uris" unset:"none" doc:"Where browsers may be sent after a logout."`
	BackchannelLogoutURI   string        `yaml:"backchannel_logout_uri" unset:"none" doc:"Where the server tells the client that a user signed out (OpenID Connect Back-Channel Logout 1.0)."`
	Scopes                 []string      `yaml:"scopes" unset:"none" doc:"The scopes that it may ask for."`
	Resources              []string      `yaml:"resources" unset:"token.audience" doc:"The resources that it may ask tokens for; the first where it names none."`
	Roles                  []string      `yaml:"roles" unset:"none" doc:"The claim roles of the tokens that it gets for itself (client_credentials)."`
	Serves                 []string      `yaml:"serves" unset:"none" doc:"The resources that it is the server of: tokens for them it may introspect (RFC 7662)."`
	Profile                string        `yaml:"profile" oneof:"sandi flask apigee hourly" unset:"none: the server's lifetimes" doc:"Lifetimes by name, as token.profile has them; what is set below counts before it."`
	Access                 time.Duration `yaml:"access" range:"1s..24h" unset:"the profile's" doc:"How long its access tokens live, at most oauth.max_access."`
	Idle                   time.Duration `yaml:"idle" range:"1s..365d" unset:"the profile's" doc:"How long its sessions live without being refreshed, at most oauth.max_idle."`
	Absolute               time.Duration `yaml:"absolute" range:"1s..365d" unset:"the profile's" doc:"How long its sessions live, at most oauth.max_absolute."`
	KeepRefresh            bool          `yaml:"keep_refresh" doc:"Answers a refresh with the same refresh token. Only where that is bound by client authentication or to a DPoP key."`
	SkipConsent            bool          `yaml:"skip_consent" doc:"Asks no user for consent: for your own applications alone."`
	DPoPBound              bool          `yaml:"dpop_bound" doc:"Refuses token requests without a DPoP proof (RFC 9449)."`
	TLSBound               bool          `yaml:"tls_bound" doc:"Binds its access tokens to the certificate that it shows (RFC 8705 section 3)."`
	RequirePushed          bool          `yaml:"require_pushed" doc:"Refuses authorization requests of it that were not pushed (RFC 9126)."`
	RequireSignedRequest   bool          `yaml:"require_signed_request" doc:"Refuses authorization requests of it that are no signed request object (RFC 9101)."`
	FAPI                   bool          `yaml:"fapi" doc:"The FAPI 2.0 Security Profile: confidential by key or certificate, sender-constrained tokens, pushed requests, no rotation."`
	MayImpersonate         bool          `yaml:"may_impersonate" doc:"Lets it get tokens in the name of any user, by token_exchange without may_act (RFC 8693 section 4.4) and by jwt_bearer. Whoever has its credential is every user."`
	Actor                  string        `yaml:"actor" unset:"none" doc:"Client that may act for users by the tokens that this one gets for them (token_exchange): their claim may_act names it, and then no other may (RFC 8693 section 4.4)."`
	SignedIntrospection    bool          `yaml:"signed_introspection" doc:"Answers its introspections by a signed JWT (RFC 9701) also where it does not ask for one."`

	InsecurePasswordGrant    bool `yaml:"insecure_password_grant" doc:"Allows the grant password, which hands users' passwords to the client. Only to move an existing system here."`
	InsecureImplicitGrant    bool `yaml:"insecure_implicit_grant" doc:"Allows response_type=token, which shows access tokens to the browser's history and to whatever runs in the page."`
	InsecureNoRotation       bool `yaml:"insecure_no_rotation" unset:"false, with the profile flask true" doc:"Keeps the refresh token at each refresh although nothing binds it: a stolen one is never noticed."`
	InsecureTokenURLAudience bool `yaml:"insecure_token_url_audience" doc:"Accepts assertions whose aud is the URL of the token endpoint, for old libraries. A malicious server that the client also talks to can then use them here."`
}

// LongestAccess is the longest that any access token of this configuration lives. A client that is added later tells the store.
func (c Config) LongestAccess() time.Duration {
	longest := c.Lifetimes().Access
	for _, one := range c.Resolved("").OAuth.Clients {
		longest = max(longest, one.Access)
	}
	return longest
}

// resolved fills in what follows from others; l are the server's own lifetimes.
func (o OAuth) resolved(l Lifetimes) OAuth {
	for _, ceiling := range []struct {
		d         *time.Duration
		own, most time.Duration
	}{{&o.MaxAccess, l.Access, time.Hour}, {&o.MaxIdle, l.Idle, 30 * day}, {&o.MaxAbsolute, l.Absolute, 90 * day}} {
		if *ceiling.d == 0 {
			*ceiling.d = min(max(ceiling.own, ceiling.most), 365*day)
		}
	}
	o.Clients = slices.Clone(o.Clients)
	for i := range o.Clients {
		o.Clients[i] = o.Clients[i].resolved()
	}
	return o
}

func (c Client) resolved() Client {
	fill(&c.Auth, "client_secret_basic")
	if len(c.Grants) == 0 && len(c.RedirectURIs) > 0 {
		c.Grants = []string{"authorization_code", "refresh_token"}
	}
	if l, ok := profiles[c.Profile]; ok {
		for _, own := range []struct {
			d       *time.Duration
			profile time.Duration
		}{{&c.Access, l.Access}, {&c.Absolute, l.Absolute}} {
			if *own.d == 0 {
				*own.d = own.profile
			}
		}
		if c.Idle == 0 {
			c.Idle = min(l.Idle, c.Absolute)
		}
		c.InsecureNoRotation = c.InsecureNoRotation || !l.Rotate
	}
	return c
}

// validateOAuth judges what is not for package oauth to say: that is asked by whoever loads a configuration (see Read).
func (c Config) validateOAuth(fs *faults) {
	o := c.OAuth
	if o.MaxAccess > time.Hour && o.MaxAccess != c.Token.Access && !c.Token.InsecureLongAccessTokens {
		fs.at("oauth.max_access", "shorten it, and let clients refresh; or set token.insecure_long_access_tokens", "%s is over 1h: a stolen token would work that long", FormatDuration(o.MaxAccess))
	}
	if o.MaxIdle > o.MaxAbsolute {
		fs.at("oauth.max_idle", "lower it, or raise oauth.max_absolute", "%s is more than oauth.max_absolute (%s)", FormatDuration(o.MaxIdle), FormatDuration(o.MaxAbsolute))
	}
	if o.BrowserIdle > o.BrowserAbsolute {
		fs.at("oauth.browser_idle", "lower it, or raise oauth.browser_absolute", "%s is more than oauth.browser_absolute (%s)", FormatDuration(o.BrowserIdle), FormatDuration(o.BrowserAbsolute))
	}
	names := map[string]bool{"openid": true, "profile": true, "roles": true, "offline_access": true}
	for i, s := range o.Scopes {
		path := item("oauth.scopes", i) + "name"
		if s.Name == "" || !isASCII(s.Name) || strings.ContainsAny(s.Name, `"\`) {
			fs.at(path, "such as invoices.read", "%q is not a scope: visible ASCII without quotes, backslashes and spaces (RFC 6749 section 3.3)", s.Name)
		}
		if names[s.Name] {
			fs.at(path, "", "%q is built in, or listed twice", s.Name)
		}
		names[s.Name] = true
	}
	c.validateResources(fs, names)
	c.validateClients(fs)
}

func (c Config) validateResources(fs *faults, scopes map[string]bool) {
	seen := map[string]bool{}
	for i, r := range c.OAuth.Resources {
		path := item("oauth.resources", i)
		if seen[r.ID] {
			fs.at(path+"id", "", "%q is listed twice", r.ID)
		}
		seen[r.ID] = true
		for _, s := range r.Scopes {
			if !scopes[s] {
				fs.at(path+"scopes", "add it to oauth.scopes", "%q is not known", s)
			}
		}
		if r.Access > c.OAuth.MaxAccess {
			fs.at(path+"access", "lower it, or raise the ceiling", "%s is more than oauth.max_access (%s)", FormatDuration(r.Access), FormatDuration(c.OAuth.MaxAccess))
		}
	}
}

func (c Config) validateClients(fs *faults) {
	seen := map[string]bool{}
	for i, one := range c.OAuth.Clients {
		path := item("oauth.clients", i)
		switch {
		case one.ID == "":
			fs.at(path+"id", "such as portal", "is missing")
		case seen[one.ID]:
			fs.at(path+"id", "", "%q is listed twice", one.ID)
		}
		seen[one.ID] = true
		secret := one.Auth == "client_secret_basic" || one.Auth == "client_secret_post"
		given := one.SecretFile != "" || len(one.SecretSHA256) > 0
		switch {
		case secret && !given:
			fs.at(path+"secret_file", "(umask 077; sandi key secret > FILE); a client that can keep none has auth: none", "is required by auth %s", one.Auth)
		case !secret && given:
			fs.at(path+"auth", "client_secret_basic or client_secret_post; or remove the secret", "is %s, which has no secret", one.Auth)
		case one.SecretFile != "" && len(one.SecretSHA256) > 0:
			fs.at(path+"secret_sha256", "one of the two", "is set beside secret_file")
		}
		for _, h := range one.SecretSHA256 {
			if len(h) != 64 || strings.Trim(h, "0123456789abcdef") != "" {
				fs.at(path+"secret_sha256", "printf %s SECRET | sha256sum", "has an entry that is not 64 hexadecimal digits")
			}
		}
		if asks := c.Listen.TLSClientAuth != "none"; !asks && (one.Auth == "tls_client_auth" || one.TLSBound) {
			fs.at(path+"auth", "set listen.tls_client_auth to request", "or tls_bound needs certificates of clients, and the listener asks for none")
		}
	}
}

// item begins the paths of a list's i-th section: "oauth.clients[2].".
func item(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]." }
