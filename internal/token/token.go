package token

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

const (
	// Type is the typ header of an access token (RFC 9068 section 2.1).
	Type = "at+jwt"
	// FirstParty is the client_id of tokens that no OAuth client asked for. No user may have it as a name.
	FirstParty = "sandi"
	// MaxDelay is how long after its transaction a token may still be signed. A
	// revocation is kept for the lifetime of a token counted from such a
	// transaction, so what was signed later could outlive the revocation.
	MaxDelay = 5 * time.Second
)

// ErrLate means that more than MaxDelay has passed since the transaction that
// permits the token, or that its instant lies as far ahead. The caller may begin again.
var ErrLate = errors.New("token would be signed too long after its transaction")

// Config is what a Minter works with. All fields are required.
type Config struct {
	Issuer   string
	Audience []string
	Lifetime time.Duration // of access tokens, in whole seconds
	// Signer is the key that signs at this instant.
	Signer func() *jwt.Key
	Now    func() time.Time
}

// Minter makes tokens. It is safe for concurrent use.
type Minter struct {
	cfg Config
}

// New checks the configuration. Expiry 0 or "never" cannot be expressed.
func New(cfg Config) (*Minter, error) {
	if cfg.Signer == nil || cfg.Now == nil {
		panic("token: New needs Signer and Now")
	}
	if cfg.Issuer == "" || len(cfg.Audience) == 0 {
		return nil, errors.New("token: issuer and audience must be set")
	}
	if cfg.Lifetime < time.Second || cfg.Lifetime%time.Second != 0 {
		return nil, fmt.Errorf("token: access lifetime %v is not a positive number of seconds", cfg.Lifetime)
	}
	return &Minter{cfg}, nil
}

// Access is what an access token says. Subject and At are required; what else
// is empty is left out of the token.
type Access struct {
	Subject  string
	ClientID string // default FirstParty
	Session  string // the session's id in text form: sid
	Scope    string // separated by spaces
	Roles    []string
	AuthTime time.Time
	Fresh    bool     // from a login, not from a refresh
	AMR      []string // RFC 8176
	ACR      string
	CSRF     string        // the value that a page must send back, where the token travels in a cookie
	JKT      string        // thumbprint of the DPoP key that the token is bound to
	X5T      string        // SHA-256 thumbprint of the client's certificate that the token is bound to (RFC 8705 section 3)
	Audience []string      // default the configured one
	Lifetime time.Duration // in whole seconds; default the configured one
	Actor    any           // act, who acts for the subject (RFC 8693 section 4.1); nil for nobody
	MayAct   any           // may_act, who may (RFC 8693 section 4.4)
	Status   *Status       // its place in a status list; nil for none
	ID       string        // jti; default NewID
	// At is the instant of the transaction that permits the token: iat, and what exp counts from.
	At time.Time
	// NotAfter is when the session ends for good; the token does not outlive it. Zero: no such end.
	NotAfter time.Time
}

// claims are those of RFC 9068 section 2.2, and type, fresh and csrf as
// Flask-JWT-Extended spells them.
type claims struct {
	Issuer    string        `json:"iss"`
	Subject   string        `json:"sub"`
	Audience  any           `json:"aud"` // a string where there is one (RFC 7519 section 4.1.3)
	Expires   int64         `json:"exp"`
	IssuedAt  int64         `json:"iat"`
	NotBefore int64         `json:"nbf"`
	ID        string        `json:"jti"`
	ClientID  string        `json:"client_id"`
	Scope     string        `json:"scope,omitempty"`
	Session   string        `json:"sid,omitempty"`
	Roles     []string      `json:"roles,omitempty"`
	AuthTime  int64         `json:"auth_time,omitempty"`
	AMR       []string      `json:"amr,omitempty"`
	ACR       string        `json:"acr,omitempty"`
	Type      string        `json:"type"`
	Fresh     bool          `json:"fresh"`
	CSRF      string        `json:"csrf,omitempty"`
	Confirm   *confirmation `json:"cnf,omitempty"` // RFC 9449 section 6.1, RFC 8705 section 3.1
	Actor     any           `json:"act,omitempty"`
	MayAct    any           `json:"may_act,omitempty"`
	Status    *status       `json:"status,omitempty"`
}

type confirmation struct {
	JKT string `json:"jkt,omitempty"`
	X5T string `json:"x5t#S256,omitempty"`
}

// Status is a place in a status list (draft-ietf-oauth-status-list section 6.2).
type Status struct {
	Index int    `json:"idx"`
	URI   string `json:"uri"`
}

type status struct {
	List *Status `json:"status_list"`
}

// Access signs an access token and says for how many whole seconds it is good.
// The error is ErrLate, or a fault of the key.
func (m *Minter) Access(a Access) (string, time.Duration, error) {
	if a.Subject == "" || a.At.IsZero() {
		panic("token: Access needs Subject and At")
	}
	late := m.cfg.Now().Sub(a.At)
	if late > MaxDelay || late < -MaxDelay {
		return "", 0, fmt.Errorf("mint access token: %w (%v)", ErrLate, late)
	}
	signed, err := jwt.Sign(m.cfg.Signer(), Type, m.claims(a))
	if err != nil {
		return "", 0, fmt.Errorf("mint access token: %w", err)
	}
	return signed, m.life(a) - max(0, late).Truncate(time.Second), nil
}

// life is how long the token is good: the configured lifetime, or until its session's end, in whole seconds and at
// least one.
func (m *Minter) life(a Access) time.Duration {
	life := cmp.Or(a.Lifetime, m.cfg.Lifetime)
	if a.NotAfter.IsZero() {
		return life
	}
	return max(time.Second, min(life, a.NotAfter.Sub(a.At).Truncate(time.Second)))
}

// Sign signs claims of another kind: an ID token, a logout token, a status list. typ says which (RFC 8725 section 3.11).
func (m *Minter) Sign(typ string, claims any) (string, error) {
	signed, err := jwt.Sign(m.cfg.Signer(), typ, claims)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	return signed, nil
}

// Algorithm is that of what is signed now.
func (m *Minter) Algorithm() jwt.Algorithm { return m.cfg.Signer().Algorithm() }

func (m *Minter) claims(a Access) claims {
	at := a.At.Unix()
	audience := m.cfg.Audience
	if len(a.Audience) > 0 {
		audience = a.Audience
	}
	c := claims{
		Issuer: m.cfg.Issuer, Subject: a.Subject, Audience: audience,
		Expires: at + int64(m.life(a)/time.Second), IssuedAt: at, NotBefore: min(at, m.cfg.Now().Unix()), ID: a.ID,
		ClientID: a.ClientID, Scope: a.Scope, Session: a.Session, Roles: a.Roles,
		AMR: a.AMR, ACR: a.ACR, Type: "access", Fresh: a.Fresh, CSRF: a.CSRF,
		Actor: a.Actor, MayAct: a.MayAct,
	}
	if a.Status != nil {
		c.Status = &status{a.Status}
	}
	if len(audience) == 1 {
		c.Audience = audience[0]
	}
	if c.ID == "" {
		c.ID = NewID()
	}
	if c.ClientID == "" {
		c.ClientID = FirstParty
	}
	if !a.AuthTime.IsZero() {
		c.AuthTime = a.AuthTime.Unix()
	}
	if a.JKT != "" || a.X5T != "" {
		c.Confirm = &confirmation{a.JKT, a.X5T}
	}
	return c
}

// NewID is 128 random bits (RFC 7519 section 4.1.7).
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
