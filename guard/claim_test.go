package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// secure-defaults 15c, 23c: a check that fails in any way refuses, and what it
// said stays here.
func TestClaim(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	ok := func(context.Context, *guard.Token) error { return nil }
	fail := func(err error) func(context.Context, *guard.Token) error {
		return func(context.Context, *guard.Token) error { return err }
	}
	secret := errors.New("tenant 7 has not paid")
	tests := map[string]struct {
		req    guard.Requirement
		status int
		reason string
	}{
		"there":               {guard.Claim("sid", nil), 200, ""},
		"missing":             {guard.Claim("tenant", ok), 403, "forbidden"},
		"checked":             {guard.Claim("sid", ok), 200, ""},
		"whole token":         {guard.Claim("", ok), 200, ""},
		"error":               {guard.Claim("sid", fail(secret)), 403, "forbidden"},
		"sentinel":            {guard.Claim("", fail(guard.TokenExpired)), 403, "forbidden"},
		"guard error":         {guard.Claim("", fail(&guard.Error{Reason: guard.TokenRevoked, Cause: secret})), 401, "token_revoked"},
		"wrapped guard error": {guard.Claim("", fail(fmt.Errorf("check: %w", &guard.Error{Reason: guard.Unavailable}))), 503, "temporarily_unavailable"},
		"own reason":          {guard.Claim("", fail(&guard.Error{Reason: "tenant_suspended"})), 403, "tenant_suspended"},
		"no reason":           {guard.Claim("", fail(&guard.Error{})), 403, "forbidden"},
		"nil guard error":     {guard.Claim("", fail((*guard.Error)(nil))), 403, "forbidden"},
		"panic":               {guard.Claim("", func(context.Context, *guard.Token) error { panic(secret) }), 403, "forbidden"},
		"nil dereference":     {guard.Claim("", func(context.Context, *guard.Token) error { var p *guard.Error; return p.Cause }), 403, "forbidden"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen *guard.Error
			writer := guard.OnError(func(w http.ResponseWriter, r *http.Request, e *guard.Error) {
				seen = e
				guard.WriteError(w, r, e)
			})
			a := serve(t, s.guard().Require(tt.req, writer)(greet), get(s.access(nil)))
			if a.Status != tt.status || a.Reason != tt.reason {
				t.Errorf("got %d %s, want %d %s", a.Status, a.Reason, tt.status, tt.reason)
			}
			if strings.Contains(a.Body+a.Challenge, "tenant 7") {
				t.Errorf("cause shown: %s %s", a.Body, a.Challenge)
			}
			if name == "panic" {
				p, ok := errors.AsType[*guard.PanicError](seen)
				if !ok || p.Value != secret || !strings.Contains(string(p.Stack), "claim_test.go") {
					t.Errorf("cause %v, want the panic and where it was", seen)
				}
			}
		})
	}
}

// A check may return the same error to all requests at once.
func TestSharedErrorIsCopied(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	shared := &guard.Error{Reason: guard.Forbidden}
	check := guard.Claim("", func(context.Context, *guard.Token) error { return shared })
	_, err := s.guard().Check(get(s.access(nil)), check)
	if !errors.Is(err, guard.Forbidden) || shared.Realm != "" {
		t.Errorf("got %v, and the shared error became %+v", err, shared)
	}
}

func TestCheckSeesContext(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	type key struct{}
	r := get(s.access(nil))
	r = r.WithContext(context.WithValue(r.Context(), key{}, "here"))
	_, err := s.guard().Check(r, guard.Claim("", func(ctx context.Context, tok *guard.Token) error {
		if ctx.Value(key{}) != "here" || tok.Subject() != "user1" {
			return errors.New("no context or token")
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}
