package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/jwt"
)

// verifyFlags are those of token verify.
type verifyFlags struct {
	keyFlags
	jwks, input, leeway string
	expect              jwt.Config
	asJSON              bool
}

func (a *app) tokenVerifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify",
		Short: "Verify a token: signature, issuer, audience, kind, time",
		Long: `Verify a token read from standard input or a file. Exit code 0 and its claims,
or 1 and the reason, one of those the API answers: token_invalid, token_expired,
token_not_yet_valid, token_wrong_type, token_revoked.

The keys come from --jwks or --key, else from a server's data folder; that also
gives issuer, audience and kind, and knows what is revoked. With --jwks and --key
each of them is named, or waived by its --insecure flag.`,
		Example: `  echo "$TOKEN" | sandi token verify --data /var/lib/sandi
  sandi token verify --file t --jwks jwks.json --issuer https://id.example.com --audience shop --typ at+jwt
  sandi token verify --file t --key public.pem --alg RS256 --issuer https://id.example.com --insecure-any-audience --typ JWT`,
		Args: noToken,
	}
	f.keyFlags.flags(c, "verify")
	f.flags(c)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		fromData, err := f.complete(cmd)
		if err != nil {
			return err
		}
		token, err := a.readToken(cmd.Context(), f.input)
		if err != nil {
			return err
		}
		if fromData {
			return a.withData(cmd, f.target, func(ctx context.Context, d *data) error {
				claims, err := a.verifyByData(ctx, d, &f, token)
				return a.printVerified(f.asJSON, true, claims, err)
			})
		}
		claims, err := a.verifyByFile(cmd.Context(), &f, token)
		return a.printVerified(f.asJSON, false, claims, err)
	})
}

func (f *verifyFlags) flags(c *cobra.Command) {
	e := &f.expect
	c.Flags().StringVar(&f.jwks, "jwks", "", "verify with the JWK Set in this `file`")
	c.Flags().StringVar(&f.input, "file", "", "read the token from this `file`")
	c.Flags().StringVar(&e.Issuer, "issuer", "", "the `iss` to expect")
	c.Flags().StringArrayVar(&e.Audience, "audience", nil, "an `aud` to accept; may be repeated")
	c.Flags().StringArrayVar(&e.Types, "typ", nil, "a `typ` to accept, as at+jwt or JWT; may be repeated")
	c.Flags().StringVar(&f.leeway, "leeway", "0s", "how far clocks may differ, at most 1m")
	c.Flags().BoolVar(&e.InsecureAnyIssuer, "insecure-any-issuer", false, "accept any iss, or none")
	c.Flags().BoolVar(&e.InsecureAnyAudience, "insecure-any-audience", false, "accept any aud: also tokens for somebody else")
	c.Flags().BoolVar(&e.InsecureAnyType, "insecure-any-typ", false, "accept any typ: also tokens of another kind")
	c.Flags().BoolVar(&e.InsecureNoExpiry, "insecure-no-expiry", false, "accept a token that never expires")
	jsonFlag(c, &f.asJSON)
}

// complete refuses what does not say what to expect. It says whether a server's data does.
func (f *verifyFlags) complete(cmd *cobra.Command) (fromData bool, err error) {
	fromData = f.jwks == "" && f.file == ""
	switch {
	case f.jwks != "" && f.file != "":
		return false, usage("name one source of keys", "--key and --jwks exclude each other")
	case f.jwks != "" && f.given(cmd):
		return false, usage("name one source of keys", "--jwks excludes --data and --config")
	}
	if err := f.keyFlags.complete(cmd); err != nil {
		return false, err
	}
	if f.expect.Leeway, err = config.ParseDuration(f.leeway); err != nil || f.expect.Leeway > time.Minute {
		return false, usage("such as 30s, at most 1m", "--leeway %q is not a leeway", f.leeway)
	}
	var missing []string
	for _, e := range []struct {
		flag, waiver  string
		named, waived bool
	}{
		{"--issuer", "--insecure-any-issuer", f.expect.Issuer != "", f.expect.InsecureAnyIssuer},
		{"--audience", "--insecure-any-audience", len(f.expect.Audience) > 0, f.expect.InsecureAnyAudience},
		{"--typ", "--insecure-any-typ", len(f.expect.Types) > 0, f.expect.InsecureAnyType},
	} {
		if e.named && e.waived {
			return false, usage("", "%s and %s exclude each other", e.flag, e.waiver)
		}
		if !e.named && !e.waived && !fromData {
			missing = append(missing, e.flag+" (or "+e.waiver+")")
		}
	}
	if len(missing) > 0 {
		return false, usage("a token is good for one issuer, audience and kind; 'sandi token decode' shows what this one says",
			"missing: %s", strings.Join(missing, ", "))
	}
	return fromData, nil
}

// verifyByFile verifies with keys from a file. An error of the token is a *refusedToken.
func (a *app) verifyByFile(ctx context.Context, f *verifyFlags, token string) (*jwt.Claims, error) {
	keys, err := f.keySet(token)
	if err != nil {
		return nil, err
	}
	return a.verifyWith(ctx, f.expect, keys, token)
}

func (f *verifyFlags) keySet(token string) (*jwt.KeySet, error) {
	if f.jwks != "" {
		text, err := readFile(f.jwks)
		if err != nil {
			return nil, err
		}
		set, err := jwt.ParseKeySet(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.jwks, err)
		}
		return set, nil
	}
	var header struct {
		KID string `json:"kid"`
	}
	if text, _, err := jwt.DecodeUnverified(token); err == nil {
		_ = json.Unmarshal(text, &header) // a kid of another type stays empty, and verification says so
	}
	k, err := f.readKey(header.KID)
	if err != nil {
		return nil, err
	}
	return jwt.NewKeySet(k)
}

// verifyByData verifies as the server does whose data this is, revocations included.
func (a *app) verifyByData(ctx context.Context, d *data, f *verifyFlags, token string) (*jwt.Claims, error) {
	e := f.expect
	if e.Issuer == "" && !e.InsecureAnyIssuer {
		if e.Issuer = d.cfg.Issuer; e.Issuer == "" {
			return nil, usage("name it with --issuer", "the configuration has no issuer: its port is chosen at start")
		}
	}
	if len(e.Audience) == 0 && !e.InsecureAnyAudience {
		if e.Audience = d.cfg.Token.Audience; len(e.Audience) == 0 {
			e.Audience = []string{e.Issuer}
		}
	}
	if len(e.Types) == 0 && !e.InsecureAnyType {
		e.Types = []string{"at+jwt"}
	}
	ring, err := a.ring(ctx, d)
	if err != nil {
		return nil, err
	}
	claims, err := a.verifyWith(ctx, e, ring, token)
	if errors.Is(err, jwt.ErrIssuer) || errors.Is(err, jwt.ErrAudience) {
		err = &refusedToken{err, fmt.Sprintf("expected issuer %q and audience %q; name the server's own by --config, or by --issuer and --audience", e.Issuer, e.Audience)}
	}
	if err != nil {
		return nil, err
	}
	return claims, a.checkRevoked(ctx, d, claims)
}

// refusedToken is a token that does not verify, as opposed to a verification that could not be made.
type refusedToken struct {
	cause error
	hint  string
}

func (e *refusedToken) Error() string { return e.cause.Error() }
func (e *refusedToken) Unwrap() error { return e.cause }

func (a *app) verifyWith(ctx context.Context, e jwt.Config, keys jwt.Keys, token string) (*jwt.Claims, error) {
	e.Keys, e.Now = keys, a.now
	v, err := jwt.NewVerifier(e)
	if err != nil {
		return nil, err
	}
	claims, err := v.Verify(ctx, token)
	if err != nil {
		return nil, &refusedToken{cause: err}
	}
	return claims, nil
}

// checkRevoked reads the whole list of what was revoked.
func (a *app) checkRevoked(ctx context.Context, d *data, claims *jwt.Claims) error {
	const page = 1000
	list := guard.NewRevocationList(guard.RevocationListConfig{Now: a.now})
	for after := int64(0); ; {
		p, err := d.db.Revocations(ctx, after, page)
		if err != nil {
			return err
		}
		if err := revocation.Apply(list, p.Entries); err != nil {
			return err
		}
		if len(p.Entries) < page {
			break
		}
		after = p.Entries[len(p.Entries)-1].Seq
	}
	revoked, err := list.Revoked(ctx, &guard.Token{Claims: claims})
	if err == nil && revoked {
		err = &refusedToken{cause: errRevoked}
	}
	return err
}

// verified is the JSON answer of token verify.
type verified struct {
	Valid             bool              `json:"valid"`
	Reason            string            `json:"reason,omitempty"`
	Detail            string            `json:"detail,omitempty"`
	RevocationChecked bool              `json:"revocation_checked"`
	Claims            *jwt.Claims       `json:"claims,omitempty"`
	Times             map[string]string `json:"times,omitempty"`
}

func (a *app) printVerified(asJSON, revocationChecked bool, claims *jwt.Claims, err error) error {
	if refused, ok := errors.AsType[*refusedToken](err); ok {
		if asJSON {
			v := verified{Reason: reasonOf(refused), Detail: refused.Error(), RevocationChecked: revocationChecked}
			return errors.Join(a.json(v), &findings{exitFault})
		}
		return fault(refused.hint, "%s: %s", reasonOf(refused), strings.TrimPrefix(refused.Error(), "jwt: "))
	}
	if err != nil {
		return err
	}
	payload, err := claims.MarshalJSON()
	if err != nil {
		return err
	}
	if asJSON {
		return a.json(verified{Valid: true, RevocationChecked: revocationChecked, Claims: claims, Times: times(payload)})
	}
	head := fmt.Sprintf("VALID: signed with key %s (%s); not revoked\n\n", oneLine(claims.KeyID()), claims.Algorithm())
	if !revocationChecked {
		head = strings.Replace(head, "not revoked", "whether it was revoked is not known here", 1)
	}
	body, err := a.members("Claims", payload)
	if err != nil {
		return err
	}
	return a.print(head + body)
}
