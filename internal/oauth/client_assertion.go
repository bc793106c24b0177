package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	// assertionLife is how far ahead exp may lie: so long its jti is remembered. Libraries take up to an hour.
	assertionLife = time.Hour
	// assertionLeeway is how far the clock of a client may differ.
	assertionLeeway = 10 * time.Second
	// maxKeys of a client, among which one is looked for where the assertion names none.
	maxKeys = 16
)

// subjectUnverified is the sub of an assertion that nobody has verified yet: whose keys are to verify it.
func subjectUnverified(token string) string {
	_, payload, err := jwt.DecodeUnverified(token)
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if web.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// checkAssertion is private_key_jwt (RFC 7523 section 3, OpenID Connect Core section 9): signed by a key of the client's alone, iss = sub = client, the issuer
// as its one aud (FAPI 2.0 section 5.3.2.1-8, against assertions that another server was sent), at each endpoint alike, also where RFC 9126
// section 2 lets a server take its URLs too; and its jti never before.
func (e *Endpoint) checkAssertion(ctx context.Context, c Client, token string) error {
	audience := []string{e.Issuer}
	if c.InsecureTokenURLAudience {
		audience = append(audience, e.Issuer+"/oauth/token")
	}
	claims, err := e.verifyByClient(ctx, c, token, audience)
	if err != nil {
		return noClient(err)
	}
	var aud string
	jti := claims.ID()
	switch {
	case claims.Decode("aud", &aud) != nil:
		return noClient(errors.New("aud is not one string"))
	case claims.Subject() != c.ID:
		return noClient(errors.New("sub is not the client"))
	case !slices.Contains([]string{"", "jwt", "client-authentication+jwt"}, claims.Type()):
		return noClient(errors.New("typ is neither JWT nor client-authentication+jwt"))
	case jti == "" || len(jti) > 256:
		return noClient(errors.New("jti is missing, or longer than 256 bytes"))
	case claims.ExpiresAt().After(e.Now().Add(assertionLife + assertionLeeway)):
		return noClient(errors.New("exp is more than an hour ahead"))
	}
	return e.spend(ctx, "client assertion", c.ID, jti, claims.ExpiresAt().Add(assertionLeeway))
}

// spend uses the jti of something up that a client signed; kind keeps the ids of different things apart.
func (e *Endpoint) spend(ctx context.Context, kind, client, jti string, until time.Time) error {
	first, err := e.Replay.Spend(ctx, hashID(kind, client, jti), until)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return noClient(err)
	case err != nil:
		return &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second, Cause: fmt.Errorf("spend jti: %w", err)}
	case !first:
		return noClient(errors.New("jti was used before"))
	}
	return nil
}

// verifyByClient verifies what a client signed with one of its registered keys, as far as signature, iss, aud, exp, nbf and iat go; typ is for the
// caller. Where the header has no kid, each key of its algorithm is tried.
func (e *Endpoint) verifyByClient(ctx context.Context, c Client, token string, audience []string) (*jwt.Claims, error) {
	set, err := jwt.ParseKeySet([]byte(c.KeySet))
	if err != nil {
		return nil, fmt.Errorf("read keys of client: %w", err)
	}
	verify := func(keys *jwt.KeySet) (*jwt.Claims, error) {
		v, err := jwt.NewVerifier(jwt.Config{
			Keys: keys, Issuer: c.ID, Audience: audience, Leeway: assertionLeeway, Now: e.Now,
			InsecureAnyType: true, // each caller has types of its own, among them none
		})
		if err != nil {
			return nil, err
		}
		return v.Verify(ctx, token)
	}
	claims, err := verify(set)
	if !errors.Is(err, jwt.ErrUnknownKey) || namesKey(token) {
		return claims, err
	}
	for _, k := range set.All()[:min(set.Len(), maxKeys)] {
		one, failed := jwt.NewKeySet(k)
		if failed != nil {
			return nil, failed
		}
		if claims, err = verify(one); !errors.Is(err, jwt.ErrSignature) && !errors.Is(err, jwt.ErrUnknownKey) && !errors.Is(err, jwt.ErrAlgorithm) {
			break
		}
	}
	return claims, err
}

// namesKey says whether the header has a kid.
func namesKey(token string) bool {
	header, _, err := jwt.DecodeUnverified(token)
	var h struct {
		KeyID string `json:"kid"`
	}
	return err == nil && web.Unmarshal(header, &h) == nil && h.KeyID != ""
}
