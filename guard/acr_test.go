package guard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// RFC 9470 section 3: what the sign-in must have been, and how long ago, in one challenge.
func TestACR(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard()
	recent := map[string]any{"fresh": true, "auth_time": clock().Add(-time.Minute).Unix()}
	with := func(base map[string]any, acr any) string {
		c := map[string]any{"acr": acr}
		for k, v := range base {
			c[k] = v
		}
		return s.access(c)
	}
	mfa, hardware := guard.ACR("urn:sandi:mfa", "hardware"), guard.ACR("hardware", "other")
	tests := map[string]struct {
		token     string
		reqs      []guard.Requirement
		reason    guard.Reason
		challenge string
	}{
		"first of two":        {with(nil, "urn:sandi:mfa"), []guard.Requirement{mfa}, "", ""},
		"second of two":       {with(nil, "hardware"), []guard.Requirement{mfa}, "", ""},
		"another":             {with(nil, "urn:sandi:pwd"), []guard.Requirement{mfa}, guard.StepUp, `acr_values="urn:sandi:mfa hardware"`},
		"in capitals":         {with(nil, "URN:SANDI:MFA"), []guard.Requirement{mfa}, guard.StepUp, `acr_values="`},
		"none":                {s.access(nil), []guard.Requirement{mfa}, guard.StepUp, `acr_values="`},
		"a list":              {with(nil, []string{"hardware"}), []guard.Requirement{mfa}, guard.StepUp, `acr_values="`},
		"what both name":      {with(nil, "hardware"), []guard.Requirement{mfa, hardware}, "", ""},
		"what one names":      {with(nil, "other"), []guard.Requirement{mfa, hardware}, guard.StepUp, `acr_values="hardware"`},
		"recent and strong":   {with(recent, "hardware"), []guard.Requirement{mfa, guard.Fresh(5 * time.Minute)}, "", ""},
		"recent and weak":     {with(recent, "x"), []guard.Requirement{mfa, guard.Fresh(5 * time.Minute)}, guard.StepUp, `acr_values="urn:sandi:mfa hardware", max_age="300"`},
		"strong and long ago": {with(nil, "hardware"), []guard.Requirement{guard.Fresh(5 * time.Minute), mfa}, guard.TokenNotFresh, `acr_values="urn:sandi:mfa hardware", max_age="300"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, g.Require(tt.reqs...)(greet), get(tt.token))
			if tt.reason == "" {
				if a.Status != http.StatusOK {
					t.Errorf("got %d %s, want it let in", a.Status, a.Reason)
				}
				return
			}
			if a.Status != http.StatusUnauthorized || a.Reason != string(tt.reason) || !strings.Contains(a.Challenge, tt.challenge) ||
				!strings.Contains(a.Challenge, `error="insufficient_user_authentication"`) {
				t.Errorf("got %d %s %q, want %s %q", a.Status, a.Reason, a.Challenge, tt.reason, tt.challenge)
			}
		})
	}
	for name, reqs := range map[string][]guard.Requirement{
		"no value":          {guard.ACR()},
		"empty value":       {guard.ACR("")},
		"space":             {guard.ACR("a b")},
		"nothing in common": {guard.ACR("a"), guard.ACR("b")},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: did not panic", name)
				}
			}()
			g.Require(reqs...)
		}()
	}
}
