package server_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
)

// metric is the value of a line of /metrics.
func (r *running) metric(line string) float64 {
	r.t.Helper()
	a := r.call(plain(r.t), "GET", "/metrics", "", "")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + ` (\S+)$`).FindStringSubmatch(a.raw)
	if found == nil {
		r.t.Fatalf("no metric %s", line)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// One node of two purges; what it deletes shows in its metrics.
func TestHousekeeping(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startIn(t, dir, &server.Demo{Kept: true}, nil)
	c := plain(t)
	_, refresh := first.login(c, "user1", "password1")
	first.want(first.call(c, "DELETE", "/logout", refresh, ""), 200, "")
	first.metric("sandi_housekeeper")
	c.CloseIdleConnections()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	same := func(c *config.Config) { c.Listen.Addr = strings.TrimPrefix(first.url, "http://") }
	second := startAt(t, dir, &server.Demo{Kept: true}, 2*time.Hour, same)
	third := startAt(t, dir, &server.Demo{Kept: true}, 2*time.Hour, func(c *config.Config) { c.Issuer = first.url })
	for deadline := time.Now().Add(20 * time.Second); second.metric(`sandi_purged_total{kind="session"}`)+third.metric(`sandi_purged_total{kind="session"}`) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("a session that ended two hours ago is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := second.metric("sandi_housekeeper") + third.metric("sandi_housekeeper"); n != 1 {
		t.Errorf("%v nodes keep house, want 1", n)
	}
}
