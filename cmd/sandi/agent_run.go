package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// agent talks in channels for as long as its session lives, over as many connections as that takes.
type agent struct {
	cred   *credential
	to     *url.URL // of the WebSocket
	tls    *tls.Config
	screen *screen
	lines  <-chan string // nil when there are no more
	endsIt bool          // the end of the lines is the end of the conversation
	after  func(time.Duration) <-chan time.Time

	channels []string          // joined, or to be joined again
	cursors  map[string]string // of the last message seen, by channel
	current  string            // the channel that is talked to; "": the server's default
	seen     []string          // ids of the last messages: what a subscription repeats is shown once
	typedOff string            // a line that was typed while there was no connection

	failures int           // since a connection that lasted
	renewed  bool          // the token has been renewed because it was refused
	let      bool          // the server has let us in once
	away     time.Duration // how long the server asked to stay away
}

const lasted = 10 * time.Second // a connection that lives for so long has succeeded

// run talks until a person is done, which is nil, or nothing helps any more.
func (g *agent) run(ctx context.Context) error {
	for {
		g.away = 0
		err := g.connect(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		wait, err := g.next(ctx, err)
		if err != nil {
			return err
		}
		if wait > 0 {
			g.screen.note("next attempt in %s", wait.Round(100*time.Millisecond))
		}
		if quit := g.pause(ctx, wait); quit {
			return nil
		}
	}
}

// connect is one connection, from its ticket to its end.
func (g *agent) connect(ctx context.Context) error {
	ticket, err := g.cred.ticket(ctx)
	if err != nil {
		return err
	}
	to := *g.to
	to.RawQuery = url.Values{"ticket": {ticket}}.Encode()
	w, err := dialWire(ctx, &to, g.tls)
	if err != nil {
		return err
	}
	t := &talk{agent: g, wire: w, waiting: map[string]asked{}, renewals: make(chan renewal)}
	err = t.converse(ctx)
	if !t.welcomed.IsZero() {
		g.let = true
		if time.Since(t.welcomed) >= lasted {
			g.failures, g.renewed = 0, false
		}
	}
	sent := 0
	for _, a := range t.waiting {
		if a.what == "send" {
			sent++
		}
	}
	if sent > 0 {
		g.screen.note("%s may not have arrived", plural(sent, "message"))
	}
	return err
}

// next says how long to wait after a connection has failed, or why there will be no other.
func (g *agent) next(ctx context.Context, err error) (time.Duration, error) {
	own, _ := errors.AsType[*failure](err)
	end, _ := errors.AsType[*closed](err)
	no, _ := errors.AsType[*client.Error](err)
	_, renewing := errors.AsType[*renewalError](err)
	final := no != nil && no.Status < 500 && no.Status != http.StatusTooManyRequests
	switch {
	case own != nil:
		return 0, own
	case errors.Is(err, errNoTicket):
		return 0, fault("check --auth: it is the URL of the login API", "the server at %s gives no tickets", g.cred.auth)
	case renewing && final:
		return 0, g.over(err)
	case end != nil && end.code == 4002:
		return g.renew(ctx, err)
	case refusesToken(end, no) && g.renewed:
		return 0, g.over(err)
	case refusesToken(end, no):
		g.renewed = true
		return g.renew(ctx, err)
	case final:
		return 0, fault("check the URL: it is the server's realtime.path, and realtime.enabled is on", "the server at %s refuses: %s", g.to.Host, no)
	case !g.let && end == nil && no == nil:
		return 0, fault("check the URL, and that the server runs", "cannot reach %s: %s", g.to.Host, err)
	}
	g.screen.note("disconnected: %s", err)
	wait := g.backoff()
	if no != nil {
		wait = max(wait, no.RetryAfter)
	}
	return wait, nil
}

// refusesToken says that it is the token that the server does not take. It may do so for a newer one, once.
func refusesToken(end *closed, no *client.Error) bool {
	return end != nil && slices.Contains([]int{4001, 4003, 4004}, end.code) || no != nil && (no.Status == http.StatusUnauthorized || no.Status == http.StatusForbidden)
}

// over is the end of all attempts.
func (g *agent) over(err error) error {
	return fault("sign in again, if you may", "the server at %s does not let us in any more: %s", g.to.Host, err)
}

// renew gets another token after one was refused. The first attempt with it is made at once.
func (g *agent) renew(ctx context.Context, why error) (time.Duration, error) {
	if _, err := g.cred.renew(ctx); err != nil {
		if _, ok := errors.AsType[*client.Error](err); ok {
			err = errors.Join(why, err)
		}
		g.renewed = false
		return g.next(ctx, err)
	}
	g.screen.note("disconnected: %s", why)
	if g.failures == 0 {
		g.failures++
		return 0, nil
	}
	return g.backoff(), nil
}

// backoff is the wait before the next attempt: what the server asked for, or twice as long each time up to 30 s, and of that a part by chance, so that those whom
// one server lost do not come back at once.
func (g *agent) backoff() time.Duration {
	if g.away > 0 {
		return g.away
	}
	d := min(time.Second<<min(g.failures, 5), 30*time.Second)
	g.failures++
	return d/2 + time.Duration(fraction()*float64(d/2))
}

// pause waits. What is typed then waits too, unless it ends the conversation.
func (g *agent) pause(ctx context.Context, d time.Duration) (quit bool) {
	over := g.after(d)
	for {
		lines := g.lines
		if g.typedOff != "" {
			lines = nil
		}
		select {
		case <-ctx.Done():
			return true
		case <-over:
			return false
		case line, ok := <-lines:
			if !ok {
				g.lines = nil
			}
			if !ok && g.endsIt || strings.TrimSpace(line) == "/quit" {
				return true
			}
			g.typedOff = line
		}
	}
}

// fresh says that a message is not one of the last that were shown.
func (g *agent) fresh(id string) bool {
	if id == "" {
		return true
	}
	if slices.Contains(g.seen, id) {
		return false
	}
	g.seen = append(g.seen, id)
	if len(g.seen) > 512 {
		g.seen = slices.Clone(g.seen[256:])
	}
	return true
}

// fraction is a random number from 0 to 1.
func fraction() float64 {
	var b [8]byte
	rand.Read(b[:])
	return float64(binary.NativeEndian.Uint64(b[:])>>11) / (1 << 53)
}
