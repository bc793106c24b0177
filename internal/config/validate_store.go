package config

import (
	"net/url"
	"strings"
)

// validateStore judges the database's URL. It may hold a password, so it is never repeated.
func (c Config) validateStore(fs *faults) {
	const path = "store.url"
	scheme, rest, _ := strings.Cut(c.Store.URL, ":")
	switch {
	case scheme == "sqlite" && !strings.HasPrefix(rest, "//"):
		if rest == "" || strings.Contains(rest, ":memory:") || strings.Contains(rest, "?") {
			fs.at(path, "such as sqlite:/var/lib/sandi/sandi.db", "does not name a file")
		}
		if c.Store.PasswordFile != "" {
			fs.at("store.password_file", "remove it", "is of no use with sqlite, which has no users")
		}
	case scheme == "postgres" || scheme == "postgresql":
		mode := c.validateNetwork(fs, path, "such as postgres://sandi@db.example.com:5432/sandi?sslmode=verify-full").Get("sslmode")
		c.requireTLS(fs, mode == "verify-full" || mode == "verify-ca", "add ?sslmode=verify-full")
	case scheme == "mysql":
		mode := c.validateNetwork(fs, path, "such as mysql://sandi@db.example.com:3306/sandi?tls=true").Get("tls")
		c.requireTLS(fs, mode == "true", "add ?tls=true")
	default:
		fs.at(path, "such as sqlite:/var/lib/sandi/sandi.db", "is not a supported database; supported: sqlite:PATH, postgres://, mysql://")
	}
}

// validateNetwork wants a user, a host and a database, and returns the options.
func (c Config) validateNetwork(fs *faults, path, hint string) url.Values {
	u, err := url.Parse(c.Store.URL)
	if err != nil {
		fs.at(path, hint, "is not a URL")
		return nil
	}
	if u.User.Username() == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		fs.at(path, hint, "does not name a user, a host and a database")
	}
	if _, twice := u.User.Password(); twice && c.Store.PasswordFile != "" {
		fs.at("store.password_file", "take the password out of store.url", "and store.url both give a password")
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		fs.at(path, hint, "has options after the ? that cannot be read")
	}
	noPasswords(fs, path, "store.password_file", options)
	return options
}

// noPasswords: a password among the options would go before the file's, and stand in logs of whoever prints a URL.
func noPasswords(fs *faults, path, instead string, options url.Values) {
	for name := range options {
		if namesPassword(name) {
			fs.at(path, "write the password into a file that "+instead+" names", "has a password among the options after the ?")
			return
		}
	}
}

// namesPassword says that an option of a URL is a password, as password and sslpassword are.
func namesPassword(option string) bool { return strings.Contains(strings.ToLower(option), "password") }

// requireTLS: passwords do not cross a network that others may read.
func (c Config) requireTLS(fs *faults, verified bool, hint string) {
	u, err := url.Parse(c.Store.URL)
	if err != nil || verified || c.Store.InsecurePlain || isLoopback(u.Hostname()) {
		return
	}
	fs.at("store.url", hint+", or set store.insecure_plain", "goes to another host without checking its certificate")
}

// validateCluster judges the URL of Redis, and never repeats it.
func (c Config) validateCluster(fs *faults) {
	const path, hint = "cluster.url", "such as rediss://redis.example.com:6379"
	if c.Cluster.URL == "" {
		return
	}
	u, err := url.Parse(c.Cluster.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
		fs.at(path, hint, "is not the URL of a Redis server")
		return
	}
	if u.Scheme == "redis" && !isLoopback(u.Hostname()) && !c.Cluster.InsecurePlain {
		fs.at(path, "use rediss://, or set cluster.insecure_plain", "goes to another host without TLS")
	}
	if _, twice := u.User.Password(); twice && c.Cluster.PasswordFile != "" {
		fs.at("cluster.password_file", "take the password out of cluster.url", "and cluster.url both give a password")
	}
	noPasswords(fs, "cluster.url", "cluster.password_file", u.Query())
	if strings.HasPrefix(c.Store.URL, "sqlite:") {
		fs.at(path, "leave it out, or use PostgreSQL or MariaDB", "is of no use with sqlite, which has one node")
	}
}
