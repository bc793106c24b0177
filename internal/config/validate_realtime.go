package config

import (
	"cmp"
	"slices"
	"strings"
)

// ours are the first segments of what this server answers itself, beside the API.
var ours = strings.Fields("oauth .well-known signin consent device console healthz readyz metrics revocations forward-auth sandi.js openapi.json api")

// validateRealtime judges the section realtime.
func (c Config) validateRealtime(fs *faults) {
	r := c.Realtime
	c.checkSocketPath(fs, "realtime.path", r.Path)
	c.checkSocketPath(fs, "realtime.socket_io_path", strings.TrimSuffix(r.SocketIOPath, "/"))
	if a, b := strings.TrimSuffix(r.Path, "/"), strings.TrimSuffix(r.SocketIOPath, "/"); a == b {
		fs.at("realtime.socket_io_path", "choose another", "is the same as realtime.path")
	}
	for _, o := range r.Origins {
		checkOrigin(fs, "realtime.origins", o)
	}
	if r.DefaultChannel != "" && !isChannel(r.DefaultChannel, false) {
		fs.at("realtime.default_channel", channelHint, "%q is not the name of a channel", r.DefaultChannel)
	}
	if r.Queue < r.MaxMessage && !fs.has("realtime.max_message", "") {
		fs.at("realtime.queue", "raise it, or lower realtime.max_message", "%d is less than realtime.max_message (%d): whoever waits for one message would be closed", r.Queue, r.MaxMessage)
	}
	roles := map[string]bool{}
	for i, one := range r.Clearances {
		if one.Role == "" || roles[one.Role] {
			fs.at(item("realtime.clearances", i)+"role", "name each role once", "%q is empty or listed twice", one.Role)
		}
		roles[one.Role] = true
	}
	names := map[string]bool{}
	for i, one := range r.Channels {
		path := item("realtime.channels", i)
		one.validate(fs, path, r)
		if names[one.Name] {
			fs.at(path+"name", "", "%q is listed twice", one.Name)
		}
		names[one.Name] = true
	}
}

// checkSocketPath wants a path of its own: one that something else answers would hide the sockets, or that.
func (c Config) checkSocketPath(fs *faults, path, p string) {
	if hint := checkPrefix(p); hint != "" || p == "/" {
		fs.at(path, cmp.Or(hint, "such as /missions"), "%q is not a path of its own", p)
		return
	}
	first, _, _ := strings.Cut(p[1:], "/")
	if slices.Contains(ours, first) || slices.ContainsFunc(c.API.Prefixes, func(prefix string) bool {
		return prefix != "/" && (p == prefix || strings.HasPrefix(p, prefix+"/"))
	}) {
		fs.at(path, "such as /missions", "%q is where this server answers something else", p)
	}
}

const channelHint = "1 to 64 letters, digits and - . _ : /"

// isChannel judges a name, or with prefixes also one that ends in /*.
func isChannel(name string, prefixes bool) bool {
	if prefixes {
		name = strings.TrimSuffix(name, "/*")
	}
	return name != "" && len(name) <= 64 && strings.Trim(name, channelBytes) == ""
}

const channelBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:/"

// validate judges a channel; path is "realtime.channels[2].".
func (ch Channel) validate(fs *faults, path string, r Realtime) {
	if !isChannel(ch.Name, true) {
		fs.at(path+"name", channelHint+"; or a prefix that ends in /*", "%q is not the name of a channel", ch.Name)
	}
	most := 0
	for _, one := range r.Clearances {
		most = max(most, one.Level)
	}
	for _, side := range []struct {
		key    string
		roles  []string
		scopes []string
		level  int
	}{{"subscribe_", ch.SubscribeRoles, ch.SubscribeScopes, ch.SubscribeLevel}, {"publish_", ch.PublishRoles, ch.PublishScopes, ch.PublishLevel}} {
		if slices.Contains(side.roles, "") {
			fs.at(path+side.key+"roles", "", "has an empty entry")
		}
		for _, s := range side.scopes {
			if s == "" || !isASCII(s) || strings.ContainsAny(s, `"\`) {
				fs.at(path+side.key+"scopes", "such as missions.read", "%q is not a scope (RFC 6749 section 3.3)", s)
			}
		}
		if side.level > most {
			fs.at(path+side.key+"level", "give a role that level in realtime.clearances", "%d is above every role's clearance (%d): nobody could", side.level, most)
		}
	}
	if ch.ReadOnly && (len(ch.PublishRoles) > 0 || len(ch.PublishScopes) > 0 || ch.PublishLevel > 0) {
		fs.at(path+"read_only", "remove it, or who may publish", "says that nobody publishes, and the channel says who may")
	}
	if ch.MaxBytes > r.MaxMessage {
		fs.at(path+"max_bytes", "lower it, or raise realtime.max_message", "%d is more than realtime.max_message (%d)", ch.MaxBytes, r.MaxMessage)
	}
}
