package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/jwt"
)

// signFlags are those of token sign.
type signFlags struct {
	keyFlags
	claims                []string
	typ, expires          string
	expired, long, asJSON bool
}

func (a *app) tokenSignCommand() *cobra.Command {
	var f signFlags
	c := &cobra.Command{
		Use:   "sign",
		Short: "Sign a token, for tests and scripts",
		Long: `Sign claims with a private key from a file (--key), else with the active key of
a server's data folder. Claims are a JSON object on standard input, or --claim
name=text and --claim name:=json. iat, nbf, exp and jti are added; with a
server's key also its iss and aud, where the claims do not name others.

A token signed here is beside all sessions: no logout ends it, it is good until
it expires or its subject is disabled. One signed with a server's key is written
to the audit log of that server, as token.signed.`,
		Example: `  sandi token sign --data ./sandi-data --expires-in 5m --claim sub=siti --claim 'roles:=["manager"]'
  echo '{"sub":"siti","iss":"https://id.example.com"}' | sandi token sign --key private.pem --alg RS256 --typ JWT --expires-in 5m
  sandi token sign --key secret --alg HS256 --expires-in=-1h --insecure-expired --claim sub=siti`,
	}
	f.keyFlags.flags(c, "sign")
	f.flags(c)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		life, err := f.complete(cmd)
		if err != nil {
			return err
		}
		claims, err := a.claims(cmd.Context(), f.claims)
		if err != nil {
			return err
		}
		if f.file == "" {
			return a.withData(cmd, f.target, func(ctx context.Context, d *data) error { return a.signByData(ctx, d, &f, claims, life) })
		}
		if err := privateFile(f.file); err != nil {
			return err
		}
		k, err := f.readKey("")
		if err != nil {
			return err
		}
		s, err := a.sign(&f, k, claims, life)
		if err != nil {
			return err
		}
		return a.printSigned(&f, s)
	})
}

func (f *signFlags) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.claims, "claim", nil, "a claim, `name=text` or name:=json; may be repeated")
	c.Flags().StringVar(&f.typ, "typ", "at+jwt", "the header's `typ`")
	c.Flags().StringVar(&f.expires, "expires-in", "", "the token's life, a `duration` such as 5m; required")
	c.Flags().BoolVar(&f.expired, "insecure-expired", false, "allow --expires-in 0s or negative, to test what refuses it")
	c.Flags().BoolVar(&f.long, "insecure-long", false, "allow --expires-in over 1h")
	jsonFlag(c, &f.asJSON)
}

// complete refuses what does not say with which key and for how long.
func (f *signFlags) complete(cmd *cobra.Command) (life time.Duration, err error) {
	if err := f.keyFlags.complete(cmd); err != nil {
		return 0, err
	}
	return f.life()
}

// life is the token's, negative for one that is born expired.
func (f *signFlags) life() (time.Duration, error) {
	text, negative := strings.CutPrefix(f.expires, "-")
	d, err := config.ParseDuration(text)
	switch {
	case f.expires == "":
		return 0, usage("such as --expires-in 5m", "--expires-in is required: a token without an end is good for ever")
	case err != nil:
		return 0, usage("", "--expires-in %q %v", f.expires, err)
	case d%time.Second != 0:
		return 0, usage("", "--expires-in %q is not whole seconds", f.expires)
	case (negative || d == 0) && !f.expired:
		return 0, usage("add --insecure-expired where that is what you want", "--expires-in %q makes a token that has already expired", f.expires)
	case negative:
		return -d, nil
	case d > time.Hour && !f.long:
		return 0, usage("shorten it, or add --insecure-long", "--expires-in %q is over 1h: a stolen token would work that long", f.expires)
	}
	return d, nil
}

// signByData signs with the active key of a server. The store knows how long the
// token lives before there is one, so that it keeps a revocation of its subject
// for as long, and the audit log has it before anybody does.
func (a *app) signByData(ctx context.Context, d *data, f *signFlags, claims claimSet, life time.Duration) error {
	ring, err := a.ring(ctx, d)
	if err != nil {
		return err
	}
	if d.cfg.Issuer != "" {
		if err := claims.setDefault("iss", d.cfg.Issuer); err != nil {
			return err
		}
	}
	switch audience := d.cfg.Token.Audience; len(audience) {
	case 0:
	case 1: // RFC 7519 section 4.1.3: one may stand without a list
		err = claims.setDefault("aud", audience[0])
	default:
		err = claims.setDefault("aud", audience)
	}
	if err != nil {
		return err
	}
	subject, err := claims.text("sub")
	if err != nil {
		return err
	}
	if err := d.db.RememberLifetime(ctx, max(0, life)); err != nil {
		return err
	}
	s, err := a.sign(f, ring.Signer(), claims, life)
	if err != nil {
		return err
	}
	detail := map[string]string{"kid": s.KID, "jti": s.id, "exp": strconv.FormatInt(s.ExpiresAt.Unix(), 10)}
	if err := d.db.Audit(ctx, audit.Event{Action: audit.TokenSigned, Subject: subject, From: fromCLI, Detail: detail}); err != nil {
		return err
	}
	a.warn("this token is beside all sessions: no logout ends it, only its jti or its whole subject can be revoked")
	return a.printSigned(f, s)
}

// signed is the JSON answer of token sign.
type signed struct {
	Token     string        `json:"token"`
	KID       string        `json:"kid,omitempty"`
	Algorithm jwt.Algorithm `json:"alg"`
	Type      string        `json:"typ,omitempty"`
	ExpiresAt time.Time     `json:"expires_at"`
	id        string        // its jti
}

// sign adds the dates and a jti of 128 bits, and signs.
func (a *app) sign(f *signFlags, k *jwt.Key, claims claimSet, life time.Duration) (signed, error) {
	now := a.now().Truncate(time.Second)
	expires, issued := now.Add(life), now
	if life <= 0 {
		issued = expires.Add(-time.Minute) // it was good once
	}
	id := make([]byte, 16)
	rand.Read(id)
	if _, named := claims["exp"]; named {
		return signed{}, usage("leave exp out of the claims", "exp is set by --expires-in alone")
	}
	for name, value := range map[string]any{
		"exp": expires.Unix(), "iat": issued.Unix(), "nbf": issued.Unix(), "jti": base64.RawURLEncoding.EncodeToString(id),
	} {
		if err := claims.setDefault(name, value); err != nil {
			return signed{}, err
		}
	}
	jti, err := claims.text("jti")
	if err != nil {
		return signed{}, err
	}
	token, err := jwt.Sign(k, f.typ, claims)
	if err != nil {
		return signed{}, err
	}
	return signed{token, k.ID(), k.Algorithm(), f.typ, expires.UTC(), jti}, nil
}

func (a *app) printSigned(f *signFlags, s signed) error {
	if f.asJSON {
		return a.json(s)
	}
	return a.print(s.Token + "\n")
}
