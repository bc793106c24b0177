package lint

import (
	"slices"
	"strings"
	"time"
)

// isHydra knows the configuration of Ory Hydra, its clients as JSON and as the resource OAuth2Client.
func isHydra(s *Source) bool {
	if !structured(s) {
		return false
	}
	if holds(s, "_grant_access_token_lifespan", "_grant_refresh_token_lifespan", "hydra.ory.sh") {
		return true
	}
	// The quick start's file says hydra nowhere.
	return holds(s, "ttl:", `"ttl"`) && holds(s, "access_token", "refresh_token", "auth_code", "login_consent_request", "authentication_session", "id_token") ||
		holds(s, "hydra") && holds(s, "pkce", "system:", `"system"`, "refresh_token", "urls:") ||
		holds(s, "urls:", `"urls"`) && holds(s, "issuer:", `"issuer"`) && holds(s, "consent:", `"consent"`) && holds(s, "login:", `"login"`)
}

func readHydra(s *Source) ([]Policy, error) {
	d, err := parseTree(s, goSpelling())
	if err != nil {
		return nil, err
	}
	var all []Policy
	for _, root := range d.roots {
		entries := []*tree{root}
		if root.shape == sequence {
			entries = root.items
		}
		for _, t := range entries {
			for _, path := range [][]string{{}, {"hydra", "config"}, {"services", "oauth2", "config"}} {
				if at := t.at(path...); at != nil && at.has("ttl", "urls", "oauth2", "secrets", "strategies") && !at.has("client_id") {
					all = append(all, d.hydra(at))
				}
			}
			all = append(all, d.hydraClient(t)...)
		}
	}
	return all, nil
}

// hydra reads a server's configuration.
func (d *document) hydra(t *tree) Policy {
	ttl, place := t.at("ttl"), t
	if k, ok := t.key("ttl"); ok {
		place = &tree{shape: scalar, start: k.start, end: k.end}
	} else if len(t.keys) > 0 {
		place = &tree{shape: scalar, start: t.keys[0].start, end: t.keys[0].end}
	}
	p := Policy{Product: Hydra, Name: "ttl", At: d.span(place, nil)}
	for _, s := range []setting{
		{kind: Access, key: "access_token", usual: time.Hour},
		{kind: Refresh, key: "refresh_token", usual: 30 * day, never: []string{"-1"}},
		{kind: IDToken, key: "id_token", usual: time.Hour},
		{kind: Code, key: "auth_code", usual: 10 * time.Minute},
		{kind: SessionMax, key: "authentication_session", usual: 30 * day},
	} {
		key := s.key
		s.key = "ttl." + key
		p.Lifetimes = append(p.Lifetimes, d.lifetime(s, ttl.at(key), place))
	}
	p.Facts = d.misspelt(ttl, "access_token", "refresh_token", "id_token", "auth_code", "login_consent_request", "authentication_session", "device_user_code")
	refresh := t.at("oauth2", "grant", "refresh_token")
	grace := setting{kind: ReuseWindow, key: "oauth2.grant.refresh_token.rotation_grace_period", max: 5 * time.Minute, zero: zeroLength}
	if refresh.has("rotation_grace_reuse_count") {
		grace.max = 180 * day
	}
	if l := d.lifetime(grace, refresh.at("rotation_grace_period"), place); l.State != Unset {
		p.Lifetimes = append(p.Lifetimes, l)
	}
	p.Facts = append(p.Facts, d.misspelt(refresh, "rotation_grace_period", "rotation_grace_reuse_count")...)
	p.Facts = append(p.Facts, d.hydraPKCE(t.at("oauth2", "pkce"), place))
	for _, key := range []string{"system", "cookie"} {
		if list := t.at("secrets", key); list != nil {
			for _, item := range list.items {
				d.secret(&p, item)
			}
		}
	}
	return p
}

// hydraPKCE is required of public clients at least, or of none.
func (d *document) hydraPKCE(t, place *tree) Fact {
	all, public := t.at("enforced"), t.at("enforced_for_public_clients")
	at := all
	if at == nil {
		at = public
	}
	f := d.fact(PKCE, at, place, "true")
	if f.Text = "none"; all.yes() || public.yes() {
		f.Text = "S256"
	}
	if _, _, ok := filledIn(at); ok {
		f.Text = "S256" // it is not known: no reproach
	}
	return f
}

// lifespans are those of a client, by grant.
func lifespans() []setting {
	var all []setting
	for _, grant := range []string{"authorization_code_grant", "implicit_grant", "refresh_token_grant", "device_authorization_grant", "client_credentials_grant", "jwt_bearer_grant"} {
		all = append(all, setting{kind: Access, key: grant + "_access_token_lifespan"}, setting{kind: IDToken, key: grant + "_id_token_lifespan"}, setting{kind: Refresh, key: grant + "_refresh_token_lifespan"})
	}
	return all
}

// hydraClient reads a client: as the administration API has it, or as hydra-maester's resource.
func (d *document) hydraClient(t *tree) []Policy {
	c, spans, grants, auth, name := t, t, t.at("grant_types"), t.at("token_endpoint_auth_method"), t.at("client_id")
	if t.at("kind").string() == "OAuth2Client" {
		c = t.at("spec")
		spans, grants, auth, name = c.at("tokenLifespans"), c.at("grantTypes"), c.at("tokenEndpointAuthMethod"), t.at("metadata", "name")
	} else if name == nil {
		name = t.at("client_name")
	}
	if grants == nil && !slices.ContainsFunc(lifespans(), func(s setting) bool { return spans.has(s.key) }) {
		return nil
	}
	place := name
	if place == nil {
		place = c
	}
	p := Policy{Product: Hydra, Name: "client " + name.string(), At: d.span(place, nil), Client: ConfidentialClient}
	if auth.string() == "none" {
		p.Client = PublicClient
	}
	var known []string
	for _, s := range lifespans() {
		s.never = []string{"-1"}
		known = append(known, s.key)
		if l := d.lifetime(s, spans.at(s.key), place); l.State != Unset {
			p.Lifetimes = append(p.Lifetimes, l)
		}
	}
	p.Facts = d.misspelt(spans, known...)
	if grants.fixed() {
		p.Facts = append(p.Facts, d.grantTypes(grants))
	}
	d.secret(&p, c.at("client_secret"))
	return []Policy{p}
}

// grantTypes are those of a list, standing where the first bad one does.
func (d *document) grantTypes(list *tree) Fact {
	at := list
	for _, item := range list.items {
		if s := item.string(); s == "implicit" || s == "password" {
			at = item
			break
		}
	}
	f := d.fact(GrantTypes, at, nil, "")
	for _, word := range list.words() {
		f.Words = append(f.Words, strings.TrimPrefix(word, "urn:ietf:params:oauth:grant-type:"))
	}
	return f
}
