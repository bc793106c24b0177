package store_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
)

func hash(s string) oauth.Hash { return sha256.Sum256([]byte(s)) }

func newClient(id string) oauth.Client {
	return oauth.Client{
		ID: id, Name: "Web shop", Origin: oauth.FromCommand, AuthMethod: oauth.AuthBasic,
		Secrets:    []oauth.Secret{{Hash: hash("secret"), CreatedAt: start}},
		GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, RedirectURIs: []string{"https://shop.example/cb"},
		Scopes: []string{"openid", "read"}, Access: 10 * time.Minute, CreatedAt: start, UpdatedAt: start,
	}
}

func (f *fixture) addClient(tb testing.TB, id string) oauth.Client {
	tb.Helper()
	if err := f.AddClient(tb.Context(), newClient(id), audit.Event{Action: audit.ClientAdded}); err != nil {
		tb.Fatal(err)
	}
	c, err := f.Client(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// issued is a code and what it stands for.
type issued struct {
	hash oauth.Hash
	oauth.Code
}

// addCode adds a code of the client "web" from a sign-in, changed as asked.
func (f *fixture) addCode(tb testing.TB, signIn session.Session, change ...func(*oauth.Code)) issued {
	tb.Helper()
	c := oauth.Code{
		ClientID: "web", RedirectURI: "https://shop.example/cb", Challenge: "challenge", Nonce: "n\x00\u2028", Scope: []string{"openid", "read"},
		Resources: []string{"https://api.example"}, SignIn: signIn.ID, Subject: signIn.Subject, CredentialVersion: signIn.CredentialVersion,
		AuthTime: signIn.AuthTime, AMR: signIn.AMR, ExpiresAt: f.clock().Add(time.Minute),
	}
	for _, ch := range change {
		ch(&c)
	}
	i := issued{hash(session.NewID().String()), c}
	if err := f.AddCode(tb.Context(), i.hash, c, oauth.Hash{}, oauth.Hash{}, nil, audit.Event{}); err != nil {
		tb.Fatal(err)
	}
	return i
}

// grant is what a token endpoint makes of a code.
func (f *fixture) grant(c oauth.Code) session.Session {
	s := f.newSession(c.Subject)
	s.Parent, s.ClientID, s.CredentialVersion = c.SignIn, c.ClientID, c.CredentialVersion
	s.Audience, s.Details, s.Notify = c.Resources, `{"claims":{}}`, true
	s.Status.List, s.Status.Bit = 7, 42
	return s
}

func (f *fixture) redeem(tb testing.TB, code oauth.Hash) (session.Begun, error) {
	b, _, err := f.RedeemCode(tb.Context(), code, func(c oauth.Code) (session.Session, error) { return f.grant(c), nil },
		audit.Event{Action: audit.SessionBegun}, audit.Event{Action: audit.CodeReused})
	return b, err
}

// redeemed is the session of a new code.
func (f *fixture) redeemed(tb testing.TB, signIn session.Session, change ...func(*oauth.Code)) session.Session {
	tb.Helper()
	b, err := f.redeem(tb, f.addCode(tb, signIn, change...).hash)
	if err != nil {
		tb.Fatal(err)
	}
	return b.Session
}

// told are the clients to whom a logout token is due.
func (f *fixture) told(tb testing.TB) map[string]session.ID {
	tb.Helper()
	told := map[string]session.ID{}
	for _, l := range must(f.DueLogouts(tb.Context(), 100)) {
		if _, twice := told[l.ClientID]; twice {
			tb.Errorf("%s is told twice", l.ClientID)
		}
		told[l.ClientID] = l.SignIn
	}
	return told
}

func (f *fixture) has(tb testing.TB, action audit.Action) (n int) {
	tb.Helper()
	for _, e := range f.events(tb) {
		if e.Action == action {
			n++
		}
	}
	return n
}

func wantErr(tb testing.TB, what string, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}
