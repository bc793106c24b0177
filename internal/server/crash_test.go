package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
)

// serveEnv makes this test binary a server on the folder that it names, until it is killed.
const serveEnv = "SANDI_TEST_SERVE"

func serveIfAsked() {
	dir := os.Getenv(serveEnv)
	if dir == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := server.New(ctx, server.Options{
		Config: testConfig(dir), Stdout: io.Discard, Demo: &server.Demo{}, InsecureWeakHash: true,
		Logger: server.NewLogger(os.Stderr, config.Log{Level: "error", Format: "json"}, false),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.Issuer())
	go func() { // ends with its parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := s.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a server in a process of its own.
type child struct {
	running
	cmd *exec.Cmd
}

func spawn(t *testing.T, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ch := &child{cmd: cmd, running: running{t: t, dir: dir}}
	stopped := sync.OnceFunc(func() { stdin.Close(); _ = cmd.Wait() })
	t.Cleanup(stopped)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server said nothing: %v", err)
	}
	ch.url = strings.TrimSpace(line)
	return ch
}

// kill is kill -9.
func (c *child) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	_ = c.cmd.Wait()
}

// A logout whose 200 was seen survives a kill -9 right after it: 50 times, nothing revived.
func TestLogoutSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := plain(t)
	var dead []string // every access token that was logged out
	revived := 0
	for i := range 50 {
		s := spawn(t, dir)
		access, refresh := s.login(c, "user1", "password1")
		for _, token := range append(dead, access) {
			want := token == access
			if got := s.call(c, "GET", "/protected", token, "").status == 200; got != want {
				revived++
			}
		}
		s.want(s.call(c, "DELETE", "/logout", access, ""), 200, "")
		s.kill()
		dead = append(dead, access)
		if len(dead) > 3 { // the last few: the list only grows
			dead = dead[1:]
		}
		if i%10 == 9 {
			s = spawn(t, dir)
			s.want(s.call(c, "POST", "/refresh", refresh, ""), 401, "invalid_grant")
			s.kill()
		}
		c.CloseIdleConnections()
	}
	if revived != 0 {
		t.Errorf("revived %d times, want 0", revived)
	}
}

// Tokens of either kind survive a restart, and so does a logout.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := plain(t)
	first := startIn(t, dir, &server.Demo{Kept: true}, nil)
	access, refresh := first.login(c, "user1", "password1")
	gone, _ := first.login(c, "user2", "password2")
	first.want(first.call(c, "DELETE", "/logout", gone, ""), 200, "")
	c.CloseIdleConnections()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	// The issuer of a demo is its address, so the second one takes the same port.
	second := startIn(t, dir, &server.Demo{Kept: true}, func(c *config.Config) { c.Listen.Addr = strings.TrimPrefix(first.url, "http://") })
	if got := second.want(second.call(c, "GET", "/protected", access, ""), 200, "").str("logged_in_as"); got != "user1" {
		t.Errorf("logged_in_as: got %q, want user1", got)
	}
	second.want(second.call(c, "POST", "/refresh", refresh, ""), 200, "")
	second.want(second.call(c, "GET", "/protected", gone, ""), 401, "token_revoked")
}

// A stop lets the request under way finish, and Run returns nil.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := credentials("user1", "password1")
	fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v: want 100 Continue, which says that the handler reads the body", line, err)
	}
	_, _ = in.ReadString('\n')
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	for refused := false; !refused; { // the listener closes first
		probe, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			probe.Close()
		}
		refused = errors.Is(err, syscall.ECONNREFUSED)
	}
	fmt.Fprint(conn, body)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("the request under way got %d, want 200", res.StatusCode)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

// 100 callers refresh with one token at once: one new generation, and the same successor for all.
// checklist 67
func TestConcurrentRefresh(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	_, refresh := r.login(c, "user1", "password1")
	var wg sync.WaitGroup
	got := make([]answer, 100)
	for i := range got {
		wg.Go(func() { got[i] = r.call(c, "POST", "/refresh", refresh, "") })
	}
	wg.Wait()
	for _, a := range got {
		r.want(a, 200, "")
		if a.str("refresh_token") != got[0].str("refresh_token") || a.str("refresh_token") == refresh {
			t.Fatal("two successors of one refresh token, or none")
		}
	}
	r.advance(11 * time.Second)
	a := r.call(c, "POST", "/refresh", refresh, "")
	r.want(a, 401, "invalid_grant")
	if !strings.Contains(a.str("msg"), "newer refresh token") {
		t.Errorf("msg: %q", a.str("msg"))
	}
	r.want(r.call(c, "POST", "/refresh", got[0].str("refresh_token"), ""), 401, "invalid_grant") // the session has ended
	r.want(r.call(c, "GET", "/protected", got[0].str("access_token"), ""), 401, "token_revoked")
}

// A client that begins a body and never ends it does not hold up a stop for longer than its time, nor make it a failure.
func TestStopCutsOff(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) { c.Listen.ShutdownTimeout = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v: want 100 Continue", line, err)
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !strings.Contains(r.log.String(), "cut off") {
		t.Error("the log does not tell of it")
	}
}

// The text log shows control characters instead of obeying or hiding them. secure-defaults 16c
func TestTextLogEscapes(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	server.NewLogger(&out, config.Log{Level: "info", Format: "text"}, true).Info("request", "path", "/plain\x1b[2J\r\nforged")
	if got := out.String(); strings.Contains(got, "\x1b[2J") || !strings.Contains(got, "␛[2J␍␊forged") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}
