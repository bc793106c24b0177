package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// sealed are tickets that were made: token by ticket, "id " before the ticket its id.
type sealed map[string]string

func (s sealed) Open(_ context.Context, ticket string) (token, id string, expires time.Time, err error) {
	switch ticket {
	case "late":
		return s["t"], "late", clock(), nil
	case "dead":
		return "", "", time.Time{}, fmt.Errorf("open ticket: %w", jwt.ErrExpired)
	case "away":
		return "", "", time.Time{}, errors.New("no keys yet")
	case "panic":
		panic("nil map")
	case "no id":
		return s["t"], "", clock().Add(time.Second), nil
	case "no expiry":
		return s["t"], "x", time.Time{}, nil
	}
	token, ok := s[ticket]
	if !ok {
		return "", "", time.Time{}, guard.ErrTicket
	}
	return token, "id " + ticket, clock().Add(time.Second), nil
}

func withTickets(s sealed) func(*guard.Config) {
	return func(c *guard.Config) {
		c.Tickets, c.Replay = s, guard.NewReplayMemory(guard.ReplayMemoryConfig{Now: clock})
		c.Sources = []guard.Source{
			guard.FromCookie(), guard.FromTicket("ticket"), guard.FromProtocol(), guard.InsecureFromQuery("token"), guard.FromHeader(),
		}
	}
}

func handshake(r *http.Request, protocols ...string) *http.Request {
	withHeader(r, "Upgrade", "websocket")
	withHeader(r, "Origin", "https://"+r.Host)
	if len(protocols) > 0 {
		withHeader(r, "Sec-WebSocket-Protocol", protocols...)
	}
	return r
}

// A ticket is an explicit credential. Its token is checked like any other, but for the proof that was shown before.
// ASVS 4.4.3, secure-defaults 21d
func TestTicket(t *testing.T) {
	t.Parallel()
	s, p := newSigner(t), newProver(t)
	tok := s.access(nil)
	box := sealed{
		"t": tok, "bound": s.access(p.bound(nil)), "mtls": s.access(map[string]any{"cnf": map[string]any{"x5t#S256": "x"}}),
		"expired": s.access(map[string]any{"exp": clock().Unix()}), "forged": tok + "x", "refresh": s.sign("refresh+jwt", nil), "": tok,
	}
	query := func(q string) *http.Request { return withQuery(get(""), q) }
	tests := map[string]struct {
		r      *http.Request
		reason guard.Reason
		hint   string
	}{
		"good":                      {query("a=1&ticket=t"), "", ""},
		"escaped":                   {query("%74icket=%74"), "", ""},
		"handshake":                 {handshake(query("ticket=t"), "sandi.v1"), "", ""},
		"bound to a key":            {query("ticket=bound"), "", ""},
		"bound to a certificate":    {query("ticket=mtls"), "", ""},
		"cookie ignored":            {withCookie(query("ticket=t"), "garbage"), "", ""},
		"unknown":                   {query("ticket=x"), guard.TokenInvalid, "other keys"},
		"unknown, good cookie":      {withCookie(query("ticket=x"), tok), guard.TokenInvalid, "other keys"},
		"a token":                   {query("ticket=" + tok), guard.TokenInvalid, "no ticket"},
		"a ticket as token":         {query("token=t"), guard.TokenInvalid, ""},
		"come late":                 {query("ticket=late"), guard.TokenExpired, "came too late"},
		"expired already":           {query("ticket=dead"), guard.TokenExpired, ""},
		"of an expired token":       {query("ticket=expired"), guard.TokenExpired, ""},
		"of a forged token":         {query("ticket=forged"), guard.TokenInvalid, ""},
		"of a refresh token":        {query("ticket=refresh"), guard.TokenWrongType, ""},
		"without id":                {query("ticket=no+id"), guard.TokenInvalid, "without saying"},
		"without expiry":            {query("ticket=no+expiry"), guard.TokenInvalid, "without saying"},
		"that cannot be opened":     {query("ticket=away"), guard.Unavailable, ""},
		"that panics":               {query("ticket=panic"), guard.Unavailable, ""},
		"two":                       {query("ticket=t&ticket=t"), guard.InvalidRequest, ""},
		"beside a token":            {query("ticket=t&token=" + tok), guard.InvalidRequest, ""},
		"beside a header":           {withQuery(get(tok), "ticket=t"), guard.InvalidRequest, ""},
		"beside a protocol":         {handshake(query("ticket=t"), "bearer."+tok), guard.InvalidRequest, ""},
		"one that has a bad escape": {query("ticket=%zz"), guard.InvalidRequest, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, s.guard(withTickets(box)).Require()(greet), tt.r)
			if tt.reason == "" {
				if a.Body != "hello user1" || a.Header.Get("Cache-Control") != "private" {
					t.Errorf("got %d %q, Cache-Control %q", a.Status, a.Body, a.Header.Get("Cache-Control"))
				}
				return
			}
			_, err := s.guard(withTickets(box)).Check(tt.r)
			e, ok := errors.AsType[*guard.Error](err)
			if !ok || e.Reason != tt.reason || a.Reason != string(tt.reason) || !strings.Contains(e.Hint(), tt.hint) {
				t.Errorf("got %v (%s), want %s (%s)", err, e.Hint(), tt.reason, tt.hint)
			}
		})
	}
}

// A ticket is spent once, by a request that everything else is right with, and its token stays good.
func TestTicketIsSpentLast(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	list := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
	told := 0
	g := s.guard(withTickets(sealed{"t": s.access(nil), "u": s.access(nil)}), func(c *guard.Config) {
		c.Revocations, c.OnReuse = list, func(context.Context, *guard.Token) { told++ }
	})
	try := func(ticket string, reason guard.Reason, reqs ...guard.Requirement) error {
		t.Helper()
		_, err := g.Check(withQuery(get(""), "ticket="+ticket), reqs...)
		if reason == "" && err != nil || reason != "" && !errors.Is(err, reason) {
			t.Errorf("ticket %s: %v, want %q", ticket, err, reason)
		}
		return err
	}
	try("t", guard.Forbidden, guard.Role("admin"))
	try("t", guard.TokenNotFresh, guard.Fresh(0))
	list.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: clock()})
	try("t", guard.TokenRevoked)
	list.Reset(nil)
	try("t", "")
	if err := try("t", guard.TokenInvalid); !errors.Is(err, guard.ErrReused) || told != 0 {
		t.Errorf("second use: %v, OnReuse told %d times", err, told)
	}
	try("u", "")
}

// Not knowing whether a ticket was used refuses it. secure-defaults 23a
func TestTicketReplayThatFails(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	for name, tt := range map[string]struct {
		replay replayFunc
		reason guard.Reason
	}{
		"error":   {func(string) (bool, error) { return false, errors.New("away") }, guard.Unavailable},
		"panic":   {func(string) (bool, error) { panic("nil map") }, guard.Unavailable},
		"expired": {func(string) (bool, error) { return false, jwt.ErrExpired }, guard.TokenExpired},
		"first":   {func(id string) (bool, error) { return len(id) == 43, nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := s.guard(withTickets(sealed{"t": s.access(nil)}), func(c *guard.Config) { c.Replay = tt.replay })
			_, err := g.Check(withQuery(get(""), "ticket=t"))
			if tt.reason == "" && err != nil || tt.reason != "" && !errors.Is(err, tt.reason) {
				t.Errorf("got %v, want %q", err, tt.reason)
			}
		})
	}
}

// A token among the protocols of a handshake is an explicit credential, and says nothing anywhere else.
// secure-defaults 21d
func TestProtocol(t *testing.T) {
	t.Parallel()
	s, p := newSigner(t), newProver(t)
	tok, bound := s.access(nil), s.access(p.bound(nil))
	other := func(r *http.Request, method string) *http.Request { r.Method = method; return r }
	tests := map[string]struct {
		r      *http.Request
		reason guard.Reason
	}{
		"good":                   {handshake(get(""), "sandi.v1, bearer."+tok), ""},
		"first":                  {handshake(get(""), "bearer."+tok+",\tsandi.v1"), ""},
		"in a line of its own":   {handshake(get(""), "sandi.v1", "bearer."+tok), ""},
		"upgrade to several":     {withHeader(handshake(get(""), "bearer."+tok), "Upgrade", "h2c, WebSocket"), ""},
		"garbage, cookie":        {withCookie(handshake(get(""), "bearer.x"), tok), guard.TokenInvalid},
		"empty, cookie":          {withCookie(handshake(get(""), "bearer."), tok), guard.TokenInvalid},
		"good, garbage cookie":   {withCookie(handshake(get(""), "bearer."+tok), "x"), ""},
		"no token, cookie":       {withCookie(handshake(get(""), "sandi.v1"), tok), ""},
		"two":                    {handshake(get(""), "bearer."+tok+", bearer."+tok), guard.InvalidRequest},
		"two lines":              {handshake(get(""), "bearer."+tok, "bearer."+tok), guard.InvalidRequest},
		"beside a header":        {handshake(get(tok), "bearer."+tok), guard.InvalidRequest},
		"beside a query":         {handshake(withQuery(get(""), "token="+tok), "bearer."+tok), guard.InvalidRequest},
		"in capitals":            {handshake(get(""), "Bearer."+tok), guard.TokenMissing},
		"no handshake":           {withHeader(get(""), "Sec-WebSocket-Protocol", "bearer."+tok), guard.TokenMissing},
		"another upgrade":        {withHeader(handshake(get(""), "bearer."+tok), "Upgrade", "h2c"), guard.TokenMissing},
		"POST":                   {other(handshake(get(""), "bearer."+tok), "POST"), guard.TokenMissing},
		"bound to a key":         {handshake(get(""), "bearer."+bound), guard.TokenInvalid},
		"bound, with its proof":  {withHeader(handshake(get(""), "bearer."+bound), "DPoP", p.proof("GET", protected, bound, nil)), guard.TokenInvalid},
		"bound by header, proof": {handshake(dpop(bound, p.proof("GET", protected, bound, nil))), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.guard(withTickets(sealed{}), withDPoP(t, nil)).Check(tt.r)
			if tt.reason == "" && err != nil || tt.reason != "" && !errors.Is(err, tt.reason) {
				t.Errorf("got %v, want %q", err, tt.reason)
			}
		})
	}
}

// What could never be read is a fault of the program.
func TestTicketConfig(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tests := map[string]struct {
		edit func(*guard.Config)
		want string
	}{
		"without Tickets":  {func(c *guard.Config) { c.Tickets = nil }, "FromTicket needs Config.Tickets"},
		"without Replay":   {func(c *guard.Config) { c.Replay = nil }, "Tickets needs Config.Replay"},
		"without key":      {func(c *guard.Config) { c.Sources = []guard.Source{guard.FromTicket("")} }, "printable"},
		"key of two kinds": {func(c *guard.Config) { c.Sources = []guard.Source{guard.FromTicket("t"), guard.InsecureFromQuery("t")} }, "same key"},
		"FlaskCompat": {func(c *guard.Config) {
			sources := c.Sources
			*c = guard.FlaskCompat(c.Keys)
			c.Sources = sources
		}, "FlaskCompat"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.config()
			withTickets(sealed{})(&c)
			tt.edit(&c)
			_, err := guard.New(c)
			saying(t, err, tt.want)
		})
	}
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "Config.Tickets") {
			t.Errorf("From: panic %q", got)
		}
	}()
	s.guard().Require(guard.From(guard.FromTicket("ticket")))
}

// Whoever is let in by a handshake sent one element with a token, where any reader of lists finds it.
func FuzzProtocol(f *testing.F) {
	for _, seed := range []string{"sandi.v1, bearer.TOKEN", "bearer.TOKEN", "bearer.TOKEN,bearer.TOKEN", ",,\tbearer.TOKEN ,", "Bearer.TOKEN", "bearer.", "bearer.TOKEN x"} {
		f.Add(seed)
	}
	s := newSigner(f)
	g, token := s.guard(), s.access(nil)
	from := guard.From(guard.FromProtocol())
	f.Fuzz(func(t *testing.T, header string) {
		header = placed(header, token)
		var found []string
		for name := range strings.SplitSeq(header, ",") {
			if name = strings.Trim(name, " \t"); strings.HasPrefix(name, "bearer.") {
				found = append(found, name)
			}
		}
		_, err := g.Check(handshake(get(""), header), from)
		if want := len(found) == 1 && found[0] == "bearer."+token; (err == nil) != want {
			t.Errorf("Sec-WebSocket-Protocol %q: %v", header, err)
		}
	})
}
