package lint

import (
	"path"
	"slices"
	"strings"
	"time"
)

// isSandi knows Sandi's own configuration, by its name or by keys that nobody else has.
func isSandi(s *Source) bool {
	base := path.Base(s.Name)
	named := strings.HasPrefix(base, "sandi") && strings.HasSuffix(base, "yaml") || base == "sandi.yml"
	return named && holds(s, "token:", "oauth:", "session:", "issuer:") ||
		structured(s) && holds(s, "refresh_absolute:", "insecure_no_rotation:", "insecure_long_access_tokens:", "insecure_password_grant:", "insecure_implicit_grant:", "insecure_query_token:")
}

func readSandi(s *Source) ([]Policy, error) {
	d, err := parseTree(s, sandiSpelling())
	if err != nil {
		return nil, err
	}
	var all []Policy
	for _, root := range d.roots {
		if !root.has("token", "oauth", "session", "realtime", "revocation", "issuer") {
			continue
		}
		all = append(all, d.sandi(root))
		if clients := root.at("oauth", "clients"); clients != nil {
			for _, c := range clients.items {
				if id := c.at("id"); id != nil {
					all = append(all, d.sandiClient(c, id))
				}
			}
		}
	}
	return all, nil
}

// sandiLives are the lifetimes of a profile of Sandi: access, idle, absolute, and whether refresh tokens are replaced.
type sandiLives struct {
	access, idle, absolute time.Duration
	rotate                 bool
}

func sandiProfile(name string) (p sandiLives, ok bool) {
	switch name {
	case "sandi":
		return sandiLives{15 * time.Minute, 14 * day, 30 * day, true}, true
	case "flask":
		return sandiLives{15 * time.Minute, 30 * day, 30 * day, false}, true
	case "apigee":
		return sandiLives{30 * time.Minute, day, day, true}, true
	case "hourly":
		return sandiLives{time.Hour, day, day, true}, true
	}
	return sandiLives{}, false
}

// section is a part of Sandi's configuration where lifetimes stand under short names.
type section struct {
	*document
	t, place *tree
	prefix   string
	profile  sandiLives
	named    *tree // what names the profile
}

// of is a lifetime: as written, as the profile has it, or by default.
func (s *section) of(kind Kind, key string, usual, least, most time.Duration) Lifetime {
	l := s.lifetime(setting{kind: kind, key: s.prefix + key, usual: usual, min: least, max: most}, s.t.at(key), s.place)
	if l.State == Unset && s.named != nil && usual > 0 {
		l.State, l.Key, l.At, l.Raw = Literal, s.prefix+"profile", s.span(s.named, nil), s.raw(s.named)
	}
	return l
}

// rotation is off by a switch, or by the profile.
func (s *section) rotation(off ...string) Fact {
	at := s.named
	rotates := s.profile.rotate
	for _, key := range off {
		if t := s.t.at(key); t.yes() {
			at, rotates = t, false
		}
	}
	better := "false"
	if at == s.named {
		better = ""
	}
	f := s.fact(Rotation, at, s.place, better)
	f.Bool = rotates
	return f
}

// part is a section by name; what it does not set stands where the section does, or at the beginning.
func (d *document) part(root *tree, name string) section {
	s := section{document: d, t: root.at(name), prefix: name + "."}
	k, ok := root.key(name)
	if !ok && len(root.keys) > 0 {
		k = root.keys[0]
	}
	s.place = &tree{shape: scalar, start: k.start, end: k.end}
	return s
}

// sandi reads what holds for the whole server.
func (d *document) sandi(root *tree) Policy {
	token, oauth := d.part(root, "token"), d.part(root, "oauth")
	token.named = token.t.at("profile")
	token.profile, _ = sandiProfile("sandi")
	if p, ok := sandiProfile(token.named.string()); ok {
		token.profile = p
	}
	l := token.profile
	p := Policy{Product: Sandi, Name: "token", At: d.span(token.place, nil)}
	p.Lifetimes = []Lifetime{
		token.of(Access, "access", l.access, time.Second, day),
		token.of(RefreshIdle, "refresh_idle", l.idle, time.Second, 365*day),
		token.of(Refresh, "refresh_absolute", l.absolute, time.Second, 365*day),
		oauth.of(Code, "code_lifetime", time.Minute, 10*time.Second, 10*time.Minute),
		oauth.of(DeviceCode, "device_lifetime", 10*time.Minute, time.Minute, time.Hour),
		oauth.of(SessionIdle, "browser_idle", day, time.Minute, 365*day),
		oauth.of(SessionMax, "browser_absolute", 14*day, time.Minute, 365*day),
	}
	session, revocation := d.part(root, "session"), d.part(root, "revocation")
	window := setting{kind: ReuseWindow, key: "session.retry_window", usual: 10 * time.Second, max: time.Minute, zero: zeroLength}
	lag := setting{kind: RevocationWait, key: "revocation.max_staleness", usual: min(time.Minute, l.access), min: time.Second, max: time.Hour}
	p.Lifetimes = append(p.Lifetimes, d.lifetime(window, session.t.at("retry_window"), session.place), d.lifetime(lag, revocation.t.at("max_staleness"), revocation.place))
	p.Facts = append(p.Facts, token.rotation("insecure_no_rotation"))
	if t := root.at("realtime", "insecure_query_token"); t.yes() {
		f := d.fact(TokenIn, t, nil, "false")
		f.Words = []string{"header", "query"}
		p.Facts = append(p.Facts, f)
	}
	p.Facts = append(p.Facts, d.misspelt(token.t, "profile", "access", "refresh_idle", "refresh_absolute", "audience", "algorithm", "secret_file", "insecure_long_access_tokens", "insecure_no_rotation")...)
	p.Facts = append(p.Facts, d.misspelt(session.t, "retry_window", "max_per_user")...)
	return p
}

// sandiClient reads what a client has of its own.
func (d *document) sandiClient(c, id *tree) Policy {
	s := section{document: d, t: c, place: id, named: c.at("profile")}
	own, ok := sandiProfile(s.named.string())
	if !ok {
		s.named = nil
	}
	s.profile = own
	p := Policy{Product: Sandi, Name: "client " + id.string(), At: d.span(id, nil), Client: ConfidentialClient}
	p.Bound = c.at("dpop_bound").yes() || c.at("tls_bound").yes() || c.at("fapi").yes()
	if c.at("auth").string() == "none" {
		p.Client = PublicClient
	}
	for _, l := range []Lifetime{
		s.of(Access, "access", own.access, time.Second, day),
		s.of(RefreshIdle, "idle", own.idle, time.Second, 365*day),
		s.of(Refresh, "absolute", own.absolute, time.Second, 365*day),
	} {
		if l.State != Unset {
			p.Lifetimes = append(p.Lifetimes, l)
		}
	}
	keeps := c.has("keep_refresh", "insecure_no_rotation")
	if f := s.rotation("keep_refresh", "insecure_no_rotation"); !f.Bool && (keeps || s.named != nil) {
		f.Bool = !c.at("keep_refresh").yes() && !c.at("insecure_no_rotation").yes() && (s.named == nil || own.rotate)
		p.Facts = append(p.Facts, f)
	}
	grants := c.at("grants")
	if grants.fixed() {
		p.Facts = append(p.Facts, d.grantTypes(grants))
	} else if grants == nil && c.has("redirect_uris") {
		p.Facts = append(p.Facts, Fact{Name: GrantTypes, Words: []string{"authorization_code", "refresh_token"}, At: p.At, Unset: true})
	}
	if i := slices.IndexFunc(p.Facts, func(f Fact) bool { return f.Name == GrantTypes }); i >= 0 {
		p.Facts[i].Write = nil
	}
	return p
}
