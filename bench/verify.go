package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	peer "github.com/golang-jwt/jwt/v5"

	"github.com/sandi-auth/sandi/jwt"
)

const (
	issuer   = "https://id.example"
	audience = "https://api.example"
)

// claims are those of an access token by RFC 9068, 300 and some bytes.
func claims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": issuer, "sub": "user1", "aud": audience, "exp": now + 3600, "iat": now, "nbf": now,
		"jti": "6dGk2Qb1T0yq3mJrXv8cWQ", "client_id": "sandi", "scope": "orders:read orders:write",
		"sid": "q0mC2uWvT5K0yS3x9bJd8A", "roles": []string{"manager"}, "auth_time": now, "amr": []string{"pwd"},
		"type": "access", "fresh": true,
	}
}

// verifyPairs verifies one token with both libraries, both asked for issuer, audience and expiry. ours/HMAC shows
// what is left above the bare cryptography.
func verifyPairs(string) ([]pair, func(), error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	hs, err := jwt.NewKey(jwt.HS256, "k1", secret)
	if err != nil {
		return nil, nil, err
	}
	es, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		return nil, nil, err
	}
	var pairs []pair
	for _, c := range []struct {
		name string
		key  *jwt.Key
		peer any
	}{{"HS256 verify", hs, secret}, {"ES256 verify", es, es.PublicKey()}} {
		p, err := verifyPair(c.name, c.key, c.peer)
		if err != nil {
			return nil, nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, func() {}, nil
}

func verifyPair(name string, key *jwt.Key, peerKey any) (pair, error) {
	set, err := jwt.NewKeySet(key)
	if err != nil {
		return pair{}, err
	}
	token, err := jwt.Sign(key, "at+jwt", claims())
	if err != nil {
		return pair{}, err
	}
	v, err := jwt.NewVerifier(jwt.Config{Keys: set, Issuer: issuer, Audience: []string{audience}, Types: []string{"at+jwt"}})
	if err != nil {
		return pair{}, err
	}
	parser := peer.NewParser(peer.WithValidMethods([]string{string(key.Algorithm())}), peer.WithIssuer(issuer),
		peer.WithAudience(audience), peer.WithExpirationRequired(), peer.WithStrictDecoding())
	ours := func() error { _, err := v.Verify(context.Background(), token); return err }
	theirs := func() error {
		_, err := parser.ParseWithClaims(token, peer.MapClaims{}, func(*peer.Token) (any, error) { return peerKey, nil })
		return err
	}
	for _, f := range []func() error{ours, theirs} {
		if err := f(); err != nil {
			return pair{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return pair{name, side{"sandi", repeat(ours)}, side{"golang-jwt v5", repeat(theirs)}}, nil
}

// repeat runs f, which was seen to succeed, one after the other.
func repeat(f func() error) func(time.Duration) (int, time.Duration) {
	return func(d time.Duration) (int, time.Duration) {
		start, ops := time.Now(), 0
		for time.Since(start) < d {
			for range 64 {
				if err := f(); err != nil {
					panic(err)
				}
			}
			ops += 64
		}
		return ops, time.Since(start)
	}
}
