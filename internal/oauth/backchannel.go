package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	logoutEvery   = time.Second     // between looks at the store
	logoutBatch   = 64              // delivered in one go,
	logoutAtOnce  = 16              // so many at a time,
	logoutTimeout = 5 * time.Second // each in that
	// logoutLease outlasts a batch.
	logoutLease = time.Minute
	// logoutLife is that of a logout token: OpenID Connect Back-Channel Logout 1.0 section 2.4 suggests two minutes at most.
	logoutLife = 2 * time.Minute
	// logoutGiveUp is when a client that does not answer is given up.
	logoutGiveUp  = 24 * time.Hour
	logoutLongest = time.Hour // between two tries
)

// Nudge has Run look for logout tokens at once. It never waits.
func (e *Endpoint) Nudge() {
	select {
	case e.nudge <- struct{}{}:
	default:
	}
}

// Run delivers logout tokens (OpenID Connect Back-Channel Logout 1.0) until ctx ends. What ends a sign-in leaves them in the store, in
// its own transaction, so that none is lost; one may come twice.
func (e *Endpoint) Run(ctx context.Context) error {
	client := e.logoutClient()
	defer client.CloseIdleConnections()
	tick := time.NewTicker(logoutEvery)
	defer tick.Stop()
	for failing := false; ; {
		err := e.deliverDue(ctx, client)
		if err != nil && !failing && ctx.Err() == nil { // once an outage
			e.Logger.Error("deliver logout tokens", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-e.nudge:
		}
	}
}

// deliverDue delivers what is due, a batch at a time, on one node at a time.
func (e *Endpoint) deliverDue(ctx context.Context, client *http.Client) error {
	for {
		due, err := e.Store.DueLogouts(ctx, logoutBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		if e.Lease != nil {
			if mine, err := e.Lease(ctx, "logouts", logoutLease); err != nil || !mine {
				return err
			}
			// What another node delivered between the two is not to be delivered again.
			if due, err = e.Store.DueLogouts(ctx, logoutBatch); err != nil {
				return err
			}
		}
		errs := make([]error, len(due))
		slots := make(chan struct{}, logoutAtOnce)
		var all sync.WaitGroup
		for i, l := range due {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				errs[i] = e.deliver(ctx, client, l)
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil || len(due) < logoutBatch {
			return err
		}
	}
}

// deliver tries once; an error is the store's.
func (e *Endpoint) deliver(ctx context.Context, client *http.Client, l Logout) error {
	c, err := e.Clients.Client(ctx, l.ClientID)
	if errors.Is(err, ErrNoClient) || err == nil && c.BackchannelLogoutURI == "" {
		return e.Store.LogoutDone(ctx, l.ID)
	}
	if err != nil {
		return err
	}
	failed := e.notify(ctx, client, c, l)
	if ctx.Err() != nil {
		return nil // not the client's fault; the next node tries again
	}
	log := e.Logger.With("client_id", c.ID, "tries", l.Tries+1)
	switch {
	case failed == nil:
		return e.Store.LogoutDone(ctx, l.ID)
	case e.Now().Sub(l.EndedAt) >= logoutGiveUp:
		log.Warn("logout token could not be delivered for a day, and is given up", "error", failed)
		return e.Store.LogoutDone(ctx, l.ID)
	default:
		wait := min(logoutLongest, 5*time.Second<<min(l.Tries, 10))
		log.Info("logout token was not delivered", "error", failed, "again_in", wait)
		return e.Store.LogoutFailed(ctx, l.ID, e.Now().Add(wait))
	}
}

// logoutToken is one of Back-Channel Logout 1.0 section 2.4: never with a nonce, so that it passes for no ID token.
type logoutToken struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub"`
	Audience string              `json:"aud"`
	IssuedAt int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
	SignIn   string              `json:"sid"`
	Events   map[string]struct{} `json:"events"`
}

// notify sends one logout token (section 2.5).
func (e *Endpoint) notify(ctx context.Context, client *http.Client, c Client, l Logout) error {
	now := e.Now()
	token, err := e.Minter.Sign("logout+jwt", logoutToken{
		Issuer: e.Issuer, Subject: l.Subject, Audience: c.ID, IssuedAt: now.Unix(), Expires: now.Add(logoutLife).Unix(),
		ID: newValue(""), SignIn: l.SignIn.String(), Events: map[string]struct{}{"http://schemas.openid.net/event/backchannel-logout": {}},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, logoutTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackchannelLogoutURI, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return err
	}
	if err := e.mayPost(r.URL); err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the client answered %d", answer.StatusCode)
	}
	return nil
}
