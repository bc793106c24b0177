package guard_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// box hands out tickets of one process, which keeps the tokens itself.
type box struct{ kept sync.Map }

type boxed struct {
	token   string
	expires time.Time
}

// seal is for the handler of POST /ticket, behind Require.
func (b *box) seal(token string) (ticket string) {
	ticket = rand.Text()
	b.kept.Store(ticket, boxed{token, time.Now().Add(30 * time.Second)})
	return ticket
}

func (b *box) Open(_ context.Context, ticket string) (token, id string, expires time.Time, err error) {
	found, ok := b.kept.Load(ticket) // a real one forgets what has expired
	if !ok {
		return "", "", time.Time{}, guard.ErrTicket
	}
	return found.(boxed).token, ticket, found.(boxed).expires, nil
}

// A page opens a WebSocket by a URL that counts once.
func ExampleFromTicket() {
	issue, config := exampleIssuer()
	tickets := new(box)
	config.Tickets, config.Replay = tickets, guard.NewReplayMemory(guard.ReplayMemoryConfig{})
	h := mustNew(config).Require(guard.From(guard.FromTicket("ticket"), guard.FromHeader()))(hello)
	ticket := tickets.seal(issue("user1", nil))
	for range 2 {
		curl(h, "GET", "/missions?ticket="+ticket, "")
	}
	// Output:
	// 200 hello user1
	// 401 {"error":"token_invalid","msg":"The token is not valid here. Sign in again to get a new one."}
}

// A script opens a WebSocket with its access token: new WebSocket(url, ["chat.v1", "bearer." + token]).
func ExampleFromProtocol() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.From(guard.FromProtocol(), guard.FromHeader()))(hello)
	r := httptest.NewRequest("GET", "/missions", nil)
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Protocol", "chat.v1, bearer."+issue("user1", nil))
	show(h, r)
	fmt.Println("the server chooses chat.v1")
	// Output:
	// 200 hello user1
	// the server chooses chat.v1
}
