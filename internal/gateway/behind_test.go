package gateway_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestSmugglingBehind: what one server takes for the body of a request whose framing is in doubt, and we for the next request, is answered
// by nobody (RFC 9112 section 6.1: the connection is closed after both lengths, and after a coding in HTTP/1.0).
// ASVS 4.2.1
func TestSmugglingBehind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		head, body string // of the first request
		answers    int
	}{
		"both":           {"POST / HTTP/1.1\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 1},
		"both, turned":   {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", "1\r\na\r\n0\r\n\r\n", 1},
		"chunked":        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 1},
		"coding in 1.0":  {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", "abcd", 1},
		"refused":        {"POST /nowhere/.. HTTP/1.1\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 1},
		"length":         {"POST / HTTP/1.1\r\nContent-Length: 4\r\n", "abcd", 2},
		"without a body": {"GET / HTTP/1.1\r\n", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := newSeen(t, nil)
			w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, up.URL)})
			c, err := net.Dial("tcp", w.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "%sHost: 127.0.0.1\r\n\r\n%sGET /behind HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", tt.head, tt.body)
			all, _ := io.ReadAll(c)
			if n := strings.Count(string(all), "X-Request-Id: "); n != tt.answers {
				t.Errorf("%d answers, want %d:\n%s", n, tt.answers, all)
			}
			w.server.Close()
			for _, r := range up.reqs {
				if tt.answers == 1 && r.URL.Path != "/" || len(r.Header["Content-Length"]) > 0 && len(r.TransferEncoding) > 0 {
					t.Errorf("the upstream got %s %v %v", r.URL, r.Header, r.TransferEncoding)
				}
			}
		})
	}
}
