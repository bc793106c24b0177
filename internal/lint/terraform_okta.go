package lint

import (
	"slices"
	"strings"
	"time"
)

// oktaRule reads a rule of an authorization server of Okta, in minutes. A refresh token without a lifetime, or with 0, never ends, however often it
// is used; unused it ends after 7 days.
func (t *terraform) oktaRule(s *tfSection) {
	t.policy.Product = Okta
	t.oktaStatus(s)
	t.lifetime(setting{kind: Access, key: "access_token_lifetime_minutes", unit: time.Minute, usual: time.Hour, min: 5 * time.Minute, max: day, zero: zeroLength}, s)
	t.grants(s, nil, "grant_type_whitelist")
	if t.policy.handsOut() || tfHas(s, "refresh_token_lifetime_minutes") {
		t.lifetime(setting{kind: Refresh, key: "refresh_token_lifetime_minutes", unit: time.Minute, endless: true, never: []string{"0"}}, s)
	}
	if t.policy.handsOut() || tfHas(s, "refresh_token_window_minutes") {
		t.lifetime(setting{kind: RefreshIdle, key: "refresh_token_window_minutes", unit: time.Minute, usual: 7 * day, min: 5 * time.Minute, max: 2_628_000 * time.Minute, zero: zeroLength}, s)
	}
	t.misspelt(s, strings.Fields(`access_token_lifetime_minutes auth_server_id grant_type_whitelist group_blacklist group_whitelist inline_hook_id name policy_id priority
		refresh_token_lifetime_minutes refresh_token_window_minutes scope_whitelist status type user_blacklist user_whitelist`)...)
}

// tfHas says whether an argument is written.
func tfHas(s *tfSection, key string) bool {
	_, ok := s.setting(key)
	return ok
}

func (t *terraform) oktaStatus(s *tfSection) {
	if v := t.value(s, "status"); v.kind == tfText {
		t.policy.Disabled = v.text == "INACTIVE"
	}
}

// oktaApp reads an application of Okta. It hands out refresh tokens where the grant is listed, and does not rotate them by default.
func (t *terraform) oktaApp(s *tfSection) {
	t.policy.Product, t.policy.Client = Okta, t.oktaType(s)
	t.oktaStatus(s)
	grants, known := t.grants(s, nil, "grant_types")
	listed := t.value(s, "grant_types")
	if known || listed.kind == tfAbsent {
		f := t.fact(RefreshIssued, listed)
		f.Bool = slices.Contains(grants, "refresh_token")
		t.policy.Facts = append(t.policy.Facts, f)
	}
	t.choice(Rotation, s, "refresh_token_rotation", "ROTATE", "STATIC", slices.Contains(grants, "refresh_token"))
	if tfHas(s, "refresh_token_leeway") {
		t.lifetime(setting{kind: ReuseWindow, key: "refresh_token_leeway", unit: time.Second, max: time.Minute, zero: zeroLength}, s)
	}
	if v := t.value(s, "pkce_required"); v.kind != tfAbsent {
		if required, ok := v.asBool(); ok {
			f := t.fact(PKCE, v)
			f.Text = map[bool]string{true: "S256", false: "none"}[required]
			t.add(f, v, "true")
		}
	}
	t.secret(s, "client_basic_secret")
	t.misspelt(s, strings.Fields(`client_basic_secret client_basic_secret_wo client_basic_secret_wo_version client_id client_uri consent_method grant_types issuer_mode jwks jwks_uri label
		login_uri logo logo_uri omit_secret pkce_required redirect_uris refresh_token_leeway refresh_token_rotation response_types status token_endpoint_auth_method type`)...)
}

// oktaType is whether an application keeps a secret.
func (t *terraform) oktaType(s *tfSection) ClientType {
	method, kind := t.value(s, "token_endpoint_auth_method"), t.value(s, "type").text
	switch {
	case method.kind == tfUnknown:
		return ClientUnknown
	case method.text == "none", method.text == "" && (kind == "browser" || kind == "native"):
		return PublicClient
	case method.text != "", kind == "web", kind == "service":
		return ConfidentialClient
	}
	return ClientUnknown
}

// zitadel reads the defaults of an instance of Zitadel, which are durations in words.
func (t *terraform) zitadel(s *tfSection) {
	t.policy.Product = zitadel
	t.lifetime(setting{kind: Access, key: "access_token_lifetime", usual: 12 * time.Hour}, s)
	t.lifetime(setting{kind: RefreshIdle, key: "refresh_token_idle_expiration", usual: 30 * day}, s)
	t.lifetime(setting{kind: Refresh, key: "refresh_token_expiration", usual: 90 * day}, s)
	t.misspelt(s, "access_token_lifetime", "id_token_lifetime", "refresh_token_expiration", "refresh_token_idle_expiration")
}
