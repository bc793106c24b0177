package lint

import (
	"maps"
	"slices"
	"strings"
)

// isEnvironment knows Compose files and Kubernetes resources that configure Hydra or Supabase's Auth by environment variables.
func isEnvironment(s *Source) bool {
	return structured(s) && holds(s, "services", "containers", "ConfigMap") && holds(s, "TTL_ACCESS_TOKEN", "TTL_REFRESH_TOKEN", "TTL_AUTH_CODE",
		"TTL_ID_TOKEN", "GOTRUE_JWT_EXP", "GOTRUE_SECURITY_REFRESH_TOKEN", "GOTRUE_SESSIONS")
}

func readEnvironment(s *Source) ([]Policy, error) {
	d, err := parseTree(s, goSpelling())
	if err != nil {
		return nil, err
	}
	var all []Policy
	for _, root := range d.roots {
		if services := root.at("services"); services != nil {
			for _, k := range services.keys {
				all = append(all, d.environment(k.name, k.value.at("environment"))...)
			}
		}
		if root.at("kind").string() == "ConfigMap" {
			all = append(all, d.environment(root.at("metadata", "name").string(), root.at("data"))...)
		}
		for _, path := range [][]string{{"spec"}, {"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}} {
			for _, c := range root.at(append(path, "containers")...).list() {
				all = append(all, d.environment(c.at("name").string(), c.at("env"))...)
			}
		}
	}
	return all, nil
}

// environment reads the variables of one container, as a mapping, as NAME=value, or as name and value. What is not among them may stand in a file:
// it is not judged.
func (d *document) environment(name string, env *tree) []Policy {
	variables := env
	if env != nil && env.shape == sequence {
		variables = &tree{shape: mapping, start: env.start, end: env.end}
		for _, item := range env.items {
			if k, ok := d.variable(item); ok {
				variables.keys = append(variables.keys, k)
			}
		}
	}
	var all []Policy
	if t := nested(variables, hydraVariables()); t != nil {
		p := d.hydra(t)
		p.Facts = slices.DeleteFunc(p.Facts, func(f Fact) bool { return f.Unset })
		all = append(all, d.renamed(p, name, env, func(key string) string { return strings.ToUpper(strings.ReplaceAll(key, ".", "_")) }))
	}
	if t := nested(variables, supabaseVariables()); t != nil {
		p := d.supabase(name, treeKey{start: env.start, end: env.start, value: t}, false)
		all = append(all, d.renamed(p, name, env, func(key string) string {
			for variable, path := range supabaseVariables() {
				if path[strings.LastIndexByte(path, '.')+1:] == key {
					return variable
				}
			}
			return key
		}))
	}
	return all
}

// renamed is a policy with the names of variables, of what is set alone.
func (d *document) renamed(p Policy, name string, env *tree, variable func(key string) string) Policy {
	p.Name, p.At = "container "+name, d.span(env, nil)
	p.Lifetimes = slices.DeleteFunc(p.Lifetimes, func(l Lifetime) bool { return l.State == Unset })
	for i := range p.Lifetimes {
		p.Lifetimes[i].Key = variable(p.Lifetimes[i].Key)
	}
	return p
}

// variable reads NAME=value, or name: and value:.
func (d *document) variable(item *tree) (k treeKey, ok bool) {
	if name, value := item.at("name"), item.at("value"); name != nil {
		return treeKey{name: name.string(), start: name.start, end: name.end, value: value}, value != nil
	}
	name, text, ok := strings.Cut(item.string(), "=")
	if !ok {
		return k, false
	}
	start := item.start + len(d.quote(item)) + len(name) + 1
	value := &tree{shape: scalar, start: start, end: start + len(text), text: text, shared: item.shared}
	if d.raw(value) != text { // escapes
		value.start, value.end, value.shared = item.start, item.end, true
	}
	return treeKey{name: name, start: item.start, end: start - 1, value: value}, true
}

func hydraVariables() map[string]string {
	return map[string]string{
		"TTL_ACCESS_TOKEN": "ttl.access_token", "TTL_REFRESH_TOKEN": "ttl.refresh_token", "TTL_ID_TOKEN": "ttl.id_token", "TTL_AUTH_CODE": "ttl.auth_code",
		"TTL_AUTHENTICATION_SESSION": "ttl.authentication_session", "OAUTH2_PKCE_ENFORCED": "oauth2.pkce.enforced",
		"OAUTH2_PKCE_ENFORCED_FOR_PUBLIC_CLIENTS": "oauth2.pkce.enforced_for_public_clients",
	}
}

func supabaseVariables() map[string]string {
	return map[string]string{
		"GOTRUE_JWT_EXP": "jwt_expiry", "GOTRUE_JWT_SECRET": "jwt_secret", "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED": "enable_refresh_token_rotation",
		"GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": "refresh_token_reuse_interval", "GOTRUE_SESSIONS_TIMEBOX": "sessions.timebox",
		"GOTRUE_SESSIONS_INACTIVITY_TIMEOUT": "sessions.inactivity_timeout",
	}
}

// nested is what variables say, where the configuration file has it; nil where none of them is set.
func nested(variables *tree, paths map[string]string) *tree {
	root := &tree{shape: mapping}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		k, ok := variables.key(name)
		if !ok || k.value == nil || k.value.shape == null {
			continue
		}
		t, path := root, strings.Split(paths[name], ".")
		for _, outer := range path[:len(path)-1] {
			inner := t.at(outer)
			if inner == nil {
				inner = &tree{shape: mapping, start: k.start, end: k.end}
				t.keys = append(t.keys, treeKey{name: outer, start: k.start, end: k.end, value: inner})
			}
			t = inner
		}
		t.keys = append(t.keys, treeKey{name: path[len(path)-1], start: k.start, end: k.end, value: k.value})
	}
	if len(root.keys) == 0 {
		return nil
	}
	return root
}
