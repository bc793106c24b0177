package oauth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

// oneCode is a Store of one code, without which it does nothing.
type oneCode struct {
	Store
	hash Hash
	code Code
}

func (s oneCode) Code(_ context.Context, hash Hash) (Code, error) {
	if hash != s.hash {
		return Code{}, ErrNotFound
	}
	return s.code, nil
}

func (s oneCode) RedeemCode(_ context.Context, hash Hash, check func(Code) (session.Session, error), _, _ audit.Event) (session.Begun, Code, error) {
	if hash != s.hash {
		return session.Begun{}, Code{}, ErrNotFound
	}
	begun, err := check(s.code)
	return session.Begun{Session: begun}, s.code, err
}

// Codes that strangers make up, and others' codes, use up no place in a status list: verifiers would have to fetch one list for each million.
func TestMadeUpCodesTakeNoPlace(t *testing.T) {
	t.Parallel()
	page := Client{ID: "page", AuthMethod: AuthNone, GrantTypes: []string{GrantCode}}
	d := newDoor(t, page)
	d.Store = oneCode{hash: hashOf("right"), code: Code{ClientID: "page", Subject: "siti", Scope: []string{"read"}}}
	taken := 0
	sessions, err := session.New(session.Config{
		Store: struct{ session.Store }{}, MACKeys: []session.MACKey{{Key: make([]byte, 32), CSRF: make([]byte, 32)}},
		Limits: session.Limits{Idle: time.Hour}, Absolute: time.Hour, Now: d.Now,
		Status: func(context.Context, time.Time) (revocation.Place, error) {
			taken++
			return revocation.Place{List: 1, Bit: taken}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Sessions = sessions
	redeem := func(c Client, code string) error {
		g := &grantCode{Endpoint: d.Endpoint, code: code}
		_, err := g.redeem(t.Context(), &tokenRequest{client: c})
		return err
	}
	if err := redeem(page, "made up"); !errors.Is(err, ErrNotFound) || taken != 0 {
		t.Errorf("made up: %v, %d places", err, taken)
	}
	if err := redeem(Client{ID: "other", AuthMethod: AuthNone}, "right"); err == nil || taken != 0 {
		t.Errorf("another's: %v, %d places", err, taken)
	}
	if err := redeem(page, "right"); err != nil || taken != 1 {
		t.Errorf("right: %v, %d places", err, taken)
	}
}
