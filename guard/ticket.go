package guard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Credentials for handshakes of browsers, which send no Authorization header with a WebSocket.

// Tickets opens tickets: access tokens sealed for one use within seconds, so that what ends up in
// logs of URLs is worth nothing any more. Whoever seals one has checked the token, and the proof of
// its key where it is bound to one.
type Tickets interface {
	// Open returns the token in a ticket, an id that no other ticket has, and when the ticket expires;
	// whether that has come, and whether the ticket was used before, is for the Guard. The error is
	// ErrTicket where the ticket is not genuine, jwt.ErrExpired where it can be told already; any other
	// means that it is not known, and the request gets 503. It holds no part of the ticket.
	Open(ctx context.Context, ticket string) (token, id string, expires time.Time, err error)
}

// ErrTicket says that a ticket was not sealed here, or has been altered or cut off.
var ErrTicket = errors.New("guard: ticket is not genuine")

var (
	errNoTicketID    = errors.New("ticket without id or expiry")
	errTicketReused  = fmt.Errorf("ticket: %w", ErrReused)
	errTicketExpired = fmt.Errorf("ticket: %w", jwt.ErrExpired)
)

// FromTicket reads a query parameter that holds a ticket, which Config.Tickets opens. The token in it
// is checked like any other, but that one bound to a key needs no proof: it was shown for the
// ticket. The ticket is spent by Config.Replay last of all, when everything else about the request
// is good; one that was spent before is token_invalid with ErrReused, as its token still counts and
// gets another ticket. Config.OnReuse is not told: proxies and browsers repeat handshakes. A JWT in
// its place is refused.
func FromTicket(key string) Source { return Source{kind: ticketSource, key: key} }

// FromProtocol reads the element "bearer.TOKEN" of Sec-WebSocket-Protocol in a WebSocket handshake
// (RFC 6455 section 4.1), where a page's script can put it:
//
//	new WebSocket(url, ["sandi.v1", "bearer." + token])
//
// The server answers with another element, never with this one. In other requests the header says nothing.
func FromProtocol() Source { return Source{kind: protocolSource} }

// protocolPrefix begins the element; names of protocols are compared as they are.
const protocolPrefix = "bearer."

// readProtocol adds each such element, of all lines of the header.
func (c *credential) readProtocol(r *http.Request) *Error {
	if !isHandshake(r) {
		return nil
	}
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(line, ",") {
			token, ok := strings.CutPrefix(strings.Trim(name, " \t"), protocolPrefix)
			if !ok {
				continue
			}
			if err := c.add(token); err != nil {
				return err
			}
		}
	}
	return nil
}

// isHandshake says that r asks for a WebSocket (RFC 6455 section 4.2.1).
func isHandshake(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, line := range r.Header["Upgrade"] {
		for name := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(name, " \t"), "websocket") {
				return true
			}
		}
	}
	return false
}

// readTicket adds the tickets of the query. Nothing but a ticket counts there.
func (c *credential) readTicket(r *http.Request, keys []string) *Error {
	before := c.found
	err := c.readPairs(r.URL.RawQuery, keys)
	c.sealed = err == nil && c.found && !before
	return err
}

// ticket is one that was opened and not spent yet.
type ticket struct {
	id      string
	expires time.Time
}

// admitTicket judges a request that brought a ticket.
func (g *Guard) admitTicket(r *http.Request, p *policy, sealed string) (*Token, *Error) {
	token, opened, err := g.open(r.Context(), sealed)
	var t *Token
	var at time.Time
	if err == nil {
		t, at, err = g.verify(r.Context(), p, token)
	}
	if err != nil && p.expiredIsNone && errors.Is(err, jwt.ErrExpired) {
		return nil, nil
	}
	if err == nil && p.once && isSafe(r.Method) {
		err = refuse(InvalidRequest, errSafeMethod)
	}
	if err == nil {
		err = g.judge(r.Context(), p, t, at)
	}
	if err == nil {
		err = g.spendTicket(r.Context(), opened)
	}
	return t, err
}

// open returns the token of a ticket that has not expired.
func (g *Guard) open(ctx context.Context, sealed string) (string, ticket, *Error) {
	token, opened, err := g.askTickets(ctx, sealed)
	switch {
	case errors.Is(err, ErrTicket):
		return "", ticket{}, refuse(TokenInvalid, err)
	case errors.Is(err, jwt.ErrExpired):
		return "", ticket{}, refuse(TokenExpired, err)
	case err != nil: // fail closed
		return "", ticket{}, refuse(Unavailable, err)
	case opened.id == "" || opened.expires.IsZero():
		return "", ticket{}, refuse(TokenInvalid, errNoTicketID)
	case !g.cfg.Now().Before(opened.expires):
		return "", ticket{}, refuse(TokenExpired, errTicketExpired)
	}
	return token, opened, nil
}

func (g *Guard) askTickets(ctx context.Context, sealed string) (token string, opened ticket, err error) {
	defer recovered(&err)
	token, opened.id, opened.expires, err = g.cfg.Tickets.Open(ctx, sealed)
	return token, opened, err
}

// spendTicket uses a ticket up, whose token counts.
func (g *Guard) spendTicket(ctx context.Context, used ticket) *Error {
	first, err := g.askSpent(ctx, used)
	switch {
	case errors.Is(err, jwt.ErrExpired): // between its opening and now, or by another clock
		return refuse(TokenExpired, err)
	case err != nil: // fail closed
		return refuse(Unavailable, err)
	case !first:
		return refuse(TokenInvalid, errTicketReused)
	}
	return nil
}

func (g *Guard) askSpent(ctx context.Context, used ticket) (first bool, err error) {
	defer recovered(&err)
	sum := sha256.Sum256([]byte("ticket\x00" + used.id)) // one NUL: a one-time token has two, a proof three
	// Kept for longer than it counts: another node, whose clock is behind, may be shown it then.
	return g.cfg.Replay.Spend(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), used.expires.Add(time.Minute))
}
