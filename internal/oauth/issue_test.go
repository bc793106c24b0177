package oauth

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// at_hash is cut from the hash of the algorithm that signs the ID token, for Ed25519 SHA-512, as OpenID Connect Core section 3.1.3.6 has it.
func TestHalfHash(t *testing.T) {
	t.Parallel()
	short, middle, long := sha256.Sum256([]byte("t")), sha512.Sum384([]byte("t")), sha512.Sum512([]byte("t"))
	for alg, want := range map[jwt.Algorithm][]byte{
		jwt.ES256: short[:16], jwt.RS256: short[:16], jwt.PS256: short[:16], jwt.HS256: short[:16], jwt.ES384: middle[:24], jwt.EdDSA: long[:32], jwt.ES512: long[:32],
	} {
		if got := halfHash(alg, "t"); got != base64.RawURLEncoding.EncodeToString(want) {
			t.Errorf("%s: got %q", alg, got)
		}
	}
}

// A token that may not be signed any more is no fault of anybody's: the client may come again.
func TestLate(t *testing.T) {
	t.Parallel()
	var p *problem.Error
	if err := late(fmt.Errorf("mint: %w", token.ErrLate)); !errors.As(err, &p) || p.Code != "temporarily_unavailable" || p.RetryAfter <= 0 {
		t.Errorf("got %v", err)
	}
	if other := errors.New("key"); !errors.Is(late(other), other) || errors.Is(late(other), problem.Unavailable) {
		t.Error("another error was changed")
	}
}

// A draft takes on what was granted; what does not refresh lives as long as one access token.
func TestDraft(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	p := Policy{Access: 15 * time.Minute, Idle: time.Hour, Absolute: 24 * time.Hour, Resources: []Resource{{ID: "https://short.example", Access: time.Minute}}}
	e := &Endpoint{Config: Config{Policy: p}}
	g := given{
		signIn: session.NewID(), subject: "siti", credentialVersion: 3, scope: []string{"openid", "read"}, resources: []string{"https://short.example"},
		claims: []byte(`{"id_token":{}}`), authTime: at.Add(-time.Hour), amr: []string{"pwd"}, acr: ACRPassword,
	}
	for name, tt := range map[string]struct {
		grants         []string
		idle, absolute time.Duration
	}{
		"refreshes": {[]string{GrantCode, GrantRefresh}, time.Hour, 24 * time.Hour},
		"does not":  {[]string{GrantCode}, time.Minute, time.Minute},
	} {
		q := &tokenRequest{client: Client{ID: "web", AuthMethod: AuthNone, GrantTypes: tt.grants}, jkt: "key"}
		d := draft{
			row:   session.Session{CreatedAt: at, AuthTime: at, IdleExpiresAt: at.Add(time.Hour), ExpiresAt: at.Add(24 * time.Hour)},
			login: func(g given) (session.Login, error) { return e.login(q, g) },
		}
		s, err := d.of(g)
		if err != nil {
			t.Fatal(err)
		}
		if s.Parent != g.signIn || s.Subject != "siti" || s.CredentialVersion != 3 || s.Scope != "openid read" || s.Details != `{"claims":{"id_token":{}}}` || !s.AuthTime.Equal(g.authTime) {
			t.Errorf("%s: %+v", name, s)
		}
		if s.IdleExpiresAt.Sub(at) != tt.idle || s.ExpiresAt.Sub(at) != tt.absolute {
			t.Errorf("%s: idle %v, absolute %v", name, s.IdleExpiresAt.Sub(at), s.ExpiresAt.Sub(at))
		}
	}
}
