package testdb

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// RedisServer is a Redis server that keeps nothing on disk: after Stop and Start
// it is empty. Its methods may be called from many goroutines.
type RedisServer struct {
	*daemon
	password string
}

// Redis starts a Redis server for one test, which ends it. Where redis-server is
// missing the test is skipped, and fails with CI=true.
func Redis(tb testing.TB) *RedisServer {
	tb.Helper()
	s, err := NewRedis()
	need(tb, err)
	tb.Cleanup(s.Close)
	return s
}

// NewRedis starts a Redis server, 6 or newer. Whoever is no test calls Close at
// the end.
func NewRedis() (_ *RedisServer, err error) {
	if err := checkRedis(); err != nil {
		return nil, err
	}
	d, err := newDaemon("Redis", "redis")
	if err != nil {
		return nil, err
	}
	s := &RedisServer{d, password()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	settings := fmt.Sprintf("bind 127.0.0.1\nport %d\nrequirepass %s\ndir %s\nsave \"\"\nappendonly no\n", s.port.number, s.password, s.data())
	config, err := s.file(filepath.Join("data", "redis.conf"), settings)
	if err != nil {
		return nil, err
	}
	if err := s.keep("redis-server", config); err != nil {
		return nil, err
	}
	s.answers = s.ping
	return s, s.Start()
}

// URL is the cluster URL of the server, with its password.
func (s *RedisServer) URL() string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: s.Addr(), Path: "0"}
	return u.String()
}

func (s *RedisServer) ping() error {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\n", s.password); err != nil {
		return err
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || answer != "+OK\r\n" {
		return fmt.Errorf("redis answers %q, %w", answer, err)
	}
	return nil
}

var redisVersion = regexp.MustCompile(`v=(\d+)\.`)

func checkRedis() error {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return fmt.Errorf("the program redis-server is %w", ErrMissing)
	}
	if m := redisVersion.FindSubmatch(out); m != nil {
		if major, _ := strconv.Atoi(string(m[1])); major >= 6 {
			return nil
		}
	}
	return fmt.Errorf("a redis-server of version 6 or newer is %w", ErrMissing)
}
