package guard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// ProofsConfig says which DPoP proofs count. Its zero value is for an authorization server on one machine, which names the
// URL of each proof itself; Config.DPoP needs PublicURL.
type ProofsConfig struct {
	// PublicURL is what clients put before a request's path, "https://api.example" as a rule: a proof is made for one
	// URL, and what a request says of its own host, a proxy or a stranger wrote. A path in it is one that the proxy, or
	// http.StripPrefix, takes away.
	PublicURL string
	// Algorithms that proofs may be signed with, default ES256, EdDSA, PS256 and RS256. HMAC is none.
	Algorithms []jwt.Algorithm
	// MaxAge is how long ago a proof may have been made, default 60 s, at most 10 minutes.
	MaxAge time.Duration
	// MaxAhead is how far its client's clock may be ahead, default 5 s, at most a minute.
	MaxAhead time.Duration
	// Replay remembers the proofs that were used, so that each counts once for its URL (RFC 9449 section 11.1). Default
	// a ReplayMemory of 262,144: some 4,000 proofs a second, in 50 MB, after which requests get 503. Several processes
	// that do not share one let a proof through once each.
	Replay Replay
	// NonceKey makes nonces (RFC 9449 section 8): at least 32 random bytes, the same for all processes that clients cannot
	// tell apart. Default none: there are no nonces.
	NonceKey []byte
	// NonceKeys is for who changes that key while processes run, instead of NonceKey: it is called for each nonce, the first
	// makes those to hand out, and those of all are accepted, so that processes which learn of the change at different
	// times accept each other's. One under 32 bytes makes none. It must be quick and safe for concurrent use.
	NonceKeys func() [][]byte
	// NonceAge is how long a nonce counts at least, default 5 minutes, at least 10 s; at most it does so twice as long.
	NonceAge time.Duration
	// RequireNonce refuses a proof without a nonce, so that none can be made ahead of its time. It needs NonceKey or NonceKeys.
	// Without it, a nonce that is there must be good.
	RequireNonce bool
	// Now is the clock, default time.Now.
	Now func() time.Time

	// InsecureAnyHost takes scheme and host from the request where PublicURL is empty. A client can then be made to
	// prove itself to another host, whose proofs count here too: only where whatever stands in front, or a ServeMux with
	// a host in every pattern, lets no other Host through.
	InsecureAnyHost bool
}

// Proofs checks DPoP proofs: that who sends a request has the key that a token is bound to (RFC 9449). It is safe for
// concurrent use. Config.DPoP makes a Guard ask it; an authorization server calls Check.
type Proofs struct {
	cfg  ProofsConfig
	base *url.URL // PublicURL; nil for none
	algs string   // for challenges
}

// Errors of Check. Any other says that it is not known whether the proof counts: 503.
var (
	// ErrProof is a proof that does not count: invalid_dpop_proof (RFC 9449 sections 5 and 7.1).
	ErrProof = errors.New("guard: DPoP proof is not accepted")
	// ErrProofNonce is a proof without a nonce that counts now: use_dpop_nonce, and Nonce in the header DPoP-Nonce (section 8).
	ErrProofNonce = errors.New("guard: DPoP proof needs a fresh nonce")
)

// NewProofs fails for a setting that cannot be.
func NewProofs(c ProofsConfig) (*Proofs, error) {
	p := &Proofs{cfg: c.withDefaults()}
	if err := p.cfg.check(); err != nil {
		return nil, fmt.Errorf("guard: ProofsConfig: %w", err)
	}
	if len(c.NonceKey) > 0 && c.NonceKeys != nil {
		return nil, errors.New("guard: ProofsConfig: NonceKeys stands instead of NonceKey")
	}
	if c.PublicURL != "" {
		var err error
		if p.base, err = parseTarget(c.PublicURL); err != nil || strings.ContainsAny(c.PublicURL, "?#") {
			return nil, errors.New("guard: ProofsConfig: PublicURL is not a URL like https://api.example")
		}
	}
	names := make([]string, len(p.cfg.Algorithms))
	for i, alg := range p.cfg.Algorithms {
		names[i] = string(alg)
	}
	p.algs = strings.Join(names, " ")
	return p, nil
}

func (c ProofsConfig) withDefaults() ProofsConfig {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.MaxAge, time.Minute)
	def(&c.MaxAhead, 5*time.Second)
	def(&c.NonceAge, 5*time.Minute)
	if len(c.Algorithms) == 0 {
		c.Algorithms = []jwt.Algorithm{jwt.ES256, jwt.EdDSA, jwt.PS256, jwt.RS256}
	}
	c.Algorithms, c.NonceKey = slices.Clone(c.Algorithms), slices.Clone(c.NonceKey)
	if key := c.NonceKey; len(key) > 0 && c.NonceKeys == nil {
		c.NonceKeys = func() [][]byte { return [][]byte{key} }
	}
	if c.Replay == nil {
		c.Replay = NewReplayMemory(ReplayMemoryConfig{Size: 1 << 18, Now: c.Now})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c *ProofsConfig) check() error {
	for _, alg := range c.Algorithms {
		switch alg {
		case jwt.ES256, jwt.ES384, jwt.ES512, jwt.EdDSA, jwt.PS256, jwt.PS384, jwt.PS512, jwt.RS256, jwt.RS384, jwt.RS512:
		default: // RFC 9449 section 4.3: not none, and not symmetric
			return fmt.Errorf("Algorithms has %q, which has no public key", alg)
		}
	}
	switch {
	case c.MaxAge < 0 || c.MaxAge > 10*time.Minute:
		return errors.New("MaxAge is not between 0 and 10 minutes")
	case c.MaxAhead < 0 || c.MaxAhead > time.Minute:
		return errors.New("MaxAhead is not between 0 and a minute")
	case c.NonceAge < 10*time.Second:
		return errors.New("NonceAge is under 10 s")
	case c.RequireNonce && c.NonceKeys == nil:
		return errors.New("RequireNonce needs NonceKey or NonceKeys")
	case c.NonceKeys == nil:
		return nil
	case slices.ContainsFunc(c.NonceKeys(), func(key []byte) bool { return len(key) < minNonceKey }):
		return errors.New("NonceKey, or one of NonceKeys, is under 32 bytes")
	}
	return nil
}

// Algorithms are what a proof may be signed with, for metadata (dpop_signing_alg_values_supported, RFC 9449 section 5.1).
func (p *Proofs) Algorithms() []jwt.Algorithm { return slices.Clone(p.cfg.Algorithms) }

// Check verifies the one proof of r (RFC 9449 section 4.3): made for its method and for url, and, where accessToken is
// not empty, for that token. An empty url is r's own behind PublicURL. It returns the RFC 7638 thumbprint of the key that
// made the proof, which has to be the one that the token is bound to; "" and no error where r has no DPoP header.
// Each proof counts once: a second Check of it is ErrProof. It panics for an empty url without PublicURL or InsecureAnyHost.
func (p *Proofs) Check(ctx context.Context, r *http.Request, url, accessToken string) (jkt string, err error) {
	lines := r.Header["Dpop"] // as package textproto spells it
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", notProof("more than one DPoP header")
	}
	target, err := p.target(r, url)
	if err != nil {
		return "", err
	}
	key, claims, err := jwt.VerifyEmbedded(lines[0], "dpop+jwt", p.cfg.Algorithms)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrProof, err)
	}
	if err := p.judge(claims, r.Method, target, accessToken); err != nil {
		return "", err
	}
	return key.Thumbprint(), p.spend(ctx, claims, key.Thumbprint(), target)
}

// notProof is an ErrProof. The fact is a constant, never a byte of the request.
func notProof(fact string) error { return fmt.Errorf("%w: %s", ErrProof, fact) }

// judge checks what a proof, whose signature is good, was made for, and when.
func (p *Proofs) judge(c *jwt.Claims, method, target, accessToken string) error {
	if c.String("htm") != method {
		return notProof("htm is not the method")
	}
	if htu, err := parseTarget(c.String("htu")); err != nil || normalize(htu) != target {
		return notProof("htu is not the URL")
	}
	if c.ID() == "" {
		return notProof("no jti")
	}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		if c.String("ath") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			return notProof("ath is not of the access token")
		}
	}
	now := p.cfg.Now()
	if c.Has("nonce") && p.cfg.NonceKeys != nil || p.cfg.RequireNonce {
		if !p.isNonce(c.String("nonce"), now) {
			return ErrProofNonce
		}
	}
	iat, exp := c.IssuedAt(), c.ExpiresAt()
	switch {
	case iat.IsZero():
		return notProof("no iat")
	case iat.Before(now.Add(-p.cfg.MaxAge)):
		return notProof("made too long ago")
	case iat.After(now.Add(p.cfg.MaxAhead)), c.NotBefore().After(now.Add(p.cfg.MaxAhead)):
		return notProof("made in the future")
	case c.Has("exp") && !exp.After(now): // RFC 7519 section 4.1.4
		return notProof("expired")
	}
	return nil
}

// spend uses the proof up. Two clients may choose the same jti, so the key counts as well; what is remembered is a hash.
func (p *Proofs) spend(ctx context.Context, c *jwt.Claims, jkt, target string) (err error) {
	defer recovered(&err)
	sum := sha256.Sum256([]byte("dpop\x00" + jkt + "\x00" + target + "\x00" + c.ID()))
	first, err := p.cfg.Replay.Spend(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), c.IssuedAt().Add(p.cfg.MaxAge+time.Second))
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return notProof("made too long ago")
	case err != nil:
		return fmt.Errorf("guard: remember DPoP proof: %w", err)
	case !first:
		return notProof("used before")
	}
	return nil
}
