package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// started is a server under test.
type started struct {
	url    string // where it says that it is
	banner string // what it printed before that
	stop   func() (code int, stderr string)
}

// start runs the command in this process until it prints its URL.
func start(t *testing.T, environ []string, args ...string) started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, w := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, environ, strings.NewReader(""), w, &stderr)
		_ = w.Close()
	}()
	url := regexp.MustCompile(`http://(127\.0\.0\.1|localhost):\d+`)
	out := bufio.NewReader(r)
	var banner strings.Builder
	for {
		line, err := out.ReadString('\n')
		banner.WriteString(line)
		if found := url.FindString(line); found != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return started{found, banner.String(), func() (int, string) { cancel(); return <-code, stderr.String() }}
		}
		if err != nil {
			t.Fatalf("no URL was printed: exit code %d\n%s%s", <-code, banner.String(), stderr.String())
		}
	}
}

// get reads a page of the server once it accepts connections.
func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", url, resp.Status, err, body)
	}
	return string(body)
}

func TestServe(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, []string{"SANDI_ADMIN_ADDR="}, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	if !strings.Contains(s.banner, "There is no administrator yet") {
		t.Errorf("the first start prints %q, want how to make an administrator", s.banner)
	}
	get(t, s.url+"/healthz")
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 { // secure-defaults 1d
		t.Errorf("data folder: %v, %v, want mode 0700", info.Mode(), err)
	}
	code, stderr := s.stop()
	if code != exitOK || !strings.Contains(stderr, `"msg":"stopped"`) {
		t.Errorf("exit code %d, want 0; log:\n%s", code, stderr)
	}
}

func TestServeSaysWhatIsLoosened(t *testing.T) {
	t.Parallel()
	s := start(t, []string{"SANDI_ADMIN_ADDR=", "SANDI_TOKEN_PROFILE=flask"}, "serve", "--data", t.TempDir(), "--addr", "127.0.0.1:0")
	code, stderr := s.stop()
	if code != exitOK || !strings.Contains(stderr, `"setting":"token.insecure_no_rotation"`) {
		t.Errorf("exit code %d; log without the warning:\n%s", code, stderr)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, []string{"SANDI_UNKNOWN=ignored by the demo"}, "demo", "--addr", ":0", "--dir", dir, "--access", "5s", "--profile", "apigee")
	if body := get(t, s.url+"/optional"); !strings.Contains(body, "uest") {
		t.Errorf("GET /optional: %s, want a greeting for a guest", body)
	}
	if code, stderr := s.stop(); code != exitOK {
		t.Errorf("exit code %d, want 0\n%s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "sandi.db")); err != nil {
		t.Errorf("--dir keeps no data: %v", err)
	}
}

// Not parallel: it looks at the temporary folder of this process.
func TestDemoLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := start(t, nil, "demo", "--addr", "localhost:0")
	if code, stderr := s.stop(); code != exitOK {
		t.Errorf("exit code %d, want 0\n%s", code, stderr)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What an operator can mend is one line and a hint: exit 2 for the command line, 1 for the machine.
// secure-defaults 2f
func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		code       int
		args       []string
	}{
		{"port in use", "address already in use", exitFault, []string{"serve", "--data", t.TempDir(), "--addr", taken.Addr().String()}},
		{"data is a file", "not a directory", exitFault, []string{"serve", "--data", file, "--addr", "127.0.0.1:0"}},
		{"off loopback", "listen.insecure_plain", exitUsage, []string{"serve", "--addr", "0.0.0.0:0"}},
		{"demo off loopback", "the demo listens on loopback only", exitUsage, []string{"demo", "--addr", "0.0.0.0:5000"}},
		{"demo on a name", "the demo listens on loopback only", exitUsage, []string{"demo", "--addr", "example.com:5000"}},
		{"demo without port", "is not host:port", exitUsage, []string{"demo", "--addr", "localhost"}},
		{"demo with unknown profile", `did you mean "flask"?`, exitUsage, []string{"demo", "--profile", "flasc"}},
		{"demo with arguments", "takes no arguments", exitUsage, []string{"demo", "flask"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := sandi(t, "", tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.want) || stdout != "" {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, tt.code, tt.want, stderr, stdout)
			}
			if strings.Count(stderr, "sandi: error: ") > 2 || strings.Contains(stderr, "goroutine") {
				t.Errorf("not told in one line:\n%s", stderr)
			}
		})
	}
}

// testSignal: the first signal stops in good order, with exit code 0.
func testSignal(t *testing.T, binary string) {
	t.Helper()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := exec.Command(binary, "demo", "--addr", "127.0.0.1:0")
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Errorf("%v: nothing was printed: %v", sig, err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, stdout); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v, want exit code 0", sig, err)
		}
	}
}
