package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// clientSwitch is a setting of a client that is on or off.
type clientSwitch struct {
	name, doc string
	value     *bool
}

// switches of c, as flags name them.
func switches(c *oauth.Client) []clientSwitch {
	return []clientSwitch{
		{"native", "runs on its user's machine: loopback and private-scheme redirects (RFC 8252)", &c.Native},
		{"keep-refresh", "keep the refresh token at each refresh: only where it is bound to something", &c.KeepRefresh},
		{"skip-consent", "ask no user for consent: your own application", &c.SkipConsent},
		{"dpop-bound", "refuse token requests without a DPoP proof", &c.DPoPBound},
		{"tls-bound", "bind access tokens to the client's certificate", &c.TLSBound},
		{"require-pushed", "refuse authorization requests that were not pushed", &c.RequirePushed},
		{"require-signed-request", "refuse authorization requests that are not signed", &c.RequireSignedRequest},
		{"fapi", "FAPI 2.0 Security Profile", &c.FAPI},
		{"may-impersonate", "may get tokens in the name of any user (token_exchange, jwt_bearer)", &c.MayImpersonate},
		{"signed-introspection", "answer introspections by a signed JWT always", &c.SignedIntrospection},
		{"insecure-password-grant", "allow the grant password, which hands users' passwords to the client", &c.InsecurePasswordGrant},
		{"insecure-implicit-grant", "allow response_type=token, which shows tokens to the browser", &c.InsecureImplicitGrant},
		{"insecure-no-rotation", "keep the refresh token although nothing binds it", &c.InsecureNoRotation},
		{"insecure-token-url-audience", "accept assertions for the token endpoint's URL", &c.InsecureTokenURLAudience},
	}
}

// clientTexts are the settings of c that are text, and its lists.
func clientTexts(c *oauth.Client) map[string]*string {
	return map[string]*string{
		"name": &c.Name, "auth": &c.AuthMethod, "tls-subject": &c.TLSSubject, "tls-name": &c.TLSName, "logout-uri": &c.BackchannelLogoutURI, "actor": &c.Actor,
	}
}

func clientLists(c *oauth.Client) map[string]*[]string {
	return map[string]*[]string{
		"redirect": &c.RedirectURIs, "post-logout": &c.PostLogoutRedirectURIs, "grant": &c.GrantTypes, "scope": &c.Scopes,
		"resource": &c.Resources, "role": &c.Roles, "serves": &c.Serves,
	}
}

// clientFlags declares what a client can be.
func clientFlags(c *cobra.Command) {
	f := c.Flags()
	f.String("name", "", "`name` shown to users who are asked")
	f.String("auth", "", "the one `way` to authenticate: client_secret_basic (default), client_secret_post, private_key_jwt, tls_client_auth or none")
	f.Bool("public", false, "the client can keep no secret: a page, a phone's app, a command (--auth none)")
	f.String("jwks-file", "", "`file` with the client's public keys, a JWK Set")
	f.String("tls-subject", "", "subject of its certificate as a `DN`: CN=client,O=Example")
	f.String("tls-name", "", "DNS `name` in its certificate, instead of --tls-subject")
	f.StringArray("grant", nil, "`grant` that it may use: "+strings.Join(oauth.GrantWords(), ", ")+"; may be repeated (default with --redirect: authorization_code and refresh_token)")
	f.StringArray("redirect", nil, "redirect `URI`, compared byte for byte; may be repeated")
	f.StringArray("post-logout", nil, "`URI` to send browsers to after a logout; may be repeated")
	f.String("logout-uri", "", "`URL` to tell when a user signs out (back-channel logout)")
	f.String("actor", "", "`client` that may act for users by the tokens that this one gets for them (may_act)")
	f.StringArray("scope", nil, "`scope` that it may ask for; may be repeated")
	f.StringArray("resource", nil, "`URI` of an API that it may ask tokens for; may be repeated, the first is the default")
	f.StringArray("role", nil, "`role` in the tokens that it gets for itself; may be repeated")
	f.StringArray("serves", nil, "`URI` of an API that it is the server of: it may introspect tokens for it")
	f.String("access", "", "`lifetime` of its access tokens, such as 10m")
	f.String("idle", "", "`lifetime` of its sessions without a refresh, such as 14d")
	f.String("absolute", "", "`lifetime` of its sessions, such as 30d")
	for _, o := range switches(&oauth.Client{}) {
		f.Bool(o.name, false, o.doc)
	}
	f.String("secret-file", "", "write a new secret to this new `file`, mode 0600, instead of standard output")
}

// changesClient says that a flag is given which setClient, or a fresh secret, goes by.
func changesClient(cmd *cobra.Command) bool {
	changes := false
	cmd.Flags().Visit(func(f *pflag.Flag) {
		changes = changes || !slices.Contains([]string{"config", "data", "json"}, f.Name)
	})
	return changes
}

// setClient changes what flags were given for, and nothing else. An empty text clears a list.
func setClient(cmd *cobra.Command, c *oauth.Client) error {
	f := cmd.Flags()
	for name, p := range clientTexts(c) {
		if f.Changed(name) {
			*p, _ = f.GetString(name)
		}
	}
	for name, p := range clientLists(c) {
		if f.Changed(name) {
			items, _ := f.GetStringArray(name)
			*p = slices.DeleteFunc(items, func(s string) bool { return s == "" })
		}
	}
	for _, o := range switches(c) {
		if f.Changed(o.name) {
			*o.value, _ = f.GetBool(o.name)
		}
	}
	if public, _ := f.GetBool("public"); public {
		if f.Changed("auth") && c.AuthMethod != oauth.AuthNone {
			return usage("leave one of them out", "--public is --auth none, and --auth says otherwise")
		}
		c.AuthMethod = oauth.AuthNone
	}
	if path, _ := f.GetString("jwks-file"); path != "" {
		text, err := readFile(path)
		if err != nil {
			return err
		}
		c.KeySet = string(text)
	}
	if err := setLifetimes(cmd, c); err != nil {
		return err
	}
	return setGrants(c)
}

func setLifetimes(cmd *cobra.Command, c *oauth.Client) error {
	f := cmd.Flags()
	for name, p := range map[string]*time.Duration{"access": &c.Access, "idle": &c.Idle, "absolute": &c.Absolute} {
		if text, _ := f.GetString(name); text != "" {
			d, err := config.ParseDuration(text)
			if err != nil {
				return usage("such as 10m, 14d or 30d", "--%s %q %s", name, text, err)
			}
			*p = d
		} else if f.Changed(name) {
			*p = 0
		}
	}
	return nil
}

// setGrants turns words into grant types, and adds those that others stand for.
func setGrants(c *oauth.Client) error {
	for i, word := range c.GrantTypes {
		g, ok := oauth.GrantType(word)
		if !ok {
			return usage("one of: "+strings.Join(oauth.GrantWords(), ", "), "--grant %q is not known", word)
		}
		c.GrantTypes[i] = g
	}
	for _, o := range []struct {
		on    bool
		grant string
	}{{c.InsecurePasswordGrant, oauth.GrantPassword}, {c.InsecureImplicitGrant, oauth.GrantImplicit}} {
		if o.on && !c.MayUse(o.grant) {
			c.GrantTypes = append(c.GrantTypes, o.grant)
		}
	}
	if len(c.GrantTypes) == 0 && len(c.RedirectURIs) > 0 {
		c.GrantTypes = []string{oauth.GrantCode, oauth.GrantRefresh}
	}
	return nil
}
