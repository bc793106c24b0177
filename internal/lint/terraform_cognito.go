package lint

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// cognito reads an app client of Amazon Cognito. Units stand in a block of their own; by default they are hours, of refresh tokens days.
func (t *terraform) cognito(s *tfSection) {
	t.policy.Product, t.policy.Client = Cognito, PublicClient
	secret := t.value(s, "generate_secret")
	if yes, known := secret.asBool(); known && yes {
		t.policy.Client = ConfidentialClient
	} else if secret.kind == tfUnknown {
		t.policy.Client = ClientUnknown
	}
	units := s.block("token_validity_units")
	for _, l := range []setting{
		{kind: Access, key: "access_token", unit: time.Hour, usual: time.Hour, min: 5 * time.Minute, max: day},
		{kind: IDToken, key: "id_token", unit: time.Hour, usual: time.Hour, min: 5 * time.Minute, max: day},
		{kind: Refresh, key: "refresh_token", unit: day, usual: 30 * day, min: time.Hour, max: 3650 * day},
	} {
		l.zero = zeroUnset // "overrides the value with the default"
		t.validity(l, s, units)
	}
	rotation := s.block("refresh_token_rotation")
	t.choice(Rotation, rotation, "feature", "ENABLED", "DISABLED", rotation == nil)
	if v := t.value(rotation, "feature"); v.kind != tfText || v.text == "ENABLED" {
		if _, ok := rotation.setting("retry_grace_period_seconds"); ok {
			t.lifetime(setting{kind: ReuseWindow, key: "retry_grace_period_seconds", unit: time.Second, max: time.Minute, zero: zeroLength}, rotation)
		}
	}
	t.cognitoGrants(s)
	t.flag(Revocation, s, "enable_token_revocation", true)
	t.misspelt(s, tfCognitoKeys()...)
	t.misspelt(units, "access_token", "id_token", "refresh_token")
	t.misspelt(rotation, "feature", "retry_grace_period_seconds")
}

// validity reads a number whose unit stands elsewhere.
func (t *terraform) validity(l setting, s, units *tfSection) {
	unit := t.value(units, l.key)
	variable := unit.ref
	says := "token_validity_units." + l.key
	l.key += "_validity"
	if unit.kind != tfAbsent && unit.kind != tfNull {
		known := false
		if unit.kind == tfText {
			l.unit, known = map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": day}[unit.text]
			if !known {
				t.invalid(unit, "The unit of "+l.key+" is none of seconds, minutes, hours and days", `"minutes"`)
			}
		}
		if v := t.value(s, l.key); !known && v.kind != tfAbsent && v.kind != tfNull {
			at, raw := t.place(v)
			t.policy.Lifetimes = append(t.policy.Lifetimes, Lifetime{Kind: l.kind, Key: l.key, State: Dynamic, Ref: cmp.Or(unit.ref, says), At: at, Raw: raw})
			return
		}
	}
	if found := t.lifetime(l, s); variable != "" && found.State == Literal {
		found.State, found.HasFallback, found.Ref = Dynamic, true, variable
	}
}

// cognitoGrants adds the flows of OAuth, and those of the product's own sign-in: the one with a password is the password grant by another name.
func (t *terraform) cognitoGrants(s *tfSection) {
	words, at, known := t.listed(s, map[string]string{
		"code": "authorization_code", "allow_user_password_auth": "password", "user_password_auth": "password", "allow_refresh_token_auth": "refresh_token",
	}, "allowed_oauth_flows", "explicit_auth_flows")
	if !known || at.kind == tfAbsent {
		return
	}
	own := t.value(s, "explicit_auth_flows")
	if own.kind == tfAbsent && !slices.Equal(words, []string{"client_credentials"}) { // its default is sign-in without a plain password
		words = append(words, "allow_user_srp_auth", "refresh_token")
	}
	f := t.fact(GrantTypes, at)
	f.Words = words
	t.add(f, at, "")
}

func tfCognitoKeys() []string {
	return strings.Fields(`access_token_validity allowed_oauth_flows allowed_oauth_flows_user_pool_client allowed_oauth_scopes analytics_configuration
		auth_session_validity callback_urls count default_redirect_uri depends_on enable_propagate_additional_user_context_data enable_token_revocation
		explicit_auth_flows for_each generate_secret id_token_validity lifecycle logout_urls name name_pattern name_prefix prevent_user_existence_errors provider
		read_attributes refresh_token_rotation refresh_token_validity region supported_identity_providers token_validity_units user_pool_id write_attributes`)
}
