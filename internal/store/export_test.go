package store

import (
	"database/sql"
	"strings"
)

// Raw is a pool of connections to the database at a store URL, with nothing of the store around them.
func Raw(url string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	}
	s, _, err := newServer(Config{URL: url})
	if err != nil {
		return nil, err
	}
	c, err := s.connector(false)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}
