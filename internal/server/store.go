package server

import (
	"fmt"
	"strings"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/store"
)

// StoreConfig is how the configured store is opened, by the server and by the commands beside it.
func StoreConfig(c config.Config) (store.Config, error) {
	password, err := readPassword("store.password_file", c.Store.PasswordFile)
	reserved := map[string]bool{}
	for _, one := range c.OAuth.Clients {
		reserved[one.ID] = true
	}
	return store.Config{
		URL: c.Store.URL, Password: password, MaxConns: c.Store.MaxConnections, AccessLifetime: c.LongestAccess(),
		ReservedSubjects: func(name string) bool { return reserved[name] },
	}, err
}

// readPassword reads the one line of a file that only its owner can read; "" where none is set.
func readPassword(setting, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := readFile(path, "the password", true)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", setting, err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" || strings.ContainsAny(password, "\r\n") {
		return "", &badFile{fmt.Sprintf("%s: %s is not one line", setting, path), "write the password into it, and nothing else"}
	}
	return password, nil
}
