package cluster

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// fault is a fault of the configuration. It repeats nothing of the URL, which may hold a password.
type fault struct{ message, hint string }

func (f *fault) Error() string { return "open redis: " + f.message }

// Hint says what to do.
func (f *fault) Hint() string { return f.hint }

// goodPrefix has nothing that a pattern of channels or of an ACL would read as one.
var goodPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func redisDefaults(c RedisConfig) RedisConfig {
	c.Prefix = cmp.Or(c.Prefix, "sandi")
	c.Timeout = cmp.Or(max(c.Timeout, 0), DefaultTimeout)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// redisOptions reads the URL.
func redisOptions(c RedisConfig) (*redis.Options, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "redis" && u.Scheme != "rediss" || u.Opaque != "" {
		return nil, &fault{"cluster.url is not the URL of a Redis server", "write it as rediss://redis.example.com:6379"}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, &fault{
			"cluster.url has options, and none are supported; nor is Redis Cluster",
			"name one server, or the primary of several, as in rediss://redis.example.com:6379",
		}
	}
	database := 0
	if path := strings.Trim(u.Path, "/"); path != "" {
		if database, err = strconv.Atoi(path); err != nil || database < 0 {
			return nil, &fault{"cluster.url ends in what is not the number of a database", "leave out what follows the port, or write a number, as in /0"}
		}
	}
	if !goodPrefix.MatchString(c.Prefix) {
		return nil, &fault{"the prefix of keys is not 1 to 64 letters, digits, dots, dashes and underscores", "leave it out for \"sandi\""}
	}
	password, given := u.User.Password()
	if given && c.Password != "" {
		return nil, &fault{"cluster.url and cluster.password_file both give a password", "take the password out of cluster.url"}
	}
	o := &redis.Options{
		Addr: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379")), Username: u.User.Username(), Password: cmp.Or(password, c.Password), DB: database,
	}
	if u.Scheme == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	}
	bound(o, c)
	o.Dialer = boundReplies(redis.NewDialer(o))
	return o, nil
}

// bound has the deadlines of contexts rule, and everything tried once: whoever
// calls has an answer of his own, and the probe tries again.
func bound(o *redis.Options, c RedisConfig) {
	longest := max(connectTime, c.Timeout)
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = longest, longest, longest, longest
	o.MaxRetries, o.DialerRetries = -1, 1
	o.Protocol, o.DisableIdentity = 2, true // what is not sent needs no permission
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.ReadBufferSize, o.WriteBufferSize = 4<<10, 4<<10 // replies are small
}
