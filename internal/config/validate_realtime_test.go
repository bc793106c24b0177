package config_test

import "testing"

// ASVS 4.4.2: origins are exact.
func TestValidateRealtime(t *testing.T) {
	t.Parallel()
	rt := func(s string) string { return "realtime: {" + s + "}" }
	channel := func(s string) string { return rt("channels: [{name: m, " + s + "}]") }
	checkFaults(t, []struct{ name, yaml, want string }{
		{"on", rt("enabled: true"), ""},
		{"full", rt("default_channel: lobby, origins: ['https://app.example'], clearances: [{role: spy, level: 5}], channels: [{name: lobby}, {name: 'ops/*', subscribe_level: 5, publish_roles: [spy], publish_scopes: [m.write]}]"), ""},
		{"path", rt("path: missions"), "begin with a slash"},
		{"path of everything", rt("path: /"), "is not a path of its own"},
		{"path of the API", rt("path: /api/auth/live"), "answers something else"},
		{"path of OAuth", rt("path: /oauth/live"), "answers something else"},
		{"path of a prefix", "{realtime: {path: /v1/live}, api: {prefixes: [/v1]}}", "answers something else"},
		{"Socket.IO without a slash", rt("socket_io_path: /socket.io"), ""},
		{"Socket.IO at the root", rt("socket_io_path: /"), "realtime.socket_io_path"},
		{"one path for both", rt("path: /socket.io"), "is the same as realtime.path"},
		{"any origin", rt("origins: ['*']"), "realtime.origins"},
		{"origin with a slash", rt("origins: ['https://app.example/']"), "write https://app.example\n"},
		{"default channel", rt("default_channel: 'a b'"), "is not the name of a channel"},
		{"default prefix", rt("default_channel: 'a/*'"), "is not the name of a channel"},
		{"queue", rt("queue: 4096"), "less than realtime.max_message (65536)"},
		{"never", rt("auth_timeout: 0s"), "must be more than 0"},
		{"too large", rt("max_message: 2097152"), "outside 256 to 1048576"},
		{"clearance twice", rt("clearances: [{role: spy}, {role: spy}]"), "listed twice"},
		{"clearance of nobody", rt("clearances: [{level: 5}]"), "is empty or listed twice"},
		{"clearance below nothing", rt("clearances: [{role: spy, level: -1}]"), "outside 0 to 1000"},
		{"channel", channel("keep: 5, presence: true"), ""},
		{"channel without a name", rt("channels: [{presence: true}]"), "is not the name of a channel"},
		{"channel with a space", rt("channels: [{name: 'a b'}]"), "is not the name of a channel"},
		{"channel with a star within", rt("channels: [{name: 'a/*/b'}]"), "is not the name of a channel"},
		{"every channel", rt("channels: [{name: '/*'}]"), "is not the name of a channel"},
		{"channel twice", rt("channels: [{name: a}, {name: a}]"), "listed twice"},
		{"a level that nobody has", channel("subscribe_level: 5"), "nobody could"},
		{"no scope", channel("publish_scopes: ['a b']"), "is not a scope"},
		{"empty role", channel("subscribe_roles: ['']"), "has an empty entry"},
		{"read only, with writers", channel("read_only: true, publish_roles: [a]"), "nobody publishes"},
		{"message above the socket's", rt("max_message: 1024, channels: [{name: m, max_bytes: 2048}]"), "more than realtime.max_message (1024)"},
		{"small messages", rt("max_message: 1024, channels: [{name: m}]"), ""},
		{"kept for ever", channel("keep_for: 48h"), "outside 0s to 1d"},
	})
}
