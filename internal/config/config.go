package config

import "time"

// Config is the whole configuration. Default returns the one to start from; a
// zero value whose field has an unset tag is filled in by Resolved.
type Config struct {
	Issuer     string     `yaml:"issuer" unset:"http:// (with listen.tls_cert_file https://) and listen.addr, where that is on loopback" doc:"The URL under which clients reach this server: the iss of every token. It is https, except on loopback, and has no path, query or fragment: a path is not possible, give it a host of its own. Set it for every real use, once: changing it later refuses all tokens in the field."`
	Data       string     `yaml:"data" doc:"The folder of the database and the keys. It is made with mode 0700. Change it to keep them on another disk."`
	Listen     Listen     `yaml:"listen" doc:"The public listener."`
	ACME       ACME       `yaml:"acme" doc:"A certificate for the public listener that this server gets by itself (RFC 8555), instead of listen.tls_cert_file."`
	Admin      Admin      `yaml:"admin" doc:"The operators' listener: metrics."`
	Store      Store      `yaml:"store" doc:"Where users, sessions and keys are kept."`
	Cluster    Cluster    `yaml:"cluster" doc:"What several nodes on one database share at once."`
	Token      Token      `yaml:"token" doc:"What tokens look like and how long they live."`
	Session    Session    `yaml:"session" doc:"Logins and their refresh tokens."`
	Key        Key        `yaml:"key" doc:"Signing keys and the master key that encrypts them."`
	OAuth      OAuth      `yaml:"oauth" doc:"OAuth 2.0 and OpenID Connect: clients, what they may ask for, and for how long."`
	Realtime   Realtime   `yaml:"realtime" doc:"Live sockets: channels over WebSocket and Socket.IO."`
	Gateway    Gateway    `yaml:"gateway" doc:"A guard in front of other servers."`
	API        API        `yaml:"api" doc:"The first-party API: register, login, refresh, logout, account."`
	Cookie     Cookie     `yaml:"cookie" doc:"Names of the cookies of a login by cookie."`
	Password   Password   `yaml:"password" doc:"How passwords are judged and hashed (argon2id)."`
	Throttle   Throttle   `yaml:"throttle" doc:"How failed logins are slowed down."`
	Revocation Revocation `yaml:"revocation" doc:"The list of what was revoked."`
	Log        Log        `yaml:"log" doc:"The log on standard error."`
}

// Listen is the public listener.
type Listen struct {
	Addr            string        `yaml:"addr" doc:"Host and port of the public listener. Port 0 takes a free one. Change the host only together with tls_cert_file or a proxy that ends TLS."`
	TLSCertFile     string        `yaml:"tls_cert_file" unset:"none: plain HTTP" doc:"File with the certificate of this server and those between it and its authority, PEM. The listener then speaks TLS 1.2 and 1.3 itself. A changed file counts within two seconds, at once on SIGHUP; one that does not fit its key is refused, and the certificate before it stays."`
	TLSKeyFile      string        `yaml:"tls_key_file" unset:"none" doc:"File with the private key of tls_cert_file, PEM, mode 0600."`
	DevTLS          bool          `yaml:"dev_tls" doc:"For development on this machine: the public listener, and the gateway's where it has no certificate, speak TLS with a self-signed certificate for localhost, which is kept in DATA/dev-tls.pem and whose fingerprint is printed at the start. It is refused off loopback, and beside another certificate."`
	TLSClientCAFile string        `yaml:"tls_client_ca_file" unset:"none" doc:"File with the authorities, PEM, that certificates of clients are to come from. For this alone: every certificate that they sign is let in."`
	TLSClientAuth   string        `yaml:"tls_client_auth" oneof:"none request require" doc:"Whether clients show a certificate: none are asked, request lets those in who have none, require turns them away. A certificate of another authority is always turned away, once asked for. It is asked for besides tokens and never instead."`
	InsecurePlain   bool          `yaml:"insecure_plain" doc:"Allows a listener off loopback although it speaks plain HTTP. Set it only where a proxy in a trusted network ends TLS: whoever can read that network reads every password and token."`
	TrustedProxies  []string      `yaml:"trusted_proxies" doc:"Networks (CIDR) whose X-Forwarded-For is believed. Empty: nobody's. List exactly the proxies in front of this server, or strangers choose the address that throttles and logs see. A proxy passes the Host header on as it came: a request for another host than the issuer's is refused."`
	MaxConnections  int           `yaml:"max_connections" range:"10..1000000" doc:"Connections open at once; more wait until one closes. Each takes a file descriptor. One network (an IPv4 address, an IPv6 /64) has a quarter of them at most, unless it is a trusted proxy or this machine."`
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" range:"1s..5m" doc:"How long a stop waits for running requests. Keep it below the grace period of whatever sends SIGTERM."`
}

// ACME is how a certificate is got from an authority that checks that this server answers for its hosts.
type ACME struct {
	Hosts     []string `yaml:"hosts" unset:"none: no certificate is asked for" doc:"Host names that the certificate is for; the issuer's is one of them. Each must lead here from the internet, on port 443 (or 80, with http_addr)."`
	Email     string   `yaml:"email" unset:"none" doc:"Where the authority writes to when something is wrong."`
	Directory string   `yaml:"directory" unset:"Let's Encrypt" doc:"The authority's directory URL."`
	CacheDir  string   `yaml:"cache_dir" unset:"DATA/acme" doc:"Folder for the account key and the certificates, made with mode 0700."`
	HTTPAddr  string   `yaml:"http_addr" unset:"none: challenges are answered by TLS (tls-alpn-01)" doc:"Host and port of a plain listener that answers challenges (http-01) and redirects all else to https, such as 0.0.0.0:80."`
	CAFile    string   `yaml:"ca_file" unset:"the system's" doc:"File with the authorities, PEM, that the directory's own certificate comes from: for an authority of one's own."`
	AcceptTOS bool     `yaml:"accept_tos" doc:"Accepts the authority's terms of service, which it asks for."`
}

// Admin is the operators' listener.
type Admin struct {
	Addr            string `yaml:"addr" doc:"Host and port of /metrics. Empty: none."`
	TLSCertFile     string `yaml:"tls_cert_file" unset:"none: plain HTTP" doc:"File with the certificate of this listener and those between it and its authority, PEM. The listener then speaks TLS 1.2 and 1.3 itself. A changed file counts within two seconds, at once on SIGHUP; one that does not fit its key is refused, and the certificate before it stays."`
	TLSKeyFile      string `yaml:"tls_key_file" unset:"none" doc:"File with the private key of tls_cert_file, PEM, mode 0600."`
	TLSClientCAFile string `yaml:"tls_client_ca_file" unset:"none" doc:"File with the authorities, PEM, that certificates of clients are to come from. For this alone: every certificate that they sign is let in."`
	TLSClientAuth   string `yaml:"tls_client_auth" oneof:"none request require" doc:"Whether clients show a certificate: none are asked, request lets those in who have none, require turns them away. A certificate of another authority is always turned away, once asked for. It is asked for besides tokens and never instead."`
	InsecurePlain   bool   `yaml:"insecure_plain" doc:"Allows the operators' listener off loopback although it speaks plain HTTP. Set it only in a network where everybody may read the metrics."`
}

// Store is where everything is kept.
type Store struct {
	URL            string `yaml:"url" unset:"sqlite: and DATA/sandi.db" secret:"url" doc:"The database. sqlite:PATH for one node; for any number of nodes postgres://USER@HOST:5432/DATABASE?sslmode=verify-full (PostgreSQL 15 or newer) or mysql://USER@HOST:3306/DATABASE?tls=true (MariaDB 10.11 or newer; MySQL 8 is not tested)."`
	PasswordFile   string `yaml:"password_file" doc:"File with the database user's password, mode 0600, instead of one in store.url."`
	MaxConnections int    `yaml:"max_connections" range:"2..1000" doc:"Connections that this node opens to PostgreSQL or MariaDB at most. Keep nodes times this below the database's own limit."`
	InsecurePlain  bool   `yaml:"insecure_plain" doc:"Allows a database on another host without TLS that checks its certificate (sslmode=verify-full or verify-ca, tls=true). Whoever can read or change what is on that network then has every password hash."`
}

// Cluster is what nodes share besides the database.
type Cluster struct {
	URL           string `yaml:"url" unset:"none: nodes find each other's changes in the database within a second" secret:"url" doc:"A Redis server (6 or newer), redis://HOST:6379 or rediss:// with TLS, that carries news between nodes at once and counts limits for all of them. Losing it loses nothing: the database is the truth, and each node counts for itself meanwhile."`
	PasswordFile  string `yaml:"password_file" doc:"File with the password of Redis, mode 0600, instead of one in cluster.url."`
	InsecurePlain bool   `yaml:"insecure_plain" doc:"Allows a Redis server on another host without TLS. What goes there holds no names and is signed, but whoever can change it on that network can reset the limits."`
}

// Token is what tokens look like.
type Token struct {
	Profile                  string        `yaml:"profile" oneof:"sandi flask apigee hourly" doc:"Lifetimes of access token, unused session and session: sandi 15m / 14d / 30d, flask 15m / 30d / 30d and the refresh token is never replaced, apigee 30m / 24h / 24h, hourly 1h / 24h / 24h. The last three are for moving an existing system here as it is."`
	Access                   time.Duration `yaml:"access" range:"1s..24h" unset:"the profile's" doc:"How long an access token lives, in whole seconds. Shorter is safer where something verifies tokens without following the revocation list; over 1h needs insecure_long_access_tokens."`
	RefreshIdle              time.Duration `yaml:"refresh_idle" range:"1s..365d" unset:"the profile's" doc:"How long a session lives without being refreshed."`
	RefreshAbsolute          time.Duration `yaml:"refresh_absolute" range:"1s..365d" unset:"the profile's" doc:"How long a session lives at most; then its user logs in again."`
	Audience                 []string      `yaml:"audience" unset:"the issuer" doc:"The aud of every access token: the APIs it is meant for. Name them where tokens are verified elsewhere."`
	Algorithm                string        `yaml:"algorithm" oneof:"ES256 EdDSA RS256 PS256 HS256" doc:"The signature algorithm of new keys. RS256 for verifiers that know nothing else; HS256 only where this server alone verifies, because whoever verifies with it can also sign."`
	SecretFile               string        `yaml:"secret_file" doc:"File with the HS256 secret, mode 0600, at least 32 random bytes ('sandi key secret' makes one). Only with, and then required by, algorithm HS256."`
	InsecureLongAccessTokens bool          `yaml:"insecure_long_access_tokens" doc:"Allows token.access over 1h. A stolen token then works for that long wherever the revocation list is not followed."`
	InsecureNoRotation       bool          `yaml:"insecure_no_rotation" unset:"false, with the profile flask true" doc:"Answers every refresh with the same refresh token, so that a stolen one is never noticed. The profile flask sets it, because its clients use one refresh token again and again."`
}

// Session is a login and its refresh token.
type Session struct {
	RetryWindow time.Duration `yaml:"retry_window" range:"0s..1m" doc:"How long after a rotation the replaced refresh token is still answered with its successor, for lost answers and second tabs. After it the old token is taken as stolen and the session ends."`
	MaxPerUser  int           `yaml:"max_per_user" range:"1..10000" doc:"Sessions a user may have at once; a further login ends the oldest."`
}

// Key is about signing keys and the master key.
type Key struct {
	RotateEvery      time.Duration `yaml:"rotate_every" range:"1h..365d" doc:"How often a new signing key takes over. The old one stays published until its last token is dead."`
	MasterFile       string        `yaml:"master_file" unset:"DATA/master.key" doc:"File with the master key, mode 0600: it encrypts the signing keys and authenticates refresh tokens. Keep it, and its backup, apart from the database. For the embedded database the first start makes it; for a database that nodes share make it once by 'sandi key master new', and give every node the same."`
	OtherMasterFiles []string      `yaml:"other_master_files" doc:"Files with further master keys, mode 0600. What they sealed and authenticated counts too. For the time in which the master key is changed: the new one in key.master_file, the old one here, on every node, then 'sandi key master change'."`
	JWKSMaxAge       time.Duration `yaml:"jwks_max_age" range:"1s..1h" doc:"How long verifiers may keep the published key set, in whole seconds. A new key signs that long and 5s after it was published, so that none of its tokens is refused."`
}

// API is the first-party API.
type API struct {
	Prefixes     []string `yaml:"prefixes" doc:"Paths under which the API is mounted. The first is the path of the refresh cookie, unless another does not lie below it; then the path is /."`
	Transport    string   `yaml:"transport" oneof:"bearer cookie both" doc:"How a login hands out tokens: bearer in the JSON of the answer, cookie in HttpOnly cookies and not in the JSON, both in JSON and cookies at once. Any login may choose another for itself by ?transport=. What stands in the JSON, the refresh token too, can be read by every script of a page, also by one that an attacker got into it; pages log in with cookie."`
	Registration string   `yaml:"registration" oneof:"closed open" doc:"open lets anybody make an account by POST /register; closed leaves that to 'sandi user add'."`
	Origins      []string `yaml:"origins" doc:"Exact origins of web pages (https://app.example.com) that may call the API from a browser: with bearer tokens, or with the cookies of a session that their user already has, which browsers send from pages of the same site only (SameSite=Lax). No page of another origin can call login and bootstrap. The issuer's own is always allowed."`
}

// Cookie names the cookies.
type Cookie struct {
	Access        string `yaml:"access" unset:"__Host-sandi_access, on plain loopback sandi_access" doc:"Cookie that carries the access token."`
	Refresh       string `yaml:"refresh" unset:"__Secure-sandi_refresh, on plain loopback sandi_refresh" doc:"Cookie that carries the refresh token; its path is the API's, so that it cannot be a __Host- cookie."`
	CSRF          string `yaml:"csrf" unset:"__Host-sandi_csrf, on plain loopback sandi_csrf" doc:"Cookie whose value a page sends back in the header X-CSRF-TOKEN. It is readable for scripts and no secret to them."`
	InsecureNames bool   `yaml:"insecure_names" doc:"Allows names without __Host- or __Secure- under an https issuer. Another host of the same domain can then overwrite them; set it for clients that expect a certain name."`
}

// Password is how passwords are judged and hashed.
type Password struct {
	MemoryKiB   int      `yaml:"memory_kib" range:"19456..4194304" doc:"Memory of one hash, in KiB. Hashes made with less are renewed at the next login."`
	Iterations  int      `yaml:"iterations" range:"2..100" doc:"Passes over that memory."`
	Parallelism int      `yaml:"parallelism" range:"1..64" doc:"Lanes of one hash."`
	Concurrency int      `yaml:"concurrency" range:"0..1024" doc:"Hashes computed at once; 0 is one per core. Memory in use is this times memory_kib."`
	Queue       int      `yaml:"queue" range:"1..10000" doc:"Logins that may wait for a hash; beyond it the answer is 503 with Retry-After."`
	MinLength   int      `yaml:"min_length" range:"8..64" doc:"Least length of a password, in characters."`
	MaxLength   int      `yaml:"max_length" range:"64..1024" doc:"Greatest length of a password, in bytes."`
	Words       []string `yaml:"words" doc:"Words that a password must not rest on: the names of your company and product."`
}

// Throttle is how failed logins are slowed down.
type Throttle struct {
	AccountFailures int           `yaml:"account_failures" range:"1..100" doc:"Failed logins of one account before the next must wait. The wait doubles with each failure, and ends by itself: nobody can lock an account for good."`
	AddressFailures int           `yaml:"address_failures" range:"1..10000" doc:"Failed logins from one address (IPv6: one /64) before the next must wait. Raise it where many users share an address."`
	MaxDelay        time.Duration `yaml:"max_delay" range:"1s..24h" doc:"The longest wait."`
}

// Revocation is the list of what was revoked.
type Revocation struct {
	MaxStaleness time.Duration `yaml:"max_staleness" range:"1s..1h" unset:"60s, or token.access where that is shorter" doc:"How long requests are still let in by the last known list when the store cannot be read; then they get 503. Never more than token.access."`
	ReadersFile  string        `yaml:"readers_file" unset:"none: GET /revocations is 404" doc:"File of those who may follow the list by GET /revocations, mode 0600: resource servers in other processes that use guard.NewFollower. A line is NAME:SECRET, the name for the log, the secret at least 32 random characters ('sandi key secret' makes one). A name may stand twice, so that a secret can be replaced; a changed file is read again within a second."`
}

// Log is the log on standard error.
type Log struct {
	Level  string `yaml:"level" oneof:"debug info warn error" doc:"The least level that is written."`
	Format string `yaml:"format" oneof:"auto json text" doc:"auto is coloured lines on a terminal and JSON elsewhere."`
}

// Default is the configuration that holds where nothing is set. Its zero values
// stand for what Resolved fills in.
func Default() Config {
	return Config{
		Data:    "./sandi-data",
		Listen:  Listen{Addr: "127.0.0.1:8080", TLSClientAuth: "none", MaxConnections: 10_000, ShutdownTimeout: 15 * time.Second},
		Admin:   Admin{Addr: "127.0.0.1:9090", TLSClientAuth: "none"},
		Store:   Store{MaxConnections: 20},
		Token:   Token{Profile: "sandi", Algorithm: "ES256"},
		Session: Session{RetryWindow: 10 * time.Second, MaxPerUser: 100},
		Key:     Key{RotateEvery: 30 * day, JWKSMaxAge: 5 * time.Minute},
		OAuth: OAuth{
			CodeLifetime: time.Minute, RequestLifetime: 15 * time.Minute, PushedLifetime: 90 * time.Second, DeviceLifetime: 10 * time.Minute,
			BrowserIdle: 24 * time.Hour, BrowserAbsolute: 14 * day, StatusLists: true, RequireDPoPNonce: true,
		},
		Realtime: defaultRealtime(),
		Gateway:  Gateway{MaxConnections: 10_000, ShutdownTimeout: 15 * time.Second},
		API:      API{Prefixes: []string{"/api/auth"}, Transport: "bearer", Registration: "closed"},
		Password: Password{MemoryKiB: 19456, Iterations: 2, Parallelism: 1, Queue: 64, MinLength: 8, MaxLength: 1024},
		Throttle: Throttle{AccountFailures: 5, AddressFailures: 30, MaxDelay: 15 * time.Minute},
		Log:      Log{Level: "info", Format: "auto"},
	}
}
