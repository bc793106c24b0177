package oauth

import (
	"context"
	"errors"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// grantDevice is one poll of a device (RFC 8628 section 3.4).
type grantDevice struct {
	*Endpoint
	code      string
	resources []string // asked for; empty: all that were granted
}

func (g *grantDevice) parse(q *tokenRequest) error {
	g.code, g.resources = q.form.get("device_code"), q.form["resource"]
	if g.code == "" {
		return refuse("invalid_request", "device_code is missing")
	}
	return nil
}

// permit has nothing to judge: what the code stands for is only known where it is spent.
func (g *grantDevice) permit(context.Context, *tokenRequest) error { return nil }

// errNoDraft says that a draft is needed after all.
var errNoDraft = errors.New("approved: draft a session")

// redeem spends the code once the user has approved it, and else says how it stands. A session is drafted only then, not at every poll: a draft
// has a place in a status list.
func (g *grantDevice) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	d, slow, begun, refresh, err := g.poll(ctx, q, nil)
	if errors.Is(err, errNoDraft) {
		var row draft
		if row, err = g.draft(ctx, q); err != nil {
			return issuance{}, err
		}
		d, slow, begun, refresh, err = g.poll(ctx, q, &row)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return issuance{}, withCause(refuse("invalid_grant", "the device_code is unknown: begin again"), err)
	case errors.Is(err, session.ErrUserGone):
		return issuance{}, gone(err)
	case err != nil:
		return issuance{}, err
	}
	if begun.Session.ID.IsZero() {
		return issuance{}, g.state(d, slow)
	}
	i := g.granted(q, begun.Session, begun.User, refresh, begun.Session.CreatedAt)
	i.access.Fresh = true
	if len(g.resources) > 0 {
		i.resources = g.resources // check saw to it
	}
	return i, nil
}

// poll is the one state change; errNoDraft, with nothing changed, where it would begin a session and there is no draft of one.
func (g *grantDevice) poll(ctx context.Context, q *tokenRequest, row *draft) (d Device, slow bool, b session.Begun, r session.Refresh, err error) {
	begin := func(d Device) (session.Session, error) {
		if row == nil {
			return session.Session{}, errNoDraft
		}
		return row.of(given{
			subject: d.Subject, credentialVersion: d.CredentialVersion, scope: d.Scope, resources: d.Resources,
			authTime: d.AuthTime, amr: d.AMR, acr: d.ACR,
		})
	}
	d, slow, b, err = g.Store.PollDevice(ctx, hashOf(g.code), func(d Device) error { return g.check(q, d) }, begin,
		audit.Event{Action: audit.SessionBegun, From: q.from, Detail: map[string]string{"client_id": q.client.ID}})
	if row != nil {
		r = row.refresh
	}
	return d, slow, b, r, err
}

// check says whether q may ask for d.
func (g *grantDevice) check(q *tokenRequest, d Device) error {
	switch {
	case d.ClientID != q.client.ID:
		return refuse("invalid_grant", "the device_code was issued to another client")
	case d.JKT != "" && d.JKT != q.jkt:
		return refuse("invalid_grant", "the DPoP key is not that of the device authorization")
	case !within(g.resources, d.Resources):
		return refuse("invalid_target", "resource was not granted (RFC 8707 section 2.2)")
	}
	return nil
}

// state is how a device authorization stands that gave nothing (RFC 8628 section 3.5).
func (g *grantDevice) state(d Device, slow bool) error {
	switch {
	case d.State == DeviceSpent:
		return refuse("invalid_grant", "the device_code was used before: begin again")
	case !g.Now().Before(d.ExpiresAt):
		return refuse("expired_token", "the device_code has expired: begin again")
	case d.State == DeviceDenied:
		return refuse("access_denied", "the user refused")
	case slow:
		return refuse("slow_down", "wait 5 seconds longer between two requests from now on")
	}
	return refuse("authorization_pending", "the user has not decided yet")
}
