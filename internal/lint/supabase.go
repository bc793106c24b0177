package lint

import (
	"path"
	"strings"
	"time"
)

// isSupabase knows config.toml of the Supabase command line.
func isSupabase(s *Source) bool {
	return (path.Ext(s.Name) == ".toml" || s.Name == "-") && holds(s, "[auth", ".auth]", "auth.", "auth =", "auth=") &&
		holds(s, "jwt_expiry", "enable_refresh_token_rotation", "refresh_token_reuse_interval", "auth.sessions", "project_id", "site_url")
}

func readSupabase(s *Source) ([]Policy, error) {
	d := &document{source: s, lines: newLines(s.Text), spelling: goSpelling()}
	d.refers = supabaseEnv
	if err := d.parseTOML(); err != nil {
		return nil, err
	}
	var all []Policy
	root := d.roots[0]
	if auth, ok := root.key("auth"); ok {
		all = append(all, d.supabase("auth", auth, true))
	}
	if remotes := root.at("remotes"); remotes != nil {
		for _, remote := range remotes.keys {
			if auth, ok := remote.value.key("auth"); ok {
				all = append(all, d.supabase("remotes."+remote.name+".auth", auth, false))
			}
		}
	}
	return all, nil
}

// supabaseEnv knows env(NAME).
func supabaseEnv(t *tree) (ref, fallback string, ok bool) {
	s := t.string()
	return s, "", strings.HasPrefix(s, "env(") && strings.HasSuffix(s, ")")
}

// supabase reads a table auth. That of a remote says only what differs.
func (d *document) supabase(name string, auth treeKey, whole bool) Policy {
	t := auth.value
	place := &tree{shape: scalar, start: auth.start, end: auth.end}
	sessions := place
	if k, ok := t.key("sessions"); ok {
		sessions = &tree{shape: scalar, start: k.start, end: k.end}
	}
	p := Policy{Product: Supabase, Name: name, At: d.span(place, nil), Disabled: off(t.at("enabled"))}
	add := func(s setting, value, place *tree) {
		if value != nil || whole {
			p.Lifetimes = append(p.Lifetimes, d.lifetime(s, value, place))
		}
	}
	add(setting{kind: Access, key: "jwt_expiry", unit: time.Second, usual: time.Hour, max: 7 * day}, t.at("jwt_expiry"), place)
	timebox, idle := t.at("sessions", "timebox"), t.at("sessions", "inactivity_timeout")
	add(setting{kind: SessionMax, key: "timebox", endless: true, zero: zeroUnset}, timebox, sessions)
	add(setting{kind: SessionIdle, key: "inactivity_timeout", endless: true, zero: zeroUnset}, idle, sessions)
	d.supabaseRefresh(&p, t, place, whole)
	add(setting{kind: ReuseWindow, key: "refresh_token_reuse_interval", unit: time.Second, usual: 10 * time.Second, zero: zeroLength}, t.at("refresh_token_reuse_interval"), place)
	if otp := t.at("email", "otp_expiry"); otp != nil {
		p.Lifetimes = append(p.Lifetimes, d.lifetime(setting{kind: ActionToken, key: "email.otp_expiry", unit: time.Second, max: day}, otp, place))
	}
	for _, key := range []string{"jwt_secret", "service_role_key"} {
		if secret := t.at(key); secret != nil {
			if _, _, ok := supabaseEnv(secret); !ok {
				d.secret(&p, secret)
			}
		}
	}
	p.Facts = append(p.Facts, d.misspelt(t, supabaseKeys()...)...)
	p.Facts = append(p.Facts, d.misspelt(t.at("sessions"), "timebox", "inactivity_timeout")...)
	return p
}

// supabaseRefresh reads rotation. Without it a refresh token never ends; with it, when its session does.
func (d *document) supabaseRefresh(p *Policy, t, place *tree, whole bool) {
	at := t.at("enable_refresh_token_rotation")
	rotates, known := at.is()
	if at == nil && whole {
		rotates, known = true, true
	}
	if !known {
		return
	}
	f := d.fact(Rotation, at, place, "true")
	f.Bool = rotates
	p.Facts = append(p.Facts, f)
	if !rotates {
		p.Lifetimes = append(p.Lifetimes, Lifetime{
			Kind: Refresh, Key: "enable_refresh_token_rotation", State: Never, Raw: d.raw(at), At: d.span(at, place), Comment: d.comment(at),
			Write: d.writes(at, func(time.Duration) string { return "true" }),
		})
		return
	}
	for key, kind := range map[string]Kind{"timebox": Refresh, "inactivity_timeout": RefreshIdle} {
		if l := d.lifetime(setting{kind: kind, key: key, zero: zeroUnset}, t.at("sessions", key), place); l.State == Literal {
			p.Lifetimes = append(p.Lifetimes, l)
		}
	}
}

func supabaseKeys() []string {
	return []string{
		"enabled", "site_url", "additional_redirect_urls", "jwt_expiry", "jwt_issuer", "jwt_secret", "signing_keys_path", "enable_refresh_token_rotation",
		"refresh_token_reuse_interval", "enable_manual_linking", "enable_signup", "enable_anonymous_sign_ins", "minimum_password_length",
		"password_requirements", "anon_key", "service_role_key", "publishable_key", "secret_key", "sessions", "email", "sms", "mfa", "hook", "external", "captcha",
		"rate_limit", "third_party", "web3", "oauth_server", "passkey", "webauthn",
	}
}
