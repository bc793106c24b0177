package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// clientView is a client as the command prints it: without hashes, lifetimes as the configuration writes them.
type clientView struct {
	oauth.Client
	Secrets           []secretView    `json:"secrets,omitempty"`
	KeySet            json.RawMessage `json:"jwks,omitempty"`
	GrantTypes        []string        `json:"grant_types"`
	Access            string          `json:"access,omitempty"`
	Idle              string          `json:"idle,omitempty"`
	Absolute          string          `json:"absolute,omitempty"`
	RegistrationToken bool            `json:"registration_token,omitempty"` // it has one
	Insecure          []string        `json:"insecure"`
	// Secret is there once, when it was made.
	Secret string `json:"client_secret,omitempty"`
}

type secretView struct {
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func viewClient(c oauth.Client) clientView {
	v := clientView{
		Client: c, KeySet: json.RawMessage(c.KeySet), GrantTypes: append([]string{}, c.GrantTypes...), Insecure: append([]string{}, c.Insecure()...),
		Access: life(c.Access), Idle: life(c.Idle), Absolute: life(c.Absolute), RegistrationToken: len(c.RegistrationToken) > 0,
	}
	for _, s := range c.Secrets {
		v.Secrets = append(v.Secrets, secretView{s.CreatedAt, s.ExpiresAt})
	}
	return v
}

// life is a lifetime in words, "" for the server's own.
func life(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return config.FormatDuration(d)
}

func grantWords(c oauth.Client) (words []string) {
	for _, g := range c.GrantTypes {
		words = append(words, oauth.GrantWord(g))
	}
	return words
}

// clientRows are the settings of a client that are set, by the names that the configuration file has for them.
func clientRows(c oauth.Client) [][]string {
	rows := [][]string{{"SETTING", "VALUE"}, {"id", c.ID}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("name", c.Name)
	add("from", c.Origin)
	addCredentials(c, add)
	addLists(c, add)
	add("backchannel_logout_uri", c.BackchannelLogoutURI)
	add("access", life(c.Access))
	add("idle", life(c.Idle))
	add("absolute", life(c.Absolute))
	var on []string
	for _, o := range switches(&c) {
		if *o.value {
			on = append(on, o.name)
		}
	}
	add("switches", strings.Join(on, ", "))
	add("created", stamp(c.CreatedAt))
	add("updated", stamp(c.UpdatedAt))
	return rows
}

func addCredentials(c oauth.Client, add func(name, value string)) {
	add("auth", c.AuthMethod)
	for _, s := range c.Secrets {
		until := ""
		if !s.ExpiresAt.IsZero() {
			until = ", counts until " + stamp(s.ExpiresAt)
		}
		add("secret", "made "+stamp(s.CreatedAt)+until)
	}
	if c.KeySet != "" {
		add("jwks", strconv.Itoa(len(c.KeySet))+" bytes (--json shows them)")
	}
	add("tls_subject", c.TLSSubject)
	add("tls_name", c.TLSName)
}

func addLists(c oauth.Client, add func(name, value string)) {
	for _, list := range []struct {
		name  string
		items []string
	}{
		{"grant", grantWords(c)},
		{"redirect_uri", c.RedirectURIs},
		{"post_logout_redirect_uri", c.PostLogoutRedirectURIs},
		{"scope", c.Scopes},
		{"resource", c.Resources},
		{"role", c.Roles},
		{"serves", c.Serves},
	} {
		for _, one := range list.items {
			add(list.name, one)
		}
	}
}
