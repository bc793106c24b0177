package guard_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// A refresh stays in the session of its sign-in: it can be ended by one entry, and ends with the
// refresh token. ASVS 10.4.8
func TestIssuerSession(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	list := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
	g := guardOf(t, iss, func(c *guard.Config) { c.Revocations = list })
	signIn := iss.SignIn("user1")
	signIn.Roles, signIn.NotAfter = []string{"manager"}, clock().Add(10*time.Minute)
	got, err := g.Check(get(must(t)(iss.Refresh(signIn))), guard.Refresh())
	if err != nil {
		t.Fatal(err)
	}
	next := got.Grant()
	if next.Fresh || next.Roles != nil || next.Session != signIn.Session || next.CSRF != signIn.CSRF || !next.AuthTime.Equal(clock()) {
		t.Errorf("grant of a refresh token: %+v", next)
	}
	if _, renewed := decode(t, must(t)(iss.Refresh(next))); renewed["exp"] != float64(signIn.NotAfter.Unix()) {
		t.Errorf("renewed refresh token lives until %v, want until the session ends", renewed["exp"])
	}
	token := must(t)(iss.Access(next))
	if got, err := g.Check(get(token)); err != nil || !got.ExpiresAt().Equal(signIn.NotAfter) {
		t.Errorf("refreshed until %v, %v; want until the session ends", got.ExpiresAt(), err)
	}
	if _, err := g.Check(get(token), guard.Fresh(0)); !errors.Is(err, guard.TokenNotFresh) {
		t.Errorf("refreshed token is fresh: %v", err)
	}
	list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: signIn.Session})
	for _, reqs := range [][]guard.Requirement{nil, {guard.Refresh()}} {
		token := must(t)(iss.Access(next))
		if reqs != nil {
			token = must(t)(iss.Refresh(next))
		}
		if _, err := g.Check(get(token), reqs...); !errors.Is(err, guard.TokenRevoked) {
			t.Errorf("after logout: %v, want token_revoked", err)
		}
	}
}
