package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	logoutEvery   = time.Second     // between looks at the store
	logoutBatch   = 64              // read in one go,
	logoutAtOnce  = 16              // so many delivered at a time,
	logoutTimeout = 5 * time.Second // each in that
	// logoutPerClient is how many of them may be one client's.
	logoutPerClient = 2
	// logoutLease is renewed at half of it, which outlasts a delivery.
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
	d := deliveries{Endpoint: e, http: e.logoutClient(), flying: map[int64]string{}, done: make(chan delivered, logoutAtOnce)}
	defer d.http.CloseIdleConnections()
	defer d.all.Wait()
	tick := time.NewTicker(logoutEvery)
	defer tick.Stop()
	for failing := false; ; {
		err := d.err
		if err == nil {
			err = d.next(ctx)
		}
		if err != nil && !failing && ctx.Err() == nil { // once an outage
			e.Logger.Error("deliver logout tokens", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case one := <-d.done:
			delete(d.flying, one.id)
			d.err = cmp.Or(d.err, one.err)
		case <-tick.C:
			d.due, d.err = nil, nil
		case <-e.nudge:
			d.due, d.err = nil, nil
		}
	}
}

// deliveries are those under way. Only Run's goroutine touches the fields.
type deliveries struct {
	*Endpoint
	http   *http.Client
	all    sync.WaitGroup
	done   chan delivered   // never full: it holds as many as there are at once
	flying map[int64]string // the client of each that is under way
	due    []Logout         // read, and not begun
	leased time.Time        // until when this node is the one that delivers
	err    error            // of the store, which is asked again at the next tick
}

type delivered struct {
	id  int64
	err error
}

// next begins what can be begun, of what was read before or else of what is due now.
func (d *deliveries) next(ctx context.Context) error {
	if d.begin(ctx) || len(d.flying) == logoutAtOnce {
		return nil
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	d.begin(ctx)
	return nil
}

// begin sends off as many as there may be at once, and few of one client: whose endpoint hangs holds up nobody else's.
func (d *deliveries) begin(ctx context.Context) (begun bool) {
	var left []Logout
	for _, l := range d.due {
		same := 0
		for _, client := range d.flying {
			if client == l.ClientID {
				same++
			}
		}
		if len(d.flying) == logoutAtOnce || same == logoutPerClient {
			left = append(left, l)
			continue
		}
		begun, d.flying[l.ID] = true, l.ClientID
		d.all.Go(func() { d.done <- delivered{l.ID, d.deliver(ctx, d.http, l)} })
	}
	d.due = left
	return begun
}

// read asks what is due, which is for one node at a time to deliver.
func (d *deliveries) read(ctx context.Context) (err error) {
	d.due, err = d.Store.DueLogouts(ctx, logoutBatch)
	if err != nil || len(d.due) == 0 {
		return err
	}
	if now := d.Now(); d.Lease != nil && d.leased.Sub(now) < logoutLease/2 {
		mine, err := d.Lease(ctx, "logouts", logoutLease)
		if d.due = nil; err != nil || !mine {
			return err
		}
		d.leased = now.Add(logoutLease)
		// What another node delivered between the two is not to be delivered again.
		if d.due, err = d.Store.DueLogouts(ctx, logoutBatch); err != nil {
			return err
		}
	}
	d.due = slices.DeleteFunc(d.due, func(l Logout) bool { return d.flying[l.ID] != "" })
	return nil
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
