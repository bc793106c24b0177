package main

import (
	"context"
	"crypto/rsa"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

func hs256Part() part {
	return part{
		id: "hs256", title: "Verify HS256, 327 bytes of claims", run: runHS256,
		note: "Raw is crypto/hmac with SHA-256 over the signing input alone: Reset, Write and Sum into the same bytes, the key " +
			"taken in before. All libraries are asked for the signature, issuer, audience and expiry; golang-jwt parses into " +
			"MapClaims, go-jose into its Claims, kataras/jwt and jwx into what they make of a token by themselves. kataras/jwt does not take a header with kid or " +
			"at+jwt and gets the same claims under its own.",
	}
}

func runHS256(b *bench) error {
	f, err := newFixture(jwt.HS256)
	if err != nil {
		return err
	}
	v, err := f.verifier(0)
	if err != nil {
		return err
	}
	raw, err := f.rawVerify()
	if err != nil {
		return err
	}
	ctx := context.Background()
	var claims jwt.Claims
	into := func() error { return v.VerifyInto(ctx, f.token, &claims) }
	fresh := func() error { _, err := v.Verify(ctx, f.token); return err }
	for _, c := range []struct {
		name       string
		f          func() error
		over, news limit
	}{
		{"VerifyInto, claims used again", into, atMost(0.8), atMost(0)},
		{"Verify", fresh, atMost(1.3), atMost(1)},
	} {
		if err := c.f(); err != nil {
			return err
		}
		b.compare(comparison{
			name: c.name + ": over raw", subject: side{"sandi", repeat(each(c.f))}, reference: side{"raw", repeat(each(raw))},
			figure: overhead, limit: c.over,
		})
		b.state(c.name+": allocations", testing.AllocsPerRun(1000, func() { _ = c.f() }), "", c.news, "")
	}
	return b.beside(f, side{"sandi", repeat(each(fresh))})
}

// beside measures the peers by how many times our time they take.
func (b *bench) beside(f fixture, ours side) error {
	for _, p := range peers(f) {
		verify, err := p.verify()
		if err != nil {
			return err
		}
		c := comparison{
			name: p.name + ": of Verify's time", subject: side{p.name, repeat(each(verify))}, reference: ours, figure: share,
		}
		if p.module == golangJWT {
			c.limit = atLeast(5)
		}
		b.compare(c)
	}
	return nil
}

func asymmetricPart() part {
	return part{
		id: "asymmetric", title: "Verify, asymmetric and cold", run: runAsymmetric,
		note: "Raw is the standard library's verification with the hash that it needs: SHA-256 of the signing input and " +
			"ecdsa.VerifyASN1 (the signature turned to ASN.1 before), rsa.VerifyPKCS1v15 or rsa.VerifyPSS (2048 bits); " +
			"ed25519.Verify over the signing input.",
	}
}

func runAsymmetric(b *bench) error {
	for _, alg := range []jwt.Algorithm{jwt.ES256, jwt.EdDSA, jwt.RS256, jwt.PS256} {
		f, err := newFixture(alg)
		if err != nil {
			return err
		}
		v, err := f.verifier(0)
		if err != nil {
			return err
		}
		raw, err := f.rawVerify()
		if err != nil {
			return err
		}
		ours := func() error { _, err := v.Verify(context.Background(), f.token); return err }
		theirs := golangParse(f.token, string(alg), f.verificationKey())
		for _, f := range []func() error{raw, ours, theirs} {
			if err := f(); err != nil {
				return err
			}
		}
		c := comparison{
			name: string(alg) + ": over raw", subject: side{"sandi", repeat(each(ours))},
			reference: side{"raw", repeat(each(raw))}, figure: overhead, limit: atMost(2.5), scale: 0.1,
		}
		b.compare(c)
		c.name, c.limit = string(alg)+", golang-jwt: over raw", limit{}
		c.subject = side{"golang-jwt", repeat(each(theirs))}
		b.compare(c)
	}
	return nil
}

func signPart() part {
	return part{
		id: "sign", title: "Sign 327 bytes of claims", run: runSign,
		note: "jwt.SignPayload over what the standard library does for the signature of the same signing input: HMAC as above; " +
			"SHA-256 and the private key's Sign (ECDSA to ASN.1, RSA of 2048 bits); ed25519 over the signing input. A microsecond " +
			"of an RSA signature's millisecond is hard to see: of those there is also a line where the key of both sides is a " +
			"crypto.Signer that answers at once, with a signature made before.",
	}
}

func runSign(b *bench) error {
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.ES256, jwt.EdDSA, jwt.RS256, jwt.PS256} {
		f, err := newFixture(alg)
		if err != nil {
			return err
		}
		c := comparison{name: string(alg) + ": over raw", limit: atMost(1.5), scale: 0.1}
		if alg == jwt.HS256 {
			c.limit, c.scale = atMost(0.9), 1
		}
		if err := b.signing(f, c); err != nil {
			return err
		}
		if _, ok := f.private.(*rsa.PrivateKey); !ok {
			continue
		}
		if f, err = f.answering(); err != nil {
			return err
		}
		if err := b.signing(f, comparison{name: string(alg) + ", signed before: over raw", limit: atMost(1.5)}); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) signing(f fixture, c comparison) error {
	raw, err := f.rawSign()
	if err != nil {
		return err
	}
	claims := []byte(payload)
	ours := func() error { _, err := jwt.SignPayload(f.key, tokenTyp, claims); return err }
	c.subject, c.reference, c.figure = side{"sandi", repeat(each(ours))}, side{"raw", repeat(each(raw))}, overhead
	b.compare(c)
	return nil
}
