package oauth

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// knownTokens is how many access tokens are remembered as verified (jwt.Cache), each of about 4 KB.
const knownTokens = 8192

// ownToken is an access token or ID token of this server's. It is shared, and never changed.
type ownToken struct {
	*guard.Token
	// body is the answer of introspection where the token is active.
	body []byte
}

// ownTokens verifies what this server signed, whoever it is for: who may use it is the caller's to say.
type ownTokens struct {
	access  *jwt.Cache[ownToken]
	id      *jwt.Verifier
	revoked guard.Revocations
}

func newOwnTokens(c Config) (*ownTokens, error) {
	verifier := func(typ string) (*jwt.Verifier, error) {
		return jwt.NewVerifier(jwt.Config{
			Keys: c.Keys, Issuer: c.Issuer, Types: []string{typ}, Now: c.Now, InsecureAnyAudience: true,
		})
	}
	access, err := verifier(token.Type)
	if err != nil {
		return nil, err
	}
	id, err := verifier(idTokenType)
	if err != nil {
		return nil, err
	}
	return &ownTokens{jwt.NewCache(access, knownTokens, readOwn), id, c.Revoked}, nil
}

func readOwn(c *jwt.Claims) ownToken {
	t := &guard.Token{Claims: c}
	return ownToken{t, introspected(t)}
}

// alive is a token that counts now: nil and no error for any other. An error is temporarily_unavailable: it is not known.
func (o *ownTokens) alive(ctx context.Context, text string) (*ownToken, error) {
	t, _, err := o.access.Verify(ctx, text)
	if err != nil {
		return nil, ctx.Err()
	}
	return o.counts(ctx, t)
}

// aliveID is alive for ID tokens.
func (o *ownTokens) aliveID(ctx context.Context, text string) (*ownToken, error) {
	c, err := o.id.Verify(ctx, text)
	if err != nil {
		return nil, ctx.Err()
	}
	return o.counts(ctx, &ownToken{Token: &guard.Token{Claims: c}})
}

func (o *ownTokens) counts(ctx context.Context, t *ownToken) (*ownToken, error) {
	revoked, err := o.revoked.Revoked(ctx, t.Token)
	if err != nil {
		return nil, &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second, Cause: err}
	}
	if revoked {
		return nil, nil
	}
	return t, nil
}
