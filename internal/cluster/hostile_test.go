package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// hostilities are replies that a client which believes their headers dies of.
var hostilities = map[string]string{
	"string out of range": "$9223372036854775806\r\n",
	"string of 1 TB":      "$1000000000000\r\n",
	"array of 1 TB":       "*1000000000000\r\n",
	"arrays in arrays":    strings.Repeat("*1\r\n", 1<<20),
	"wide and deep":       strings.Repeat("*4096\r\n", 1<<18),
	"map":                 "%9223372036854775807\r\n",
	"push":                ">1000000000000\r\n",
	"attribute":           "|1\r\n$9223372036854775806\r\n",
	"endless line":        "+" + strings.Repeat("a", 16<<20),
	"wrong types":         "*5\r\n+a\r\n*1\r\n$-1\r\n-ERR\r\n$1\r\na\r\n*-1\r\n",
}

// No server ends a node, be it hostile from the first or after it has served:
// limits are local, and the node goes on.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	for name, answer := range hostilities {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for server, url := range map[string]string{
				"from the first":  serve(t, func([]byte) string { return answer }),
				"in its answers":  serve(t, polite(answer, "evalsha", "psubscribe")),
				"to a try, later": serve(t, polite(answer, ":tries:", "psubscribe")),
			} {
				w := &world{T: t, config: cluster.RedisConfig{URL: url, Secret: make([]byte, 32), Now: time.Now, Timeout: 20 * time.Second}}
				r := w.open()
				if served := r.Healthy(); served != (server == "to a try, later") {
					t.Errorf("%s: healthy %v", server, served)
				}
				for _, want := range []time.Duration{0, 0, 0, time.Hour} {
					w.wait(r, server, "a", want)
				}
				if r.Lost() == 0 {
					t.Errorf("%s: no call was counted as lost", server)
				}
			}
		})
	}
}

// polite answers as Redis does, but for what holds one of words.
func polite(answer string, words ...string) func(question []byte) string {
	return func(question []byte) string {
		for _, word := range words {
			if bytes.Contains(question, []byte(word)) {
				return answer
			}
		}
		switch {
		case bytes.Contains(question, []byte("ping")):
			return "+PONG\r\n"
		case bytes.Contains(question, []byte("evalsha")):
			return "*2\r\n:0\r\n:1\r\n"
		default:
			return "-ERR unknown command\r\n"
		}
	}
}

// impostor is a server that says the same to everything, or nothing, and returns its URL.
func impostor(t *testing.T, answer string) string {
	t.Helper()
	return serve(t, func([]byte) string { return answer })
}

// serve runs a server that answers all that it reads at once, and returns its URL.
func serve(t *testing.T, answer func(question []byte) string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = l.Close() })
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				for b := make([]byte, 4096); ; {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					if _, err := fmt.Fprint(c, answer(b[:n])); err != nil {
						return
					}
				}
			})
		}
	})
	return "redis://" + l.Addr().String()
}
