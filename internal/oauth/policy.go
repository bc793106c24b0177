package oauth

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Policy is what may be asked for at all, and for how long: all lifetimes stand here.
type Policy struct {
	// Access, Idle and Absolute are the server's own, for a client that has none.
	Access, Idle, Absolute time.Duration
	// Ceilings that no client and no resource exceeds. Zero: none.
	MaxAccess, MaxIdle, MaxAbsolute time.Duration
	// Rotate is the server's own; false by a profile alone.
	Rotate    bool
	Resources []Resource
	Scopes    []Scope
	// Symmetric says that tokens are signed by HS256, which no client can verify: then there is no OpenID Connect, and openid is not known.
	Symmetric bool
}

// Resource is an API that tokens are for (RFC 8707): its identifier is their aud.
type Resource struct {
	ID     string
	Name   string   // shown on the consent page
	Scopes []string // that mean something there; empty: all
	// Access bounds the life of tokens for it; 0: no bound of its own.
	Access time.Duration
}

// Scope is one value of scope, as the consent page explains it.
type Scope struct {
	Name        string
	Description string // English; shown where a language has none of its own
	// Descriptions by language: "id", "zh-Hant".
	Descriptions map[string]string
}

// Scopes with a meaning of their own (OpenID Connect Core sections 3.1.2.1, 5.4 and 11).
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeRoles         = "roles"
	ScopeOfflineAccess = "offline_access"
)

// builtIn are the scopes that need no configuration, in the order of the metadata.
func (p Policy) builtIn() []Scope {
	all := []Scope{
		{ScopeOpenID, "Know who you are", map[string]string{"id": "Mengetahui siapa Anda", "zh-Hant": "識別您的身分"}},
		{ScopeProfile, "See your username", map[string]string{"id": "Melihat nama pengguna Anda", "zh-Hant": "查看您的使用者名稱"}},
		{ScopeRoles, "See your roles", map[string]string{"id": "Melihat peran Anda", "zh-Hant": "查看您的角色"}},
		{ScopeOfflineAccess, "Keep access while you are away", map[string]string{"id": "Tetap memiliki akses saat Anda tidak hadir", "zh-Hant": "在您離開時保有存取權"}},
	}
	if p.Symmetric {
		return all[1:]
	}
	return all
}

// isBuiltIn scopes are about the user, not about a resource.
func isBuiltIn(scope string) bool {
	return scope == ScopeOpenID || scope == ScopeProfile || scope == ScopeRoles || scope == ScopeOfflineAccess
}

// named is the scope of a name.
func (p Policy) named(scope string) (Scope, bool) {
	for _, all := range [][]Scope{p.Scopes, p.builtIn()} {
		if i := slices.IndexFunc(all, func(s Scope) bool { return s.Name == scope }); i >= 0 {
			return all[i], true
		}
	}
	return Scope{}, false
}

// description is the sentence of a scope in a language, the scope itself where it has none.
func (p Policy) description(scope, language string) string {
	s, _ := p.named(scope)
	return cmp.Or(s.Descriptions[language], s.Description, scope)
}

// resource is the one of an identifier, compared byte for byte.
func (p Policy) resource(id string) (Resource, bool) {
	i := slices.IndexFunc(p.Resources, func(r Resource) bool { return r.ID == id })
	if i < 0 {
		return Resource{}, false
	}
	return p.Resources[i], true
}

// scope is what a client gets that asks for these scopes, or invalid_scope: each is to be known and the client's. Who asks for
// none gets what the client has but for the built-in ones, which say something about a user and are asked for by name (RFC 6749 section 3.3).
func (p Policy) scope(c Client, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool {
			_, known := p.named(s)
			return !known || isBuiltIn(s)
		}), nil
	}
	for _, s := range asked {
		if _, known := p.named(s); !known || !slices.Contains(c.Scopes, s) {
			return nil, refuse("invalid_scope", "a scope is unknown, or the client may not ask for it: "+s)
		}
	}
	return asked, nil
}

// resources are those that a client gets tokens for that asks for these, or invalid_target (RFC 8707 section 2). Who asks for none gets the first
// of the client's, or fallback where the client has none; fallback may be asked for then too.
func (p Policy) resources(c Client, asked, fallback []string) ([]string, error) {
	allowed := slices.DeleteFunc(slices.Clone(c.Resources), func(id string) bool {
		_, known := p.resource(id)
		return !known && !slices.Contains(fallback, id)
	})
	if len(c.Resources) == 0 {
		allowed = fallback
	}
	switch {
	case len(asked) > 0:
	case len(allowed) == 0:
		return nil, refuse("invalid_target", "none of the client's resources is known any more")
	case len(c.Resources) == 0:
		return fallback, nil
	default:
		return allowed[:1], nil
	}
	var granted []string
	for _, id := range asked {
		if !slices.Contains(allowed, id) {
			return nil, refuse("invalid_target", "a resource is unknown, or the client may not ask for tokens for it")
		}
		if !slices.Contains(granted, id) {
			granted = append(granted, id)
		}
	}
	return granted, nil
}

// target is scope and resources together. Each scope that was asked for has to mean something at one of the resources, or the
// answer is invalid_scope (RFC 9068 section 3); of those that the client gets unasked the others are left out.
func (p Policy) target(c Client, scope, resources, fallback []string) (granted, audience []string, err error) {
	if granted, err = p.scope(c, scope); err != nil {
		return nil, nil, err
	}
	if audience, err = p.resources(c, resources, fallback); err != nil {
		return nil, nil, err
	}
	if len(scope) == 0 {
		return slices.DeleteFunc(granted, func(s string) bool { return !p.means(s, audience) }), audience, nil
	}
	return granted, audience, p.fits(granted, audience)
}

// fits says invalid_scope where a scope means nothing at any of the resources.
func (p Policy) fits(scope, resources []string) error {
	for _, s := range scope {
		if !p.means(s, resources) {
			return refuse("invalid_scope", "a scope means nothing at the resources asked for: "+s)
		}
	}
	return nil
}

func (p Policy) means(scope string, resources []string) bool {
	return isBuiltIn(scope) || slices.ContainsFunc(resources, func(id string) bool {
		r, known := p.resource(id)
		return !known || len(r.Scopes) == 0 || slices.Contains(r.Scopes, scope)
	})
}

// lifetimes are those of a client's access tokens for these resources, of its unused sessions, and of its sessions. No ceiling is exceeded,
// whatever the client was registered with, and nothing outlives the session.
func (p Policy) lifetimes(c Client, resources []string) (access, idle, absolute time.Duration) {
	absolute = bounded(cmp.Or(c.Absolute, p.Absolute), p.MaxAbsolute)
	idle = bounded(bounded(cmp.Or(c.Idle, p.Idle), p.MaxIdle), absolute)
	access = bounded(bounded(cmp.Or(c.Access, p.Access), p.MaxAccess), absolute)
	for _, id := range resources {
		r, _ := p.resource(id)
		access = bounded(access, r.Access)
	}
	return access, idle, absolute
}

// bounded is d, at most the ceiling; a ceiling of 0 is none.
func bounded(d, ceiling time.Duration) time.Duration {
	if ceiling > 0 {
		return min(d, ceiling)
	}
	return d
}

// rotates says whether a refresh replaces the client's refresh token.
func (p Policy) rotates(c Client) bool {
	return p.Rotate && !c.KeepRefresh && !c.FAPI && !c.InsecureNoRotation
}

// isScope judges the spelling of a scope (RFC 6749 section 3.3).
func isScope(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}
