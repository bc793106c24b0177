package lint

import (
	"strings"
	"time"
)

// isKeycloak knows exports of realms and clients, and the operator's KeycloakRealmImport.
func isKeycloak(s *Source) bool {
	return structured(s) && holds(s, "KeycloakRealmImport", "accessTokenLifespan", "ssoSessionIdleTimeout", "ssoSessionMaxLifespan", "offlineSession",
		"revokeRefreshToken", "publicClient", "directAccessGrantsEnabled", "access.token.lifespan", "org.keycloak.")
}

func readKeycloak(s *Source) ([]Policy, error) {
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
		for _, entry := range entries {
			all = append(all, d.keycloak(entry)...)
		}
	}
	return all, nil
}

// keycloak reads a realm, a client or a resource of the operator.
func (d *document) keycloak(t *tree) []Policy {
	if t.at("kind").string() == "KeycloakRealmImport" {
		t = t.at("spec", "realm")
	}
	switch {
	case t == nil || t.shape != mapping:
		return nil
	case t.has("clientId") && !t.has("realm"):
		r := realm{document: d, t: &tree{}}
		return r.client(t)
	case !t.has("realm", "clients") && !t.has(realmKeys()...):
		return nil
	}
	r := realm{document: d, t: t, place: t}
	if name := t.at("realm"); name != nil {
		r.place = name
	}
	return r.policies()
}

// realm is one whose policies are read.
type realm struct {
	*document
	t     *tree
	place *tree // of what is not set
}

// realmKeys are those that are read here, and that a misspelt one is held against.
func realmKeys() []string {
	return []string{
		"accessTokenLifespan", "accessTokenLifespanForImplicitFlow", "ssoSessionIdleTimeout", "ssoSessionMaxLifespan", "ssoSessionIdleTimeoutRememberMe",
		"ssoSessionMaxLifespanRememberMe", "clientSessionIdleTimeout", "clientSessionMaxLifespan", "offlineSessionIdleTimeout", "offlineSessionMaxLifespanEnabled",
		"offlineSessionMaxLifespan", "clientOfflineSessionIdleTimeout", "clientOfflineSessionMaxLifespan", "accessCodeLifespan", "accessCodeLifespanUserAction",
		"accessCodeLifespanLogin", "actionTokenGeneratedByAdminLifespan", "actionTokenGeneratedByUserLifespan", "oauth2DeviceCodeLifespan",
		"oauth2DevicePollingInterval", "revokeRefreshToken", "refreshTokenMaxReuse",
	}
}

func (r *realm) policies() []Policy {
	name := "realm " + r.t.at("realm").string()
	p := Policy{Product: Keycloak, Name: name, At: r.span(r.place, nil), Client: r.clientType(), Disabled: off(r.t.at("enabled")), Facts: r.misspelt(r.t, realmKeys()...)}
	p.Lifetimes = []Lifetime{
		r.access(r.t, "accessTokenLifespan", 5*time.Minute),
		r.of(SessionIdle, "ssoSessionIdleTimeout", 30*time.Minute),
		r.of(SessionMax, "ssoSessionMaxLifespan", 10*time.Hour),
		r.inherited(RefreshIdle, 30*time.Minute, "clientSessionIdleTimeout", "ssoSessionIdleTimeout"),
		r.inherited(Refresh, 10*time.Hour, "clientSessionMaxLifespan", "ssoSessionMaxLifespan"),
		r.of(Code, "accessCodeLifespan", time.Minute),
	}
	if r.anyClient(func(c *tree) bool { return c.at("implicitFlowEnabled").yes() }) {
		p.Lifetimes = append(p.Lifetimes, r.of(Access, "accessTokenLifespanForImplicitFlow", 15*time.Minute))
	}
	for key, kind := range map[string]Kind{"actionTokenGeneratedByAdminLifespan": ActionToken, "actionTokenGeneratedByUserLifespan": ActionToken, "oauth2DeviceCodeLifespan": DeviceCode} {
		if r.t.has(key) {
			p.Lifetimes = append(p.Lifetimes, r.of(kind, key, 0))
		}
	}
	if r.offline() {
		p.Lifetimes = append(p.Lifetimes, r.inherited(OfflineIdle, 30*day, "clientOfflineSessionIdleTimeout", "offlineSessionIdleTimeout"), r.offlineMax())
	}
	p.Facts = append(p.Facts, r.rotation()...)
	r.keys(&p)
	all := append([]Policy{p}, r.remembered(name)...)
	if clients := r.t.at("clients"); clients != nil {
		for _, c := range clients.items {
			all = append(all, r.client(c)...)
		}
	}
	return all
}

// of is a setting of the realm in seconds.
func (r *realm) of(kind Kind, key string, usual time.Duration) Lifetime {
	return r.lifetime(setting{kind: kind, key: key, unit: time.Second, usual: usual}, r.t.at(key), r.place)
}

// inherited is the first setting, or where that is 0 or not set, the second.
func (r *realm) inherited(kind Kind, usual time.Duration, own, outer string) Lifetime {
	if l := r.lifetime(setting{kind: kind, key: own, unit: time.Second, zero: zeroUnset}, r.t.at(own), r.place); l.State != Unset {
		return l
	}
	return r.of(kind, outer, usual)
}

// access is the lifetime of an access token; -1 is as long as the session.
func (r *realm) access(t *tree, key string, usual time.Duration) Lifetime {
	value := t.at(strings.Split(key, "/")...)
	name := key[strings.LastIndexByte(key, '/')+1:]
	l := r.lifetime(setting{kind: Access, key: name, unit: time.Second, usual: usual}, value, r.place)
	if value.string() == "-1" {
		l.State, l.Problem = Literal, ""
		l.Value = 10 * time.Hour
		if most := r.of(SessionMax, "ssoSessionMaxLifespan", l.Value); most.State == Literal {
			l.Value = most.Value
		}
	}
	return l
}

// offline says whether clients can ask for offline_access: by default all can.
func (r *realm) offline() bool {
	lists := []*tree{r.t.at("defaultOptionalClientScopes"), r.t.at("defaultDefaultClientScopes")}
	if clients := r.t.at("clients"); clients != nil {
		for _, c := range clients.items {
			lists = append(lists, c.at("optionalClientScopes"), c.at("defaultClientScopes"))
		}
	}
	written := false
	for _, list := range lists {
		written = written || list != nil
		for _, scope := range list.words() {
			if scope == "offline_access" {
				return true
			}
		}
	}
	return !written
}

// offlineMax has two keys: a switch, and what counts where that is on.
func (r *realm) offlineMax() Lifetime {
	key := "offlineSessionMaxLifespanEnabled"
	limited := r.t.at(key)
	if yes, known := limited.is(); yes || limited != nil && !known {
		return r.inherited(OfflineMax, 60*day, "clientOfflineSessionMaxLifespan", "offlineSessionMaxLifespan")
	}
	l := Lifetime{Kind: OfflineMax, Key: key, At: r.span(limited, r.place), Raw: r.raw(limited), DefaultNever: limited == nil}
	if limited != nil {
		l.State = Never
		l.Write = r.writes(limited, func(time.Duration) string { return "true" })
	}
	return l
}

// rotation is of the realm: a client has none of its own.
func (r *realm) rotation() []Fact {
	t := r.t.at("revokeRefreshToken")
	rotates, known := t.is()
	if t != nil && !known {
		return nil
	}
	f := r.fact(Rotation, t, r.place, "true")
	f.Bool = rotates
	facts := []Fact{f}
	if n, ok := integer(r.t.at("refreshTokenMaxReuse").string()); ok && n > 0 {
		facts = append(facts, r.fact(ReuseDetection, r.t.at("refreshTokenMaxReuse"), nil, "0"))
	}
	return facts
}

// remembered are the sessions of those who asked to be remembered, which may have limits of their own.
func (r *realm) remembered(name string) []Policy {
	idle := r.inherited(SessionIdle, 30*time.Minute, "ssoSessionIdleTimeoutRememberMe", "ssoSessionIdleTimeout")
	most := r.inherited(SessionMax, 10*time.Hour, "ssoSessionMaxLifespanRememberMe", "ssoSessionMaxLifespan")
	if off(r.t.at("rememberMe")) || !strings.HasSuffix(idle.Key+most.Key, "RememberMe") && !strings.HasSuffix(idle.Key, "RememberMe") {
		return nil
	}
	p := Policy{Product: Keycloak, Name: name + ", remember me", At: r.span(r.place, nil), Lifetimes: []Lifetime{idle, most}}
	idle.Kind, most.Kind = RefreshIdle, Refresh
	p.Lifetimes = append(p.Lifetimes, idle, most)
	return []Policy{p}
}

// keys adds the private and shared keys that an export holds.
func (r *realm) keys(p *Policy) {
	providers := r.t.at("components", "org.keycloak.keys.KeyProvider")
	if providers == nil {
		return
	}
	for _, provider := range providers.items {
		for _, key := range []string{"privateKey", "secret"} {
			if values := provider.at("config", key); values != nil {
				for _, value := range values.items {
					r.secret(p, value)
				}
			}
		}
	}
}
