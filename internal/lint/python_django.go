package lint

import (
	"slices"
	"strings"
	"time"
)

func simpleJWTKeys() []string {
	return []string{
		"ACCESS_TOKEN_LIFETIME", "ALGORITHM", "AUDIENCE", "AUTH_HEADER_NAME", "AUTH_HEADER_TYPES", "AUTH_TOKEN_CLASSES", "BLACKLIST_AFTER_ROTATION", "CHECK_REVOKE_TOKEN", "CHECK_USER_IS_ACTIVE",
		"ISSUER", "JSON_ENCODER", "JTI_CLAIM", "JWK_URL", "LEEWAY", "REFRESH_TOKEN_LIFETIME", "REVOKE_TOKEN_CLAIM", "ROTATE_REFRESH_TOKENS", "SIGNING_KEY", "SLIDING_TOKEN_LIFETIME",
		"SLIDING_TOKEN_OBTAIN_SERIALIZER", "SLIDING_TOKEN_REFRESH_EXP_CLAIM", "SLIDING_TOKEN_REFRESH_LIFETIME", "SLIDING_TOKEN_REFRESH_SERIALIZER", "TOKEN_BLACKLIST_SERIALIZER",
		"TOKEN_OBTAIN_SERIALIZER", "TOKEN_REFRESH_SERIALIZER", "TOKEN_TYPE_CLAIM", "TOKEN_USER_CLASS", "TOKEN_VERIFY_SERIALIZER", "UPDATE_LAST_LOGIN", "USER_AUTHENTICATION_RULE",
		"USER_ID_CLAIM", "USER_ID_FIELD", "VERIFYING_KEY",
	}
}

// simpleJWT reads Django REST framework's Simple JWT: SIMPLE_JWT = {...}. Its lifetimes are timedeltas alone.
func (c *code) simpleJWT(s *settings, all map[string]*settings) {
	lists := c.says("rest_framework_simplejwt.token_blacklist")
	flushes := c.says("flushexpiredtokens")
	if s == nil {
		if flushes {
			c.add(c.cleaning(SimpleJWT))
		}
		return
	}
	p := s.policy(SimpleJWT, "SIMPLE_JWT")
	never := func(value) bool { return false }
	s.lifetime(&p, Access, "ACCESS_TOKEN_LIFETIME", 0, never, 5*time.Minute)
	s.lifetime(&p, Refresh, "REFRESH_TOKEN_LIFETIME", 0, never, day)
	if words, _ := c.words(s.values["AUTH_TOKEN_CLASSES"]); slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(w, "SlidingToken") }) {
		s.lifetime(&p, Access, "SLIDING_TOKEN_LIFETIME", 0, never, 5*time.Minute)
		s.lifetime(&p, Refresh, "SLIDING_TOKEN_REFRESH_LIFETIME", 0, never, day)
	}
	s.flag(&p, Rotation, "ROTATE_REFRESH_TOKENS", false)
	s.flag(&p, ReuseDetection, "BLACKLIST_AFTER_ROTATION", false)
	s.algorithms(&p, "ALGORITHM")
	key := s.values["SIGNING_KEY"]
	module := all[""]
	if module != nil && (key == nil || c.raw(key) == "settings.SECRET_KEY") {
		key = module.values["SECRET_KEY"]
	}
	if f, ok := c.secret(key); ok {
		p.Facts = append(p.Facts, f)
	}
	blacklist := s.values["BLACKLIST_AFTER_ROTATION"]
	switch {
	case lists:
		p.Facts = append(p.Facts, Fact{Name: Revocation, Bool: true, At: p.At}, Fact{Name: Purge, Bool: flushes, Unset: !flushes, At: p.At})
	case blacklist != nil && isNo(c.value(blacklist)):
		p.Facts = append(p.Facts, Fact{Name: Revocation, At: c.span(blacklist), Raw: c.raw(blacklist)})
	case blacklist == nil && !s.partial:
		p.Facts = append(p.Facts, Fact{Name: Revocation, Unset: true, At: p.At})
	}
	s.misspelt(&p, simpleJWTKeys(), func(string) bool { return true })
	c.add(p)
}

func toolkitKeys() []string {
	return []string{
		"ACCESS_TOKEN_ADMIN_CLASS", "ACCESS_TOKEN_EXPIRE_SECONDS", "ACCESS_TOKEN_GENERATOR", "ACCESS_TOKEN_MODEL", "ALLOWED_REDIRECT_URI_SCHEMES", "ALLOWED_SCHEMES", "ALLOW_URI_WILDCARDS",
		"ALWAYS_RELOAD_OAUTHLIB_CORE", "APPLICATION_ADMIN_CLASS", "APPLICATION_MODEL", "AUTHENTICATION_SERVER_EXP_TIME_ZONE", "AUTHORIZATION_CODE_EXPIRE_SECONDS", "CLEAR_EXPIRED_TOKENS_BATCH_INTERVAL",
		"CLEAR_EXPIRED_TOKENS_BATCH_SIZE", "CLIENT_ID_GENERATOR_CLASS", "CLIENT_SECRET_GENERATOR_CLASS", "CLIENT_SECRET_GENERATOR_LENGTH", "CLIENT_SECRET_HASHER", "DEFAULT_SCOPES",
		"ERROR_RESPONSE_WITH_SCOPES", "EXTRA_SERVER_KWARGS", "GRANT_ADMIN_CLASS", "GRANT_MODEL", "ID_TOKEN_EXPIRE_SECONDS", "ID_TOKEN_MODEL", "OAUTH2_BACKEND_CLASS", "OAUTH2_SERVER_CLASS",
		"OAUTH2_VALIDATOR_CLASS", "OIDC_ENABLED", "OIDC_ISS_ENDPOINT", "OIDC_RESPONSE_TYPES_SUPPORTED", "OIDC_RP_INITIATED_LOGOUT_ENABLED", "OIDC_RSA_PRIVATE_KEY", "OIDC_RSA_PRIVATE_KEYS_INACTIVE",
		"OIDC_SUBJECT_TYPES_SUPPORTED", "OIDC_USERINFO_ENDPOINT", "PKCE_REQUIRED", "READ_SCOPE", "REFRESH_TOKEN_ADMIN_CLASS", "REFRESH_TOKEN_EXPIRE_SECONDS", "REFRESH_TOKEN_GENERATOR",
		"REFRESH_TOKEN_GRACE_PERIOD_SECONDS", "REFRESH_TOKEN_MODEL", "REFRESH_TOKEN_REUSE_PROTECTION", "REQUEST_APPROVAL_PROMPT", "RESOURCE_SERVER_AUTH_TOKEN", "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS",
		"RESOURCE_SERVER_INTROSPECTION_URL", "RESOURCE_SERVER_TOKEN_CACHING_SECONDS", "ROTATE_REFRESH_TOKEN", "SCOPES", "SCOPES_BACKEND_CLASS", "WRITE_SCOPE",
	}
}

// toolkit reads Django OAuth Toolkit: OAUTH2_PROVIDER = {...}. A refresh token without a lifetime, or with 0, is never refused and never deleted.
func (c *code) toolkit(s *settings) {
	clears := c.says("cleartokens", "clear_expired")
	if s == nil {
		if clears {
			c.add(c.cleaning(DOT))
		}
		return
	}
	p := s.policy(DOT, "OAUTH2_PROVIDER")
	never := func(value) bool { return false }
	s.lifetime(&p, Access, "ACCESS_TOKEN_EXPIRE_SECONDS", time.Second, never, 10*time.Hour)
	s.lifetime(&p, Refresh, "REFRESH_TOKEN_EXPIRE_SECONDS", time.Second, func(v value) bool { return isNone(v) || isNo(v) || v.kind == numberValue && v.number == 0 }, 0)
	s.lifetime(&p, Code, "AUTHORIZATION_CODE_EXPIRE_SECONDS", time.Second, never, time.Minute)
	if s.has("REFRESH_TOKEN_GRACE_PERIOD_SECONDS") && c.value(s.values["REFRESH_TOKEN_GRACE_PERIOD_SECONDS"]).number != 0 {
		s.lifetime(&p, ReuseWindow, "REFRESH_TOKEN_GRACE_PERIOD_SECONDS", time.Second, never, 0)
	}
	if s.has("RESOURCE_SERVER_INTROSPECTION_URL") {
		s.lifetime(&p, RevocationWait, "RESOURCE_SERVER_TOKEN_CACHING_SECONDS", time.Second, never, 10*time.Hour)
	}
	s.flag(&p, Rotation, "ROTATE_REFRESH_TOKEN", true)
	s.flag(&p, ReuseDetection, "REFRESH_TOKEN_REUSE_PROTECTION", false)
	if n := s.values["PKCE_REQUIRED"]; n != nil && isNo(c.value(n)) {
		p.Facts = append(p.Facts, Fact{Name: PKCE, Text: "none", At: c.span(n), Raw: c.raw(n), Write: func(string) string { return "True" }})
	} else if n != nil && c.value(n).truth || n == nil && !s.partial {
		p.Facts = append(p.Facts, Fact{Name: PKCE, Text: "S256", Unset: n == nil, At: p.At})
	}
	p.Facts = append(p.Facts, Fact{Name: Purge, Bool: clears, Unset: !clears, At: p.At})
	if f, ok := c.secret(s.values["OIDC_RSA_PRIVATE_KEY"]); ok {
		p.Facts = append(p.Facts, f)
	}
	s.misspelt(&p, toolkitKeys(), func(string) bool { return true })
	c.add(p)
}

// cleaning is a program that deletes expired tokens.
func (c *code) cleaning(product Product) Policy {
	at := c.lines.span(0, 0)
	return Policy{Product: product, Name: "cleaning", Source: c.source, At: at, Facts: []Fact{{Name: Purge, Bool: true, At: at}}}
}
