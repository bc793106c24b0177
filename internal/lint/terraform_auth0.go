package lint

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// auth0API reads an API of Auth0, whose access tokens live as long as it says.
func (t *terraform) auth0API(s *tfSection) {
	t.policy.Product = Auth0
	if required, _ := t.value(s.block("proof_of_possession"), "required").asBool(); required {
		t.policy.Bound = true
	}
	long := *t.lifetime(setting{kind: Access, key: "token_lifetime", unit: time.Second, usual: day, max: 30 * day}, s)
	if _, ok := s.setting("token_lifetime_for_web"); ok {
		web := *t.lifetime(setting{kind: Access, key: "token_lifetime_for_web", unit: time.Second, max: 30 * day}, s)
		most, known := long.known()
		if d, ok := web.written(); ok && known && d > most {
			t.invalid(t.value(s, "token_lifetime_for_web"), "token_lifetime_for_web is "+words(d)+", more than the "+words(most)+" of token_lifetime: Auth0 refuses it", short(min(goodAccess, most)))
		}
	}
	if v := t.value(s, "signing_alg"); v.kind == tfText {
		f := t.fact(Algorithms, v)
		f.Words = []string{v.text}
		t.add(f, v, "")
	}
	t.secret(s, "signing_secret")
	t.misspelt(s, strings.Fields(`allow_offline_access allow_online_access enforce_policies identifier name proof_of_possession signing_alg signing_secret
		skip_consent_for_verifiable_first_party_clients token_dialect token_encryption token_lifetime token_lifetime_for_anonymous_access_tokens token_lifetime_for_web`)...)
}

// auth0Grants are the names of Auth0 for what RFC 6749 calls otherwise.
func auth0Grants() map[string]string {
	return map[string]string{"http://auth0.com/oauth/grant-type/password-realm": "password"}
}

// auth0Client reads an application of Auth0. Without a refresh_token block its refresh tokens never end and are not rotated; with one, they live
// 30 days, and 15 unused, unless it says otherwise.
func (t *terraform) auth0Client(name string, s *tfSection) {
	t.policy.Product, t.policy.Client = Auth0, t.auth0Type(name, s)
	t.policy.Bound, _ = t.value(s, "require_proof_of_possession").asBool()
	grants, known := t.grants(s, auth0Grants(), "grant_types")
	if known {
		f := t.fact(RefreshIssued, t.value(s, "grant_types"))
		f.Bool = slices.Contains(grants, "refresh_token")
		t.policy.Facts = append(t.policy.Facts, f)
	}
	refresh := s.block("refresh_token")
	switch {
	case refresh != nil:
		t.auth0Refresh(refresh)
	case known && slices.Contains(grants, "refresh_token"):
		f := t.fact(Rotation, tfValue{})
		t.policy.Facts = append(t.policy.Facts, f)
		t.policy.Lifetimes = append(t.policy.Lifetimes, Lifetime{Kind: Refresh, Key: "refresh_token", At: t.policy.At, DefaultNever: true})
	}
	jwt := s.block("jwt_configuration")
	if _, ok := jwt.setting("lifetime_in_seconds"); ok {
		t.lifetime(setting{kind: IDToken, key: "lifetime_in_seconds", unit: time.Second}, jwt)
	}
	t.misspelt(jwt, "alg", "lifetime_in_seconds", "scopes", "secret_encoded")
	t.misspelt(s, strings.Fields(`app_type callbacks client_metadata grant_types is_first_party jwt_configuration name oidc_conformant refresh_token
		require_proof_of_possession require_pushed_authorization_requests token_exchange token_quota token_endpoint_auth_method web_origins`)...)
}

// auth0Type is whether an application keeps a secret.
func (t *terraform) auth0Type(name string, s *tfSection) ClientType {
	method := t.authentication[name]
	if v := t.value(s, "token_endpoint_auth_method"); v.kind == tfText {
		method = v.text
	}
	kind := t.value(s, "app_type").text
	switch {
	case method == "none", method == "" && (kind == "native" || kind == "spa"):
		return PublicClient
	case method != "", kind == "regular_web", kind == "non_interactive":
		return ConfidentialClient
	}
	return ClientUnknown
}

// auth0Refresh reads what holds of refresh tokens. infinite_... counts more than a lifetime beside it.
func (t *terraform) auth0Refresh(s *tfSection) {
	t.choice(Rotation, s, "rotation_type", "rotating", "non-rotating", false)
	var longest Lifetime
	if v := t.value(s, "expiration_type"); v.kind == tfText && v.text == "non-expiring" {
		t.never(Refresh, "expiration_type", v, strconv.Quote("expiring"))
	} else if !t.infinite(Refresh, s, "infinite_token_lifetime") {
		longest = *t.lifetime(setting{kind: Refresh, key: "token_lifetime", unit: time.Second, usual: 30 * day, min: time.Second, max: 157_788_000 * time.Second}, s)
	}
	if !t.infinite(RefreshIdle, s, "infinite_idle_token_lifetime") {
		t.lifetime(setting{kind: RefreshIdle, key: "idle_token_lifetime", unit: time.Second, usual: tfReached(15*day, longest), min: time.Second}, s)
	}
	t.lifetime(setting{kind: ReuseWindow, key: "leeway", unit: time.Second, zero: zeroLength}, s)
	t.misspelt(s, "expiration_type", "idle_token_lifetime", "infinite_idle_token_lifetime", "infinite_token_lifetime", "leeway", "rotation_type", "token_lifetime")
}

// tfReached is how much of a default for disuse counts under an absolute limit.
func tfReached(usual time.Duration, longest Lifetime) time.Duration {
	if d, ok := longest.known(); ok {
		return min(usual, d)
	}
	return usual
}

// infinite adds a lifetime without end where a flag says so.
func (t *terraform) infinite(kind Kind, s *tfSection, key string) bool {
	v := t.value(s, key)
	if yes, _ := v.asBool(); !yes {
		return false
	}
	t.never(kind, key, v, "false")
	return true
}

// never adds a lifetime that another argument than its own makes endless; better is what that should be.
func (t *terraform) never(kind Kind, key string, v tfValue, better string) {
	l := Lifetime{Kind: kind, Key: key, State: Never, Ref: v.ref}
	l.At, l.Raw = t.place(v)
	l.Comment = t.comments.near(l.At.Line)
	if v.constant {
		l.Write = func(time.Duration) string { return better }
	}
	t.policy.Lifetimes = append(t.policy.Lifetimes, l)
}

// auth0Tenant reads the sessions of a tenant, in hours.
func (t *terraform) auth0Tenant(s *tfSection) {
	t.policy.Product = Auth0
	longest := *t.lifetime(setting{kind: SessionMax, key: "session_lifetime", unit: time.Hour, usual: 7 * day}, s)
	t.lifetime(setting{kind: SessionIdle, key: "idle_session_lifetime", unit: time.Hour, usual: tfReached(3*day, longest)}, s)
	t.misspelt(s, strings.Fields(`ephemeral_session_lifetime flags friendly_name idle_ephemeral_session_lifetime idle_session_lifetime session_cookie session_lifetime sessions`)...)
	if !tfHas(s, "ephemeral_session_lifetime") && !tfHas(s, "idle_ephemeral_session_lifetime") {
		return
	}
	t.policies = append(t.policies, t.policy) // sessions that end with the browser have limits of their own
	t.policy.Name += " ephemeral"
	t.policy.Lifetimes, t.policy.Facts, t.policy.Invalid = nil, nil, nil
	t.lifetime(setting{kind: SessionMax, key: "ephemeral_session_lifetime", unit: time.Hour}, s)
	t.lifetime(setting{kind: SessionIdle, key: "idle_ephemeral_session_lifetime", unit: time.Hour}, s)
}
