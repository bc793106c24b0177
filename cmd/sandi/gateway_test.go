package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gatewayFile writes a configuration: the lines of section gateway.
func gatewayFile(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.yaml")
	text := "data: " + dir + "/data\nadmin:\n  addr: ''\ngateway:\n  " + strings.Join(lines, "\n  ") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// It guards a server by the tokens of another, and stops in good order.
func TestGateway(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "demo", "--addr", "127.0.0.1:0")
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(upstream.Close)
	path := gatewayFile(t, "addr: 127.0.0.1:0", "issuer: "+s.url, "routes:", "  - path: /", "    upstream: ["+upstream.URL+"]")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var stdout, stderr pipe
	serving, code := stderr.has(`"msg":"serving"`), make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"gateway", "--config", path}, nil, strings.NewReader(""), &stdout, &stderr)
	}()
	select {
	case <-serving:
	case c := <-code:
		t.Fatalf("exit code %d\n%s", c, &stderr)
	}
	_, rest, _ := strings.Cut(stderr.String(), `"msg":"serving","addr":"`)
	addr, _, _ := strings.Cut(rest, `"`)
	res, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s, want 401", res.Status)
	}
	cancel()
	if c := <-code; c != exitOK || !strings.Contains(stderr.String(), `"msg":"stopped"`) || stdout.String() != "" {
		t.Errorf("exit code %d, want 0; log:\n%s%s", c, &stderr, &stdout)
	}
}

// What an operator can mend is one line and a hint: exit 2 for the configuration, 1 for the rest.
func TestGatewayIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path string
		code       int
		want       string
	}{
		{"nothing configured", gatewayFile(t, "forward_auth: true"), exitUsage, "gateway.addr and gateway.issuer are required"},
		{"route without upstream", gatewayFile(t, "addr: 127.0.0.1:0", "issuer: http://127.0.0.1:1", "routes:", "  - path: /"), exitUsage, "upstream"},
		{"off loopback", gatewayFile(t, "addr: 0.0.0.0:8000", "issuer: http://127.0.0.1:1", "public_url: https://api.example.com"), exitUsage, "off loopback"},
		{"issuer is down", gatewayFile(t, "addr: 127.0.0.1:0", "issuer: http://127.0.0.1:1"), exitFault, "fetch the keys of gateway.issuer"},
		{"no such file", "none.yaml", exitUsage, "none.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // one that should have been refused
			defer cancel()
			var stdout, stderr pipe // the fetch of the keys, which is logged, may end after the command
			code := run(ctx, []string{"gateway", "--config", tt.path}, nil, strings.NewReader(""), &stdout, &stderr)
			if code != tt.code || !strings.Contains(stderr.String(), tt.want) || stdout.String() != "" || strings.Contains(stderr.String(), "goroutine") {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, tt.code, tt.want, &stderr, &stdout)
			}
		})
	}
}
