package config

import (
	"slices"
	"time"
)

// Gateway is a guard in front of other servers: a listener of its own and the routes behind it. 'sandi serve' opens it where
// gateway.addr is set; 'sandi gateway' runs it alone, and then knows tokens by gateway.issuer.
type Gateway struct {
	Addr              string        `yaml:"addr" unset:"none: no gateway" doc:"Host and port of the gateway's listener."`
	PublicURL         string        `yaml:"public_url" unset:"http:// (with gateway.tls_cert_file https://) and gateway.addr, where that is on loopback" doc:"The URL under which clients reach the gateway: what DPoP proofs name, and the hosts that it answers for where a route names none."`
	TLSCertFile       string        `yaml:"tls_cert_file" unset:"none: plain HTTP" doc:"File with the certificate of the gateway and those between it and its authority, PEM. A changed file counts within two seconds."`
	TLSKeyFile        string        `yaml:"tls_key_file" unset:"none" doc:"File with the private key of gateway.tls_cert_file, PEM, mode 0600."`
	InsecurePlain     bool          `yaml:"insecure_plain" doc:"Allows the gateway's listener off loopback although it speaks plain HTTP. Set it only where a proxy in a trusted network ends TLS."`
	TrustedProxies    []string      `yaml:"trusted_proxies" doc:"Networks (CIDR) whose X-Forwarded-For is believed. Empty: nobody's."`
	MaxConnections    int           `yaml:"max_connections" range:"10..1000000" doc:"Connections open at once; more wait until one closes."`
	ShutdownTimeout   time.Duration `yaml:"shutdown_timeout" range:"1s..5m" doc:"How long a stop waits for running requests."`
	Issuer            string        `yaml:"issuer" unset:"in sandi serve this server" doc:"For 'sandi gateway': the issuer whose access tokens count, an https URL; http on loopback alone. Its keys are discovered."`
	Audience          []string      `yaml:"audience" unset:"in sandi serve token.audience" doc:"For 'sandi gateway': the aud of which a token needs one."`
	RevocationsURL    string        `yaml:"revocations_url" unset:"gateway.issuer and /revocations" doc:"For 'sandi gateway': where a Sandi server publishes what was revoked."`
	RevocationsSecret string        `yaml:"revocations_secret_file" unset:"none: revoked tokens count until they expire" doc:"For 'sandi gateway': file with the secret that the server knows this gateway by, one of its revocation.readers_file, mode 0600."`
	KeyFile           string        `yaml:"key_file" unset:"DATA/gateway.jwk; in sandi serve the server's keys" doc:"For 'sandi gateway': file with the private key (JWK, ES256) that signs identities for upstreams, mode 0600. It is made where it is missing; its public part stands at /.well-known/sandi-gateway/jwks.json."`
	ForwardAuth       bool          `yaml:"forward_auth" doc:"Answers /forward-auth, for nginx (auth_request), Traefik, Caddy and Envoy (ext_authz over HTTP). 'sandi serve' answers it on the public listener. Only proxies on this machine, in listen.trusted_proxies or, for 'sandi gateway', in gateway.trusted_proxies are answered."`
	Routes            []Route       `yaml:"routes" doc:"Routes. The one with the longest path of the request's host counts; what none matches is 404."`
}

// Route is a part of the gateway's URLs and the server behind it.
type Route struct {
	Host                  string        `yaml:"host" unset:"that of public_url" doc:"Host that the route is for, without port; *.example.com for any one label below."`
	Path                  string        `yaml:"path" doc:"Path that it begins with, matched at whole segments: /api is for /api and /api/x, not for /apix."`
	Methods               []string      `yaml:"methods" unset:"any" doc:"Methods that it takes; others are 405."`
	Upstream              []string      `yaml:"upstream" doc:"Servers behind it, taken in turn: http://, https://, h2c:// (HTTP/2 without TLS) with HOST:PORT, or unix:/PATH. WebSockets go the same way."`
	StripPath             bool          `yaml:"strip_path" doc:"Takes path away before the request goes on."`
	KeepHost              bool          `yaml:"keep_host" doc:"Sends the client's Host on, for an upstream that answers by it."`
	Public                bool          `yaml:"public" doc:"Lets everybody in. A token that is there is checked all the same, and a bad one refused."`
	Scopes                []string      `yaml:"scopes" unset:"none" doc:"Scopes that are all needed."`
	Roles                 []string      `yaml:"roles" unset:"any" doc:"Roles of which one is needed."`
	Fresh                 time.Duration `yaml:"fresh" range:"0s..24h" unset:"no limit" doc:"How long ago the user may have signed in at most (RFC 9470)."`
	DPoP                  bool          `yaml:"dpop" doc:"Takes only tokens that are bound to a key (RFC 9449)."`
	CookieAuth            bool          `yaml:"cookie_auth" doc:"Takes the token from the cookie of cookie.access too; what changes something then needs the CSRF value, and a WebSocket an allowed Origin."`
	QueryToken            string        `yaml:"insecure_query_token" unset:"none" doc:"Takes the token from this query parameter too, which is taken out before the request goes on."`
	SocketIO              bool          `yaml:"socket_io" doc:"The upstream speaks Socket.IO: the token may come in handshake.auth.token, and a client whose token ends gets auth_error and its disconnect packet before the close frame, so that it does not retry with the dead token."`
	Identity              string        `yaml:"identity" oneof:"token headers none" unset:"token" doc:"How the upstream learns who calls: token, a signed JWT of 60 seconds for it alone in the header Sandi-Identity; headers, plain ones, for an upstream that nothing but the gateway reaches; none."`
	ForwardToken          bool          `yaml:"forward_token" doc:"Sends the caller's own credential on. Whoever runs the upstream can then act as the caller wherever that counts."`
	Origins               []string      `yaml:"origins" unset:"none" doc:"Exact origins of web pages that may call the route from a browser (CORS) and open its WebSockets; the gateway answers preflights itself."`
	Rate                  int           `yaml:"rate" range:"1..1000000" unset:"no limit" doc:"Requests a second of one subject, or of one network where nobody is signed in; twice as many at once, then 429."`
	Timeout               time.Duration `yaml:"timeout" range:"1s..1h" unset:"30s" doc:"How long the upstream may take to begin its answer. Streams and WebSockets last as long as their token."`
	Retries               int           `yaml:"retries" range:"0..5" doc:"How often GET, HEAD and OPTIONS without a body are sent to the next upstream after one could not be reached."`
	MaxBody               int           `yaml:"max_body" range:"0..1099511627776" unset:"10485760" doc:"Greatest request body, in bytes; a greater one is 413."`
	HealthPath            string        `yaml:"health_path" unset:"none: upstreams count as well" doc:"Path asked every health_every of each upstream; one that does not answer 2xx twice in a row gets no requests until it does."`
	HealthEvery           time.Duration `yaml:"health_every" range:"1s..10m" unset:"10s" doc:"How often health_path is asked."`
	CAFile                string        `yaml:"ca_file" unset:"the system's" doc:"File with the authorities, PEM, that an https upstream's certificate comes from."`
	InsecurePlainUpstream bool          `yaml:"insecure_plain_upstream" doc:"Allows an upstream on another host without TLS. Whoever can read that network reads what is behind the guard."`
}

// TLS is that of the gateway's listener.
func (g Gateway) TLS() TLS {
	return TLS{CertFile: g.TLSCertFile, KeyFile: g.TLSKeyFile, ClientAuth: "none"}
}

// ResolvedGateway is c with the gateway's URL filled in for the address that its listener really has.
func (c Config) ResolvedGateway(bound string) Config {
	c.Gateway = c.Gateway.resolved(bound, c.Listen.DevTLS)
	return c
}

func (g Gateway) resolved(bound string, dev bool) Gateway {
	if g.PublicURL == "" && g.Addr != "" {
		g.PublicURL = issuerOf(Listen{Addr: g.Addr, TLSCertFile: g.TLSCertFile, DevTLS: dev}, bound)
	}
	g.Routes = slices.Clone(g.Routes)
	for i := range g.Routes {
		r := &g.Routes[i]
		fill(&r.Identity, "token")
		if r.Timeout == 0 {
			r.Timeout = 30 * time.Second
		}
		if r.MaxBody == 0 {
			r.MaxBody = 10 << 20
		}
		if r.HealthEvery == 0 {
			r.HealthEvery = 10 * time.Second
		}
	}
	return g
}
