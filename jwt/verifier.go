package jwt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// DefaultMaxSize is the longest token read where Config.MaxSize says nothing, in bytes.
const DefaultMaxSize = 16 << 10

const (
	// largestMaxSize is the largest MaxSize that can be asked for, in bytes.
	largestMaxSize = 1 << 20
	// maxLeeway is the largest Leeway that can be asked for.
	maxLeeway = 60 * time.Second
	// maxAhead is how far iat may lie ahead: clocks differ, tokens are not signed in the future.
	maxAhead = 60 * time.Second
)

// Config says which tokens a Verifier accepts. Keys, Issuer, Audience and Types are required: to
// leave one open its Insecure field must say so (RFC 8725 sections 3.8 to 3.11).
type Config struct {
	// Keys holds the keys, each bound to its algorithm. Required.
	Keys Keys
	// Issuer is the exact value that iss must have. Required.
	Issuer string
	// Audience are the names this service goes by: aud must contain one of them. Required.
	Audience []string
	// Types are the values of typ that are accepted, as "at+jwt" (RFC 9068) or "JWT": in any case,
	// with or without "application/". Required.
	Types []string
	// Leeway is how far the clocks of issuer and verifier may differ for exp and nbf. Default 0, at
	// most a minute; FAPI 2.0 (section 5.3.2.1) asks for 10 s where the issuer sets nbf to now.
	Leeway time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// MaxSize is the longest token that is looked at, in bytes. Default DefaultMaxSize, at most 1 MiB.
	MaxSize int
	// Critical are the header extensions that the caller understands and checks itself (RFC 7515
	// section 4.1.11). Default none: a token with crit is refused.
	Critical []string

	// InsecureAnyIssuer accepts any iss, or none.
	InsecureAnyIssuer bool
	// InsecureAnyAudience accepts any aud, or none: also tokens meant for another service.
	InsecureAnyAudience bool
	// InsecureAnyType accepts any typ, or none: also ID tokens and other kinds signed by the same key.
	InsecureAnyType bool
	// InsecureNoExpiry accepts tokens without exp, which live for ever. One that is there still counts.
	InsecureNoExpiry bool
}

// Verifier checks tokens against one Config. It is safe for concurrent use.
type Verifier struct {
	c Config
}

// NewVerifier makes a Verifier, or says what is missing from the configuration.
func NewVerifier(c Config) (*Verifier, error) {
	if c.MaxSize == 0 {
		c.MaxSize = DefaultMaxSize
	}
	if c.Now == nil {
		c.Now = new(clock).now
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Audience, c.Critical = slices.Clone(c.Audience), slices.Clone(c.Critical)
	types := make([]string, len(c.Types))
	for i, typ := range c.Types {
		types[i] = mediaType(typ)
	}
	c.Types = types
	return &Verifier{c: c}, nil
}

func (c *Config) check() error {
	var faults []error
	fault := func(bad bool, text string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("jwt: "+text, args...))
		}
	}
	set, isSet := c.Keys.(*KeySet)
	fault(c.Keys == nil || isSet && set == nil, "Keys is missing")
	fault(c.Issuer == "" && !c.InsecureAnyIssuer, "Issuer is missing")
	fault(len(c.Audience) == 0 && !c.InsecureAnyAudience, "Audience is missing")
	fault(slices.Contains(c.Audience, ""), "Audience has an empty name")
	fault(len(c.Types) == 0 && !c.InsecureAnyType, "Types is missing")
	fault(slices.Contains(c.Types, ""), "Types has an empty name")
	fault(c.Issuer != "" && c.InsecureAnyIssuer, "Issuer and InsecureAnyIssuer exclude each other")
	fault(len(c.Audience) > 0 && c.InsecureAnyAudience, "Audience and InsecureAnyAudience exclude each other")
	fault(len(c.Types) > 0 && c.InsecureAnyType, "Types and InsecureAnyType exclude each other")
	fault(c.Leeway < 0 || c.Leeway > maxLeeway, "Leeway is not between 0 and %s", maxLeeway)
	fault(c.MaxSize < 0 || c.MaxSize > largestMaxSize, "MaxSize is not between 1 and %d", largestMaxSize)
	fault(slices.ContainsFunc(c.Critical, isRegistered), "Critical names a registered header")
	return errors.Join(faults...)
}

// Verify checks a token in this order: size, form, header, key, signature, then typ, claims, iss,
// aud, exp, nbf and iat. So nothing is said of a token that its key did not sign, but that. On
// error the claims are nil, and the error is one of the sentinels of this package or, where ctx
// has ended, its error.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	t, err := v.open(ctx, token)
	if err != nil {
		return nil, err
	}
	c := &Claims{shared: true}
	if err := v.c.accept(c, t, v.c.Now()); err != nil {
		return nil, err
	}
	return c, nil
}

// VerifyInto is Verify into claims of the caller's own, which it overwrites, and allocates nothing
// once they have been used: for who is done with one token before taking the next. Everything that
// was taken from them before, strings included, is void. On error they are empty. It panics for
// claims that Verify returned, which others may hold.
func (v *Verifier) VerifyInto(ctx context.Context, token string, into *Claims) error {
	if into.shared {
		panic("jwt: VerifyInto needs claims of its own: new(jwt.Claims)")
	}
	t, err := v.open(ctx, token)
	if err == nil {
		err = v.c.accept(into, t, v.c.Now())
	}
	if err != nil {
		into.clear()
	}
	return err
}

// open verifies the signature and the type.
func (v *Verifier) open(ctx context.Context, token string) (opened, error) {
	if err := ctx.Err(); err != nil {
		return opened{}, err
	}
	t, err := open(v.c.Keys.KeySet(), token, v.c.MaxSize, v.c.Critical)
	if err != nil && errors.Is(err, ErrUnknownKey) && v.refetch(ctx) {
		t, err = open(v.c.Keys.KeySet(), token, v.c.MaxSize, v.c.Critical)
	}
	if err == nil && !v.c.InsecureAnyType && !slices.Contains(v.c.Types, t.header.Type) {
		return opened{}, ErrType
	}
	return t, err
}

// refetch asks Keys that can look for new ones to do so; true where there are.
func (v *Verifier) refetch(ctx context.Context) bool {
	keys, ok := v.c.Keys.(Refetcher)
	return ok && keys.Refetch(ctx)
}

// accept reads the claims and checks the registered ones (RFC 7519 section 4.1).
func (c *Config) accept(claims *Claims, t opened, now time.Time) error {
	if err := claims.read(t); err != nil {
		return err
	}
	if !c.InsecureAnyIssuer && claims.issuer != c.Issuer {
		return ErrIssuer
	}
	if !c.InsecureAnyAudience && !claims.hasAudience(c.Audience) {
		return ErrAudience
	}
	if !claims.expires.set && !c.InsecureNoExpiry {
		return ErrNoExpiry
	}
	if err := c.inTime(claims, now); err != nil {
		return err
	}
	if claims.issued.after(now.Add(maxAhead)) {
		return because(ErrNotYetValid, "iat lies ahead")
	}
	return nil
}

// inTime checks what has to be checked on every use: exp and nbf.
func (c *Config) inTime(claims *Claims, now time.Time) error {
	early, late := now, now
	if c.Leeway != 0 {
		early, late = now.Add(-c.Leeway), now.Add(c.Leeway)
	}
	if claims.expires.set && !claims.expires.after(early) {
		return ErrExpired
	}
	if claims.notBefore.after(late) {
		return ErrNotYetValid
	}
	return nil
}

// window is when inTime accepts the claims, in Unix nanoseconds. They end in the year 2262, which
// stands for what is later.
func (c *Config) window(claims *Claims) (from, until int64) {
	const last = math.MaxInt64/int64(time.Second) - int64(maxLeeway/time.Second) - 1
	from, until = math.MinInt64, math.MaxInt64
	if claims.notBefore.set {
		from = min(claims.notBefore.sec, last)*int64(time.Second) + int64(claims.notBefore.nsec) - int64(c.Leeway)
	}
	if claims.expires.set {
		until = min(claims.expires.sec, last)*int64(time.Second) + int64(claims.expires.nsec) + int64(c.Leeway)
	}
	return from, until
}
