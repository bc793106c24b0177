package guard_test

import (
	"bytes"
	"compress/zlib"
	"crypto/x509"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// lists is an issuer's server of status lists.
type lists struct {
	publication
	tb  testing.TB
	srv *httptest.Server
	key *jwt.Key
	now atomic.Int64 // what the clock is ahead, a time.Duration
}

func newLists(tb testing.TB) *lists {
	tb.Helper()
	l := &lists{tb: tb, key: ed25519Key(tb, "k1")}
	l.srv = httptest.NewTLSServer(l)
	tb.Cleanup(l.srv.Close)
	return l
}

func (l *lists) clock() time.Time       { return clock().Add(time.Duration(l.now.Load())) }
func (l *lists) pass(d time.Duration)   { l.now.Add(int64(d)) }
func (l *lists) uri() string            { return l.srv.URL + "/lists/1" }
func (l *lists) host() string           { return strings.TrimPrefix(l.srv.URL, "https://") }
func (l *lists) keys() *jwt.KeySet      { return keySet(l.tb, l.key) }
func (l *lists) serve(c map[string]any) { l.set(text(l.token(c), "")) }

func keySet(tb testing.TB, keys ...*jwt.Key) *jwt.KeySet {
	tb.Helper()
	set, err := jwt.NewKeySet(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// reader makes StatusLists that trust the server.
func (l *lists) reader(edit func(*guard.StatusListsConfig)) *guard.StatusLists {
	l.tb.Helper()
	c := guard.StatusListsConfig{
		Issuer: issuer, Keys: l.keys(), Hosts: []string{l.host()}, RootCAs: x509.NewCertPool(), Now: l.clock, Logger: silent,
		InsecureAllowPrivate: true,
	}
	c.RootCAs.AddCert(l.srv.Certificate())
	if edit != nil {
		edit(&c)
	}
	s, err := guard.NewStatusLists(c)
	if err != nil {
		l.tb.Fatal(err)
	}
	return s
}

// deflated are places as a status list has them.
func deflated(places ...byte) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(places)
	z.Close()
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}

// token is a Status List Token that passes, in which place 1 is revoked, with changes; a nil value removes a claim.
func (l *lists) token(changes map[string]any) string {
	l.tb.Helper()
	return l.signed("statuslist+jwt", changes)
}

func (l *lists) signed(typ string, changes map[string]any) string {
	l.tb.Helper()
	c := map[string]any{
		"sub": l.uri(), "iat": l.clock().Unix(), "exp": l.clock().Add(time.Hour).Unix(), "ttl": 60,
		"status_list": map[string]any{"bits": 1, "lst": deflated(0b10)},
	}
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	token, err := jwt.Sign(l.key, typ, c)
	if err != nil {
		l.tb.Fatal(err)
	}
	return token
}

// at is a token that stands at a place of the list.
func (l *lists) at(index any) *guard.Token {
	l.tb.Helper()
	return l.with(map[string]any{"status_list": map[string]any{"idx": index, "uri": l.uri()}})
}

// with is a token with this claim status.
func (l *lists) with(status any) *guard.Token {
	l.tb.Helper()
	s := newSigner(l.tb)
	t, err := s.guard().CheckToken(l.tb.Context(), s.access(map[string]any{"status": status}))
	if err != nil {
		l.tb.Fatal(err)
	}
	return t
}
