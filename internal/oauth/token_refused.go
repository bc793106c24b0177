package oauth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// refusals is what public clients of one network may be refused: nothing but a client_id is asked of them, and each proof of a DPoP key is
// remembered (RFC 9449 section 11.1), so that a loop with made-up grants would fill the store.
var refusals = cluster.Rate{Burst: 100, Every: 100 * time.Millisecond}

// expected are refusals that a client which does everything right gets too.
var expected = []string{"use_dpop_nonce", "authorization_pending", "slow_down"}

// spare refuses a public client whose network has just failed too often, before anything is written; not one that shows a grant of its own, so
// that strangers behind the same address keep nobody out.
func (e *Endpoint) spare(q *tokenRequest, g grant) error {
	if !q.client.Public() || !e.refused.has(network(q), e.Now()) {
		return nil
	}
	owns, err := e.owns(q.Context(), q.client, g)
	if err != nil || owns {
		return err
	}
	return &problem.Error{
		Kind: problem.TooMany, Code: "temporarily_unavailable", RetryAfter: time.Second,
		Description: "too many requests of public clients from this network were refused: wait as Retry-After says",
	}
}

// refuseAgain counts a refusal of a public client; err is what it was.
func (e *Endpoint) refuseAgain(q *tokenRequest, err error) error {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || !q.client.Public() || !errors.Is(err, problem.Invalid) || slices.Contains(expected, p.Code) {
		return err
	}
	if wait := e.Limits.Take(q.Context(), "refused "+network(q), refusals); wait > 0 {
		e.refused.add(network(q), e.Now().Add(wait))
	}
	return err
}

func network(q *tokenRequest) string { return cluster.Network(web.Address(q.Context())) }

// owns says whether the grant that was presented is the client's, for all that can be read. The password grant is throttled by its users.
func (e *Endpoint) owns(ctx context.Context, c Client, g grant) (bool, error) {
	var owner string
	var err error
	switch g := g.(type) {
	case *grantCode:
		var code Code
		code, err = e.Store.Code(ctx, hashOf(g.code))
		owner = code.ClientID
	case *grantRefresh:
		var s session.Session
		s, err = e.Sessions.Owner(ctx, g.refresh)
		owner = s.ClientID
	case *grantDevice:
		_, _, _, err = e.Store.PollDevice(ctx, hashOf(g.code), func(d Device) error {
			owner = d.ClientID
			return errNoDraft // no poll: nothing is changed
		}, nil, audit.Event{})
	default:
		return true, nil
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, session.ErrInvalidGrant) || errors.Is(err, errNoDraft) {
		err = nil
	}
	return owner == c.ID, err
}
