package interop_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// claims are of every JSON type, with text that has to be escaped and numbers that every library
// keeps as they are.
var claims = claimsWith(`"roles":["a","b"]`, `"name":"Zoë \"😀\" <&>\u0001"`, `"n":{"i":9007199254740991,"f":0.5,"m":-1}`,
	`"empty":[{},[],""]`, `"t":true,"f":false,"z":null`, `"fresh":true`)

// TestTokens: each side verifies what the other signs, and reads the same claims in it.
func TestTokens(t *testing.T) {
	t.Parallel()
	for _, p := range goPeers() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			exchangeTokens(t, p)
		})
	}
}

func exchangeTokens(t *testing.T, p peer) {
	t.Helper()
	for _, alg := range allAlgorithms {
		if slices.Contains(p.without, string(alg)) {
			continue
		}
		k := newKey(alg)
		t.Run(string(alg), func(t *testing.T) {
			giveToken(t, p, k)
			takeToken(t, p, k)
		})
	}
}

// giveToken lets a peer verify a token of ours, and one that nobody signed.
func giveToken(t *testing.T, p peer, k *jwt.Key) {
	t.Helper()
	token := must(jwt.SignPayload(k, "at+jwt", []byte(claims)))
	got, err := p.verify(public(k), token)
	if err != nil {
		t.Fatalf("%s refuses our token: %v", p.name, err)
	}
	sameClaims(t, got, claims)
	if _, err := p.verify(public(k), token[:len(token)-10]+strings.Repeat("A", 10)); err == nil {
		t.Errorf("%s accepts a signature that is none", p.name)
	}
}

// takeToken verifies a token of a peer's, with the public half where there is one.
func takeToken(t *testing.T, p peer, k *jwt.Key) {
	t.Helper()
	token, err := p.sign(private(k), "at+jwt", claims)
	if err != nil {
		t.Fatal(err)
	}
	verifier := k
	if k.PublicKey() != nil {
		verifier = k.Public()
	}
	got, err := newVerifier(verifier).Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("refused a token of %s: %v", p.name, err)
	}
	sameClaims(t, string(must(json.Marshal(got))), claims)
	if got.Type() != "at+jwt" || got.KeyID() != k.ID() || got.Algorithm() != k.Algorithm() {
		t.Errorf("got %s %s %s", got.Type(), got.KeyID(), got.Algorithm())
	}
}

// TestKeys: each side reads the keys that the other writes, and they stay the same keys.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, p := range goPeers() {
		if p.rewrite == nil {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			exchangeKeys(t, p)
		})
	}
}

func exchangeKeys(t *testing.T, p peer) {
	t.Helper()
	for _, alg := range allAlgorithms {
		k := newKey(alg)
		t.Run(string(alg), func(t *testing.T) {
			theirs, err := p.rewrite(private(k))
			if err != nil {
				t.Fatalf("%s cannot read the key: %v", p.name, err)
			}
			if theirs.Thumbprint != k.Thumbprint() {
				t.Errorf("got thumbprint %s, want %s", theirs.Thumbprint, k.Thumbprint())
			}
			sameKey(t, "private JWK", k, true)(jwt.ParseKeyFor(alg, theirs.Private))
			if theirs.Public != nil {
				sameKey(t, "public JWK", k, false)(jwt.ParseKeyFor(alg, theirs.Public))
			}
			if theirs.PrivatePEM != "" {
				sameKey(t, "private PEM", k, true)(jwt.ParsePEM(alg, k.ID(), []byte(theirs.PrivatePEM)))
				sameKey(t, "public PEM", k, false)(jwt.ParsePEM(alg, k.ID(), []byte(theirs.PublicPEM)))
			}
		})
	}
}

// sameKey checks that what was read is k, and that tokens go from one to the other.
func sameKey(t *testing.T, what string, k *jwt.Key, signs bool) func(*jwt.Key, error) {
	return func(got *jwt.Key, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if got.ID() != k.ID() || got.Algorithm() != k.Algorithm() || got.Thumbprint() != k.Thumbprint() || got.CanSign() != signs {
			t.Errorf("%s: got %v, want %v", what, got, k)
		}
		signer, verifier := k, got
		if signs {
			signer, verifier = got, k
		}
		token := must(jwt.SignPayload(signer, "at+jwt", []byte(claims)))
		if _, err := newVerifier(verifier).Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestKeySets: a set that one side publishes is what the other verifies with, whichever key of it
// the token names.
func TestKeySets(t *testing.T) {
	t.Parallel()
	for _, p := range goPeers() {
		if p.verifySet == nil {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			exchangeKeySets(t, p)
		})
	}
}

func exchangeKeySets(t *testing.T, p peer) {
	t.Helper()
	var keys []*jwt.Key
	var documents []document
	for _, alg := range allAlgorithms[3:] {
		k := newKey(alg)
		keys, documents = append(keys, k), append(documents, private(k))
	}
	published := must(json.Marshal(must(jwt.NewKeySet(keys...))))
	for _, k := range keys {
		got, err := p.verifySet(published, must(jwt.SignPayload(k, "at+jwt", []byte(claims))))
		if err != nil {
			t.Fatalf("%s refuses %s with our set: %v", p.name, k.Algorithm(), err)
		}
		sameClaims(t, got, claims)
	}
	if p.writeSet == nil {
		return
	}
	set, err := jwt.ParseKeySet(must(p.writeSet(documents)))
	if err != nil || set.Len() != len(keys) || len(set.Ignored()) > 0 {
		t.Fatalf("got a set of %v, ignoring %v: %v", set, set.Ignored(), err)
	}
	v := newVerifier(set.All()...)
	for _, k := range documents {
		if _, err := v.Verify(t.Context(), must(p.sign(k, "at+jwt", claims))); err != nil {
			t.Errorf("%s with their set: %v", k.alg, err)
		}
	}
}
