package interop_test

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"

	"github.com/sandi-auth/sandi/jwt"
)

// party is what a client knows of itself.
type party struct {
	ID     string          `json:"id"`
	Secret string          `json:"secret,omitempty"`
	JWK    json.RawMessage `json:"jwk,omitempty"` // its private key
}

// section is one of a configuration file.
type section map[string]any

// with is the section with others' settings over it.
func (s section) with(more ...section) section {
	s = maps.Clone(s)
	for _, m := range more {
		maps.Copy(s, m)
	}
	return s
}

// clients of the tests, all but what they authenticate by.
func (p *provider) clients(s site) map[string]section {
	var (
		user = section{"grants": []string{"authorization_code", "refresh_token"}}
		web  = section{
			"grants": []string{"authorization_code", "refresh_token", "client_credentials"}, "redirect_uris": []string{callback},
			"scopes": []string{"openid", "profile", "roles", "offline_access", "read", "write"}, "resources": []string{api, otherAPI},
		}
		service = section{"grants": []string{"client_credentials"}, "scopes": []string{"read"}, "resources": []string{api}}
		post    = section{"auth": "client_secret_post"}
		basic   = section{"auth": "client_secret_basic"}
		byKey   = section{"auth": "private_key_jwt"}
		public  = web.with(user, section{"auth": "none"})
		told    = func(id string) section {
			return section{"post_logout_redirect_uris": []string{bye}, "backchannel_logout_uri": p.logouts.url + "/" + id}
		}
	)
	return map[string]section{
		"web":        web.with(post),
		"web-post":   web.with(post),
		"web-basic":  web.with(basic),
		"web-jwt":    web.with(byKey),
		"denied":     web.with(post),
		"leaving":    web.with(post, told("leaving")),
		"spa":        public,
		"spa-dpop":   public.with(section{"dpop_bound": true}),
		"tv":         public.with(section{"grants": []string{"device_code", "refresh_token"}, "redirect_uris": []string{}}),
		"fapi":       web.with(byKey, user, section{"fapi": true, "dpop_bound": true}),
		"api":        web.with(basic, section{"grants": []string{"client_credentials", "token_exchange"}, "redirect_uris": []string{}, "serves": []string{api}, "scopes": []string{"read", "write"}}),
		"go":         web.with(basic),
		"go-leaving": web.with(basic, told("go-leaving")),
		"py":         web.with(basic),
		"py-post":    service.with(post),
		"py-jwt":     service.with(byKey),
		"py-url":     service.with(byKey, section{"insecure_token_url_audience": true}),
		"apache": web.with(basic, user, section{
			"name":                      "Apache's site",
			"redirect_uris":             []string{"https://" + s.secure + "/protected/callback"},
			"post_logout_redirect_uris": []string{"https://" + s.secure + "/bye"},
			"backchannel_logout_uri":    "http://" + s.plain + "/protected/callback?logout=backchannel",
		}),
	}
}

// equip gives each client what it authenticates by, and writes the provider's half beside the configuration.
func (p *provider) equip(clients map[string]section) (list []section, parties map[string]party, err error) {
	parties = map[string]party{}
	for id, c := range clients {
		c = c.with(section{"id": id})
		one := party{ID: id}
		switch c["auth"] {
		case "client_secret_basic", "client_secret_post":
			one.Secret = "sds_" + rand.Text() + rand.Text()
			c["secret_file"], err = p.keep(id+".secret", []byte(one.Secret))
		case "private_key_jwt":
			key := must(jwt.GenerateKey(jwt.ES256))
			one.JWK = must(key.PrivateJWK())
			c["jwks_file"], err = p.keep(id+".jwks", must(json.Marshal(must(jwt.NewKeySet(key.Public())))))
		}
		if err != nil {
			return nil, nil, err
		}
		list, parties[id] = append(list, c), one
	}
	return list, parties, nil
}

// keep writes a file that the provider alone reads.
func (p *provider) keep(name string, content []byte) (path string, err error) {
	path = filepath.Join(p.dir, name)
	return path, os.WriteFile(path, append(content, '\n'), 0o600)
}

// configuration of the provider: clients, scopes and resources beside what every test of a server sets.
func (p *provider) configuration(clients []section, more section) ([]byte, error) {
	token := party{Secret: rand.Text() + rand.Text()}
	path, err := p.keep("registration.secret", []byte(token.Secret))
	if err != nil {
		return nil, err
	}
	p.parties["registration"] = token
	return json.Marshal(section{
		"issuer": p.url,
		"data":   filepath.Join(p.dir, "data"),
		"admin":  section{"addr": ""},
		"api":    section{"registration": "open"},
		"oauth": section{
			"registration_token_file": path,
			"scopes":                  []section{{"name": "read", "description": "Read your things"}, {"name": "write", "description": "Change your things"}},
			"resources":               []section{{"id": api, "name": "Things"}, {"id": otherAPI, "name": "Other things"}},
			"clients":                 clients,
		},
	}.with(more))
}
