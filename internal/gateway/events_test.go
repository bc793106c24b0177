package gateway

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sandi-auth/sandi/guard"
)

const lastEvent = "event: auth_expired\ndata: {\"code\":4002,\"error\":\"token_expired\",\"reason\":\"Unauthorized: Token Expired\"}\n\n"

// TestEvents: what is said before the end of the token comes whole, and the last event stands between two.
func TestEvents(t *testing.T) {
	t.Parallel()
	long := "data: " + strings.Repeat("x", maxEvent+10)
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":           {"", lastEvent},
		"between":           {"data: a\n\n", "data: a\n\n" + lastEvent},
		"in a line":         {"data: a\n\ndata: b", "data: a\n\n" + lastEvent},
		"in an event":       {"data: a\n\nid: 1\ndata: b\n", "data: a\n\n" + lastEvent},
		"other line ends":   {"data: a\r\rdata: b\r\n\r\ndata: c\r", "data: a\r\rdata: b\r\n\r\n" + lastEvent},
		"comments alone":    {":ping\n:ping\n", ":ping\n:ping\n" + lastEvent},
		"comment in events": {"data: a\n:ping\n", lastEvent},
		"too long":          {"data: a\n\n" + long, "data: a\n\n" + long},
		"long and over":     {long + "\n\n", long + "\n\n" + lastEvent},
	} {
		for kind, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader} {
			ctx, end := context.WithCancelCause(context.Background())
			body := io.MultiReader(wrap(strings.NewReader(tt.in)), iotest.ErrReader(errors.New("canceled")))
			e := newEvents(io.NopCloser(body), &exchange{life: life{ctx: ctx}})
			end(&guard.Error{Reason: guard.TokenExpired})
			got, err := io.ReadAll(e)
			cut := strings.HasSuffix(tt.want, "x")
			if string(got) != tt.want || (err != nil) != cut {
				t.Errorf("%s, %s: %d bytes ending %q, %v", name, kind, len(got), got[max(0, len(got)-150):], err)
			}
		}
	}
	for _, in := range []string{"data: half", "data: a\n\ndata: b\n"} { // the upstream's own end
		e := newEvents(io.NopCloser(strings.NewReader(in)), &exchange{life: life{ctx: context.Background()}})
		if got, err := io.ReadAll(e); string(got) != in || err != nil {
			t.Errorf("%q came as %q, %v", in, got, err)
		}
	}
}
