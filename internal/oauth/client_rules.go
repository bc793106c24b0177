package oauth

import (
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/jwt"
)

// grants: what a client may do depends on whether it can keep a secret (RFC 6749 sections 2.1 and 4.4, RFC 9700 section 2.4).
func (k *checker) grants() {
	const field = "grant_types"
	c := k.c
	for _, g := range c.GrantTypes {
		if known, ok := GrantType(g); !ok || known != g {
			k.fault(field, "has one that is not known", "known: "+strings.Join(GrantWords(), ", "))
		}
	}
	k.unless(len(c.GrantTypes) > 0 || len(c.Serves) > 0, field, "are missing", "a client without any is of use only to introspect tokens of a resource that it serves")
	for _, g := range []string{GrantClientCredentials, GrantExchange, GrantJWTBearer} {
		k.unless(!c.Public() || !c.MayUse(g), field, GrantWord(g)+" is for clients that authenticate", "RFC 6749 section 4.4")
	}
	if c.MayUse(GrantJWTBearer) {
		k.unless(c.MayImpersonate, field, "jwt_bearer gets tokens in the name of any user", "allow it by may_impersonate")
	}
	if c.MayUse(GrantRefresh) {
		k.unless(c.MayUse(GrantCode) || c.MayUse(GrantDevice) || c.MayUse(GrantPassword), field, "refresh_token needs a grant that begins a session", "authorization_code or device_code")
	}
	k.unless(c.MayUse(GrantPassword) == c.InsecurePasswordGrant, field, "password and insecure_password_grant go together", "RFC 9700 section 2.4 forbids this grant; use authorization_code")
	k.unless(c.MayUse(GrantImplicit) == c.InsecureImplicitGrant, field, "implicit and insecure_implicit_grant go together", "RFC 9700 section 2.1.2 advises against this grant; use authorization_code")
}

func (k *checker) redirectURIs() {
	const field = "redirect_uris"
	browser := k.c.MayUse(GrantCode) || k.c.MayUse(GrantImplicit)
	k.unless(!browser || len(k.c.RedirectURIs) > 0, field, "are missing: the browser is sent back to one", "such as https://app.example.com/callback")
	k.unless(browser || len(k.c.RedirectURIs) == 0, field, "are of no use without the grant authorization_code", "")
	k.uris(field, k.c.RedirectURIs)
	k.uris("post_logout_redirect_uris", k.c.PostLogoutRedirectURIs)
}

func (k *checker) uris(field string, list []string) {
	for _, uri := range list {
		if err := validRedirect(uri, k.c.Native); err != nil {
			k.fault(field, quoted(uri)+" "+err.Error(), "")
		}
	}
}

// quoted is what someone wrote, cut to what a line can show.
func quoted(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return "'" + visible(s) + "'"
}

// visible replaces what is not visible ASCII.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// scopes are known, and mean something at a resource of the client's (RFC 9068 section 3).
func (k *checker) scopes() {
	const field = "scopes"
	for _, s := range k.c.Scopes {
		if _, known := k.p.named(s); !known {
			k.fault(field, quoted(s)+" is not known", "add it to oauth.scopes; built in are openid, profile, roles and offline_access")
		}
		if len(k.c.Resources) > 0 {
			k.unless(k.p.means(s, k.c.Resources), field, quoted(s)+" means nothing at any of the client's resources", "see the scopes of oauth.resources")
		}
	}
	if slices.Contains(k.c.Scopes, ScopeOfflineAccess) {
		k.unless(k.c.MayUse(GrantRefresh), field, "offline_access needs the grant refresh_token", "")
	}
}

func (k *checker) resources() {
	known := func(field string, list []string) {
		for _, id := range list {
			if _, ok := k.p.resource(id); !ok {
				k.fault(field, quoted(id)+" is not known", "add it to oauth.resources, byte for byte")
			}
		}
	}
	known("resources", k.c.Resources)
	known("serves", k.c.Serves)
	k.unless(len(k.c.Serves) == 0 || !k.c.Public(), "serves", "is for clients that authenticate: it lets them introspect", "")
	k.unless(!k.c.SignedIntrospection || len(k.c.Serves) > 0, "signed_introspection", "is only for clients that serve a resource", "")
}

func (k *checker) roles() {
	for _, r := range k.c.Roles {
		k.unless(isScope(r) && len(r) <= 64, "roles", "has one that is not 1 to 64 visible ASCII characters", "")
	}
	k.unless(len(k.c.Roles) == 0 || k.c.MayUse(GrantClientCredentials), "roles", "are those of the client itself, which has tokens by client_credentials alone", "users have roles of their own")
	k.unless(k.c.Actor == "" || checkID(k.c.Actor) == "" && k.c.Actor != k.c.ID, "actor", "is not the id of another client", "name the client that exchanges this one's tokens")
	k.unless(!k.c.MayImpersonate || k.c.MayUse(GrantExchange) || k.c.MayUse(GrantJWTBearer), "may_impersonate", "is only for token_exchange and jwt_bearer", "")
}

// binding: a refresh token that is never replaced has to be bound to something (RFC 9700 section 4.14.2, FAPI 2.0 section 5.3.2.1-9).
func (k *checker) binding() {
	k.unless(!k.c.KeepRefresh || !k.c.Public() || k.c.DPoPBound, "keep_refresh", "needs a client that authenticates, or dpop_bound",
		"else a stolen refresh token is never noticed; insecure_no_rotation says so")
	k.unless(!k.c.DPoPBound || !k.c.TLSBound, "tls_client_certificate_bound_access_tokens", "is set beside dpop_bound_access_tokens", "a token is bound to one key")
}

// profile is FAPI 2.0 Security Profile section 5.3.2.1.
func (k *checker) profile() {
	const field = "fapi"
	if !k.c.FAPI {
		return
	}
	k.unless(k.c.AuthMethod == AuthPrivateKeyJWT || k.c.AuthMethod == AuthTLS, field, "needs private_key_jwt or tls_client_auth", "FAPI 2.0 section 5.3.2.1-6")
	k.unless(k.c.DPoPBound || k.c.TLSBound, field, "needs sender-constrained tokens: dpop_bound or tls_bound", "FAPI 2.0 section 5.3.2.1-4")
	k.unless(len(k.c.Insecure()) == 0, field, "goes with no insecure option", "")
	k.unless(!k.c.Native, field, "is not for native clients", "FAPI 2.0 section 5.3.2.2-8: redirect URIs are https")
}

// isFAPI says that FAPI 2.0 section 5.4.1 allows an algorithm.
func isFAPI(a jwt.Algorithm) bool { return a == jwt.PS256 || a == jwt.ES256 || a == jwt.EdDSA }
