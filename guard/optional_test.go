package guard_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// A genuine token that has expired counts as none; every other bad one is refused.
func TestOptionalExpired(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	old := func(changes map[string]any) map[string]any {
		changes["exp"] = clock().Unix()
		return changes
	}
	expired := s.access(old(map[string]any{}))
	tests := map[string]struct {
		request *http.Request
		reason  guard.Reason
		subject string
	}{
		"absent":                              {get(""), "", ""},
		"good":                                {get(s.access(nil)), "", "user1"},
		"expired":                             {get(expired), "", ""},
		"expired, tampered":                   {get(expired + "AAAA"), guard.TokenInvalid, ""},
		"another audience":                    {get(s.access(old(map[string]any{"aud": "x"}))), guard.TokenInvalid, ""},
		"another issuer":                      {get(s.access(old(map[string]any{"iss": "x"}))), guard.TokenInvalid, ""},
		"another typ":                         {get(s.sign("JWT", old(map[string]any{}))), guard.TokenWrongType, ""},
		"not yet valid":                       {get(s.access(map[string]any{"nbf": clock().Add(time.Hour).Unix()})), guard.TokenNotYetValid, ""},
		"two":                                 {withQuery(get(expired), "access_token="+expired), guard.InvalidRequest, ""},
		"expired header beside a good cookie": {withCookie(get(expired), s.access(nil)), "", ""},
	}
	g := s.guard(func(c *guard.Config) { c.Sources = everywhere })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := g.Check(tt.request, guard.OptionalExpired())
			if (tt.reason == "") != (err == nil) || err != nil && !errors.Is(err, tt.reason) || got.Subject() != tt.subject {
				t.Errorf("got %q, %v; want %q, %s", got.Subject(), err, tt.subject, tt.reason)
			}
		})
	}
	if _, err := g.Check(get(expired), guard.Optional()); !errors.Is(err, guard.TokenExpired) {
		t.Errorf("Optional: %v, want token_expired", err)
	}
}
